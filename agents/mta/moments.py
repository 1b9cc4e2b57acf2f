"""The moments that logs write, as Unix seconds."""

import time
from datetime import datetime
from functools import lru_cache

_DAY = 86_400


def syslog_moment(text: str, now: int) -> int | None:
    """`Nov 24 20:27:44`, local time without a year: the latest that is not after tomorrow."""
    # The lines of one second share their moment, and the year changes with a day at most.
    return _syslog(text, now // _DAY)


@lru_cache(maxsize=64)
def _syslog(text: str, today: int) -> int | None:
    latest = (today + 2) * _DAY
    this_year = time.localtime(latest).tm_year
    for year in (this_year, this_year - 1):
        try:
            found = time.mktime(time.strptime(f"{year} {text}", "%Y %b %d %H:%M:%S"))
        except (ValueError, OverflowError):  # 29 February of another year, or no moment at all
            continue
        if found <= latest:
            return int(found)
    return None


@lru_cache(maxsize=64)
def iso_moment(text: str) -> int | None:
    """`2026-11-24T20:27:44.1+01:00` or `2026-11-24 20:27:44`; local time where no zone is given."""
    try:
        # Exim sets its zone off with a space.
        joined = text.replace(" +", "+").replace(" -", "-")
        return int(datetime.fromisoformat(joined).timestamp())
    except (ValueError, OverflowError):
        return None
