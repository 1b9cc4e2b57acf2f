"""Replies that may be used again, for as long as their zones say."""

import time

from activities.blocklists.reading import seconds
from activities.blocklists.resolvers import Reply

_MOST = 20_000
"""Replies, some 10 MB. A /16 on all lists is a hundred times that, and is not asked twice soon."""

_LONGEST = 3_600
"""Seconds. A list may say a day; whoever asks wants to know about today."""


class Answers:
    """By question. Of too many, those that came first go first."""

    def __init__(self) -> None:
        self._kept: dict[bytes, tuple[float, Reply]] = {}

    def get(self, question: bytes) -> Reply | None:
        found = self._kept.get(question)
        if found is None:
            return None
        if found[0] <= time.monotonic():
            del self._kept[question]
            return None
        return found[1]

    def forget(self, zone: bytes) -> None:
        """Drop every reply about names in a zone, given as it stands in a question."""
        for question in [each for each in self._kept if zone in each]:
            del self._kept[question]

    def keep(self, question: bytes, reply: Reply) -> None:
        self._kept.pop(question, None)
        if lasts := min(seconds(reply, question), _LONGEST):
            if len(self._kept) >= _MOST:
                del self._kept[next(iter(self._kept))]
            self._kept[question] = (time.monotonic() + lasts, reply)
