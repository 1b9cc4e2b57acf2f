"""How each kind of value is read from text. Each raises ValueError with what to write instead."""

import re
from urllib.parse import urlsplit

from activities.billing import port as billing
from activities.blocklists.dnsbl import Blocklists
from domain.money.metering import Tolerance
from domain.units import Hours
from gateway.keys import Keys

_REPORTER = re.compile(r"[A-Za-z0-9_.-]+")

_ANY_RESOLVER = "127.0.0.1:53"
"""So that zones can be checked on a machine that has no resolver of its own."""


def text(given: str) -> str:
    return given


def secret(given: str) -> str:
    if len(given) < 16:
        raise ValueError("is shorter than 16 characters; make one with `openssl rand -base64 32`")
    return given


def web_address(given: str) -> str:
    parts = urlsplit(given)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f'"{given}" is not a web address; expected https://HOST')
    return given.rstrip("/")


def issuer(given: str) -> str:
    web_address(given)
    return given


def database_url(given: str) -> str:
    parts = urlsplit(given)
    if parts.scheme not in ("postgresql", "postgres") or not parts.path.strip("/"):
        raise ValueError(
            f"is no PostgreSQL address ({parts.scheme}://…); expected postgresql://USER@HOST/DATABASE"
        )
    return given


def billing_backend(given: str) -> str:
    if given not in billing.names():
        known = ", ".join(billing.names())
        raise ValueError(f'"{given}" is no billing backend; write one of {known}')
    return given


def stripe_key(given: str) -> str:
    if re.fullmatch(r"(?:sk|rk)_\w{5,}", given) is None:
        raise ValueError("is no secret or restricted key of Stripe; expected sk_… or rk_…")
    return given


def webhook_key(given: str) -> str:
    if not given.startswith("whsec_"):
        raise ValueError("does not begin with whsec_; make one with `openssl rand -base64 32`")
    Keys.read((given,))
    return given


def host_port(given: str) -> str:
    host, _, port = given.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise ValueError(f'"{given}" is not HOST:PORT')
    return given


def mail_address(given: str) -> str:
    if not re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", given):
        raise ValueError(f'"{given}" is not a mail address')
    return given


def mail_addresses(given: str) -> tuple[str, ...]:
    return tuple(mail_address(each) for each in names(given))


def seconds(given: str) -> float:
    """A span such as `5m` or `0.5s`, longer than none."""
    plain = re.fullmatch(r"(\d+\.\d+)\s*s", given)
    found = float(plain[1]) if plain else float(Hours.parse(given).seconds)
    if not found:
        raise ValueError(f'"{given}" is no time at all; write it as 5s, 15m or 1h')
    return found


def days(given: str) -> float:
    """A span as `seconds` reads it, of a day or more."""
    found = seconds(given)
    if found < 86_400:
        raise ValueError("it is a day or more, such as 90d")
    return found


def seconds_or_none(given: str) -> float | None:
    """A span as `seconds` reads it; None for `none` and `0`."""
    return None if given in ("0", "none") else seconds(given)


def tolerance(given: str) -> Tolerance:
    """`2%,50`: past both, two counts of the same mail differ."""
    found = re.fullmatch(r"(\d{1,3}(?:\.\d{1,3})?)\s*%?\s*,\s*(\d{1,9})", given)
    if found is None:
        raise ValueError(f'"{given}" is not PERCENT,MESSAGES; write it as 2%,50')
    return Tolerance(percent=float(found[1]), messages=int(found[2]))


def names(given: str) -> tuple[str, ...]:
    return tuple(part.strip().rstrip(".") for part in given.split(",") if part.strip())


def zones(given: str) -> tuple[str, ...]:
    found = names(given)
    Blocklists(found, _ANY_RESOLVER)
    return found


def resolver(given: str) -> str:
    Blocklists((), given)
    return given


def reporters(given: str) -> dict[str, tuple[str, ...]]:
    """`name=KEY` separated by commas; a name that comes twice has two keys (rotation).

    The kinds of keys are in `gateway.keys`.
    """
    found: dict[str, tuple[str, ...]] = {}
    parts = [part.strip() for part in given.split(",") if part.strip()]
    for number, part in enumerate(parts, 1):
        name, separator, key = part.partition("=")
        # Not quoted: what has no name in front is a key.
        if not separator or name.startswith("whsec_") or not _REPORTER.fullmatch(name):
            raise ValueError(
                f"entry {number} is not NAME=whsec_KEY, NAME=ed25519:KEY or NAME=basic:PASSWORD"
            )
        try:
            Keys.read((key,))
        except ValueError as error:
            raise ValueError(f"the key of {name}: {error}") from error
        found[name] = (*found.get(name, ()), key)
    return found


# --- the settings ---------------------------------------------------------------------------------
