"""The listing watch: one pass over the provider's addresses and sending domains, slice by slice.

One slice at a time, so that a list is asked by one process only and its limits hold, however many
workers there are. A pass remembers the last address it went over, and nothing of what it found:
that is in the book.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from domain.blocklists.watching import (
        EndWatch,
        FeedsRead,
        PlanWatch,
        ReadFeeds,
        SliceWatched,
        Watch,
        Watched,
        WatchPlan,
        WatchSlice,
    )
    from domain.steps import Done
    from workflows.steps import Step

_TURN_OVER_AFTER = 1_000
"""History events, six for each slice."""


_ATTEMPT = timedelta(hours=2)
"""For one slice: 2,048 questions to a list that takes one in three seconds."""

_FEEDS = timedelta(minutes=10)
"""For two files, and what comes of them."""

_HEARTBEAT = timedelta(minutes=1)
"""Until it is noticed that a slice's worker is gone; another goes on where it was."""

_RETRY = RetryPolicy(initial_interval=timedelta(seconds=5), maximum_interval=timedelta(minutes=5))

PLAN = Step("plan_watch", PlanWatch, WatchPlan)
FEEDS = Step("read_feeds", ReadFeeds, FeedsRead)
SLICE = Step("watch_slice", WatchSlice, SliceWatched)
END = Step("end_watch", EndWatch, Done)


@workflow.defn(name="ListingWatch")
class ListingWatch:
    """Looks at every address on every list; a person is told what could not be done in time."""

    @workflow.run
    async def run(self, watch: Watch) -> Watched:
        started = watch.started_at or workflow.now()
        if watch.plan is None and workflow.patched("feeds-are-read"):
            await self._read_feeds()
        plan = watch.plan or await self._plan(watch)
        watch = replace(watch, started_at=started, plan=plan)
        while True:
            gone_over = await self._go_over(watch.after, plan)
            watch = replace(watch, after=gone_over.after, tally=watch.tally + gone_over.tally)
            if gone_over.after is None:
                break
            if not watch.told_late and _taken(started) > watch.window_seconds:
                await self._tell(watch, plan, started, finished=False)
                watch = replace(watch, told_late=True)
            if self._must_turn_over():
                workflow.continue_as_new(watch)
        await self._tell(watch, plan, started, finished=True)
        return Watched(addresses=plan.addresses, seconds=_taken(started), tally=watch.tally)

    async def _read_feeds(self) -> None:
        """What receivers say without a DNS list."""
        await workflow.execute_activity(
            FEEDS.name,
            ReadFeeds(),
            result_type=FEEDS.gives,
            start_to_close_timeout=_FEEDS,
            retry_policy=_RETRY,
            summary="read what Microsoft says",
        )

    async def _plan(self, watch: Watch) -> WatchPlan:
        plan: WatchPlan = await workflow.execute_activity(
            PLAN.name,
            PlanWatch(window_seconds=watch.window_seconds),
            result_type=PLAN.gives,
            start_to_close_timeout=PLAN.effort.attempt,
            retry_policy=PLAN.effort.retry,
            summary="count the addresses",
        )
        return plan

    async def _go_over(self, after: str | None, plan: WatchPlan) -> SliceWatched:
        gone_over: SliceWatched = await workflow.execute_activity(
            SLICE.name,
            WatchSlice(number=plan.number, turns=plan.turns, after=after),
            result_type=SLICE.gives,
            start_to_close_timeout=_ATTEMPT,
            heartbeat_timeout=_HEARTBEAT,
            retry_policy=_RETRY,
            summary=f"after {after}" if after else "the first addresses",
        )
        return gone_over

    async def _tell(
        self, watch: Watch, plan: WatchPlan, started: datetime, *, finished: bool
    ) -> None:
        await workflow.execute_activity(
            END.name,
            EndWatch(
                window_seconds=watch.window_seconds,
                seconds=_taken(started),
                plan=plan,
                tally=watch.tally,
                finished=finished,
            ),
            result_type=END.gives,
            start_to_close_timeout=END.effort.attempt,
            retry_policy=END.effort.retry,
            summary="tell a person what could not be done",
        )

    def _must_turn_over(self) -> bool:
        info = workflow.info()
        long = info.get_current_history_length() >= _TURN_OVER_AFTER
        return long or info.is_continue_as_new_suggested()


def _taken(started: datetime) -> int:
    return int((workflow.now() - started).total_seconds())
