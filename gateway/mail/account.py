"""A mailbox on an IMAP server: where it is, and whose."""

from dataclasses import dataclass
from typing import Self
from urllib.parse import unquote, urlsplit

_PORTS = {"imaps": 993, "imap": 143}


class BadImapUrl(ValueError):
    """Write imaps://USER@HOST/FOLDER; the password has a setting of its own."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f'{why} in "{url}"; expected imaps://USER@HOST/FOLDER')


@dataclass(frozen=True, kw_only=True)
class Account:
    """`imaps` speaks TLS from the start, `imap` from STARTTLS on; neither does without."""

    scheme: str
    host: str
    port: int
    user: str
    folder: str = "INBOX"

    @classmethod
    def at(cls, url: str) -> Self:
        """Read its URL (RFC 5092, without a password). Raises BadImapUrl."""
        shown = url.rpartition("@")[2]
        try:
            parts = urlsplit(url)
            port = parts.port or _PORTS.get(parts.scheme, 0)
        except ValueError:
            raise BadImapUrl(shown, "no usable host or port") from None
        if parts.scheme not in _PORTS:
            raise BadImapUrl(shown, f"no scheme of {', '.join(_PORTS)}")
        if not parts.hostname:
            raise BadImapUrl(shown, "no host")
        if not parts.username:
            raise BadImapUrl(shown, "no user, with @ written as %40,")
        if parts.password is not None:
            raise BadImapUrl(shown, "a password (it belongs into PLAZO_IMAP_PASSWORD)")
        return cls(
            scheme=parts.scheme,
            host=parts.hostname,
            port=port,
            user=unquote(parts.username),
            folder=unquote(parts.path.lstrip("/")) or "INBOX",
        )

    def __str__(self) -> str:
        return f"{self.folder} on {self.host}:{self.port}"
