"""What a list is told: plain English, ready to be sent or pasted, and nothing but what is known."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from book.blocklists.delisting import Cause, Listing
from book.blocklists.snds import Day
from domain.blocklists.blocklist import Blocklist, is_asked

_MOST = 20
"""Listings that are told one by one; of more the first ones, and their number."""

_DONE = {
    "rate_limit": "outbound mail was limited",
    "smarthost_redirect": "outbound mail was sent through a filtering smarthost",
    "hold_domain": "the domain's outbound mail was held back",
    "hold_server": "all outbound mail of the server was held back",
    "block_port25": "outbound port 25 was blocked",
    "suspend_account_smtp": "the account's outbound mail was stopped",
    "require_authenticated_smtp": "mail was taken by authenticated submission only",
}
"""By measure."""


def request(
    listings: Sequence[Listing],
    cause: Cause,
    names: Mapping[str, str],
    *,
    where: str,
    provider: str,
    contact: str,
) -> str:
    """The request itself, to the list `where`. `names` has the reverse names of addresses."""
    [zone] = {each.zone for each in listings}
    asks = f"Please remove from {zone}:" if is_asked(zone) else "Please take mail again from:"
    lines = [asks, ""]
    for each in listings[:_MOST]:
        name = names.get(each.subject)
        lines.append(f"  {each.subject}" + (f" ({name})" if name else ""))
        lines.append(f"    listed: {each.answer}, seen since {_moment(each.found_at)}")
        if each.reason:
            lines.append(f"    your reason: {each.reason}")
    if len(listings) > _MOST:
        lines.append(f"  and {len(listings) - _MOST} more of ours")
    lines += ["", *_found(cause)]
    if done := _done(cause):
        lines += ["", "What was done:", *done]
    lines += ["", f"{provider} answers for these addresses. Contact: {contact}"]
    return "\n".join(lines) + "\n"


def task(
    listings: Sequence[Listing],
    entry: Blocklist,
    text: str,
    *,
    page: str,
    why: Sequence[str],
    days: Sequence[Day] = (),
) -> str:
    """What a person has to do, with the request to paste and the evidence."""
    where = entry.name or entry.zone
    many = f"{len(listings)} listings" if len(listings) > 1 else listings[0].subject
    lines = [f"request removal from {where} ({many})" + (f" at {page}" if page else "")]
    if entry.note:
        lines.append(f"Note: {entry.note}")
    lines += [f"Not asked by Plazo: {each}" for each in why]
    lines += ["", "Text to paste:", "", text.rstrip()]
    evidence = [
        f"  {each.subject}: evidence {each.evidence}, asked {each.asked} of {each.resolver}"
        for each in listings[:_MOST]
        if each.evidence
    ]
    if evidence:
        lines += ["", "The list's own answers, in the book:", *evidence]
    if days:
        lines += ["", "Microsoft counted (SNDS):", *(f"  {each}" for each in days)]
    return "\n".join(lines)


def _found(cause: Cause) -> list[str]:
    if not cause.reports or cause.first_sent_at is None or cause.last_sent_at is None:
        return ["What was found: the listing itself; no complaint has reached us."]
    of = f" of {cause.domain}" if cause.domain else ""
    return [
        f"What was found: unsolicited mail{of}, {cause.volume:,} messages by what was reported,",
        f"sent from {_moment(cause.first_sent_at)} to {_moment(cause.last_sent_at)}.",
    ]


def _done(cause: Cause) -> list[str]:
    lines = [
        f"  {_moment(asked_at)}: {_DONE.get(measure, measure)}"
        for measure, asked_at in cause.measures
    ]
    if cause.fixed_at is not None:
        since = cause.last_sent_at is None or cause.last_sent_at <= cause.fixed_at
        known = "; no such mail is known since" if since else ""
        lines.append(f"  {_moment(cause.fixed_at)}: the cause was removed{known}")
    return lines


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
