"""The provider's own mail server, as a place to hand letters to."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from typing import Self
from urllib.parse import unquote, urlsplit

import aiosmtplib

_SECONDS = 60.0
"""For each answer of the server; RFC 5321 §4.5.3.2 allows minutes, a step's attempt has two."""

_ON_ONE_LINE = SMTP.clone(max_line_length=300, cte_type="7bit")
"""A subject folded before its first word is shown with a blank in front by many readers."""

_PORTS = {"smtp": 25, "smtps": 465, "submission": 587}


class BadSmtpUrl(ValueError):
    """Write smtp://HOST:PORT, smtps://USER:PASSWORD@HOST or submission://USER:PASSWORD@HOST."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f'{why} in "{url}"; expected smtp://HOST:PORT')


@dataclass(frozen=True, kw_only=True)
class MailServer:
    """`smtp` speaks TLS where the server offers it, `smtps` from the start, `submission` always."""

    scheme: str
    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def at(cls, url: str) -> Self:
        """Read its URL. Raises BadSmtpUrl."""
        shown = _shown(url)
        try:
            parts = urlsplit(url)
        except ValueError:
            raise BadSmtpUrl(shown, "no usable host") from None
        if parts.scheme not in _PORTS:
            raise BadSmtpUrl(shown, f"no scheme of {', '.join(_PORTS)}")
        if not parts.hostname:
            raise BadSmtpUrl(shown, "no host")
        try:
            port = parts.port or _PORTS[parts.scheme]
        except ValueError:
            raise BadSmtpUrl(shown, "no usable port") from None
        if parts.username and parts.scheme == "smtp":
            raise BadSmtpUrl(shown, "a password that would travel in the clear (use submission://)")
        return cls(
            scheme=parts.scheme,
            host=parts.hostname,
            port=port,
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
        )

    async def greeting(self) -> str:
        """Log in and out again; what it said. Raises OSError or aiosmtplib's errors."""
        async with aiosmtplib.SMTP(
            hostname=self.host,
            port=self.port,
            username=self.user,
            password=self.password,
            validate_certs=self.scheme != "smtp",
            use_tls=self.scheme == "smtps",
            start_tls=self._start_tls,
            timeout=_SECONDS,
        ) as session:
            return (await session.noop()).message

    @property
    def _start_tls(self) -> bool | None:
        return {"smtp": None, "smtps": False, "submission": True}[self.scheme]

    async def hand_over(self, message: EmailMessage, sender: str, recipients: Sequence[str]) -> str:
        """Have it take a message; its words. Some recipients may be refused: then those too.

        Raises aiosmtplib's errors: SMTPRecipientsRefused when it takes it for none of them.
        """
        refused, words = await aiosmtplib.send(
            message.as_bytes(policy=_ON_ONE_LINE),
            sender=sender,
            recipients=list(recipients),
            hostname=self.host,
            port=self.port,
            username=self.user,
            password=self.password,
            use_tls=self.scheme == "smtps",
            # Opportunistic TLS keeps listeners out, whoever signed the certificate (RFC 7435).
            validate_certs=self.scheme != "smtp",
            start_tls=self._start_tls,
            timeout=_SECONDS,
        )
        said = [f"{address}: {answer.code} {answer.message}" for address, answer in refused.items()]
        return as_text("; ".join((words, *said)))


def _shown(url: str) -> str:
    """Without user and password, wherever a slip has put them."""
    known = next((f"{scheme}://" for scheme in _PORTS if url.startswith(f"{scheme}://")), "")
    return f"{known}***@{url.rpartition('@')[2]}" if "@" in url else url


def as_text(answer: str) -> str:
    """A server's answer, which is bytes of any kind, as text that can be kept and sent on."""
    known = answer.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return known.replace("\0", "\N{REPLACEMENT CHARACTER}")
