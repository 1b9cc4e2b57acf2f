"""SpamCop's reports: plain text from `…@reports.spamcop.net`.

The subject begins with `[SpamCop (192.0.2.7) id:7123456789]`, the text has a line `Email from
192.0.2.7 / Mon, 9 Mar 2026 11:00:00 +0000`, and the offending message follows in it after a line
`[ Offending message ]`. (Its ARF is read as ARF. https://www.spamcop.net/fom-serve/cache/338.html)

SpamCop also reports sites that spam advertises, and sends summaries: those are no complaints about
mail that we sent, and are for a person.
"""

import re
from datetime import datetime

from domain.intake.complaints import Complaint, canonical_address, credible
from gateway.formats import original, received
from gateway.formats.fingerprint import fingerprint
from gateway.formats.headers import Fields, moment, split
from gateway.formats.parts import Part, boundary_of, kind_of
from gateway.formats.port import NotUnderstood, register
from gateway.formats.redaction import decoded, sample

_REPORTER = re.compile(r"@reports\.spamcop\.net\b", re.IGNORECASE)
_SUBJECT = re.compile(r"\[SpamCop\s*\(([^()\s]{2,200})\)\s*id:\s*([0-9]{1,20})\]", re.IGNORECASE)
_EMAIL_FROM = re.compile(
    rb"^[ \t]*Email from ([0-9A-Fa-f.:]{2,45}) / ([^\r\n]{1,60})", re.IGNORECASE | re.MULTILINE
)
_OFFENDING = re.compile(
    rb"^[ \t]*(?:\[ )?Offending message(?: \]|:)[ \t]*\r?\n", re.IGNORECASE | re.MULTILINE
)
_MBOX_LINE = re.compile(rb'\s*"?From [^\r\n]{1,300}\r?\n')
"""What older reports have before the header."""

_LONGEST_PREFACE = 16 * 1024
"""Bytes of what SpamCop itself says before the offending message."""


@register
class SpamCop:
    """The format's reader."""

    name = "spamcop"
    expects = "a SpamCop report: from @reports.spamcop.net, with [SpamCop (IP) id:N] in its subject"

    def recognises(self, content: bytes, media_type: str) -> bool:
        if b"pamcop" not in content[:_LONGEST_PREFACE].lower():
            return False
        fields = split(content)[0]
        return _REPORTER.search(fields.first("from")) is not None and boundary_of(fields) is None

    def read(self, content: bytes, received_at: datetime) -> tuple[Complaint, ...]:
        fields, raw = split(content)
        # As a part it is freed of its transfer encoding, however large the message in it is.
        text = Part(fields=fields, kind=kind_of(fields), body=raw).decoded(len(raw))
        start = _OFFENDING.search(text, 0, _LONGEST_PREFACE)
        named = _EMAIL_FROM.search(text, 0, start.start() if start else _LONGEST_PREFACE)
        address = address_in_subject(fields)
        if address is None and named is not None:
            address = canonical_address(named[1].decode("ascii"))
        if address is None:
            raise NotUnderstood(
                "names no address that mail came from; expected [SpamCop (IP) id:N] in its subject",
                for_a_person=True,
            )
        offending, body = _message(text[start.end() :]) if start else (Fields(items=()), b"")
        sender = original.envelope_sender(offending.first("return-path"))
        message_id = original.message_id(offending)
        said_at = moment(named[2].decode("ascii", "replace")) if named is not None else None
        return (
            Complaint(
                format=self.name,
                sent_at=credible(said_at or received.handed_over(offending)[1], received_at),
                address=address,
                domain=original.offending_domain(sender, offending, []),
                sender=sender,
                message_id=message_id,
                fingerprint=fingerprint(
                    message_id=message_id, sender=sender, feedback_id=_id(fields), body=body
                ),
                feedback_type="abuse",
                headers=sample(offending),
            ),
        )


def address_in_subject(fields: Fields) -> str | None:
    """The address that SpamCop's subject names; None if the report is not SpamCop's."""
    found = _SUBJECT.search(decoded(fields.first("subject")))
    from_spamcop = _REPORTER.search(fields.first("from")) is not None
    return canonical_address(found[1]) if found is not None and from_spamcop else None


def _id(fields: Fields) -> str | None:
    found = _SUBJECT.search(decoded(fields.first("subject")))
    return f"spamcop {found[2]}" if found is not None else None


def _message(text: bytes) -> tuple[Fields, bytes]:
    text = text.lstrip(b"\r\n \t")
    line = _MBOX_LINE.match(text)
    return split(text[line.end() :] if line else text)
