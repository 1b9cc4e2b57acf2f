"""`python -m benchmarks.reporters PLAN FILE`: reporters that post signed ARF reports, as a process.

PLAN is JSON of `Plan`. It says "ready" on its output, waits for a line on its input, posts all
reports over so many connections, and writes what it saw into FILE (`Seen`). It speaks HTTP/1.1 over
sockets by itself: a client library would cost more than the gateway that is measured.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Self, cast

import uvloop

from benchmarks.clientele import address
from workers.demo.arf import arf_report


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Reports `first` to `first + count`, in turn about `servers` servers, as `reporters`."""

    port: int
    first: int
    count: int
    connections: int
    servers: int
    reporters: int
    secret: str


@dataclass(frozen=True, kw_only=True)
class Seen:
    """When it began and ended, by the machine's monotonic clock; the seconds of each answer; a few
    of the answers that were not 202; and the seconds of a processor that it took itself."""

    began: float
    ended: float
    waits: list[float]
    refused: list[str]
    processor: float

    def write(self, file: str) -> None:
        """Into a file: it is too much for a pipe that nobody empties meanwhile."""
        Path(file).write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, file: Path) -> Self:
        """What `write` wrote."""
        return cls(**json.loads(file.read_text()))


_NUMBER, _SERVER = 7_777_777, 255 * 255
"""Stand in the letter that all are made from."""


def a_report(number: int, server: int) -> bytes:
    """A feedback loop's letter about one message, of three kilobytes."""
    sent = datetime.now(UTC)
    offending = EmailMessage()
    offending["Received"] = (
        f"from mail.shop.example (mail.shop.example [{address(server)}])"
        f" by mx.mailbox.example with ESMTPS id q{number}; {format_datetime(sent)}"
    )
    offending["From"] = "Shop <info@shop.example>"
    offending["To"] = f"reader{number}@mailbox.example"
    offending["Subject"] = "Only today!"
    offending["Date"] = format_datetime(sent)
    offending["Message-ID"] = f"<{number}@shop.example>"
    offending["List-Unsubscribe"] = f"<https://shop.example/unsubscribe/{number}>"
    offending.set_content("Buy now, while it lasts: everything at half the price.\n" * 24)
    return arf_report(
        offending,
        mail_from="info@shop.example",
        recipient=f"reader{number}@mailbox.example",
        arrived=sent,
        source_ip=address(server),
    )


class Requests:
    """The requests of a plan, each made and signed when it is taken: in microseconds."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._key = base64.b64decode(plan.secret.removeprefix("whsec_"))
        self._letter = a_report(_NUMBER, _SERVER)
        self._left = iter(range(plan.first, plan.first + plan.count))

    def take(self) -> bytes | None:
        """The next, signed as in Standard Webhooks; None when there is no more."""
        number = next(self._left, None)
        if number is None:
            return None
        plan, stamp = self._plan, int(time.time())
        # The letter's own header is another each time, as it is in real ones.
        content = b"Message-ID: <fbl-%d@mailbox.example>\r\n" % number + self._letter.replace(
            b"%d" % _NUMBER, b"%d" % number
        ).replace(address(_SERVER).encode(), address(number % plan.servers).encode())
        mac = hmac.digest(self._key, f"r-{number}.{stamp}.".encode() + content, hashlib.sha256)
        head = (
            f"POST /v1/reports?reporter=feedback-{number % plan.reporters} HTTP/1.1\r\n"
            f"Host: 127.0.0.1:{plan.port}\r\nContent-Type: message/rfc822\r\n"
            f"Content-Length: {len(content)}\r\nwebhook-id: r-{number}\r\n"
            f"webhook-timestamp: {stamp}\r\n"
            f"webhook-signature: v1,{base64.b64encode(mac).decode()}\r\n\r\n"
        )
        return head.encode() + content


class _Connection(asyncio.Protocol):
    """One connection that posts one request after the other, until none is left."""

    def __init__(self, requests: Requests, seen: Seen) -> None:
        self._requests = requests
        self._seen = seen
        self._heard = b""
        self._posted = 0.0
        self._done = False
        self._transport: asyncio.Transport | None = None
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is not a subclass of it

    def post(self) -> None:
        """Post the next."""
        assert self._transport is not None
        request = self._requests.take()
        if request is None:
            self._done = True
            self._transport.close()
            return
        self._heard = b""
        self._posted = time.monotonic()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._heard += data
        head, blank, body = self._heard.partition(b"\r\n\r\n")
        if not blank:
            return
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if len(body) < int(length):
            return
        self._seen.waits.append(time.monotonic() - self._posted)
        if b" 202 " not in head.partition(b"\r\n")[0]:
            self._seen.refused.append(self._heard.decode())
        self.post()

    def connection_lost(self, error: Exception | None) -> None:
        if self._done:
            self.done.set_result(None)
        else:
            self.done.set_exception(error or ConnectionResetError("the gateway hung up"))


async def _post_all(plan: Plan) -> Seen:
    loop = asyncio.get_running_loop()
    seen = Seen(began=0.0, ended=0.0, waits=[], refused=[], processor=0.0)
    requests = Requests(plan)
    connections = []
    for _ in range(plan.connections):
        _, connection = await loop.create_connection(
            lambda: _Connection(requests, seen), "127.0.0.1", plan.port
        )
        connections.append(connection)
    began, used = time.monotonic(), time.process_time()
    for connection in connections:
        connection.post()
    await asyncio.gather(*(connection.done for connection in connections))
    return Seen(
        began=began, ended=time.monotonic(), waits=seen.waits, refused=seen.refused[:3],
        processor=time.process_time() - used,
    )  # fmt: skip


def main() -> None:
    plan = Plan(**json.loads(sys.argv[1]))
    print("ready", flush=True)
    sys.stdin.readline()
    uvloop.run(_post_all(plan)).write(sys.argv[2])


if __name__ == "__main__":
    main()
