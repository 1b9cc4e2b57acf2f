"""What holding, redirecting and releasing need of a mail server's file."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from domain.hosts import Desired, HeldMessage
from domain.measures import Measure


@dataclass(frozen=True, kw_only=True)
class Queued:
    """A message in a mail server's queue."""

    message: HeldMessage
    on_hold: bool
    outbound: bool
    """It waits for another attempt to reach somebody who is not local to this server."""
    stopped: bool
    """Its last attempt was stopped by a measure of ours."""
    refused: bool = False
    """A smarthost will not have it, whenever it is tried again."""


@dataclass(frozen=True, kw_only=True)
class Relayed:
    """A cumulative count. It never falls, unless `counter` has another name: then it began anew."""

    messages: int = 0
    counter: str = ""


class MailServer(Protocol):
    """The few things that a mail server's file has to know how to do."""

    @property
    def name(self) -> str:
        """Such as "postfix"."""

    @property
    def can(self) -> frozenset[Measure]:
        """The measures that it can carry out."""

    async def enforce(self, in_force: tuple[Desired, ...]) -> str:
        """Have exactly these measures decide where outgoing mail goes, queued mail included.

        Mail that a hold concerns stays in the queue. Returns what the measures cannot reach on
        this server, in a sentence, or "". Raises CannotCarryOut.
        """

    async def queued(self) -> list[Queued]:
        """Everything in the queue."""

    async def hold(self, queue_ids: Collection[str]) -> None:
        """Put waiting messages on hold; those that are gone or on hold are passed over."""

    async def release(self, queue_ids: Collection[str]) -> None:
        """Take messages off hold, to be delivered now."""

    async def discard(self, queue_ids: Collection[str]) -> None:
        """Delete messages."""

    async def relayed(self, measure: Desired) -> Relayed:
        """Messages that the measure's smarthost has taken so far, one of many recipients once."""
