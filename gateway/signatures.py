"""Signatures of reports, as the Standard Webhooks specification has them.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

The specification signs the payload's bytes. The project's own Python library reads them as UTF-8
first, which mail (message/rfc822) is not always, so verifying is done here; a test holds that what
the library signs is verified.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Self

TOLERANCE = timedelta(minutes=5)
"""Either way, as in the specification's reference implementations."""

_LONGEST_ID = 255


class NotSigned(ValueError):
    """The headers or the signature are not what they should be; says which."""


class NotNow(ValueError):
    """Rightly signed, but too old or from the future: a replay, or a clock that is wrong."""


@dataclass(frozen=True, kw_only=True)
class Signed:
    """The three headers of a signed request, read but not verified."""

    id: str
    timestamp: int
    signatures: tuple[bytes, ...]

    @classmethod
    def read(cls, headers: Mapping[str, str]) -> Self:
        """Raises NotSigned when one is missing or cannot be read."""
        try:
            name = headers["webhook-id"]
            timestamp = headers["webhook-timestamp"]
            signatures = headers["webhook-signature"]
        except KeyError as error:
            raise NotSigned(f"the header {error.args[0]} is missing") from None
        if not name.isprintable() or not name.isascii() or not 0 < len(name) <= _LONGEST_ID:
            raise NotSigned(f"webhook-id is not 1 to {_LONGEST_ID} printable ASCII characters")
        if not timestamp.isascii() or not timestamp.isdecimal() or len(timestamp) > 12:
            raise NotSigned("webhook-timestamp is not in whole seconds since 1970")
        return cls(id=name, timestamp=int(timestamp), signatures=tuple(_read(signatures)))

    def verify(self, content: bytes, secrets: Iterable[str], now: datetime) -> None:
        """Raises NotSigned unless one of the secrets made one of the signatures; NotNow."""
        signed = f"{self.id}.{self.timestamp}.".encode() + content
        expected = [hmac.digest(key(secret), signed, hashlib.sha256) for secret in secrets]
        if not any(
            hmac.compare_digest(one, other) for one in expected for other in self.signatures
        ):
            raise NotSigned("no signature in webhook-signature is one of that reporter's")
        within_tolerance(self.timestamp, now)


def within_tolerance(signed_at: int, now: datetime) -> None:
    """Raises NotNow unless it was signed within TOLERANCE. In seconds since 1970, any number."""
    distance = round(now.timestamp()) - signed_at
    if abs(distance) > TOLERANCE.total_seconds():
        when = f"{distance} s ago" if distance > 0 else f"{-distance} s ahead"
        raise NotNow(f"it was signed {when} by our clock; set yours right, and sign it anew")


@cache
def key(secret: str) -> bytes:
    """The bytes of `whsec_<base64>`, padded or not. Raises ValueError."""
    encoded = secret.removeprefix("whsec_").rstrip("=")
    try:
        decoded = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError("a secret is whsec_ and base64") from error
    if not decoded:
        raise ValueError("a secret is whsec_ and base64, not nothing")
    return decoded


def _read(signatures: str) -> Iterable[bytes]:
    """Those of version 1; others are for keys of another kind, and are passed over."""
    for one in signatures.split(" ")[:10]:
        version, _, encoded = one.partition(",")
        if version == "v1":
            try:
                yield base64.b64decode(encoded, validate=True)
            except ValueError:
                continue
