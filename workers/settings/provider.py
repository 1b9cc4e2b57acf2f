"""Every setting of the provider's side.

A machine of a client's never has these: its agent has `workers/host_agent.py`'s own few.
"""

import socket
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, Self

from activities.billing import port as billing
from activities.blocklists.snds import URL, Snds
from activities.smtp import MailServer
from agents.smarthosts.port import check_address
from domain.money.billing import LEDGER
from domain.money.metering import Tolerance
from workers.settings.reading import BadSettings, environment, read_fields, setting
from workers.settings.values import (
    billing_backend,
    database_url,
    days,
    host_port,
    issuer,
    mail_address,
    reporters,
    resolver,
    seconds,
    seconds_or_none,
    secret,
    stripe_key,
    text,
    tolerance,
    web_address,
    webhook_key,
    zones,
)


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
