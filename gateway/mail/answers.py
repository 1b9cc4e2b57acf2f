"""Mail about a letter of ours, told from other mail: bounces, automatic answers, and replies."""

import re
from email.message import Message

from domain.intake.complaints import canonical_mailbox
from domain.letters.correspondence import LONGEST, Answer, Kind, incident_in
from gateway.formats.headers import Fields, split
from gateway.formats.parts import ORIGINAL, Part, kind_of, report_type_of, taken_apart
from gateway.formats.redaction import decoded

_ID = re.compile(r"<([0-9a-f]{32})@[^<>\s@]{1,253}>")
"""A Message-ID of the form of ours."""
_QUOTED = re.compile(rb"<([0-9a-f]{32})@[A-Za-z0-9.-]{1,253}>")
"""The same wherever a bounce of no standard form has it."""
_DETAIL = re.compile(r"\+([0-9a-f]{32})@")
_BARE = re.compile(r"[0-9a-f]{32}")

_MOST_IDS = 20
_LOOKED_THROUGH = 64 * 1024
"""Bytes of a bounce's text in which an id is looked for."""

_ACTIONS = {
    "failed": Kind.BOUNCE, "delayed": Kind.DELAYED, "delivered": Kind.DELIVERED,
    "relayed": Kind.DELIVERED, "expanded": Kind.DELIVERED,
}  # fmt: skip
"""RFC 3464 §2.3.3."""

_MACHINES = ("mailer-daemon", "postmaster")


def read_answer(content: bytes, identity: str, sender: str) -> Answer | None:
    """What a message is about a letter of ours; None if it names none.

    `sender` is of the envelope, and empty for a bounce. Whether a letter that it names is ours is
    for the book to say.
    """
    fields, parts = taken_apart(content)
    report_type = report_type_of(fields)
    if report_type == "delivery-status":
        return _status(identity, fields, parts)
    if report_type and report_type != "disposition-notification":
        return None  # a report about something else, whatever thread its sender keeps it in
    subject = decoded(fields.first("subject"))
    about = _thread(fields)
    kind = _kind(fields, report_type, sender)
    if kind is Kind.UNCLEAR:
        quoted = _QUOTED.findall(content[:_LOOKED_THROUGH])
        about = tuple(dict.fromkeys((*about, *(each.decode() for each in quoted))))[:_MOST_IDS]
    named = incident_in(subject)
    if not about and named is None:
        return None
    return Answer(
        id=identity,
        kind=kind,
        about=about,
        incident=named,
        sender=_address(fields.first("from")) or "",
        subject=subject[:LONGEST],
        said=_text(content, fields, parts),
    )


def _status(identity: str, fields: Fields, parts: list[Part]) -> Answer | None:
    """A delivery status notification (RFC 3464): of several recipients, the worst news."""
    told = next((part for part in parts if part.kind.endswith("delivery-status")), None)
    if told is None:
        return None
    # Groups of fields, parted by blank lines: one about the message, one for each recipient.
    blocks = re.split(rb"\r?\n[ \t]*\r?\n", told.decoded().strip())
    groups = [split(block + b"\r\n\r\n")[0] for block in blocks[:_MOST_IDS]]
    named = _typed(groups[0].first("original-envelope-id")).lower() if groups else ""
    about = [named] if _BARE.fullmatch(named) else []
    about += _DETAIL.findall(_to(fields))
    for part in parts:
        if part.kind in ORIGINAL:
            original, _ = split(part.decoded())
            about += _ID.findall(original.first("message-id"))
    recipients = [group for group in groups if group.first("action")]
    if not about or not recipients:
        return None
    worst = min(recipients, key=lambda group: _badness(group.first("action")))
    kind = _ACTIONS.get(worst.first("action").strip().lower(), Kind.UNCLEAR)
    reached_not = worst.first("original-recipient", "final-recipient")
    said = " ".join(filter(None, (worst.first("status"), _typed(worst.first("diagnostic-code")))))
    return Answer(
        id=identity,
        kind=kind,
        about=tuple(dict.fromkeys(about))[:_MOST_IDS],
        sender=_address(fields.first("from")) or "",
        subject=decoded(fields.first("subject"))[:LONGEST],
        said=said[:LONGEST] or "no reason was given",
        recipient=canonical_mailbox(_typed(reached_not)),
    )


def _badness(action: str) -> int:
    order = list(_ACTIONS)
    known = action.strip().lower()
    return order.index(known) if known in order else len(order)


def _typed(value: str) -> str:
    """The words after the type, as in `rfc822; user@host` (RFC 3464 §2.1.2)."""
    kind, separator, words = value.partition(";")
    return (words if separator else kind).strip()


def _thread(fields: Fields) -> tuple[str, ...]:
    """The letters that it names: what it answers first, then its thread, the newest first."""
    answered = _ID.findall(fields.first("in-reply-to"))
    thread = _ID.findall(fields.first("references"))[::-1]
    return tuple(dict.fromkeys((*answered, *thread, *_DETAIL.findall(_to(fields)))))[:_MOST_IDS]


def _to(fields: Fields) -> str:
    names = ("delivered-to", "x-original-to", "envelope-to", "to", "cc")
    return " ".join(value for name in names for value in fields.all(name)).lower()


def _kind(fields: Fields, report_type: str, sender: str) -> Kind:
    """A person's words, a machine's, or what may be a bounce in no standard form."""
    auto = fields.first("auto-submitted").strip().lower()
    if (
        report_type
        or (auto != "" and not auto.startswith("no"))
        or fields.first("precedence").strip().lower() in ("auto_reply", "bulk", "junk")
        or fields.first("x-autoreply", "x-autorespond")
    ):
        return Kind.AUTOMATIC
    nobody = sender.strip("<> ") == "" or _local(fields) in _MACHINES
    return Kind.UNCLEAR if nobody else Kind.REPLY


def _local(fields: Fields) -> str:
    return (_address(fields.first("from")) or "").partition("@")[0].lower()


def _address(value: str) -> str | None:
    """The address in a `From`, in canonical form."""
    angled = re.search(r"<([^<>]{3,320})>", value)
    return canonical_mailbox((angled[1] if angled else value).strip())


def _text(content: bytes, fields: Fields, parts: list[Part]) -> str:
    """The beginning of what it says, from its first part of plain text."""
    if not parts:
        parts = [Part(fields=fields, kind=kind_of(fields), body=split(content)[1])]
    elif parts[0].kind.startswith("multipart/"):
        inner = b"Content-Type: " + parts[0].fields.first("content-type").encode() + b"\r\n\r\n"
        parts = [*taken_apart(inner + parts[0].body)[1], *parts[1:]]
    plain = next((part for part in parts if part.kind == "text/plain"), None)
    if plain is None:
        return "(it has no plain text; read the message itself)"
    about = Message()
    about["Content-Type"] = plain.fields.first("content-type") or "text/plain"
    charset = str(about.get_content_charset() or "utf-8")
    try:
        said = plain.decoded(4 * LONGEST).decode(charset, "replace")
    except LookupError:
        said = plain.decoded(4 * LONGEST).decode("utf-8", "replace")
    return _printable(said)[:LONGEST]


def _printable(text: str) -> str:
    lines = ("".join(c if c.isprintable() else " " for c in line) for line in text.splitlines())
    return "\n".join(line.rstrip() for line in lines).strip()
