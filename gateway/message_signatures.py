"""HTTP message signatures (RFC 9421) with Ed25519 over a Content-Digest (RFC 9530): MailChannels'.

The `http-message-signatures` library verifies them. The keys are the reporter's by configuration,
so what it calls them (`keyid`) has to be there, and decides nothing.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fastapi import Request
from http_message_signatures import (
    HTTPMessageSignaturesException,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    VerifyResult,
)
from http_message_signatures.algorithms import ED25519
from http_sf.compat import InnerList

from gateway.signatures import TOLERANCE, NotNow, NotSigned, within_tolerance

_FIELDS = ("signature-input", "signature", "content-digest")

_QUERY = frozenset({'"@query"', '"@target-uri"', '"@request-target"'})
"""Components that have the query of the address in them (RFC 9421 §2.2)."""

_LONGEST = 4096
"""Characters of a field that is parsed; a signature takes some hundred."""


def check_fields(request: Request) -> None:
    """Raises NotSigned if what a signature takes is not there, before the body is read."""
    for name in _FIELDS:
        if not 0 < len(",".join(request.headers.getlist(name))) <= _LONGEST:
            raise NotSigned(f"the header {name} is missing, or longer than {_LONGEST} characters")


def verify(
    request: Request, content: bytes, keys: Iterable[Ed25519PublicKey], now: datetime
) -> bool:
    """Whether the query of the address is signed too.

    Raises NotSigned unless one of the keys signed the digest of the content; NotNow.
    """
    why = ""
    for key in keys:
        verifier = _Verifier(signature_algorithm=ED25519, key_resolver=_Only(key))
        try:
            [result] = verifier.verify(request, max_age=None, body=content)
        except HTTPMessageSignaturesException as error:
            why = why or str(error)
            continue
        if result.body is None:  # an empty body, which the library lets go unsigned
            raise NotSigned("content-digest is not among what is signed")
        _judge_time(result, now)
        return not _QUERY.isdisjoint(result.covered_components)
    why = why or "the signature is of no key of that reporter's"
    raise NotSigned(why[:200].encode("ascii", "backslashreplace").decode("ascii"))


def _judge_time(result: VerifyResult, now: datetime) -> None:
    created, expires = result.parameters.get("created"), result.parameters.get("expires")
    if not isinstance(created, int):
        raise NotSigned("the signature does not say when it was created")
    within_tolerance(created, now)
    if isinstance(expires, int) and now.timestamp() > expires + TOLERANCE.total_seconds():
        raise NotNow("the signature has expired; sign it anew")


class _Verifier(HTTPMessageVerifier):
    """The library's. The time is judged after it, by `_judge_time`: a true signature of another
    time is a replay or a wrong clock, and no forgery."""

    def validate_created_and_expires(
        self, sig_input: InnerList, max_age: timedelta | None = None
    ) -> None:
        """Nothing here."""


class _Only(HTTPSignatureKeyResolver):
    """One key, whatever its owner calls it."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey:
        return self._key
