"""What a check of the blocklists leaves in the book, whoever has made it."""

from activities.blocklists.catalogue import catalogue
from activities.blocklists.port import Checked, Found
from activities.blocklists.proof import as_evidence
from book.periods import Seen


def answer(found: Found) -> str:
    """What the list said, with its reason where it gives one."""
    return f"{found.answer} ({found.reason})" if found.reason else found.answer


def seen(found: Found) -> Seen:
    """A listing with its proof."""
    return Seen(
        address=found.address, zone=found.zone, answer=answer(found), reproach=found.reproach,
        proof=as_evidence(found),
    )  # fmt: skip


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
