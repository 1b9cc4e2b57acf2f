"""The single values of a file that a person writes: text to value.

Each parser raises ValueError with a sentence that says what is wrong and what to write instead.
"""

import json
import re
from collections.abc import Callable, Iterable
from datetime import date, datetime, time
from difflib import get_close_matches
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import TypeVar

from domain.incident import is_service_id

E = TypeVar("E", bound=StrEnum)
Prefix = IPv4Network | IPv6Network

_DATE = "(?:19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}"
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_MAIL = re.compile(
    rf"(?=.{{3,254}}$)(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})+"
)
"""A mail address in the dot-atom form of RFC 5321 §4.1.2, with the length limits of §4.5.3.1."""


def quoted(words: object) -> str:
    """What stands in the file, on one line and short enough for a sentence."""
    said = str(words)
    said = said if len(said) <= 60 else f"{said[:57]}..."
    return json.dumps(said, ensure_ascii=not said.isprintable())


def instead(wrong: str, known: Iterable[str]) -> str:
    """What to write in place of an unknown word: the nearest known one, or all of them."""
    choices = list(known)
    near = get_close_matches(wrong[:60].lower(), choices, 1)
    return f"did you mean {near[0]}?" if near else f"write one of {', '.join(choices)}"


def member(kind: type[E], called: str) -> Callable[[str], E]:
    """A parser of an enumeration's values."""

    def parse(words: str) -> E:
        try:
            return kind(words)
        except ValueError:
            raise ValueError(f"unknown {called} {quoted(words)}; {instead(words, kind)}") from None

    return parse


def identifier(words: str) -> str:
    """A name that ends up in incident ids and addresses of pages."""
    if not is_service_id(words):
        raise ValueError(
            f"{quoted(words)} cannot be a name here; write at most 63 lower-case letters, digits, "
            "dots and hyphens, such as vps-1"
        )
    return words


def flag(words: str) -> bool:
    """`true` or `false`. The other words that YAML 1.1 takes for them are refused."""
    if words not in ("true", "false"):
        raise ValueError(f"{quoted(words)} is neither true nor false; write one of these words")
    return words == "true"


def number(words: str) -> int:
    """A whole number from 1 to 999,999,999, in digits alone."""
    if re.fullmatch("[0-9]{1,9}", words) is None or int(words) < 1:
        raise ValueError(f"{quoted(words)} is not a whole number of 1 or more; write it as 100")
    return int(words)


def contact(words: str) -> str:
    """A mail address."""
    if _MAIL.fullmatch(words) is None:
        raise ValueError(
            f"{quoted(words)} is not a mail address; write it as abuse@client.example, without a "
            "name, in ASCII"
        )
    return words


def phone(words: str) -> str:
    """A telephone number, as a person dials it."""
    if re.fullmatch(r"\+?[0-9][0-9 ()./-]{3,30}", words) is None:
        raise ValueError(f"{quoted(words)} is not a phone number; write it as +34 910 000 000")
    return words


def channel(words: str) -> str:
    """The URL of a chat, an SMS service or a ticket system, as the library apprise reads it."""
    scheme, separator, rest = words.partition("://")
    if not separator or re.fullmatch("[a-z][a-z0-9+.-]{0,30}", scheme) is None or not rest.strip():
        raise ValueError(
            "is not the URL of a channel; write it as slack://TOKEN/#CHANNEL or json://HOST/PATH"
        )
    if scheme.startswith("mailto"):
        raise ValueError("mail is no other channel; write the address below contacts")
    return words


def prefix(words: str) -> Prefix:
    """An address, or a block of them in CIDR form."""
    try:
        network = ip_network(words)
    except ValueError:
        raise ValueError(f"{quoted(words)} is not an address or a prefix; {_near(words)}") from None
    first = network.network_address
    if isinstance(first, IPv6Address) and (first.ipv4_mapped or first.scope_id):
        raise ValueError(
            f"{quoted(words)} is no address to be seen from outside; write the IPv4 "
            "address itself, or one without a zone"
        )
    return network


def _near(words: str) -> str:
    try:
        whole = ip_network(words, strict=False)
    except ValueError:
        return "write it as 192.0.2.7, 192.0.2.0/28 or 2001:db8::/64"
    return f"write {whole} for the block, or the address without the slash"


def wall_time(words: str) -> time:
    """A time of day, `09:00`."""
    if re.fullmatch("[0-2][0-9]:[0-5][0-9]", words) is None or words > "23:59":
        raise ValueError(f"{quoted(words)} is not a time of day; write it as 09:00")
    return time.fromisoformat(words)


def weekday(words: str) -> int:
    """A day of the week, `mon`, as the number that `datetime` counts it by."""
    if words not in WEEKDAYS:
        raise ValueError(f"unknown weekday {quoted(words)}; write one of {', '.join(WEEKDAYS)}")
    return WEEKDAYS.index(words)


def beginning(words: str) -> date | datetime:
    """A date, `2026-01-01`, or a moment with its offset, `2026-01-01T08:00:00+01:00`."""
    try:
        if re.fullmatch(_DATE, words):
            return date.fromisoformat(words)
        moment = datetime.fromisoformat(words)
        if re.match(_DATE, words) and moment.utcoffset() is not None:
            return moment
    except ValueError:
        pass
    raise ValueError(
        f"{quoted(words)} is not a date; write it as 2026-01-01, or as a moment with its offset, "
        "2026-01-01T08:00:00+01:00"
    )
