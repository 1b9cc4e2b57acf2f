"""Our own plain JSON, for whoever has no format: one object, as strict as the agents' interface."""

import json
from dataclasses import dataclass
from datetime import datetime

from domain.intake.complaints import (
    Complaint,
    canonical_address,
    canonical_domain,
    canonical_mailbox,
    credible,
)
from domain.wire import WireError, from_json
from gateway.formats.fingerprint import fingerprint
from gateway.formats.port import NotUnderstood, register_last

LARGEST = 16 * 1024
"""Bytes. The longest allowed values of all fields together are a fifth of it."""

_LONGEST_ID = 998
"""Characters of a Message-ID: RFC 5322 §2.1.1, one line."""


@dataclass(frozen=True, kw_only=True)
class Plain:
    """`{"address": "192.0.2.7", "sent_at": "2026-03-01T10:00:00Z", "domain": "shop.example"}`."""

    address: str
    sent_at: datetime
    domain: str | None = None
    """If it is left out, that of `sender`."""
    sender: str | None = None
    message_id: str | None = None
    volume: int = 1

    def __post_init__(self) -> None:
        if canonical_address(self.address) is None:
            raise ValueError(f'address: "{self.address[:60]}" is not an IPv4 or IPv6 address')
        if self.domain is not None and canonical_domain(self.domain) is None:
            raise ValueError(f'domain: "{self.domain[:60]}" is not a domain')
        if self.sender is not None and canonical_mailbox(self.sender) is None:
            raise ValueError(f'sender: "{self.sender[:60]}" is not a mail address')
        if self.message_id is not None and not _printable(self.message_id):
            raise ValueError(f"message_id: expected 1 to {_LONGEST_ID} printable characters")


@register_last
class PlainJson:
    """The format's reader."""

    name = "plain_json"
    expects = (
        'a JSON object with "address" and "sent_at", and if known "domain", "sender", '
        '"message_id", "volume"'
    )

    def recognises(self, content: bytes, media_type: str) -> bool:
        """Any JSON object that has one of our names, so that a slip is named and not just refused.

        Other formats in JSON have some of them too, so they are tried first.
        """
        if len(content) > LARGEST or not content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
            return False
        return any(f'"{name}"'.encode() in content for name in Plain.__dataclass_fields__)

    def read(self, content: bytes, received_at: datetime) -> tuple[Complaint, ...]:
        try:
            plain = from_json(Plain, json.loads(content, object_pairs_hook=_once_each))
            sender = canonical_mailbox(plain.sender) if plain.sender is not None else None
            domain = plain.domain or (sender.rpartition("@")[2] if sender else None)
            return (
                Complaint(
                    format=self.name,
                    sent_at=credible(plain.sent_at, received_at),
                    address=canonical_address(plain.address),
                    domain=canonical_domain(domain) if domain else None,
                    sender=sender,
                    message_id=plain.message_id,
                    fingerprint=fingerprint(message_id=plain.message_id, sender=sender),
                    volume=plain.volume,
                ),
            )
        except RecursionError:
            raise NotUnderstood(f"nested too deeply; expected {self.expects}") from None
        except WireError as error:
            raise NotUnderstood(f"{_safe(error)}; expected {self.expects}") from None
        except ValueError as error:  # not JSON, not a Unicode text, a volume out of bounds
            raise NotUnderstood(f"{_safe(error)}; expected {self.expects}") from None


def _once_each(pairs: list[tuple[str, object]]) -> dict[str, object]:
    given = dict(pairs)
    if len(given) < len(pairs):
        raise ValueError("a field is given twice")
    return given


def _printable(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_ID and text.isprintable()


def _safe(error: ValueError) -> str:
    """Its words, without what cannot be written or logged (half of a surrogate pair)."""
    return str(error).encode("ascii", "backslashreplace").decode("ascii")
