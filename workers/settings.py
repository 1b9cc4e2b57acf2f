"""Every setting of the provider's side, read once from the environment and `.env`, and checked.

A machine of a client's never has these: its agent has `workers/host_agent.py`'s own few.
"""

import os
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from dotenv import dotenv_values

from activities.billing import port as billing
from activities.blocklists.dnsbl import Blocklists
from activities.blocklists.snds import URL, Snds
from activities.smtp import MailServer
from agents.smarthosts.port import check_address
from domain.money.billing import LEDGER
from domain.money.metering import Tolerance
from domain.units import Hours
from gateway.keys import Keys


class BadSettings(ValueError):
    """Settings that are missing or cannot be understood; the message has a line for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))


def setting(
    name: str, doc: str, read: Callable[[str], Any], default: Any = MISSING, *, secret: bool = False
) -> Any:
    """A field that comes from the environment variable `name`. A callable default is called."""
    metadata = {"name": name, "doc": doc, "read": read, "secret": secret}
    made = {"default_factory": default} if callable(default) else {"default": default}
    return field(metadata=metadata, repr=not secret, **made)


def environment(file: Path = Path(".env")) -> dict[str, str]:
    """The process's environment; what it lacks comes from the `.env` in the working directory."""
    kept = {name: value for name, value in dotenv_values(file).items() if value is not None}
    return {**kept, **os.environ}


def read_fields(kind: type, env: Mapping[str, str]) -> dict[str, Any]:
    """Read a dataclass of `setting`s. Raises BadSettings with every problem at once."""
    values: dict[str, Any] = {}
    problems = []
    for each in fields(kind):
        name, given = each.metadata["name"], env.get(each.metadata["name"], "").strip()
        if given:
            try:
                values[each.name] = each.metadata["read"](given)
            except ValueError as error:
                problems.append(f"{name}: {error}")
        elif _required(each):
            problems.append(f"{name} is not set: {each.metadata['doc']}")
    if problems:
        raise BadSettings(problems)
    return values


def _required(each: Field[Any]) -> bool:
    return each.default is MISSING and each.default_factory is MISSING


