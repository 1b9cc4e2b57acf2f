"""A list's answer as evidence: what was asked, of which resolver, when, and the bytes that came."""

import base64
import json
import re
from datetime import UTC, datetime

from activities.blocklists.port import Found, Proof, Subject
from activities.blocklists.resolvers import Reply

MEDIA_TYPE = "application/json"


def proof(about: Subject, asked: str, zone: str, reply: Reply) -> Proof:
    """Of a reply about something, asked below `asked`. A subscriber's key in front of the `zone` is
    a secret: in its place there are as many x."""
    raw = reply.raw
    for label in filter(None, asked.removesuffix(zone).split(".")):
        hidden = bytes((len(label),)) + b"x" * len(label)
        sent = bytes((len(label),)) + label.encode()
        raw = re.sub(re.escape(sent), hidden, raw, flags=re.IGNORECASE)
    return Proof(
        asked=f"{_reversed(about)}.{zone}",
        resolver=reply.resolver,
        at=datetime.fromtimestamp(reply.at, UTC),
        raw=base64.b64encode(raw).decode(),
    )


def as_evidence(found: Found) -> bytes:
    """What is kept of a listing, as JSON."""
    return json.dumps(
        {
            "kind": "listing",
            "address": found.address,
            "zone": found.zone,
            "answer": found.answer,
            "reason": found.reason,
            "asked": found.proof.asked,
            "resolver": found.proof.resolver,
            "at": found.proof.at.isoformat(),
            "reply": found.proof.raw,
        },
        ensure_ascii=False,
        sort_keys=True,
    ).encode()


def _reversed(about: Subject) -> str:
    if isinstance(about, str):
        return about
    return about.reverse_pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")
