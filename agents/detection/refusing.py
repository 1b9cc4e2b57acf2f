"""Which large receivers refuse which address of this host, by its log, and when that is over.

Which address it is, the receiver says: its answer names it, also where ours is translated on the
way out. Where it does not, it is the address that the copy left from, if that is known.
"""

import logging
from datetime import UTC, datetime

from agents.detection.memory import Memory
from agents.mta.traffic import Result, Tried
from domain.detection.refusals import Receiver, receiver_of, refusal_by
from domain.detection.refused import Refused, Refusing, accepted, follow, refused, said

log = logging.getLogger("plazo.host_agent")

_MOST = 500
"""Receivers and addresses; of more the one that has been silent for longest is forgotten."""


def note(memory: Memory, copy: Tried, address: str | None) -> None:
    """Take an attempt to deliver into account. `address` is what the agent was told of its own."""
    if not memory.refusing if copy.result is Result.SENT else not copy.said:
        return
    receiver = receiver_of(copy.host)
    if receiver is None:
        return
    at, ours = memory.clock, address or outside(memory, copy.source)
    if copy.result is Result.SENT:
        key = _key(receiver, ours or _only(memory))
        if (known := memory.refusing.get(key)) is not None:
            memory.refusing[key] = accepted(known, at)
        return
    answer = said(copy.said)
    refusal = refusal_by(copy.host, answer)
    if refusal is None:
        return
    theirs = refusal.address or ours
    if theirs is None:
        log.warning(
            "refused, and it is not known which address: set PLAZO_ADDRESS",
            extra={"receiver": receiver, "code": refusal.code},
        )
        return
    if copy.source is not None and copy.source != theirs and address is None:
        memory.seen_as[copy.source] = theirs
        if len(memory.seen_as) > _MOST:
            del memory.seen_as[next(iter(memory.seen_as))]
    key = _key(receiver, theirs)
    memory.refusing[key] = refused(memory.refusing.pop(key, None), refusal, copy.host, answer, at)
    if len(memory.refusing) > _MOST:
        del memory.refusing[next(iter(memory.refusing))]


def outside(memory: Memory, source: str | None) -> str | None:
    """The address that others see of what leaves from one of ours."""
    return None if source is None else memory.seen_as.get(source, source)


def tell_of(memory: Memory, now: int) -> None:
    """Have what is new wait for the gateway: of each receiver and address the newest."""
    for key, known in list(memory.refusing.items()):
        after, tell = follow(known, now)
        if after is None:
            del memory.refusing[key]
        else:
            memory.refusing[key] = after
        if tell:
            news = _refused(key, known, after)
            log.warning("refused" if after else "taken again", extra={"by": news.receiver})
            waiting = [each for each in memory.refused if _key(each.receiver, each.address) != key]
            memory.refused = (*waiting, news)


def _refused(key: str, known: Refusing, after: Refusing | None) -> Refused:
    receiver, _, address = key.partition(" ")
    number = str(after.told) if after is not None else "over"
    over = after is None and known.accepted_at is not None
    return Refused(
        id=f"{receiver}-{address.replace(':', '_')}-{known.began_at}-{number}",
        receiver=Receiver(receiver),
        address=address,
        began_at=_moment(known.began_at),
        refused_at=_moment(known.refused_at),
        refused=known.refused,
        host=known.host,
        said=known.said,
        accepted_at=_moment(known.accepted_at) if over and known.accepted_at is not None else None,
    )


def _only(memory: Memory) -> str | None:
    """The address that is refused, if there is just one; which of several it is, nobody knows."""
    addresses = {key.partition(" ")[2] for key in memory.refusing}
    return addresses.pop() if len(addresses) == 1 else None


def _key(receiver: Receiver, address: str | None) -> str:
    return f"{receiver} {address}"


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)