# --- how each kind of value is read ---------------------------------------------------------------

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


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The provider's side. Temporal's address, namespace and TLS are in its own variables.

    Those are `TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, `TEMPORAL_PROFILE` and the others that
    Temporal's documentation of environment configuration lists.
    """

    database_url: str = setting(
        "PLAZO_DATABASE_URL", "the book of record, postgresql://USER:PASSWORD@HOST/DATABASE",
        database_url, secret=True,
    )  # fmt: skip
    public_url: str = setting(
        "PLAZO_PUBLIC_URL", "where clients reach the gateway, https://HOST", web_address
    )
    portal_secret: str = setting(
        "PLAZO_PORTAL_SECRET", "signs the links to the client portal; 16 characters or more",
        secret, secret=True,
    )  # fmt: skip
    portal_lasts: float = setting(
        "PLAZO_PORTAL_LASTS", "how long the link in a letter opens the portal", days, 90 * 86_400.0
    )
    oidc_issuer: str | None = setting(
        "PLAZO_OIDC_ISSUER", "where the provider's people sign on, exactly as it calls itself",
        issuer, None,
    )  # fmt: skip
    oidc_client: str = setting(
        "PLAZO_OIDC_CLIENT", "the name that this gateway is registered under there", text, "plazo"
    )
    oidc_secret: str = setting(
        "PLAZO_OIDC_SECRET", "and its secret; the redirect is PLAZO_PUBLIC_URL/sign-on/return",
        text, "", secret=True,
    )  # fmt: skip
    provider: str = setting(
        "PLAZO_PROVIDER", "the company's name, under every letter", text, "Abuse desk"
    )
    reply_to: str = setting(
        "PLAZO_REPLY_TO", "where answers to letters go, and what letters come from",
        mail_address, lambda: f"abuse@{socket.getfqdn()}",
    )  # fmt: skip
    desk: str | None = setting(
        "PLAZO_DESK",
        "where people are reminded of tasks by mail; not an address that `plazo mailbox` reads",
        mail_address, None,
    )  # fmt: skip
    bounces: str | None = setting(
        "PLAZO_BOUNCES",
        "where letters that cannot be delivered come back to, NAME@HOST, if that host takes "
        "NAME+DETAIL@HOST too; PLAZO_REPLY_TO if not set", mail_address, None,
    )  # fmt: skip
    mail_server: MailServer = setting(
        "PLAZO_SMTP_URL", "the provider's own mail server: smtp://HOST:PORT, smtps or submission",
        MailServer.at, lambda: MailServer.at("smtp://127.0.0.1:25"),
    )  # fmt: skip
    reporters: Mapping[str, tuple[str, ...]] = setting(
        "PLAZO_REPORTERS", "who may post reports, NAME=KEY,… (docs/intake.md)", reporters, dict,
        secret=True,
    )  # fmt: skip
    blocklists: tuple[str, ...] = setting(
        "PLAZO_BLOCKLISTS", "zones to ask, separated by commas (plazo blocklist list)", zones,
        ("zen.spamhaus.org", "dbl.spamhaus.org", "bl.spamcop.net", "b.barracudacentral.org"),
        secret=True,
    )  # fmt: skip
    dns: str | None = setting(
        "PLAZO_DNS", "the resolvers to ask, IP:PORT,…; the system's if not set", resolver, None
    )
    snds_key: str | None = setting(
        "PLAZO_SNDS_KEY", "reads Microsoft's SNDS: the key of its Automated Data Access", secret,
        None, secret=True,
    )  # fmt: skip
    snds_url: str = setting("PLAZO_SNDS_URL", "where SNDS is", web_address, URL)
    smarthost: str | None = setting(
        "PLAZO_SMARTHOST",
        "what smarthost_redirect sends mail through: HOST:PORT, or mailchannels:HOST:PORT",
        check_address, None,
    )  # fmt: skip
    smarthost_key: str | None = setting(
        "PLAZO_SMARTHOST_KEY", "reads the smarthost's own usage figures, where it has an API",
        secret, None, secret=True,
    )  # fmt: skip
    usage_difference: Tolerance = setting(
        "PLAZO_USAGE_DIFFERENCE",
        "how far apart smarthost and host may count before a person is asked: PERCENT,MESSAGES",
        tolerance, Tolerance(),
    )  # fmt: skip
    billing: str = setting(
        "PLAZO_BILLING", "where clients are billed that name nothing else (docs/billing.md)",
        billing_backend, LEDGER,
    )  # fmt: skip
    whmcs_url: str | None = setting(
        "PLAZO_WHMCS_URL", "WHMCS, https://HOST/PATH; /includes/api.php below it is called",
        web_address, None,
    )  # fmt: skip
    whmcs_identifier: str | None = setting(
        "PLAZO_WHMCS_IDENTIFIER", "an API credential of WHMCS", text, None, secret=True
    )
    whmcs_secret: str | None = setting(
        "PLAZO_WHMCS_SECRET", "and its secret", text, None, secret=True
    )
    whmcs_access_key: str | None = setting(
        "PLAZO_WHMCS_ACCESS_KEY", "WHMCS' API access key, where its configuration.php has one",
        text, None, secret=True,
    )  # fmt: skip
    stripe_key: str | None = setting(
        "PLAZO_STRIPE_KEY", "a secret or restricted key of Stripe", stripe_key, None, secret=True
    )
    stripe_api: str | None = setting(
        "PLAZO_STRIPE_API", "where Stripe's API is, if not at https://api.stripe.com",
        web_address, None,
    )  # fmt: skip
    stripe_meter: str | None = setting(
        "PLAZO_STRIPE_METER", "bill relayed mail by meter events of this name, at Stripe's price",
        text, None,
    )  # fmt: skip
    billing_webhook: str | None = setting(
        "PLAZO_BILLING_WEBHOOK", "takes every entry of the ledger, signed", web_address, None
    )
    billing_webhook_secret: str | None = setting(
        "PLAZO_BILLING_WEBHOOK_SECRET", "signs them: whsec_ and base64", webhook_key, None,
        secret=True,
    )  # fmt: skip
    listen: str = setting(
        "PLAZO_LISTEN", "where the gateway listens, HOST:PORT", host_port, "127.0.0.1:8080"
    )
    temporal_ui: str | None = setting(
        "PLAZO_TEMPORAL_UI", "Temporal's web interface, for links in the console", web_address, None
    )
    build_id: str | None = setting(
        "PLAZO_BUILD_ID", "this code's version, where workers are deployed by version", text, None
    )
    news_interval: float = setting(
        "PLAZO_NEWS_INTERVAL", "the least time between two wake-ups of an incident", seconds, 5.0
    )
    confirm: float = setting(
        "PLAZO_CONFIRM", "how long an agent has to report that a measure took hold", seconds, 300.0
    )
    verify: float = setting(
        "PLAZO_VERIFY", "how long no offending mail may be seen before a release", seconds, 900.0
    )
    look_again: float = setting(
        "PLAZO_LOOK_AGAIN", "until a blocklist is asked again; then twice as long each time",
        seconds, 3_600.0,
    )  # fmt: skip
    watch: float | None = setting(
        "PLAZO_WATCH", "how often every address is looked up on the blocklists; none: never",
        seconds_or_none, 6 * 3_600.0,
    )  # fmt: skip

    def __post_init__(self) -> None:
        """Raises BadSettings where clients are to be billed by what is not set up."""
        if self.billing == LEDGER:
            return
        lacking = billing.made(self.billing_access).lacking.get(self.billing)
        if lacking is not None:
            raise BadSettings([f"PLAZO_BILLING: {lacking}"])

    @property
    def billing_access(self) -> dict[str, str]:
        """What the billing backends are made from: their settings, by name."""
        ours = ("PLAZO_WHMCS_", "PLAZO_STRIPE_", "PLAZO_BILLING_")
        given = {each.metadata["name"]: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in given.items() if name.startswith(ours) and value}

    @property
    def snds(self) -> Snds | None:
        """Microsoft's feed, where there is a key to it."""
        return None if self.snds_key is None else Snds(self.snds_key, self.snds_url)

    @classmethod
    def one(cls, name: str, env: Mapping[str, str]) -> Any:
        """A single setting, for what needs no others; None if not set. Raises BadSettings."""
        [each] = [known for known in fields(cls) if known.metadata["name"] == name]
        given = env.get(name, "").strip()
        try:
            default = None if each.default is MISSING else each.default
            return each.metadata["read"](given) if given else default
        except ValueError as error:
            raise BadSettings([f"{name}: {error}"]) from error

    @classmethod
    def read(cls, env: Mapping[str, str] | None = None) -> Self:
        """From `env`, or the process's own. Raises BadSettings with every problem at once."""
        return cls(**read_fields(cls, environment() if env is None else env))
