"""How long to wait before the next try: longer each time, and never all hosts at once."""

import random
from dataclasses import dataclass, field


@dataclass
class BackOff:
    """Seconds until the next try: `first`, then twice as long each time up to `longest`.

    Each is shortened by up to a half at random, so that hosts which lost the gateway together do
    not come back together.
    """

    first: float = 1.0
    longest: float = 60.0
    chance: random.Random = field(default_factory=random.Random)
    failures: int = 0

    def next(self) -> float:
        """Count one more failure; how long to wait after it."""
        whole = min(self.longest, self.first * 2.0 ** min(self.failures, 30))
        self.failures += 1
        return whole * self.chance.uniform(0.5, 1.0)

    def over(self) -> None:
        """It worked: the next failure starts from the beginning."""
        self.failures = 0
