"""A world for an incident to happen in: every step of `workflows/steps.py`, scripted, in memory."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.client import WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from domain.chronicle import HEADER, Chronicle
from domain.ladder import Condition, Plan, Rung
from domain.letters.notices import Notice
from domain.measures import Measure, Restriction, Scope
from domain.news import News, Observed, Sighting
from domain.steps import (
    AskPerson,
    Assess,
    Assessment,
    Bill,
    Billed,
    ChannelsTold,
    CheckLists,
    CompleteTasks,
    CreditCharge,
    Decision,
    DelistingRequested,
    DisputeCharge,
    Done,
    Finish,
    Finished,
    Impose,
    Imposed,
    KeepRecord,
    Lift,
    Listings,
    Moments,
    NearCap,
    NoticeSent,
    Reckon,
    RequestDelisting,
    SendNotice,
    SendToChannels,
    SetRight,
    SettleDispute,
    TaskKind,
    Verified,
    Verify,
    View,
    WaiveCharge,
    WayOut,
)
from workflows.state import Closed

HOST = "mail.client.example"
LIMIT = Restriction(measure=Measure.RATE_LIMIT, scope=Scope.SERVER, targets=(HOST,))
SMARTHOST = Restriction(measure=Measure.SMARTHOST_REDIRECT, scope=Scope.SERVER, targets=(HOST,))
HOLD = Restriction(measure=Measure.HOLD_DOMAIN, scope=Scope.DOMAIN, targets=("shop.example",))
HOLD_ALL = Restriction(measure=Measure.HOLD_SERVER, scope=Scope.SERVER, targets=(HOST,))
BLOCK = Restriction(measure=Measure.BLOCK_PORT25, scope=Scope.ADDRESS, targets=("192.0.2.7",))

LISTED = "192.0.2.7 zen.example"

Script = Callable[[Any], Awaitable[None]]
"""What happens while a step of one name runs."""


@dataclass(kw_only=True)
class World:
    """What the steps find, how they answer, and everything that they were asked, in order."""

    plan: Plan
    deadline: timedelta | None = timedelta(hours=4)
    """From the assessment; None where there is no wait."""
    reminders: tuple[timedelta, ...] = (timedelta(hours=1),)
    """How long before the deadline."""
    listed: tuple[str, ...] = ()
    ways: dict[str, WayOut] = field(default_factory=dict)
    """What a look at the blocklists finds."""
    unanswered: tuple[str, ...] = ()
    """Lists that say nothing now; what they said before stands."""
    takers: set[str] = field(default_factory=set)
    """Lists that take requests by program; a person is asked of the others."""
    standing: set[str] = field(default_factory=set)
    refused: set[Restriction] = field(default_factory=set)
    """No host can be asked for these."""
    silent: set[Restriction] = field(default_factory=set)
    """Their host says nothing."""
    broken: set[Restriction] = field(default_factory=set)
    """Their host reports that they failed."""
    stuck: bool = False
    """Whether hosts say nothing of what they lift."""
    offences: list[tuple[str, ...]] = field(default_factory=list)
    """What the next verifications find; nothing, once used up."""
    down: set[str] = field(default_factory=set)
    """Steps whose every attempt fails for now."""
    impossible: set[str] = field(default_factory=set)
    """Steps that are refused for good."""
    during: dict[str, Script] = field(default_factory=dict)
    charges: tuple[str, ...] = ()
    """What stands on the ledger when it is billed."""
    near: tuple[NearCap, ...] = ()
    """Caps that a bill comes near, until a person was asked about each."""
    unheard: int = 0
    """Revisions that the books know of and the incident has not been told."""
    confirm: timedelta = timedelta(minutes=5)
    verify: timedelta = timedelta(minutes=15)
    look_again: timedelta = timedelta(hours=1)

    channels: int = 0
    """Where the client gets notices beside mail."""

    handle: WorkflowHandle[Any, Closed] | None = None
    news: News = field(default_factory=lambda: News(revision=0))
    asked: list[tuple[str, Any]] = field(default_factory=list)
    """Name and input of every step that was carried out."""
    tried: list[str] = field(default_factory=list)
    """Name of every attempt, whatever came of it."""
    chronicles: list[Chronicle] = field(default_factory=list)
    measures: dict[str, Restriction] = field(default_factory=dict)
    """By key: those that are wanted in force."""
    views: list[View] = field(default_factory=list)

    # --- what tests ask of it ------------------------------------------------------------------

    def of(self, name: str) -> list[Any]:
        """What the steps of one name were asked."""
        return [what for step, what in self.asked if step == name]

    @property
    def steps(self) -> list[str]:
        """The steps, leaving out those that only keep the record."""
        return [step for step, _ in self.asked if step != "keep_record"]

    @property
    def letters(self) -> list[Notice]:
        return [what.notice for what in self.of("send_notice")]

    @property
    def tasks(self) -> list[TaskKind]:
        return [what.kind for what in self.of("ask_person")]

    @property
    def removals(self) -> list[tuple[str, tuple[str, ...], int, bool]]:
        """What lists were asked for: list, addresses, round, and whether by hand."""
        return [
            (what.zone, what.subjects, what.round, what.by_hand)
            for what in self.of("request_delisting")
        ]

    @property
    def imposed(self) -> list[Restriction]:
        return [what.restriction for what in self.of("impose_measure")]

    @property
    def in_force(self) -> set[Restriction]:
        return set(self.measures.values())

    @property
    def decisions(self) -> list[Decision]:
        """As the audit chain keeps them: each number once, in order."""
        kept = {each.number: each for sent in self.chronicles for each in sent.decisions}
        return [kept[number] for number in sorted(kept)]

    def decided(self, start: str) -> list[Decision]:
        return [decision for decision in self.decisions if decision.what.startswith(start)]

    # --- what the world tells the incident -----------------------------------------------------

    async def tell(self, **more: Any) -> None:
        """Send news as the dispatcher would: all that is known, one revision on."""
        self.news = replace(self.news, revision=self.news.revision + 1, **more)
        assert self.handle is not None
        await self.handle.signal("news", self.news)

    async def see(self, key: str, sighting: Sighting) -> None:
        await self.tell(sightings={**self.news.sightings, key: sighting})

    # --- the steps -----------------------------------------------------------------------------

    async def carry_out(self, what: Any) -> None:
        name = activity.info().activity_type
        self.tried.append(name)
        if name in self.during:
            script = self.during.pop(name)
            await script(what)
        if name in self.impossible:
            raise ApplicationError("refused for good", non_retryable=True)
        if name in self.down:
            raise ConnectionError(f"{name}: connection refused")
        self.asked.append((name, what))

    @activity.defn(name="assess")
    async def assess(self, what: Assess) -> Assessment:
        await self.carry_out(what)
        now = activity.info().started_time
        until = None if self.deadline is None else now + self.deadline
        reminders = () if until is None else tuple(until - span for span in self.reminders)
        plan = replace(
            self.plan,
            deadline=until,
            reminders=tuple(sorted(moment for moment in reminders if moment > now)),
            containment=() if until is None else self.plan.containment,
        )
        return Assessment(
            plan=plan,
            listed=self.listed,
            domain="shop.example",
            confirm_seconds=int(self.confirm.total_seconds()),
            verify_seconds=int(self.verify.total_seconds()),
            look_again_seconds=int(self.look_again.total_seconds()),
            deadline_seconds=0 if self.deadline is None else int(self.deadline.total_seconds()),
            channels=self.channels,
        )

    @activity.defn(name="impose_measure")
    async def impose_measure(self, what: Impose) -> Imposed:
        await self.carry_out(what)
        if what.restriction in self.refused:
            return Imposed(accepted=False, why="the host is unreachable")
        for key in what.instead_of:
            self.measures.pop(key, None)
            replaced = Sighting(observed=Observed.LIFTED)
            self.news = replace(self.news, sightings={**self.news.sightings, key: replaced})
        self.measures[what.key] = what.restriction
        if what.restriction in self.broken:
            await self.see(what.key, Sighting(observed=Observed.FAILED, detail="postfix: no map"))
        elif what.restriction not in self.silent:
            await self.see(what.key, Sighting(observed=Observed.APPLIED, held=3))
        return Imposed(accepted=True)

    @activity.defn(name="lift_measures")
    async def lift_measures(self, what: Lift) -> Done:
        await self.carry_out(what)
        await self._lift(list(what.keys))
        return Done()

    async def _lift(self, keys: list[str]) -> None:
        sightings = dict(self.news.sightings)
        for key in keys:
            self.measures.pop(key, None)
            sightings[key] = Sighting(observed=Observed.LIFTED, delivered=3)
        if not self.stuck:
            await self.tell(sightings=sightings)

    @activity.defn(name="set_right")
    async def set_right(self, what: SetRight) -> Done:
        await self.carry_out(what)
        await self._lift(list(self.measures))
        return Done()

    @activity.defn(name="send_notice")
    async def send_notice(self, what: SendNotice) -> NoticeSent:
        await self.carry_out(what)
        return NoticeSent(message_id=f"<{what.key}@provider.example>", recipients=1)

    @activity.defn(name="send_to_channels")
    async def send_to_channels(self, what: SendToChannels) -> ChannelsTold:
        await self.carry_out(what)
        return ChannelsTold(told=self.channels)

    @activity.defn(name="ask_person")
    async def ask_person(self, what: AskPerson) -> Done:
        await self.carry_out(what)
        return Done()

    @activity.defn(name="complete_tasks")
    async def complete_tasks(self, what: CompleteTasks) -> Done:
        await self.carry_out(what)
        return Done()

    @activity.defn(name="reckon_deadline")
    async def reckon_deadline(self, what: Reckon) -> Moments:
        await self.carry_out(what)
        deadline = what.start + timedelta(seconds=what.seconds)
        return Moments(
            deadline=deadline, reminders=tuple(sorted(deadline - span for span in self.reminders))
        )

    @activity.defn(name="verify_remedy")
    async def verify_remedy(self, what: Verify) -> Verified:
        await self.carry_out(what)
        offences = self.offences.pop(0) if self.offences else ()
        return Verified(clean=not offences, reasons=offences)

    @activity.defn(name="record_charges")
    async def record_charges(self, what: Bill) -> Billed:
        await self.carry_out(what)
        told = {each.key for each in self.of("ask_person")}
        near = tuple(cap for cap in self.near if cap.key not in told)
        return Billed(charges=() if near else self.charges, near=near)

    @activity.defn(name="waive_charge")
    async def waive_charge(self, what: WaiveCharge) -> Done:
        await self.carry_out(what)
        return Done()

    @activity.defn(name="credit_charge")
    async def credit_charge(self, what: CreditCharge) -> Done:
        await self.carry_out(what)
        return Done()

    @activity.defn(name="dispute_charge")
    async def dispute_charge(self, what: DisputeCharge) -> Done:
        await self.carry_out(what)
        return Done()

    @activity.defn(name="settle_dispute")
    async def settle_dispute(self, what: SettleDispute) -> Done:
        await self.carry_out(what)
        return Done()

    @activity.defn(name="check_blocklists")
    async def check_blocklists(self, what: CheckLists) -> Listings:
        await self.carry_out(what)
        kept = {entry for entry in self.standing if entry.split()[-1] in self.unanswered}
        self.standing = kept | set(self.listed)
        return Listings(
            listed=tuple(sorted(self.standing)), unanswered=self.unanswered, ways=self.ways
        )

    @activity.defn(name="request_delisting")
    async def request_delisting(self, what: RequestDelisting) -> DelistingRequested:
        await self.carry_out(what)
        if what.zone in self.takers and not what.by_hand:
            return DelistingRequested(filed=what.subjects, said=("taken",))
        return DelistingRequested(by_person=what.subjects)

    @activity.defn(name="keep_record")
    async def keep_record(self, what: KeepRecord) -> Done:
        await self.carry_out(what)
        return Done()

    @activity.defn(name="close_incident")
    async def close_incident(self, what: Finish) -> Finished:
        await self.carry_out(what)
        known = self.news.revision + self.unheard
        return Finished(closed=what.news_revision is None or what.news_revision >= known)

    @property
    def activities(self) -> list[Callable[..., Any]]:
        """One for each step of `workflows/steps.py`."""
        return [
            self.assess, self.impose_measure, self.lift_measures, self.send_notice,
            self.send_to_channels,
            self.ask_person, self.complete_tasks, self.reckon_deadline, self.verify_remedy,
            self.record_charges, self.waive_charge, self.credit_charge, self.dispute_charge,
            self.settle_dispute, self.check_blocklists,
            self.request_delisting, self.set_right,
            self.keep_record, self.close_incident,
        ]  # fmt: skip


class Gate:
    """Holds up one step: `world.during["assess"] = gate`, then `reached` and `open()`."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self._opened = asyncio.Event()

    async def __call__(self, what: Any) -> None:
        self.reached.set()
        await self._opened.wait()

    def open(self) -> None:
        self._opened.set()


