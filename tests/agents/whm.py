"""A stand-in for WHM, built from its published API (api.docs.cpanel.net/openapi/whm), over TLS.

It keeps accounts and a queue as Exim on a cPanel server does: what a held account sends to others
waits, what a suspended one sends is refused, mail to the account's own domains goes on.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import trustme

TOKEN = "U7HMR63FHY282DQZ4H5BIH16JLYSO01M"
LOGIN_PAGE = "<!DOCTYPE html><html><head><title>WHM Login</title></head></html>"
ACCESS_DENIED = {
    "cpanelresult": {
        "apiversion": "2", "error": "Access denied",
        "data": {"reason": "Access denied", "result": "0"}, "type": "text",
    }
}  # fmt: skip
"""What cpsrvd says to a token that it does not know, with the status 403."""


class MailRefused(Exception):
    """Exim's answer to an account that is suspended."""


@dataclass
class Account:
    domains: list[str]
    held: int = 0
    """Since when, as cPanel writes it: seconds since 1970, 0 for not."""
    suspended: int = 0


@dataclass
class StandIn:
    """WHM on loopback. `broken` answers a function in its place; `dies_after` a call cuts off.

    `strikes` is called once, at the moment that is named: before or after a function is done.
    """

    accounts: dict[str, Account] = field(default_factory=dict)
    queue: list[dict[str, Any]] = field(default_factory=list)
    delivered: list[str] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    broken: dict[str, tuple[int, str]] = field(default_factory=dict)
    dies_after: set[str] = field(default_factory=set)
    moment: tuple[str, str] | None = None
    strikes: Callable[[], None] = lambda: None
    token: str = TOKEN
    numbers_as_text: bool = False
    silent: bool = False
    port: int = 0
    authority: trustme.CA = field(default_factory=trustme.CA)
    _clock: int = 1_371_552_781

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert("127.0.0.1").configure_cert(context)
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()

    # --- the mail server --------------------------------------------------------------------------

    def send(self, sender: str, *recipients: str, owner: str | None = None) -> str:
        """Mail from an account, as from its site or its mail program; its queue id."""
        domain = sender.rpartition("@")[2]
        name = owner or next(n for n, each in self.accounts.items() if domain in each.domains)
        account = self.accounts[name]
        if account.suspended:
            raise MailRefused(f"550 Account {name} can not send email at this time")
        self._clock += 1
        queue_id = f"1UotX3-{self._clock % 1_000_000:06d}-Lr"
        record = {
            "frozen": 0, "msgid": queue_id, "recipients": list(recipients), "sender": sender,
            "size": 14_336, "time": self._clock, "user": owner,
        }  # fmt: skip
        others = any(each.rpartition("@")[2] not in account.domains for each in recipients)
        if account.held and others:
            self.queue.append(record)
        else:
            self.delivered.append(queue_id)
        return queue_id

    def delete(self, queue_id: str) -> None:
        """An administrator's `exim -Mrm`."""
        self.queue = [each for each in self.queue if each["msgid"] != queue_id]

    def changes(self) -> list[tuple[str, str]]:
        """The calls that changed something, in order."""
        return [
            (function, arguments["user"])
            for function, arguments in self.asked
            if function.endswith("_outgoing_email")
        ]

    # --- the API ----------------------------------------------------------------------------------

    def _call(self, function: str, arguments: dict[str, str]) -> tuple[str, dict[str, Any]]:
        """The reason, "OK" if it was done, and the data."""
        known: dict[str, Callable[[dict[str, str]], tuple[str, dict[str, Any]]]] = {
            "getdomainowner": self._owner, "get_domain_info": self._domains,
            "accountsummary": self._summary, "fetch_mail_queue": self._queue,
        }  # fmt: skip
        if function in known:
            return known[function](arguments)
        if not function.endswith("_outgoing_email"):
            return f"Unknown app (“{function}”) requested for this version (1) of the API.", {}
        user = arguments.get("user", "")
        if not user:
            return "Provide the “user” argument.", {}
        if user == "root":
            return "“root” is not a valid user for this operation.", {}
        if user not in self.accounts:
            return f"You do not have access to an account named “{user}”.", {}
        account = self.accounts[user]
        match function.removesuffix("_outgoing_email"):
            case "hold":
                account.held = self._clock
            case "release":
                account.held = 0
                self._deliver(user)
            case "suspend":
                account.suspended = self._clock
            case "unsuspend":
                account.suspended = 0
        return "OK", {}

    def _deliver(self, user: str) -> None:
        mine = [each for each in self.queue if self._user_of(each) == user]
        self.delivered += [each["msgid"] for each in mine]
        self.queue = [each for each in self.queue if each not in mine]

    def _user_of(self, record: dict[str, Any]) -> str | None:
        domain = record["sender"].rpartition("@")[2]
        found = (n for n, each in self.accounts.items() if domain in each.domains)
        return record["user"] or next(found, None)

    def _owner(self, arguments: dict[str, str]) -> tuple[str, dict[str, Any]]:
        domain = arguments["domain"]
        found = (n for n, each in self.accounts.items() if domain in each.domains)
        return "OK", {"user": next(found, None)}

    def _domains(self, arguments: dict[str, str]) -> tuple[str, dict[str, Any]]:
        rows = [
            {"domain": domain, "user": name, "user_owner": "root", "domain_type": "addon"}
            for name, account in self.accounts.items()
            for domain in account.domains
        ]
        if arguments.get("api.filter.enable") == "1":
            column, wanted = arguments["api.filter.a.field"], arguments["api.filter.a.arg0"]
            rows = [row for row in rows if row[column] == wanted]
        return "OK", {"domains": rows}

    def _summary(self, arguments: dict[str, str]) -> tuple[str, dict[str, Any]]:
        user = arguments["user"]
        if user not in self.accounts:
            return "Account does not exist.", {}
        account = self.accounts[user]
        flags = {
            "outgoing_mail_hold": int(account.held > 0),
            "outgoing_mail_suspended": int(account.suspended > 0),
        }
        written = {k: str(v) if self.numbers_as_text else v for k, v in flags.items()}
        return "Ok", {"acct": [{"user": user, "domain": account.domains[0], **written}]}

    def _queue(self, arguments: dict[str, str]) -> tuple[str, dict[str, Any]]:
        return "OK", {"records": self.queue}

    # --- HTTP -------------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                if self.silent:
                    await reader.read()
                    break
                lines = request.decode().split("\r\n")
                headers = {k.lower(): v for k, _, v in (each.partition(": ") for each in lines[1:])}
                status, text, dead = self._answer(lines[0].split(" ")[1], headers)
                if dead:
                    break
                body = text.encode()
                writer.write(
                    f"HTTP/1.1 {status} Said\r\nContent-Type: application/json\r\n"
                    f"Content-Length: {len(body)}\r\n\r\n".encode()
                    + body
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, target: str, headers: dict[str, str]) -> tuple[int, str, bool]:
        parts = urlsplit(target)
        function, arguments = parts.path.removeprefix("/json-api/"), dict(parse_qsl(parts.query))
        self.asked.append((function, arguments))
        if headers.get("authorization") != f"whm root:{self.token}":
            return 403, json.dumps(ACCESS_DENIED), False
        if function in self.broken:
            return *self.broken[function], False
        assert arguments.pop("api.version") == "1"
        if self._struck("before", function):
            return 0, "", True
        reason, data = self._call(function, arguments)
        result = int(reason.upper() == "OK")
        metadata = {"command": function, "reason": reason, "result": result, "version": 1}
        answer = {"metadata": metadata} | ({"data": data} if data else {})
        dead = self._struck("after", function) or function in self.dies_after
        return 200, json.dumps(answer), dead

    def _struck(self, when: str, function: str) -> bool:
        if self.moment != (when, function):
            return False
        self.moment = None
        self.strikes()
        return True


def an_agents_folder(folder: Path, whm: StandIn, token: str = TOKEN) -> Path:
    """What an operator sets up for the agent of a cPanel server."""
    (folder / "whm-token").write_text(f"{token}\n")
    (folder / "whm-token").chmod(0o600)
    whm.authority.cert_pem.write_to_path(folder / "whm-authority.pem")
    return folder
