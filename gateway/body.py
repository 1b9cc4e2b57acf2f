"""Reading what is sent, never more of it than we are ready to hold."""

from fastapi import Request
from starlette.requests import ClientDisconnect

from gateway.problems import Problem


async def read(request: Request, most: int) -> bytes:
    """The body of a request. Problem 413 as soon as it is known to have more than `most` bytes."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > most:
        raise _too_large(most)
    message = await request.receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        whole: bytes = message.get("body", b"")
        if len(whole) > most:
            raise _too_large(most)
        return whole  # as nearly all come
    chunks, size = [], 0
    while message["type"] == "http.request":
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > most:
            raise _too_large(most)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)
        message = await request.receive()
    raise ClientDisconnect


def _too_large(most: int) -> Problem:
    # The rest is not read, so the connection cannot be used again.
    return Problem(
        413,
        "too-large",
        f"This takes at most {most:,} bytes; send less at once.",
        headers={"Connection": "close"},
    )
