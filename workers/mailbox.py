"""The abuse mailbox as a process: mail in over LMTP, SMTP and IMAP, with its own few settings.

A process of its own and not a part of the gateway: it needs PostgreSQL and nothing else, holds no
key that opens anything, and mail goes on coming in while the gateway is being deployed.
"""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Self

from asyncpg import Pool

from book.intake.intake import Intake
from book.letters import correspondence
from gateway.mail.account import Account
from gateway.mail.arrival import Mailroom
from gateway.mail.imap import PickUp
from gateway.mail.lmtp import Listener
from gateway.mail.metrics import MailMetrics
from workers.leave import Refused
from workers.metrics_port import metrics_served
from workers.settings.reading import BadSettings, environment, read_fields, setting
from workers.settings.values import database_url, host_port, mail_addresses, text


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
    metrics: str | None = setting(
        "PLAZO_METRICS_LISTEN", "where Prometheus reads what was taken, HOST:PORT", host_port, None
    )

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


@asynccontextmanager
async def taking(settings: MailboxSettings, pool: Pool) -> AsyncIterator[str]:
    """Take mail while the block lasts, and answer what is under way at its end; gives HOST:PORT.

    Raises Refused when an address that it is to listen on cannot be had.
    """
    intake, metrics, stopping = Intake(pool), MailMetrics(), asyncio.Event()
    mailroom = Mailroom(intake.accept, answers=partial(correspondence.keep, pool))
    by_smtp = metrics.counting(mailroom.keep, "smtp")
    listener = Listener(by_smtp, settings.addresses, answered=metrics.answered)
    async with AsyncExitStack() as parts:
        parts.enter_context(metrics_served(settings.metrics, metrics.registry))
        await parts.enter_async_context(intake.running())
        if settings.imap is not None and settings.imap_password is not None:
            pick_up = PickUp(
                settings.imap, settings.imap_password, metrics.counting(mailroom.keep, "imap"),
                taken=settings.imap_taken, gone_through=metrics.gone_through,
            )  # fmt: skip
            picking = asyncio.create_task(pick_up.run(stopping))
            parts.push_async_callback(_ended, picking, stopping)
        await _opened(listener, settings.listen)
        parts.push_async_callback(listener.close)
        yield listener.address


async def _opened(listener: Listener, listen: str) -> None:
    host, _, port = listen.rpartition(":")
    try:
        await listener.open(host.strip("[]"), int(port))
    except OSError as error:
        raise Refused(
            f"mail cannot be taken on {listen} ({error.strerror}); "
            "set PLAZO_LMTP_LISTEN to an address that is free"
        ) from error


async def _ended(task: asyncio.Task[None], stopping: asyncio.Event) -> None:
    stopping.set()
    await task


async def work(settings: MailboxSettings, pool: Pool, stopping: asyncio.Event) -> None:
    """Take mail until `stopping` is set, and answer what is under way then."""
    async with taking(settings, pool) as address:
        sys.stderr.write(f"taking mail for {', '.join(settings.addresses)} on {address}\n")
        if settings.imap is not None:
            sys.stderr.write(f"picking up mail from {settings.imap}\n")
        if settings.metrics is not None:
            sys.stderr.write(f"metrics on http://{settings.metrics}/metrics\n")
        await stopping.wait()
