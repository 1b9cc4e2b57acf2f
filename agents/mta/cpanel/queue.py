"""An account's messages in WHM's list of the queue, and what a lift may do about them."""

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from agents.ledger import Entry
from agents.outbound import fate
from domain.hosts import Desired, Fate, HeldMessage

log = logging.getLogger("plazo.host_agent")

_FINAL = (Fate.DELIVERED, Fate.DISCARDED)
_MOST_NAMED = 5


_QUEUE_ID = re.compile(r"[0-9A-Za-z]{6}-[0-9A-Za-z]{6,11}-[0-9A-Za-z]{2,4}")
"""Exim's, of 16 characters, or of 23 since 4.97."""
_LARGEST = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A message in Exim's queue."""

    message: HeldMessage
    owner: str | None
    """The account that WHM knows it to belong to; it does not always."""
    domains: frozenset[str]
    """Its recipients'."""


def listed(records: Iterable[object]) -> list[Waiting]:
    """What WHM's records say."""
    found = []
    for record in records:
        try:
            found.append(_waiting(record))
        except (ValueError, KeyError, TypeError, OverflowError, OSError) as error:
            # Senders choose part of what is in it; one message must not hide the others.
            log.warning("queue entry is unreadable", extra={"why": repr(error)})
    return found


def _waiting(record: Any) -> Waiting:
    queue_id, size, sender = record["msgid"], int(record["size"]), record["sender"] or ""
    if _QUEUE_ID.fullmatch(queue_id) is None or not 0 <= size <= _LARGEST:
        raise ValueError(f"{queue_id!r} of {size} bytes is no message of Exim's")
    recipients = [str(each) for each in record["recipients"]]
    return Waiting(
        message=HeldMessage(
            queue_id=queue_id,
            # Neither JSON nor the book of record keeps these.
            sender=re.sub("[\0\ud800-\udfff]", "\ufffd", sender),
            recipients=len(recipients),
            bytes=size,
            arrived_at=datetime.fromtimestamp(int(record["time"]), UTC),
        ),
        owner=record.get("user"),
        domains=frozenset(map(_domain, recipients)),
    )


def outgoing(queue: Iterable[Waiting], account: str, own: Iterable[str]) -> list[HeldMessage]:
    """The account's messages to others; `own` are its domains.

    Where WHM does not know whose a message is, its sender's domain says so.
    """
    domains = set(own)
    return [
        each.message
        for each in queue
        if (each.owner == account if each.owner else _domain(each.message.sender) in domains)
        and not each.domains <= domains
    ]


def swept(entry: Entry, found: Iterable[HeldMessage], others: Iterable[Entry]) -> Entry:
    """The entry with what waits now; what is gone ended with another measure, or by hand."""
    here = {message.queue_id: message for message in found}
    ended = {_which(each): each.fate for other in others for each in other.messages.values()}
    gone = {
        queue_id: message
        if message.fate in _FINAL
        else replace(message, fate=_one_of(ended.get(_which(message))))
        for queue_id, message in entry.messages.items()
    }
    # Whatever was decided about a message that waits still has not been carried out.
    return replace(entry, messages=gone | here)


def _one_of(fate_elsewhere: Fate | None) -> Fate:
    return fate_elsewhere if fate_elsewhere in _FINAL else Fate.DISCARDED


def _which(message: HeldMessage) -> tuple[str, datetime]:
    """Queue ids are used again, later."""
    return message.queue_id, message.arrived_at


def settled(entry: Entry, kept: Iterable[str]) -> Entry:
    """The entry with the end of every message: `kept` for those that stay, else as it was said."""
    stay = set(kept)
    return replace(
        entry,
        messages={
            queue_id: message
            if message.fate in _FINAL
            else replace(message, fate=Fate.KEPT if queue_id in stay else Fate.DELIVERED)
            for queue_id, message in entry.messages.items()
        },
    )


def in_the_way(lifted: Desired, waiting: Iterable[HeldMessage], others: Iterable[Entry]) -> str:
    """Why delivering all of these would deliver what must not be, as a sentence; or "".

    A measure that was lifted while another one held its mail has had its say about it too.
    """
    over = [other for other in others if not other.applied]
    ends: dict[Fate, list[str]] = {Fate.DISCARDED: [], Fate.KEPT: [], Fate.DELIVERED: []}
    for message in waiting:
        said = {fate(lifted, message)} | {
            fate(other.measure, message) for other in over if message.queue_id in other.messages
        }
        ends[next(end for end in ends if end in said)].append(message.queue_id)
    return "; ".join(
        f"messages {words}: {_named(ends[end])}"
        for end, words in ((Fate.DISCARDED, "to be discarded"), (Fate.KEPT, "to be kept back"))
        if ends[end]
    )


def _named(queue_ids: list[str]) -> str:
    more = f" and {len(queue_ids) - _MOST_NAMED} more" if len(queue_ids) > _MOST_NAMED else ""
    return " ".join(queue_ids[:_MOST_NAMED]) + more


def asks_for_a_choice(lifted: Desired) -> bool:
    """Whether the lift treats some messages differently from others."""
    return bool(lifted.discard_senders or lifted.discard_messages or lifted.keep_senders)


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()
