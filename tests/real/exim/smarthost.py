"""A smarthost that wants a login and TLS, and refuses what a test has it refuse."""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from workers.demo.inbox import Inbox, Listening


class StrictSmarthost(Inbox):
    """An inbox on `localhost` that takes mail over TLS from who logs in, unless told otherwise.

    `answers` has what it says in place of "250" to a command, such as `{"DATA": "554 5.7.1 no"}`.
    """

    def __init__(self, user: str, secret: str, *, trusted: bool = True) -> None:
        super().__init__("smarthost.example")
        self.user, self.secret = user, secret
        self.answers: dict[str, str] = {}
        self.refused: set[str] = set()
        """Recipients that it will not have."""
        self.logins: list[tuple[bool, bool]] = []
        """Of each attempt to log in, whether it was over TLS and whether it was right."""
        self.mechanisms: tuple[str, ...] = ("PLAIN", "LOGIN")
        """What it may be logged in with, from the next connection on."""
        self._authority = trustme.CA()
        certificate = self._authority.issue_cert("localhost" if trusted else "elsewhere.example")
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(self._context)

    @property
    def address(self) -> str:
        return f"localhost:{self.port}"

    def write_authority(self, file: Path) -> None:
        """What makes its certificate good."""
        self._authority.cert_pem.write_to_path(file)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if (refusal := self.answers.get("RCPT")) is not None:
            return refusal
        if address in self.refused:
            return "550 5.1.1 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 fine"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if (refusal := self.answers.get("DATA")) is not None:
            return refusal
        return await super().handle_DATA(server, session, envelope)

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any
    ) -> AuthResult:
        right = (given.login, given.password) == (self.user.encode(), self.secret.encode())
        self.logins.append((session.ssl is not None, right))
        return AuthResult(success=right, handled=False)

    def _options(self) -> dict[str, Any]:
        return {
            "require_starttls": True,
            "auth_required": True,
            "auth_require_tls": True,
            "auth_exclude_mechanism": {"PLAIN", "LOGIN"} - set(self.mechanisms),
            "tls_context": self._context,
            "authenticator": self._authenticate,
        }

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        await self._server.close()
        self._server = _Listening(self._options)
        await self._server.open(self, self.name, self.port)
        return self


class _Listening(Listening):
    def __init__(self, options: Callable[[], dict[str, Any]]) -> None:
        super().__init__()
        self._options = options

    def _session(self, handler: Any, name: str) -> SMTP:
        session = SMTP(handler, hostname=name, ident="ESMTP", **self._options())
        self._sessions.add(session)
        return session
