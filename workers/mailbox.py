"""The abuse mailbox as a process: mail in over LMTP, SMTP and IMAP, with its own few settings.

A process of its own and not a part of the gateway: it needs PostgreSQL and nothing else, holds no
key that opens anything, and mail goes on coming in while the gateway is being deployed.
"""

import asyncio
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from asyncpg import Pool

from book.intake import Intake
from gateway.mail.account import Account
from gateway.mail.arrival import Mailroom
from gateway.mail.imap import PickUp
from gateway.mail.lmtp import Listener
from workers.leave import Refused
from workers.settings import (
    BadSettings,
    database_url,
    environment,
    host_port,
    mail_addresses,
    read_fields,
    setting,
    text,
)


@dataclass(frozen=True, kw_only=True)
class MailboxSettings:
    """Where the mail comes from, and where it goes."""

    database_url: str = setting(
        "PLAZO_DATABASE_URL", "the book of record, postgresql://USER:PASSWORD@HOST/DATABASE",
        database_url, secret=True,
    )  # fmt: skip
    listen: str = setting(
        "PLAZO_LMTP_LISTEN", "where mail is taken by LMTP and SMTP, HOST:PORT",
        host_port, "127.0.0.1:8024",
    )  # fmt: skip
    addresses: tuple[str, ...] = setting(
        "PLAZO_ABUSE_ADDRESSES", "whom mail is taken for, separated by commas; PLAZO_REPLY_TO "
        "if not set", mail_addresses, lambda: (f"abuse@{socket.getfqdn()}",),
    )  # fmt: skip
    imap: Account | None = setting(
        "PLAZO_IMAP_URL", "a mailbox to pick mail up from, imaps://USER@HOST/FOLDER",
        Account.at, None,
    )  # fmt: skip
    imap_password: str | None = setting(
        "PLAZO_IMAP_PASSWORD", "the password of that mailbox", text, None, secret=True
    )
    imap_taken: str = setting(
        "PLAZO_IMAP_TAKEN", "the folder there that mail is moved into once it is on record",
        text, "Plazo",
    )  # fmt: skip

    @classmethod
    def read(cls, env: Mapping[str, str] | None = None) -> Self:
        """From `env`, or the process's own. Raises BadSettings with every problem at once."""
        known = dict(environment() if env is None else env)
        if not known.get("PLAZO_ABUSE_ADDRESSES", "").strip():
            known["PLAZO_ABUSE_ADDRESSES"] = known.get("PLAZO_REPLY_TO", "")
        settings = cls(**read_fields(cls, known))
        if settings.imap is not None and settings.imap_password is None:
            raise BadSettings(["PLAZO_IMAP_PASSWORD is not set: the password of PLAZO_IMAP_URL"])
        if settings.imap is not None and settings.imap.folder == settings.imap_taken:
            raise BadSettings(["PLAZO_IMAP_TAKEN: is the folder that mail is picked up from"])
        return settings


async def work(settings: MailboxSettings, pool: Pool, stopping: asyncio.Event) -> None:
    """Take mail until `stopping` is set, and answer what is under way then."""
    intake = Intake(pool)
    mailroom = Mailroom(intake.accept)
    listener = Listener(mailroom.keep, settings.addresses)
    host, _, port = settings.listen.rpartition(":")
    try:
        await listener.open(host.strip("[]"), int(port))
    except OSError as error:
        raise Refused(
            f"mail cannot be taken on {settings.listen} ({error.strerror}); "
            "set PLAZO_LMTP_LISTEN to an address that is free"
        ) from error
    sys.stderr.write(f"taking mail for {', '.join(settings.addresses)} on {listener.address}\n")
    async with intake.running(), asyncio.TaskGroup() as ways:
        ways.create_task(_until(stopping, listener))
        if settings.imap is not None and settings.imap_password is not None:
            sys.stderr.write(f"picking up mail from {settings.imap}\n")
            pick_up = PickUp(
                settings.imap, settings.imap_password, mailroom.keep, taken=settings.imap_taken
            )
            ways.create_task(pick_up.run(stopping))


async def _until(stopping: asyncio.Event, listener: Listener) -> None:
    try:
        await stopping.wait()
    finally:
        await listener.close()
