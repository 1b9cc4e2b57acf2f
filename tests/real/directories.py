"""Stand-ins for WHMCS and WHM as lists of clients, over HTTP on loopback, by their published APIs.

developers.whmcs.com/api-reference and api.docs.cpanel.net/specifications/whm.openapi: the fields,
their spellings and their oddities (numbers as text, "" for an empty list, HTML's `&amp;`).
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

Answer = tuple[int, dict[str, str], str]

IDENTIFIER, SECRET, TOKEN = "an-identifier", "a-secret", "U7HMR63FHY282DQZ4H5BIH16JLYSO01M"


def a_client(number: int, **other: Any) -> dict[str, Any]:
    """As GetClients and GetClientsDetails together have one."""
    ordinary = {
        "id": number, "firstname": "Ana", "lastname": "Ruiz", "companyname": f"Company {number}",
        "email": f"abuse@client{number}.example", "datecreated": "2024-01-01", "groupid": 0,
        "status": "Active", "countrycode": "ES", "phonenumberformatted": "+34.910000000",
    }  # fmt: skip
    return ordinary | other


def a_product(number: int, client: int, **other: Any) -> dict[str, Any]:
    """A managed server, as GetClientsProducts has one."""
    ordinary = {
        "id": number, "clientid": client, "pid": 7, "name": "Managed VPS M",
        "groupname": "Managed VPS", "domain": f"vps{number}.provider.example",
        "dedicatedip": f"192.0.2.{number}", "assignedips": "", "servername": "",
        "serverhostname": "", "username": "", "password": "", "status": "Active",
    }  # fmt: skip
    return ordinary | other


@dataclass
class Server:
    """HTTP on loopback. `next` has answers that come before any other, `silent` none at all."""

    next: list[Answer] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    silent: bool = False
    port: int = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()

    def answer(self, path: str, headers: dict[str, str], given: dict[str, str]) -> Answer:
        raise NotImplementedError

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                lines = request.decode().split("\r\n")
                headers = {k.lower(): v for k, _, v in (each.partition(": ") for each in lines[1:])}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                if self.silent:
                    break
                target = urlsplit(lines[0].split(" ")[1])
                given = dict(parse_qsl(target.query)) | dict(parse_qsl(body.decode()))
                self.asked.append(given)
                made = self.next.pop(0) if self.next else self.answer(target.path, headers, given)
                status, more, text = made
                fields = {"Content-Length": str(len(text.encode())), **more}
                head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
                writer.write(f"HTTP/1.1 {status} Said\r\n{head}\r\n{text}".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@dataclass
class WhmcsList(Server):
    """WHMCS with clients and what they rent. `shifts` changes the list while it is read."""

    clients: list[dict[str, Any]] = field(default_factory=list)
    products: list[dict[str, Any]] = field(default_factory=list)
    shifts: int = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/includes/api.php"

    def answer(self, path: str, headers: dict[str, str], given: dict[str, str]) -> Answer:
        if (given.get("identifier"), given.get("secret")) != (IDENTIFIER, SECRET):
            said = {"result": "error", "message": "Authentication Failed"}
            return 403, {}, json.dumps(said)
        assert (path, given["responsetype"]) == ("/includes/api.php", "json")
        match given["action"]:
            case "GetClients":
                short = ("id", "firstname", "lastname", "companyname", "email", "datecreated",
                         "groupid", "status")  # fmt: skip
                rows = [{name: each[name] for name in short} for each in self.clients]
                return self._page("clients", "client", rows, given)
            case "GetClientsProducts":
                return self._page("products", "product", self.products, given)
            case "GetClientsDetails":
                found = [e for e in self.clients if str(e["id"]) == given["clientid"]]
                if not found:
                    return 200, {}, json.dumps({"result": "error", "message": "Client Not Found"})
                return 200, {}, json.dumps({"result": "success", **found[0], "client": found[0]})
        said = {"result": "error", "message": "Command Not Found"}
        return 200, {}, json.dumps(said)

    def _page(
        self, group: str, one: str, rows: list[dict[str, Any]], given: dict[str, str]
    ) -> Answer:
        start, number = int(given["limitstart"]), int(given["limitnum"])
        page = rows[start : start + number]
        if start and self.shifts:
            # Somebody deleted an entry of the first page: all others move up.
            self.shifts -= 1
            page = rows[start + 1 : start + number]
        said = {
            "result": "success", "totalresults": str(len(rows)), "startnumber": start,
            "numreturned": len(page), group: {one: page} if page else "",
        }  # fmt: skip
        return 200, {"Content-Type": "application/json"}, json.dumps(said)


@dataclass
class WhmList(Server):
    """A cPanel server with accounts."""

    accounts: list[dict[str, Any]] = field(default_factory=list)
    chunks: bool = True

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, path: str, headers: dict[str, str], given: dict[str, str]) -> Answer:
        if headers.get("authorization") != f"whm root:{TOKEN}":
            return 403, {}, json.dumps({"cpanelresult": {"error": "Access denied"}})
        function = path.removeprefix("/json-api/")
        match function:
            case "gethostname":
                return self._said(function, {"hostname": "shared1.provider.example"})
            case "listips":
                mains = {"ip": "198.51.100.1", "mainaddr": 1, "dedicated": 0}
                return self._said(function, {"ip": [mains, {"ip": "198.51.100.9", "mainaddr": 0}]})
            case "listaccts":
                rows = self.accounts
                if self.chunks and given.get("api.chunk.enable") == "1":
                    start = int(given["api.chunk.start"]) - 1
                    rows = rows[start : start + int(given["api.chunk.size"])]
                return self._said(function, {"acct": rows})
        metadata = {"command": function, "reason": "Unknown app", "result": 0, "version": 1}
        return 200, {}, json.dumps({"metadata": metadata})

    def _said(self, function: str, data: dict[str, Any]) -> Answer:
        metadata = {"command": function, "reason": "OK", "result": 1, "version": 1}
        return 200, {}, json.dumps({"metadata": metadata, "data": data})


def an_account(user: str, **other: Any) -> dict[str, Any]:
    """As listaccts has one."""
    ordinary = {
        "user": user, "domain": f"{user}.example", "email": f"info@{user}.example",
        "ip": "198.51.100.1", "ipv6": [], "owner": "root", "plan": "hosting", "suspended": 0,
        "outgoing_mail_hold": 0, "outgoing_mail_suspended": 0,
    }  # fmt: skip
    return ordinary | other
