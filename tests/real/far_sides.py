"""The three far sides that clients are billed at, each on a socket with a wire in front of it.

Stripe is localstripe, a process of its own; WHMCS the stand-in; the webhook a receiver that
verifies signatures with the specification's own library and takes each id once.
"""

import asyncio
import base64
import json
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError
from starlette.requests import Request
from starlette.responses import JSONResponse

from tests.real.whmcs import IDENTIFIER, SECRET, Whmcs, serving
from tests.real.wire import Wire, wire

STRIPE_KEY = "sk_test_of_a_test"
SIGNED_WITH = "whsec_" + base64.b64encode(b"the secret of a test of 32 bytes").decode()


class FarSide(Protocol):
    """One of them."""

    name: str
    account: str | None
    wire: Wire
    creating: bytes
    """What is in the request that makes a charge."""

    @property
    def access(self) -> dict[str, str]:
        """The settings that lead to it."""

    async def has(self, key: str) -> list[str]:
        """The amounts that it has for a key: one each time that it was taken."""


@dataclass
class WhmcsSide:
    wire: Wire
    whmcs: Whmcs
    name: str = "whmcs"
    account: str | None = "42"
    creating: bytes = b"CreateInvoice"

    @property
    def access(self) -> dict[str, str]:
        return {
            "PLAZO_WHMCS_URL": self.wire.url,
            "PLAZO_WHMCS_IDENTIFIER": IDENTIFIER,
            "PLAZO_WHMCS_SECRET": SECRET,
        }

    async def has(self, key: str) -> list[str]:
        charges = [each["subtotal"] for each in self.whmcs.invoices
                   if each["notes"] == f"plazo:{key}"]  # fmt: skip
        return charges + [f"-{each['amount']}" for each in self.whmcs.credits
                          if each["description"].endswith(f"[plazo:{key}]")]  # fmt: skip


@dataclass
class StripeSide:
    wire: Wire
    direct: str
    account: str | None
    name: str = "stripe"
    creating: bytes = b"POST /v1/invoiceitems"

    @property
    def access(self) -> dict[str, str]:
        return {"PLAZO_STRIPE_KEY": STRIPE_KEY, "PLAZO_STRIPE_API": self.wire.url}

    async def has(self, key: str) -> list[str]:
        async with httpx.AsyncClient(auth=(STRIPE_KEY, "")) as client:
            params: dict[str, str | int] = {"customer": self.account or "", "limit": 1_000}
            answer = await client.get(f"{self.direct}/v1/invoiceitems", params=params)
        return [f"{each['amount'] / 100:.2f}" for each in answer.json()["data"]
                if each["metadata"].get("plazo_key") == key]  # fmt: skip


@dataclass
class Receiver:
    """`status` other than 200 is all that it answers."""

    taken: dict[str, dict[str, Any]] = field(default_factory=dict)
    repeated: int = 0
    status: int = 200

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        body = await request.body()
        await self._answer(request, body)(scope, receive, send)

    def _answer(self, request: Request, body: bytes) -> JSONResponse:
        if request.method == "OPTIONS":
            return JSONResponse({})
        if self.status != 200:
            return JSONResponse({"detail": "as the test has it"}, self.status)
        try:
            said = Webhook(SIGNED_WITH).verify(body, dict(request.headers))
        except WebhookVerificationError as error:
            return JSONResponse({"error": str(error)}, 401)
        name = request.headers["webhook-id"]
        if name in self.taken:
            self.repeated += 1
            return JSONResponse({"id": f"far-{list(self.taken).index(name)}"}, 409)
        self.taken[name] = said["data"]
        return JSONResponse({"id": f"far-{len(self.taken) - 1}"}, 201)


@dataclass
class WebhookSide:
    wire: Wire
    receiver: Receiver
    name: str = "webhook"
    account: str | None = None
    creating: bytes = b"POST /billing"

    @property
    def access(self) -> dict[str, str]:
        return {
            "PLAZO_BILLING_WEBHOOK": f"{self.wire.url}/billing",
            "PLAZO_BILLING_WEBHOOK_SECRET": SIGNED_WITH,
        }

    async def has(self, key: str) -> list[str]:
        return [each["amount"] for each in self.receiver.taken.values() if each["key"] == key]


@asynccontextmanager
async def whmcs_side() -> AsyncIterator[WhmcsSide]:
    whmcs = Whmcs()
    async with serving(whmcs) as port, wire(port) as line:
        yield WhmcsSide(line, whmcs)


@asynccontextmanager
async def webhook_side() -> AsyncIterator[WebhookSide]:
    receiver = Receiver()
    async with serving(receiver) as port, wire(port) as line:
        yield WebhookSide(line, receiver)


@asynccontextmanager
async def localstripe() -> AsyncIterator[str]:
    """The address of a localstripe that remembers nothing from before."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "localstripe", "--port", str(port), "--from-scratch",
            cwd=folder, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            async with asyncio.timeout(30):
                while True:
                    try:
                        _, writer = await asyncio.open_connection("127.0.0.1", port)
                    except OSError:
                        await asyncio.sleep(0.05)
                        continue
                    writer.close()
                    await writer.wait_closed()
                    break
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
            await process.wait()


@asynccontextmanager
async def stripe_side(direct: str) -> AsyncIterator[StripeSide]:
    """A customer of its own at a localstripe."""
    async with httpx.AsyncClient(auth=(STRIPE_KEY, "")) as client:
        made = await client.post(f"{direct}/v1/customers", data={"name": "Aurora"})
    async with wire(int(direct.rpartition(":")[2])) as line:
        yield StripeSide(line, direct, json.loads(made.content)["id"])


@asynccontextmanager
async def side(name: str, stripe: str) -> AsyncIterator[FarSide]:
    """One by its name."""
    async with AsyncExitStack() as stack:
        match name:
            case "whmcs":
                yield await stack.enter_async_context(whmcs_side())
            case "stripe":
                yield await stack.enter_async_context(stripe_side(stripe))
            case _:
                yield await stack.enter_async_context(webhook_side())
