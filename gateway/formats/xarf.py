"""XARF (https://xarf.org), version 4 and 3, as JSON.

Of its types, `messaging/spam` and `messaging/bulk_messaging` over SMTP complain about mail that
left an address. All others (phishing sites, login attacks, botnets, listings, ...) and spam over
other media are understood, but are no spam incidents: they are kept for a person.
"""

from datetime import datetime

from xarf import schema_validator

from domain.intake.complaints import Complaint
from gateway.formats.json_text import a_moment, a_text, an_object, looks_like, read_json
from gateway.formats.port import NotUnderstood, register
from gateway.formats.xarf_said import Said, complaint_of
from gateway.formats.xarf_v3 import evidence_in, is_version_3, read_version_3

_MAIL = frozenset({("messaging", "spam"), ("messaging", "bulk_messaging")})

_NOT_NEEDED: dict[str, object] = {"source_port": 25, "smtp_from": "nobody@sender.example"}
"""The schema requires both of mail. Bounces have no sender, and few reporters keep ports."""

_ANY_MOMENT = "2026-01-01T00:00:00Z"
"""Whether the schema looks at moments depends on what else is installed. `a_moment` always does."""

_DEEPEST, _MOST_ITEMS, _LONGEST = 6, 60, 1100
"""What the schema is shown of a report: more than it allows of anything, and no whole message."""

_MOST_TOLD = 3


@register
class Xarf:
    """The format's reader."""

    name = "xarf"
    expects = 'XARF as JSON: an object with "xarf_version" (4), or "ReporterInfo" and "Report" (3)'

    def recognises(self, content: bytes, media_type: str) -> bool:
        return looks_like(content, b"{", b"xarf_version") or looks_like(
            content, b"{", b"ReporterInfo", b"Report"
        )

    def read(self, content: bytes, received_at: datetime) -> tuple[Complaint, ...]:
        return read_xarf(an_object(read_json(content)), received_at)


def read_xarf(
    data: dict[str, object], received_at: datetime, attached: bytes = b""
) -> tuple[Complaint, ...]:
    """`attached` is the message, if it came beside the report. Raises NotUnderstood."""
    if is_version_3(data):
        return read_version_3(data, received_at, attached)
    _validate(data)
    kind = (a_text(data["category"], 60), a_text(data["type"], 60))
    if kind not in _MAIL or data.get("protocol") != "smtp":
        what = "/".join(kind)
        raise NotUnderstood(f'"{what}" is no complaint about mail that was sent', for_a_person=True)
    said = Said(
        source=a_text(data["source_identifier"]),
        sent_at=a_moment(data["timestamp"]),
        sender=a_text(data.get("smtp_from")),
        recipient=a_text(data.get("smtp_to")),
        subject=a_text(data.get("subject")),
        message_id=a_text(data.get("message_id")),
        report_id=a_text(data["report_id"]),
        evidence=attached or evidence_in(data.get("evidence")),
    )
    return (complaint_of(said, received_at),)


def _validate(data: dict[str, object]) -> None:
    shown = {**_NOT_NEEDED, **an_object(_shown(data, _DEEPEST))}
    if isinstance(shown.get("timestamp"), str):
        shown["timestamp"] = _ANY_MOMENT
    errors = schema_validator.validate(shown)
    if errors:
        told = [f"{error.field or 'it'}: {error.message[:120]}" for error in errors[:_MOST_TOLD]]
        said = "; ".join(told).encode("ascii", "backslashreplace").decode("ascii")
        raise NotUnderstood(f"not valid by the schema of XARF 4: {said}")


def _shown(value: object, deep: int) -> object:
    match value:
        case str():
            return value[:_LONGEST]
        case list():
            return [_shown(item, deep - 1) for item in value[:_MOST_ITEMS]] if deep else []
        case dict():
            kept = list(value.items())[:_MOST_ITEMS] if deep else []
            return {key[:_LONGEST]: _shown(item, deep - 1) for key, item in kept}
    return value
