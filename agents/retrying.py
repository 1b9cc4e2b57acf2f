"""Measures that failed on their host, and when each is tried again."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from agents.pace import BackOff
from domain.hosts import Desired


@dataclass(kw_only=True)
class _Retry:
    measure: Desired
    pause: BackOff
    due: float = 0.0


class Retries:
    """By measure key; another word about a measure is tried at once."""

    def __init__(self, back_off: Callable[[], BackOff]) -> None:
        self._back_off = back_off
        self._retries: dict[str, _Retry] = {}

    def failed(self, measure: Desired) -> None:
        """Have it tried again, later than the last time."""
        retry = self._retries.get(measure.key)
        if retry is None or retry.measure != measure:
            retry = _Retry(measure=measure, pause=self._back_off())
            self._retries[measure.key] = retry
        retry.due = asyncio.get_running_loop().time() + retry.pause.next()

    def over(self, measure: Desired) -> None:
        """It succeeded."""
        self._retries.pop(measure.key, None)

    def waits(self, measure: Desired) -> bool:
        """Whether it is too early to try again."""
        retry = self._retries.get(measure.key)
        if retry is None or retry.measure != measure:
            return False
        return asyncio.get_running_loop().time() < retry.due

    def rests(self, measures: Mapping[str, Desired]) -> Iterator[float]:
        """Seconds until each of these is due that failed."""
        now = asyncio.get_running_loop().time()
        for key, retry in self._retries.items():
            if measures.get(key) == retry.measure:
                yield retry.due - now
