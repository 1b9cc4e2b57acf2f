"""The offending message, as far as its header tells who sent it."""

import re

from domain.intake.complaints import canonical_domain, canonical_mailbox
from gateway.formats.headers import Fields

_MOST_SIGNATURES = 10
"""DKIM signatures looked at; a message has one or two."""

_SIGNER = re.compile(r"(?:^|;)\s*d\s*=\s*([^;\s]{1,253})\s*(?:;|$)")
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,250}>")


def envelope_sender(text: str) -> str | None:
    """`<user@shop.example>` in canonical form; None for a bounce's `<>` and for anything else."""
    return canonical_mailbox(text.strip("<> "))


def signers(original: Fields) -> list[str]:
    """The domains of its DKIM signatures, the topmost first."""
    found = (_SIGNER.search(value) for value in original.all("dkim-signature")[:_MOST_SIGNATURES])
    known = (canonical_domain(each[1]) for each in found if each is not None)
    return [domain for domain in known if domain is not None]


def offending_domain(sender: str | None, original: Fields, reported: list[str]) -> str | None:
    """The envelope sender's domain or else a signer's.

    `reported` are the domains that the reporter names as key to the message. They may have been
    taken from `From` or from links, so they only choose among those two.
    """
    candidates = [sender.rpartition("@")[2]] if sender is not None else []
    candidates += signers(original)
    for named in reported:
        if (domain := canonical_domain(named)) in candidates:
            return domain
    return candidates[0] if candidates else None


def message_id(original: Fields) -> str | None:
    """With its angle brackets."""
    found = _MESSAGE_ID.search(original.first("message-id"))
    return found[0] if found else None


def feedback_id(original: Fields) -> str | None:
    """The sender's own id of the message for feedback (RFC 9477 §3.3).

    Not `Feedback-ID`, by which Gmail tells campaigns and not messages.
    """
    found = original.first("cfbl-feedback-id")
    return found[:998] or None
