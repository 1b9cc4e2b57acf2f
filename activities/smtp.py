"""The provider's own mail server, as a place to hand letters to."""

from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Self
from urllib.parse import unquote, urlsplit

import aiosmtplib

from activities.header_lines import LINES

_SECONDS = 60.0
"""For each answer of the server; RFC 5321 §4.5.3.2 allows minutes, a step's attempt has two."""

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
        async with self._session() as session:
            return (await session.noop()).message

    def _session(self) -> aiosmtplib.SMTP:
        return aiosmtplib.SMTP(
            hostname=self.host,
            port=self.port,
            username=self.user,
            password=self.password,
            # Opportunistic TLS keeps listeners out, whoever signed the certificate (RFC 7435).
            validate_certs=self.scheme != "smtp",
            use_tls=self.scheme == "smtps",
            start_tls={"smtp": None, "smtps": False, "submission": True}[self.scheme],
            timeout=_SECONDS,
        )

    async def hand_over(
        self, message: EmailMessage, sender: str, recipient: str, envelope_id: str | None = None
    ) -> str:
        """Have it take a message for one recipient; its words.

        Where the server knows how (RFC 3461), the envelope carries the id, which comes back in
        whatever is told of the delivery. Raises aiosmtplib's errors: SMTPRecipientsRefused when it
        takes nothing for this recipient.
        """
        async with self._session() as session:
            of_mail, of_recipient = [], []
            if envelope_id is not None and session.supports_extension("dsn"):
                of_mail = ["RET=HDRS", f"ENVID={envelope_id}"]
                of_recipient = ["NOTIFY=FAILURE,DELAY"]
            _, words = await session.sendmail(
                sender,
                [recipient],
                message.as_bytes(policy=LINES),
                mail_options=of_mail,
                rcpt_options=of_recipient,
            )
        return as_text(words)


def _shown(url: str) -> str:
    """Without user and password, wherever a slip has put them."""
    known = next((f"{scheme}://" for scheme in _PORTS if url.startswith(f"{scheme}://")), "")
    return f"{known}***@{url.rpartition('@')[2]}" if "@" in url else url


def as_text(answer: str) -> str:
    """A server's answer, which is bytes of any kind, as text that can be kept and sent on."""
    known = answer.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return known.replace("\0", "\N{REPLACEMENT CHARACTER}")