class KeepChronicles(Interceptor):
    """Reads the header where the real worker does, before the step does anything."""

    def __init__(self, world: World) -> None:
        self._world = world

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Inbound(next, self._world)


class _Inbound(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, world: World) -> None:
        super().__init__(next)
        self._world = world

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        converter = activity.payload_converter()
        [chronicle] = converter.from_payloads([input.headers[HEADER]], [Chronicle])
        self._world.chronicles.append(chronicle)
        self._world.views.append(chronicle.view)
        return await super().execute_activity(input)


def a_plan(
    *,
    rung: Rung = Rung.FIRST,
    containment: tuple[Restriction, ...] = (LIMIT,),
    preferred: tuple[Restriction, ...] = (HOLD, HOLD_ALL, BLOCK),
    conditions: tuple[Condition, ...] = (Condition.CAUSE_FIXED,),
    call: bool = False,
    probation: timedelta = timedelta(hours=24),
) -> Plan:
    """A first incident's plan; the world sets its deadline and reminders when it is assessed."""
    return Plan(
        rung=rung,
        deadline=None,
        containment=containment,
        preferred=preferred,
        conditions=conditions,
        call=call,
        reminders=(),
        hard_cap=1_000,
        probation_seconds=int(probation.total_seconds()),
        chase_seconds=(86_400, 3 * 86_400, 7 * 86_400),
        reasons=("first incident of this client within 12 months",),
    )


def a_world(*, plan: Plan | None = None, **more: Any) -> World:
    return World(plan=plan or a_plan(), **more)


async def until(condition: Callable[[], bool]) -> None:
    """Let the worker go on until something has happened; time in the story stands still."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the world has no event for every change
            await asyncio.sleep(0.005)
