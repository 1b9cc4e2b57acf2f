"""A notice for machines: XARF 4 (https://xarf.org), made and checked by its reference library."""

import logging
from datetime import UTC
from uuid import NAMESPACE_URL, uuid5

from xarf import create_evidence, create_report

from domain.letters.notices import NoticeFacts

log = logging.getLogger("plazo.worker")

_MOST_WORDS = 1_000
"""Characters of a description, which the schema bounds."""

_NOT_KNOWN = "unknown.invalid"
"""A domain that is nobody's (RFC 2606)."""


def xarf_of(facts: NoticeFacts, key: str) -> str | None:
    """The letter's facts as JSON; None without an address, which XARF is about, and in the log
    with the reason where the library refuses what was made.

    The schema requires of mail a sender and a source port. The sender's local part is redacted as
    in RFC 6590; nobody reports ports, and 25 stands for the service.
    """
    if not facts.addresses:
        return None
    provider = {
        "org": facts.provider[:200],
        "contact": facts.reply_to,
        "domain": facts.reply_to.rpartition("@")[2],
    }
    until = ""
    if facts.deadline is not None:
        until = f" Deadline: {facts.deadline.astimezone(UTC):%Y-%m-%dT%H:%MZ}."
    others = f" Also from {', '.join(facts.addresses[1:])}." if facts.addresses[1:] else ""
    words = (
        f"Incident {facts.incident}, service {facts.service}: {facts.reports} reports, "
        f"{facts.volume} messages.{others}{until} Answer at {facts.portal_url}"
    )
    headers = "\n".join(facts.sample_headers) or "none were reported"
    made = create_report(
        category="messaging",
        type="spam",
        source_identifier=facts.addresses[0],
        source_port=25,
        protocol="smtp",
        smtp_from=f"redacted@{facts.domain or _NOT_KNOWN}",
        reporter=provider,
        sender=provider,
        evidence_source="user_complaint" if facts.reports else "automated_filter",
        description=words[:_MOST_WORDS],
        evidence=[
            create_evidence(
                "text/plain", headers.encode(), description="headers of one message, redacted"
            )
        ],
    )
    if made.errors or made.report is None:
        # The letter itself must not wait for what goes along with it.
        why = "; ".join(f"{each.field}: {each.message}" for each in made.errors)
        log.error("a letter has no XARF report", extra={"incident": facts.incident, "why": why})
        return None
    last = facts.last_seen or facts.first_seen
    # The library makes up an id and a time; a letter that is made again has to be the same.
    fixed = made.report.model_copy(
        update={
            "report_id": str(uuid5(NAMESPACE_URL, f"plazo:{facts.provider}:{key}")),
            "timestamp": last.astimezone(UTC).isoformat(),
        }
    )
    return fixed.model_dump_json(by_alias=True, exclude_none=True, indent=2)
