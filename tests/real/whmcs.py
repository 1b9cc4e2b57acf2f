"""A stand-in for WHMCS, built from its published API (developers.whmcs.com/api-reference).

Form fields in, JSON out with `result`; errors have `result=error` and a `message`, in the words of
the reference's "Error Responses". What a caller may not do is HTTP 403. Numbers are sent as text,
an empty list is a bare list, and lists stand below a name, as PHP has it.

`python -m tests.real.whmcs PORT CLIENTS` serves one with so many clients, in euros.
"""

import asyncio
import itertools
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse

IDENTIFIER, SECRET, ACCESS_KEY = "identifier-of-a-test", "secret-of-a-test", "access-of-a-test"


@dataclass
class Whmcs:
    """Clients by id with their currency, and what was made for them."""

    clients: dict[str, str] = field(default_factory=lambda: {"42": "EUR"})
    access_key: str | None = None
    tax: Decimal = Decimal(0)
    """Of every taxed line, as a share."""
    denied: set[str] = field(default_factory=set)
    """Actions that the credential's role does not permit."""
    invoices: list[dict[str, Any]] = field(default_factory=list)
    credits: list[dict[str, Any]] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        body = (await request.body()).decode()
        form = {name: values[-1] for name, values in parse_qs(body).items()}
        if request.method != "POST" or request.url.path != "/includes/api.php":
            answer = JSONResponse({"result": "error", "message": "not found"}, 404)
        else:
            answer = self._answer(form)
        await answer(scope, receive, send)

    def _answer(self, form: dict[str, str]) -> JSONResponse:
        known = (form.get("identifier"), form.get("secret")) == (IDENTIFIER, SECRET)
        if not known or form.get("accesskey") != self.access_key:
            return JSONResponse({"result": "error", "message": "Authentication Failed"}, 403)
        action = form.get("action", "")
        if action in self.denied:
            why = f'Invalid Permissions: API action "{action.lower()}" is not allowed'
            return JSONResponse({"result": "error", "message": why}, 403)
        do = getattr(self, f"_{action.lower()}", None)
        if do is None:
            return _error("Command Not Found")
        answer: JSONResponse = do(form)
        return answer

    def _getclientsdetails(self, form: dict[str, str]) -> JSONResponse:
        client = form.get("clientid", "")
        if client not in self.clients:
            return _error("Client Not Found")
        details = {"id": client, "userid": client, "currency_code": self.clients[client]}
        return _success(client=details)

    def _createinvoice(self, form: dict[str, str]) -> JSONResponse:
        client = form.get("userid", "")
        if client not in self.clients:
            return _error("Client ID Not Found")
        amount = Decimal(form["itemamount1"]).quantize(Decimal("0.01"))
        tax = (amount * self.tax if form.get("itemtaxed1") == "1" else Decimal(0)).quantize(
            Decimal("0.01")
        )
        number = str(next(self._numbers))
        self.invoices.append({
            "id": number, "userid": client, "date": f"{datetime.now(UTC):%Y-%m-%d}",
            "subtotal": str(amount), "credit": "0.00", "tax": str(tax), "tax2": "0.00",
            "total": str(amount + tax), "status": form.get("status", "Unpaid"),
            "notes": form.get("notes", ""), "currencycode": self.clients[client],
            "_items": [{"id": "1", "description": form["itemdescription1"],
                        "amount": str(amount), "taxed": form.get("itemtaxed1", "0")}],
        })  # fmt: skip
        return _success(invoiceid=number, status="Unpaid")

    def _getinvoices(self, form: dict[str, str]) -> JSONResponse:
        mine = [each for each in self.invoices if form.get("userid", each["userid"])
                == each["userid"]]  # fmt: skip
        if form.get("orderby") == "id":
            mine.sort(key=lambda each: int(each["id"]), reverse=form.get("order") == "desc")
        start, number = int(form.get("limitstart", 0)), int(form.get("limitnum", 25))
        page = [{name: value for name, value in each.items() if name != "_items"}
                for each in mine[start : start + number]]  # fmt: skip
        return _success(
            totalresults=str(len(mine)), startnumber=str(start), numreturned=str(len(page)),
            invoices={"invoice": page} if page else [],
        )  # fmt: skip

    def _getinvoice(self, form: dict[str, str]) -> JSONResponse:
        for each in self.invoices:
            if each["id"] == form.get("invoiceid"):
                return _success(invoiceid=each["id"], items={"item": each["_items"]})
        return _error("Invoice ID Not Found")

    def _addcredit(self, form: dict[str, str]) -> JSONResponse:
        client, amount = form.get("clientid", ""), Decimal(form["amount"])
        if client not in self.clients:
            return _error("Client ID Not Found")
        if amount <= 0:
            return _error("Amount must be in decimal format: ### or ###.##")
        self.credits.append({
            "id": str(next(self._numbers)), "clientid": client, "relid": "0",
            "date": f"{datetime.now(UTC):%Y-%m-%d}", "description": form["description"],
            "amount": f"{amount:.2f}",
        })  # fmt: skip
        return _success(newbalance="0.00")

    def _getcredits(self, form: dict[str, str]) -> JSONResponse:
        client = form.get("clientid", "")
        if client not in self.clients:
            return _error("Client ID Not Found")
        mine = [each for each in self.credits if each["clientid"] == client]
        return _success(
            totalresults=str(len(mine)), clientid=client, credits={"credit": mine} if mine else []
        )


def _success(**more: object) -> JSONResponse:
    return JSONResponse({"result": "success", **more})


def _error(message: str) -> JSONResponse:
    return JSONResponse({"result": "error", "message": message})


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[int]:
    """An ASGI application on a free port of loopback, which is given."""
    server = uvicorn.Server(
        uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield port
        finally:
            server.should_exit = True
            await task


if __name__ == "__main__":
    numbers = range(1, int(sys.argv[2]) + 1)
    uvicorn.run(
        Whmcs(clients={str(number): "EUR" for number in numbers}),
        host="127.0.0.1", port=int(sys.argv[1]), log_config=None, lifespan="off",
    )  # fmt: skip
