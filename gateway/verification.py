"""Who posted a report, proved by one of the keys that this reporter has (see `keys`)."""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime

from fastapi import Request

from gateway import body, message_signatures
from gateway.keys import Keys
from gateway.signatures import NotSigned, Signed


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A request of a known reporter's."""

    id: str
    """The same at every try."""
    content: bytes
    query_too: bool
    """Whether the query of the address is the reporter's word as well: it is signed, or nobody else
    gets hold of what this reporter signs. MailChannels signs for all of its customers with one key,
    and only the content: one could send on what it got for itself."""


async def verified(
    request: Request, reporter: str, keys: Keys, now: datetime, most: int
) -> Delivery:
    """The delivery, of at most `most` bytes. Raises NotSigned, NotNow, Problem 413."""
    if keys.public and ("signature-input" in request.headers or not _others(keys)):
        message_signatures.check_fields(request)
        content = await body.read(request, most)
        query = message_signatures.verify(request, content, keys.public, now)
        return Delivery(id=_of(content), content=content, query_too=query)
    if keys.passwords and ("authorization" in request.headers or not keys.secrets):
        _check_password(request.headers.get("authorization", ""), reporter, keys.passwords)
        content = await body.read(request, most)
        return Delivery(id=_of(content), content=content, query_too=True)
    signed = Signed.read(request.headers)
    content = await body.read(request, most)
    signed.verify(content, keys.secrets, now)
    return Delivery(id=signed.id, content=content, query_too=True)


def _others(keys: Keys) -> bool:
    return bool(keys.passwords or keys.secrets)


def _check_password(header: str, reporter: str, passwords: tuple[str, ...]) -> None:
    scheme, _, encoded = header.partition(" ")
    try:
        given = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        given = b""
    if scheme.lower() != "basic" or not given:
        raise NotSigned("the header authorization is missing, or is not Basic (RFC 7617)")
    expected = (f"{reporter}:{password}".encode() for password in passwords)
    if not any(hmac.compare_digest(each, given) for each in expected):
        raise NotSigned("the user has to be the reporter's name, and the password its own")


def _of(content: bytes) -> str:
    return f"sha256-{hashlib.sha256(content).hexdigest()}"
