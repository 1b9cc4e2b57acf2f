"""Mail that comes about a letter of ours: what it is, and which letter it is about."""

import re
from dataclasses import dataclass
from enum import StrEnum

LONGEST = 4_000
"""Characters that are kept of what it says; the whole of it is kept as evidence."""


class Kind(StrEnum):
    """What came, by what is done with it."""

    REPLY = "reply"
    """Somebody wrote; a person reads it, and no program says what it means."""
    BOUNCE = "bounce"
    """The letter did not arrive, and will not (RFC 3464, `failed`)."""
    DELAYED = "delayed"
    DELIVERED = "delivered"
    """It arrived, or was passed on to where nothing more will be told."""
    AUTOMATIC = "automatic"
    """A machine's answer (RFC 3834): out of office, or a challenge. Nobody has read the letter."""
    UNCLEAR = "unclear"
    """A machine's words in no standard form, which may mean a bounce: for a person to read."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Something that came, and all that may tell which letter it is about."""

    id: str
    """Of its bytes: the same mail again is the same."""
    kind: Kind
    about: tuple[str, ...]
    """Envelope ids (`envelope_id`) of what may be letters of ours, the likeliest first."""
    incident: str | None = None
    """That its subject names. Anybody can write that, so it counts from the client's own only."""
    sender: str = ""
    """Address in `From`."""
    subject: str = ""
    said: str = ""
    recipient: str | None = None
    """Of a bounce: who the letter did not reach."""


_NAMED = re.compile(r"\[(incident-[a-z0-9][a-z0-9.-]{0,62}-\d{1,9})\]")


def incident_in(subject: str) -> str | None:
    """The incident that a subject names, as letters do at its end."""
    found = _NAMED.findall(subject)
    return found[-1] if found else None


def envelope_id(message_id: str) -> str:
    """What stands for a letter in its envelope (RFC 3461 §4.4): the left of its Message-ID."""
    return message_id.strip("<>").partition("@")[0]


def return_path(address: str, message_id: str) -> str:
    """`bounces@host` with the letter's own detail (RFC 5233), by which its bounces are known."""
    local, _, domain = address.rpartition("@")
    return f"{local}+{envelope_id(message_id)}@{domain}"
