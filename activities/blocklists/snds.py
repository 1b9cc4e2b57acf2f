"""Microsoft's Smart Network Data Services, by automated data access: two CSV files, one key.

`ipStatus.aspx` has the blocked ranges: first and last address, "Yes", why. `data.aspx` has what
each address did on the last day: address, begin and end of its activity, RCPT commands, DATA
commands, message recipients, filter result (GREEN, YELLOW, RED), complaint rate, first and last
message to a trap, trap hits, a HELO, a MAIL FROM, comments. No line has headings. Times are Pacific
(https://sendersupport.olc.protection.outlook.com/snds/FAQ.aspx, auto.aspx).
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Address, ip_network
from zoneinfo import ZoneInfo

import httpx

from book.blocklists.snds import Day

ZONE = "microsoft-snds"
"""The pseudo-zone of what is blocked or red."""

URL = "https://sendersupport.olc.protection.outlook.com/snds"

_SECONDS = 60.0
_LARGEST = 32 * 1024 * 1024
"""Bytes of one file; a provider of a /16 has some 10 MB a day."""

_SHOWN = 100
"""Characters of a line that a person is shown."""

_PACIFIC = ZoneInfo("America/Los_Angeles")
_FORMATS = ("%m/%d/%Y %I:%M %p", "%m/%d/%Y %H:%M", "%m/%d/%Y %I:%M:%S %p")
_RESULTS = ("GREEN", "YELLOW", "RED")


class NotRead(Exception):
    """A file could not be had, or is no SNDS file; the message says why, without the key."""


@dataclass(frozen=True, kw_only=True)
class Blocked:
    """A range of addresses that Microsoft blocks, and why, in its words."""

    first: str
    last: str
    why: str

    def within(self, prefix: str) -> Iterator[str]:
        """Those of its addresses that are in a prefix."""
        network = ip_network(prefix)
        first = max(int(IPv4Address(self.first)), int(network.network_address))
        last = min(int(IPv4Address(self.last)), int(network.broadcast_address))
        return (str(IPv4Address(number)) for number in range(first, last + 1))


@dataclass(frozen=True, kw_only=True)
class Feed:
    """What both files say. `unread`: lines that could not be understood, and why."""

    blocked: tuple[Blocked, ...]
    days: tuple[tuple[Day, bytes], ...]
    """Each with its line, as evidence."""
    unread: tuple[str, ...] = ()


@dataclass(frozen=True)
class Snds:
    """The feed at `url`, which is read with `key`. The key is in the address: it is never shown."""

    key: str = field(repr=False)
    url: str = URL

    async def read(self) -> Feed:
        """Both files, now. Raises NotRead."""
        async with httpx.AsyncClient(timeout=_SECONDS, follow_redirects=True) as client:
            status = await self._file(client, "ipStatus.aspx")
            data = await self._file(client, "data.aspx")
        at = datetime.now(UTC)
        blocked, days, unread = [], [], []
        for line in csv.reader(status.splitlines()):
            try:
                if (one := _blocked(line)) is not None:
                    blocked.append(one)
            except (ValueError, IndexError) as error:
                unread.append(f"ipStatus.aspx: {','.join(line)[:_SHOWN]} ({error})")
        for line in csv.reader(data.splitlines()):
            try:
                if line:
                    days.append((_day(line), _evidence(line, at)))
            except (ValueError, IndexError) as error:
                unread.append(f"data.aspx: {','.join(line)[:_SHOWN]} ({error})")
        if unread and not blocked and not days:
            raise NotRead(f"this is no SNDS file: {unread[0]}")
        return Feed(blocked=tuple(blocked), days=tuple(days), unread=tuple(unread))

    async def _file(self, client: httpx.AsyncClient, name: str) -> str:
        try:
            async with client.stream(
                "GET", f"{self.url.rstrip('/')}/{name}", params={"key": self.key}
            ) as answer:
                if answer.status_code != 200:
                    raise NotRead(f"{name} answered HTTP {answer.status_code}{_hint(answer)}")
                content = bytearray()
                async for chunk in answer.aiter_bytes():
                    content += chunk
                    if len(content) > _LARGEST:
                        raise NotRead(f"{name} is larger than {_LARGEST >> 20} MiB")
        except httpx.HTTPError as error:
            words = str(error).replace(self.key, "***") or type(error).__name__
            raise NotRead(f"{name} cannot be had: {words}") from None
        return content.decode("utf-8-sig", "replace")


def _hint(answer: httpx.Response) -> str:
    if answer.status_code in (401, 403, 404):
        return ": make a new key at Automated Data Access, and set PLAZO_SNDS_KEY"
    return ""


def _blocked(line: list[str]) -> Blocked | None:
    if not line:
        return None
    first, last, blocked, why = (*(each.strip() for each in line), "")[:4]
    if blocked.lower() not in ("yes", "no"):
        raise ValueError("the third field is neither Yes nor No")
    if IPv4Address(first) > IPv4Address(last):
        raise ValueError("the last address comes before the first")
    return Blocked(first=first, last=last, why=why) if blocked.lower() == "yes" else None


def _day(line: list[str]) -> Day:
    fields = [each.strip() for each in line]
    if fields[6] not in _RESULTS:
        raise ValueError(f"the filter result is none of {', '.join(_RESULTS)}")
    return Day(
        address=str(IPv4Address(fields[0])),
        begins_at=_moment(fields[1]),
        ends_at=_moment(fields[2]),
        recipients=int(fields[5]),
        filter_result=fields[6],
        complaint_rate=fields[7],
        trap_hits=int(fields[10] or 0),
    )


def _moment(text: str) -> datetime:
    for form in _FORMATS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=_PACIFIC).astimezone(UTC)
        except ValueError:
            continue
    raise ValueError(f'"{text}" is no moment such as 12/31/2019 10:00 AM')


def _evidence(line: list[str], at: datetime) -> bytes:
    """The line as it came. The samples are of our own mail; nobody else is named in it."""
    told = {"kind": "snds", "line": line, "read_at": at.isoformat()}
    return json.dumps(told, ensure_ascii=False, sort_keys=True).encode()
