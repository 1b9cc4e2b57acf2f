"""XARF of version 3 (JSON) and of versions 0.1 and 0.2 (YAML, only in mail).

The `xarf` package turns version 3 into 4, but wants a `Protocol` that the samples of version 3 (in
abusix/xarf) do not have, so its few fields are read here. What is not spam is for a person.
"""

import re
from datetime import datetime

import yaml

from domain.intake.complaints import Complaint
from gateway.formats.headers import LARGEST_BLOCK, moment
from gateway.formats.json_text import a_list, a_moment, a_text, an_object
from gateway.formats.parts import unbase64
from gateway.formats.port import NotUnderstood
from gateway.formats.xarf_said import Said, complaint_of

_LARGEST_YAML = 16 * 1024
"""Bytes. A report has a dozen short lines."""

_SPAM = re.compile(r"(?:info[_-]?)?spam(?:trap)?", re.IGNORECASE)
_MESSAGE = ("message/rfc822", "message/global", "text/email", "text/rfc822-headers")


def is_version_3(data: dict[str, object]) -> bool:
    return isinstance(data.get("ReporterInfo"), dict) and isinstance(data.get("Report"), dict)


def read_version_3(
    data: dict[str, object], received_at: datetime, attached: bytes = b""
) -> tuple[Complaint, ...]:
    """`attached` is the message, if it came beside the report. Raises NotUnderstood."""
    report = an_object(data["Report"])
    _only_spam(a_text(report.get("ReportType"), 60))
    source = an_object(report.get("Source"))
    more = an_object(report.get("AdditionalInfo"))
    said = Said(
        source=a_text(report.get("SourceIp")) or a_text(source.get("IP")),
        sent_at=a_moment(report.get("Date")),
        sender=a_text(report.get("SmtpMailFromAddress")) or a_text(more.get("SMTPFrom")),
        recipient=a_text(report.get("SmtpRcptToAddress")),
        subject=a_text(report.get("SmtpMessageSubject")) or a_text(more.get("Subject")),
        report_id=a_text(report.get("ReportID")),
        evidence=attached or evidence_in(report.get("Samples") or report.get("Attachment")),
    )
    return (complaint_of(said, received_at),)


def read_version_2(text: bytes, received_at: datetime, attached: bytes) -> tuple[Complaint, ...]:
    """The YAML of the second part. `attached` is the third. Raises NotUnderstood."""
    # BaseLoader makes texts, lists and mappings of it, and nothing else: no dates that cannot be,
    # no merged keys. An alias is the same object again, so a bomb of aliases stays small.
    try:
        data = yaml.load(text[:_LARGEST_YAML].decode("utf-8", "replace"), yaml.BaseLoader)  # noqa: S506
    except (yaml.YAMLError, ValueError, RecursionError):
        raise NotUnderstood("its second part is not YAML; expected XARF 0.2") from None
    report = an_object(data)
    _only_spam(a_text(report.get("Report-Type"), 60))
    date = a_text(report.get("Date"), 60)
    said = Said(
        source=a_text(report.get("Source")),
        sent_at=moment(date) or a_moment(date),
        report_id=a_text(report.get("Report-ID")),
        evidence=attached,
    )
    return (complaint_of(said, received_at),)


def evidence_in(items: object) -> bytes:
    """The start of the message among the pieces of evidence; nothing if there is none."""
    for item in map(an_object, a_list(items)[:50]):
        kind = item.get("content_type") or item.get("ContentType")
        data = item.get("payload") or item.get("Payload") or item.get("Data")
        if kind in _MESSAGE and isinstance(data, str):
            if item.get("Base64Encoded") is False:
                return data[:LARGEST_BLOCK].encode("utf-8", "replace")
            return unbase64(data[: LARGEST_BLOCK * 2].encode("ascii", "replace"))
    return b""


def _only_spam(kind: str) -> None:
    if not kind:
        raise NotUnderstood("it has no type; expected one, such as spam", for_a_person=True)
    if _SPAM.fullmatch(kind) is None:
        raise NotUnderstood(f'"{kind}" is no complaint about mail that was sent', for_a_person=True)
