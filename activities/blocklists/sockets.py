"""Questions over UDP (RFC 1035 §4.2.1): many at once on few sockets, each answer to its asker.

A resolver object for each question costs more than the question. Here a question is 12 bytes in
front of bytes that are known, and an answer is found by its id in a table. Against forgery
(RFC 5452): a socket is connected, so nobody but the resolver is heard on it; its port is the
kernel's choice and changes every few hundred questions; ids are random; and an answer counts only
if it repeats the question.
"""

import asyncio
import secrets
import socket
from contextlib import suppress
from ipaddress import ip_address

_HEADER = bytes.fromhex("01000001000000000000")
"""Recursion desired, one question."""

_HEADER_EDNS = bytes.fromhex("01000001000000000001")
_EDNS = bytes.fromhex("00002904d0000000000000")
"""RFC 6891: answers of up to 1,232 bytes are taken, which no network fragments."""

_QUESTIONS = 256
"""Of one socket; the next gets another port."""

_ROOM = 1 << 20
"""Bytes of answers that the kernel keeps for us, as far as it allows."""

_LARGEST = 4_096
_AT_A_TIME = 64
"""Answers read before others have their turn."""

NOERROR, FORMERR, NXDOMAIN = 0, 1, 3

_Waiting = tuple[bytes, "asyncio.Future[bytes]"]


class _Socket:
    """One connected socket and who waits on it; closed as soon as nobody does."""

    def __init__(self, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._loop = asyncio.get_running_loop()
        self._socket = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROOM)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _ROOM)
            self._socket.connect((host, port))
        except OSError:
            self._socket.close()
            raise
        self._loop.add_reader(self._socket.fileno(), self._read)
        self.waiting: dict[int, _Waiting] = {}
        self.left = _QUESTIONS

    @property
    def usable(self) -> bool:
        """Whether it takes another question, of the loop that runs."""
        return self.left > 0 and self._socket.fileno() >= 0

    def send(self, question: bytes, edns: bool) -> tuple[int, "asyncio.Future[bytes]"]:
        number = secrets.randbits(16)
        while number in self.waiting:
            number = secrets.randbits(16)
        self.left -= 1
        try:
            self._socket.send(packet(number, question, edns))
        except BlockingIOError:
            pass  # full: as good as lost on the way
        except OSError:  # of an earlier question: nothing listens there
            self.forget(number)
            raise
        future: asyncio.Future[bytes] = self._loop.create_future()
        self.waiting[number] = (question, future)
        return number, future

    def forget(self, number: int) -> None:
        self.waiting.pop(number, None)
        if not self.waiting:
            self.close()

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()

    def _read(self) -> None:
        for _ in range(_AT_A_TIME):
            try:
                answer = self._socket.recv(_LARGEST)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:  # nothing listens there
                for _, future in self.waiting.values():
                    if not future.done():
                        future.set_exception(error)
                return
            asked = self.waiting.get(int.from_bytes(answer[:2], "big"))
            if asked is not None and not asked[1].done() and answers(answer, asked[0]):
                asked[1].set_result(answer)


class Server:
    """One resolver, `IP:PORT`."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self._name = f"[{host}]:{port}" if ip_address(host).version == 6 else f"{host}:{port}"
        self.unheard_since: float | None = None
        """Since when it has been asked and said nothing at all; None while it speaks."""
        self.tried_at = 0.0
        """When it was last asked although it says nothing."""
        self._socket: _Socket | None = None

    def __str__(self) -> str:
        return self._name

    async def ask(self, question: bytes, seconds: float, *, edns: bool = False) -> bytes:
        """An answer in full, over TCP where it is too long for UDP.

        Raises TimeoutError, or OSError if nothing listens there.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        if self.unheard_since is None:
            self.unheard_since = loop.time()
        answer = await self._over_udp(question, seconds, edns)
        self.unheard_since = None
        if answer[2] & 2:  # truncated
            return await self._over_tcp(question, until)
        return answer

    async def _over_udp(self, question: bytes, seconds: float, edns: bool) -> bytes:
        if self._socket is None or not self._socket.usable:
            self._socket = _Socket(self.host, self.port)
        asked_on = self._socket
        number, future = asked_on.send(question, edns)
        alarm = asyncio.get_running_loop().call_later(seconds, _give_up, future)
        try:
            return await future
        finally:
            alarm.cancel()
            asked_on.forget(number)

    async def _over_tcp(self, question: bytes, until: float) -> bytes:
        number = secrets.randbits(16)
        query = packet(number, question, edns=False)
        async with asyncio.timeout_at(until):
            reader, writer = await asyncio.open_connection(self.host, self.port)
            try:
                writer.write(len(query).to_bytes(2, "big") + query)
                size = int.from_bytes(await reader.readexactly(2), "big")
                answer = await reader.readexactly(size)
            except EOFError as error:
                raise ConnectionResetError("closed the connection in the middle") from error
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
        if answer[:2] != query[:2] or not answers(answer, question):
            raise ConnectionAbortedError("answered something else over TCP")
        return answer


def packet(number: int, question: bytes, edns: bool) -> bytes:
    """A query; `question` is name, type and class as they go on the wire."""
    if edns:
        return number.to_bytes(2, "big") + _HEADER_EDNS + question + _EDNS
    return number.to_bytes(2, "big") + _HEADER + question


def answers(answer: bytes, question: bytes) -> bool:
    """Whether it is a response to this question. An error may leave the question out."""
    if len(answer) < 12 or not answer[2] & 0x80:
        return False
    if answer[4:6] == b"\0\0":
        return answer[3] & 15 not in (NOERROR, NXDOMAIN)
    given = answer[12 : 12 + len(question)]
    return answer[4:6] == b"\0\1" and (given == question or given.lower() == question.lower())


def _give_up(future: "asyncio.Future[bytes]") -> None:
    if not future.done():
        future.set_exception(TimeoutError())
