"""How many requests of one host are answered at a time: a key that was stolen tires nobody out."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.problems import Problem

POLLS = 2
"""A host's long poll, and the one before it whose connection was lost without a word."""
POSTS = 4


class AtOnce:
    """At most so many at a time for each host, in this process."""

    def __init__(self, most: int, *, again_after: int) -> None:
        self._most = most
        self._again_after = again_after
        self._busy: Counter[str] = Counter()

    def of(self, host: str) -> int:
        """How many are being answered."""
        return self._busy[host]

    @contextmanager
    def one(self, host: str) -> Iterator[None]:
        """One more, until the block ends. Raises Problem with 429 and Retry-After."""
        if self._busy[host] >= self._most:
            raise Problem(
                429,
                "too-many-at-once",
                f"{self._most} requests of this host are being answered; ask again later.",
                headers={"Retry-After": str(self._again_after)},
            )
        self._busy[host] += 1
        try:
            yield
        finally:
            self._busy[host] -= 1
            if not self._busy[host]:
                del self._busy[host]
