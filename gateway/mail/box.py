"""One connection to a mailbox. Every method waits for the server: call them in a thread."""

import imaplib
import re
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from imap_tools import BaseMailBox, MailBox, MailBoxStartTls
from imap_tools.errors import ImapToolsError

from gateway.mail.account import Account

LOST = (OSError, imaplib.IMAP4.error, ImapToolsError, UnicodeError)
"""The server is away, or will not. UnicodeError: it can take no such user, password or folder."""

_SECONDS = 60.0
"""For each answer of the server."""

_GOODBYE = 5.0
"""For the last answer, which nobody needs."""

_SLICE = 1.0
"""Seconds until a thread that waits for new mail notices that it should not."""

_SIZE = re.compile(rb"\bUID (\d+)\b.*\bRFC822\.SIZE (\d+)|\bRFC822\.SIZE (\d+)\b.*\bUID (\d+)")
_BODY = re.compile(rb"BODY\[\]")


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A message in the mailbox. `uid` holds for this connection only; `size` is in bytes."""

    uid: str
    size: int


class Box:
    """A mailbox, selected. What is in it has not been taken; what was taken is moved out of it.

    So nothing has to be remembered from one connection to the next, neither UIDs nor UIDVALIDITY,
    and `\\Seen` means nothing: it is for the people who read the same mailbox, and stays theirs.
    """

    def __init__(self, connection: BaseMailBox, account: Account, taken: str) -> None:
        self._connection = connection
        self._account = account
        self._taken = taken

    @classmethod
    def open(cls, account: Account, password: str, taken: str) -> Self:
        """Connect, log in, and make the folder `taken` if there is none. Raises LOST."""
        # imaplib by itself would check no certificate.
        context = ssl.create_default_context()
        kind = MailBox if account.scheme == "imaps" else MailBoxStartTls
        connection = kind(account.host, account.port, timeout=_SECONDS, ssl_context=context)
        box = cls(connection, account, taken)
        try:
            plain = "AUTH=PLAIN" in connection.client.capabilities
            log_in = connection.login_utf8 if plain else connection.login
            log_in(account.user, password, initial_folder=None)
            box._ask_what_it_can()
            if not connection.folder.exists(taken):
                connection.folder.create(taken)
                connection.folder.subscribe(taken, value=True)
        except BaseException:
            box.close()
            raise
        return box

    def count(self) -> int:
        """How many messages are in it now."""
        _, answers = self._connection.folder.set(self._account.folder)
        return int(answers[-1])

    def look(self, first: int, last: int) -> list[Waiting]:
        """The messages from number `first` to `last`, of those that `count` counted."""
        _, lines = self._connection.client.fetch(f"{first}:{last}", "(UID RFC822.SIZE)")
        found = []
        for line in lines:
            if isinstance(line, bytes) and (known := _SIZE.search(line)):
                uid, size = known[1] or known[4], known[2] or known[3]
                found.append(Waiting(uid=uid.decode(), size=int(size)))
        return found

    def read(self, uid: str, most: int) -> bytes | None:
        """The first `most` bytes of a message, unseen as it was; None if it has gone meanwhile."""
        _, lines = self._connection.client.uid("FETCH", uid, f"(BODY.PEEK[]<0.{most}>)")
        for line in lines:
            if isinstance(line, tuple) and _BODY.search(line[0]):
                content: bytes = line[1]
                return content
        empty = any(isinstance(line, bytes) and _BODY.search(line) for line in lines)
        return b"" if empty else None

    def move(self, uids: Sequence[str]) -> None:
        """Out of the mailbox, into the folder for what was taken."""
        self._connection.move(uids, self._taken)

    def wait(self, seconds: float, stopping: Callable[[], bool]) -> None:
        """Until something came, if the server tells (IDLE, RFC 2177), or the seconds are over."""
        until = time.monotonic() + seconds
        if "IDLE" not in self._connection.client.capabilities:
            while time.monotonic() < until and not stopping():
                time.sleep(_SLICE)
            return
        with self._connection.idle as idle:
            while time.monotonic() < until and not stopping():
                asked = time.monotonic()
                # Sooner than asked and without a word: it hung up, as the next look will find.
                if idle.poll(_SLICE) or time.monotonic() - asked < _SLICE / 2:
                    return

    def close(self) -> None:
        """Say good-bye if the server still listens, and let go of the connection."""
        client = self._connection.client
        with suppress(*LOST):
            client.sock.settimeout(_GOODBYE)
            client.logout()
        with suppress(*LOST):
            client.shutdown()

    def _ask_what_it_can(self) -> None:
        """Many servers say what they can, MOVE for one, only to those who are logged in."""
        client = self._connection.client
        _, answers = client.capability()
        client.capabilities = tuple(answers[-1].decode().upper().split())
