"""Telling the client: by mail to one contact after the other, by other channels, by a person.

The contract gives the client time from when they could know. So the wait begins with a letter that
was taken and has not come back, or else with a person's word that the client was told.
"""

from collections.abc import Callable
from datetime import datetime

from temporalio import workflow

from workflows.clock import BEFORE_THE_DEADLINE, Clock
from workflows.story import Ended

with workflow.unsafe.imports_passed_through():
    from domain.letters.notices import Notice
    from domain.steps import Reckon, SendNotice, SendToChannels, TaskKind
    from workflows import steps


class Telling(Clock):
    """Letters, channels, and a person where neither arrives."""

    async def notify(self, notice: Notice, *reasons: str) -> bool:
        """Write to the direct client; where that cannot be done, a person has to tell them.

        Before the deadline no letter holds up what is more urgent than itself, and none is written
        when the wait is over: the next one says what came of it. False when nobody has it.
        """
        state = self.state
        if self.nothing_to_wait_for():
            return True
        state.notices += 1
        key = self.latest_letter()
        deadline = self.deadline_ahead()
        sent = await self.attempt(
            steps.SEND_NOTICE,
            SendNotice(
                incident=self.case.incident,
                key=key,
                notice=notice,
                deadline=deadline,
                reasons=reasons,
                measure=state.measure.restriction if state.measure else state.last_lifted,
                upcoming=self.upcoming(),
            ),
            f"tell the client: {notice}",
            until=deadline if state.stage in BEFORE_THE_DEADLINE else None,
            unless=self.nothing_to_wait_for,
        )
        if state.channels:
            self.meanwhile(self.tell_channels(key, notice))
        if sent is not None:
            if notice is Notice.DEADLINE and deadline is not None:
                state.told_by = key
            return True
        if state.fixed is not None and self.nothing_to_wait_for():
            return True
        await self.ask(TaskKind.NOTICE_UNDELIVERABLE, f"tell the client by other means: {notice}")
        return False

    def latest_letter(self) -> str:
        """The key of the letter that was written last."""
        return f"{self.case.incident}/notice/{self.state.notices}"

    async def tell_channels(self, key: str, notice: Notice) -> None:
        """Beside mail, and not waited for; a person hears of a channel that does not take it."""
        try:
            what = SendToChannels(incident=self.case.incident, key=key)
            why = f"tell the client's other channels: {notice}"
            if await self.attempt(steps.SEND_TO_CHANNELS, what, why) is None:
                detail = f"a channel of the client did not take {notice}; the record says which"
                await self.ask(TaskKind.CHANNEL_FAILED, detail)
        except Ended:
            return

    # --- when the wait begins ------------------------------------------------------------------

    async def tell_of_the_deadline(self) -> None:
        """A first letter that nobody could receive does not begin the wait."""
        if not await self.notify(Notice.DEADLINE) and workflow.patched("told-first"):
            self.nobody_was_told()

    def nobody_was_told(self) -> None:
        """The wait goes on without an end, until a person has told the client."""
        if self.state.deadline_seconds and not self.nothing_to_wait_for():
            self.state.untold = True
            self.decide("the deadline has not begun", "no contact of the client can be reached")
            self.show()

    async def until_told(self) -> None:
        """Wait for a person who tells the client, or who mends what kept the letter from them."""
        state = self.state
        await self.happens(
            lambda: self.was_told() is not None or self.a_task_is_done() or self.no_longer_untold(),
            None,
            "a person to tell the client: no contact can be reached",
        )
        if self.no_longer_untold():
            return
        told = self.was_told()
        state.tasks_heard = state.news.tasks_done
        if told is not None:
            await self.reckon_from(told, f"the client was told at {told:%Y-%m-%d %H:%M} UTC")
        else:
            await self.write_again()

    def no_longer_untold(self) -> bool:
        return not self.state.untold or self.nothing_to_wait_for()

    def was_told(self) -> datetime | None:
        """When a person last told the client, as far as that is on record."""
        known = [at for at in (self.state.told_at, self.state.news.told_at) if at is not None]
        return min(max(known), workflow.now()) if known else None

    def a_task_is_done(self) -> bool:
        return self.state.news.tasks_done > self.state.tasks_heard

    async def reckon_from(self, start: datetime, why: str) -> None:
        """Begin the wait: the whole span of the contract from `start`."""
        state = self.state
        what = Reckon(incident=self.case.incident, start=start, seconds=state.deadline_seconds)
        moments = await self.do(steps.RECKON, what, "reckon when the wait ends")
        state.deadline = moments.deadline
        state.reminders = tuple(each for each in moments.reminders if each > workflow.now())
        state.untold = False
        self.decide(f"the deadline is now {moments.deadline:%Y-%m-%d %H:%M:%S} UTC", why)
        self.show()

    async def write_again(self) -> None:
        """The first letter once more, with the deadline that it begins."""
        await self.reckon_from(workflow.now(), "the first letter is written again")
        if not await self.notify(Notice.DEADLINE):
            self.nobody_was_told()

    # --- what comes back -----------------------------------------------------------------------

    async def happens(
        self,
        condition: Callable[[], bool],
        until: datetime | None,
        waiting_for: str,
        *,
        briefly: bool = False,
    ) -> bool:
        """As the story waits; a letter that comes back meanwhile is written to the next contact."""
        while True:
            woken = await super().happens(
                lambda: condition() or (not briefly and bool(self.came_back())),
                until,
                waiting_for,
                briefly=briefly,
            )
            if briefly or not self.came_back():
                return woken
            await self.follow_up()

    async def follow_up(self) -> None:
        """What came back is written to the next contact, unless a later letter says it already."""
        state = self.state
        back = self.came_back()
        notices = [state.news.bounced[key] for key in back]
        state.bounces_seen = (*state.bounces_seen, *back)
        self.decide(
            "a letter came back", *(f"{n} ({k})" for n, k in zip(notices, back, strict=True))
        )
        waits = self.deadline_ahead() is not None and state.fixed is None
        if state.told_by in back and waits and state.deadline_seconds:
            await self.write_again()
        elif self.latest_letter() in back:
            await self.notify(Notice(state.news.bounced[self.latest_letter()]))
