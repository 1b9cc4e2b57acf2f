"""The host agent: keeps one mail server as the gateway wants it, and says what it saw.

Some things go on side by side, so that a slow one stops no other: asking for the desired state,
bringing the mail server to it, handing in observations, watching what the host sends. The desired
state is kept on disk: an agent that starts while the gateway is away goes on with what it knew.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from agents.detection.watch import Watch
from agents.files import replace_file
from agents.link import KeyRefused, Link, LinkDown
from agents.mta.port import CannotCarryOut, MailHost
from agents.observations import Observations
from agents.pace import BackOff
from agents.retrying import Retries
from domain.hosts import Desired, DesiredState, Observation, Wanted
from domain.news import Observed
from domain.wire import WireError, from_text, to_json

log = logging.getLogger("plazo.host_agent")


@dataclass(frozen=True, kw_only=True)
class Rhythm:
    """How often an agent does what, in seconds."""

    wait: int = 50
    """The gateway may answer a question for newer state this much later; proxies cut at 60."""
    observe: float = 15.0
    """Between two looks at what the measures in force hold; mail that came in is put on hold."""
    repeat: float = 300.0
    """Between two times that everything is applied again, in case somebody changed the host."""
    first_retry: float = 1.0
    longest_retry: float = 60.0

    def back_off(self) -> BackOff:
        return BackOff(first=self.first_retry, longest=self.longest_retry)


class HostAgent:
    """Brings `mail_host` to the desired state that `link` gives.

    A measure in force ends for one reason only: the desired state says that it is lifted. No
    outage, restart, error or missing entry ends one. `state_dir` holds `desired.json`. `watch` is
    the detector, where the mail server has a log that it can read.
    """

    def __init__(
        self,
        link: Link,
        mail_host: MailHost,
        state_dir: Path,
        rhythm: Rhythm | None = None,
        watch: Watch | None = None,
    ) -> None:
        self._link = link
        self._watch = watch
        self._mail_host = mail_host
        self._file = state_dir / "desired.json"
        self._rhythm = rhythm or Rhythm()
        self._observations = Observations(link, self._rhythm.back_off())
        self._measures: dict[str, Desired] = {}
        self._settled: dict[str, Desired] = {}
        """What the mail server was brought to, by key; it differs from the above until it is."""
        self._hopeless: dict[str, Desired] = {}
        """What it can never be brought to."""
        self._again: set[str] = set()
        """What is to be applied once more, though it has been."""
        self._unsaved: DesiredState | None = None
        """What could not be written down; it is carried out all the same."""
        self._retries = Retries(self._rhythm.back_off)
        self._wanted = asyncio.Event()

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set. Measures stay in force after it."""
        self._remember()
        parts = [self._listen, self._keep, self._observations.hand_in]
        if self._watch is not None:
            parts += [self._watch.look, self._watch.hand_in]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(part()) for part in parts]
            await stopping.wait()
            for task in tasks:
                task.cancel()
        log.info("stopped", extra={"measures": len(self._measures)})

    async def _listen(self) -> None:
        # From the beginning after a start: the gateway may have been restored to an older day.
        after, pause = 0, self._rhythm.back_off()
        while True:
            try:
                state = await self._link.desired(after, self._rhythm.wait)
                if state is not None:
                    self._take(state)
                    after = state.revision
            except LinkDown as error:
                seconds = pause.next()
                level = logging.ERROR if isinstance(error, KeyRefused) else logging.WARNING
                log.log(level, "no desired state", extra={"why": str(error), "again": seconds})
                await asyncio.sleep(seconds)
            else:
                pause.over()

    def _take(self, state: DesiredState) -> None:
        given = {measure.key: measure for measure in state.measures}
        for key, measure in self._measures.items():
            if key in given or self._over_and_done(measure):
                continue
            log.warning("measure is missing, goes on as it was", extra={"key": key})
            given[key] = measure
        kept = replace(state, measures=tuple(given.values()))
        self._measures, self._unsaved = given, kept
        self._save()
        self._announce(state)
        self._observations.keep_only(given)
        for key in self._settled.keys() - given:
            del self._settled[key]
        self._again &= given.keys()
        log.info("desired state", extra={"revision": state.revision, "measures": len(given)})
        self._wanted.set()

    def _save(self) -> None:
        """What wants to be in force must not wait for room on a disk."""
        if self._unsaved is None:
            return
        try:
            replace_file(self._file, json.dumps(to_json(self._unsaved)))
        except OSError as error:
            log.error("desired state is not on disk, carried out", extra={"why": str(error)})
        else:
            self._unsaved = None

    def _over_and_done(self, measure: Desired) -> bool:
        lifted = measure.wanted is Wanted.LIFTED
        return lifted and measure in (
            self._settled.get(measure.key), self._hopeless.get(measure.key)
        )  # fmt: skip

    def _remember(self) -> None:
        with suppress(FileNotFoundError):
            try:
                kept = from_text(DesiredState, self._file.read_bytes())
            except WireError as error:
                # The mail server still carries out what it was told; the gateway says the rest.
                log.error("desired.json is unreadable, asking anew", extra={"why": str(error)})
                return
            self._measures = {measure.key: measure for measure in kept.measures}
            self._announce(kept)

    def _announce(self, state: DesiredState) -> None:
        if self._watch is not None:
            self._watch.campaigns = state.campaigns

    async def _keep(self) -> None:
        clock = asyncio.get_running_loop().time
        again_at = clock()
        while True:
            self._wanted.clear()
            self._save()
            if clock() >= again_at:
                self._all_again()
                again_at = clock() + self._rhythm.repeat
            stood = self._in_force()
            await self._bring_about()
            await self._look_at(stood)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._rest(again_at - clock())):
                    await self._wanted.wait()

    def _all_again(self) -> None:
        for key, measure in list(self._settled.items()):
            if measure.wanted is Wanted.APPLIED:
                self._again.add(key)
            else:
                del self._settled[key]

    def _in_force(self) -> list[Desired]:
        return [
            measure
            for measure in self._measures.values()
            if measure.wanted is Wanted.APPLIED and self._settled.get(measure.key) == measure
        ]

    async def _look_at(self, measures: list[Desired]) -> None:
        """What stood before. Whatever comes in meanwhile is more urgent."""
        for measure in measures:
            if self._wanted.is_set():
                return
            if self._settled.get(measure.key) != measure:
                continue
            if measure.key in self._again:
                self._settled.pop(measure.key)
                await self._settle(measure)
            else:
                await self._observe(measure)

    async def _bring_about(self) -> None:
        """Everything that applies comes first: a replaced measure ends only after its successor."""
        for wanted in (Wanted.APPLIED, Wanted.LIFTED):
            for measure in list(self._measures.values()):
                if measure.wanted is wanted and self._settled.get(measure.key) != measure:
                    await self._settle(measure)

    async def _settle(self, measure: Desired) -> None:
        if self._hopeless.get(measure.key) == measure or self._retries.waits(measure):
            return
        if measure.restriction.measure not in self._mail_host.can:
            self._hopeless[measure.key] = measure
            self._observations.note(self._cannot(measure))
            return
        applies = measure.wanted is Wanted.APPLIED
        if await self._try(measure, self._mail_host.apply if applies else self._mail_host.lift):
            self._settled[measure.key] = measure
            self._again.discard(measure.key)

    async def _observe(self, measure: Desired) -> None:
        if not await self._try(measure, self._mail_host.observe):
            # It may be gone from the host: put it in force again, at the pace of its retries.
            self._settled.pop(measure.key, None)

    async def _try(
        self, measure: Desired, verb: Callable[[Desired], Awaitable[Observation]]
    ) -> bool:
        """Whether the verb succeeded; what came of it is noted either way."""
        try:
            seen = await verb(measure)
        except CannotCarryOut as error:
            self._hopeless[measure.key] = measure
            self._observations.note_failure(measure.key, str(error))
            return False
        except Exception as error:
            # Whatever a mail server's file raises, the other measures need this agent.
            why = str(error) or type(error).__name__
            log.exception("failed", extra={"key": measure.key, "why": why})
            self._observations.note_failure(measure.key, why)
            self._retries.failed(measure)
            return False
        self._observations.note(seen)
        if seen.observed is Observed.FAILED:
            self._retries.failed(measure)
            return False
        self._retries.over(measure)
        return True

    def _rest(self, until_repeat: float) -> float:
        """Seconds until something is to be done without anybody asking for it."""
        rests = [until_repeat, *self._retries.rests(self._measures)]
        if self._in_force():
            rests.append(self._rhythm.observe)
        return max(0.0, min(rests))

    def _cannot(self, measure: Desired) -> Observation:
        """A measure that this mail server has no means for: nothing to end, nothing to retry."""
        what = f"{self._mail_host.name} has no {measure.restriction.measure}"
        lifted = measure.wanted is Wanted.LIFTED
        return Observation(
            key=measure.key,
            observed=Observed.LIFTED if lifted else Observed.FAILED,
            detail=f"{what}; it was never in force" if lifted else what,
        )
