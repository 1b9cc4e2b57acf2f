"""What a check of the blocklists leaves in the book, whoever has made it."""

from collections.abc import Sequence

from activities.blocklists.catalogue import catalogue
from activities.blocklists.port import Checked, Found
from activities.blocklists.proof import as_evidence
from book.blocklists.periods import Seen
from domain.blocklists.blocklist import is_asked


def answer(found: Found) -> str:
    """What the list said, with its reason where it gives one."""
    return f"{found.answer} ({found.reason})" if found.reason else found.answer


def seen(found: Found) -> Seen:
    """A listing with its proof."""
    return Seen(
        address=found.address, zone=found.zone, answer=answer(found), reproach=found.reproach,
        proof=as_evidence(found),
    )  # fmt: skip


def gone(checked: Checked, stood: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those of the listings that stood, `(address or domain, zone)`, which stand no more.

    A list that is not asked any more says nothing any more. A pseudo-zone is not asked by DNS.
    """
    return [
        (about, zone)
        for about, zone in stood
        if is_asked(zone) and (zone not in checked.zones or checked.is_off(about, zone))
    ]


def refusals(checked: Checked) -> dict[str, str]:
    """What a person has to do about each list that will not answer, by zone."""
    return {
        each.zone: (
            f"{each}. Until it answers, nobody sees what is listed there: ask through a resolver"
            " of your own (PLAZO_DNS) and within its terms, or get a subscriber's key"
            + (f" ({page})" if (page := catalogue().known(each.zone).page) else "")
        )
        for each in checked.unanswered
        if each.refused
    }
