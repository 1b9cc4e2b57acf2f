"""Stripe: a charge is an invoice item of the customer's, a credit or a void a negative one.

Items wait for the customer's next invoice (docs.stripe.com/api/invoiceitems). Each request has an
idempotency key (docs.stripe.com/api/idempotent_requests) and the entry's key in its metadata, by
which it is found again however late.

With PLAZO_STRIPE_METER, what a smarthost relayed goes out as a meter event of that name instead
(docs.stripe.com/api/billing/meter-event): the quantity, in thousands, and Stripe's own price makes
the amount. Stripe takes an event's identifier once, for a day at least; it has no call that lists
events, so one whose answer was lost is only sent again within that day.
"""

import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from activities.billing.port import SECONDS, Backend, Refused, register
from activities.billing.stripe_errors import no_such, speaking
from activities.billing.wording import line_of
from domain.money.billing import Outgoing, There
from domain.money.costs import ChargeKind
from domain.money.ledger import Entry, EntryKind
from domain.units import Money

if TYPE_CHECKING:  # a sixth of a second, for who does not use it
    import stripe

API = "https://api.stripe.com"

_WHOLE = frozenset(
    [
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "JPY",
        "KMF",
        "KRW",
        "MGA",
        "PYG",
        "RWF",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    ]
)
_THOUSANDTHS = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])
"""How Stripe counts an amount (docs.stripe.com/currencies): in hundredths where it is in neither,
also ISK and UGX, which have no decimals. Of thousandths the last digit has to be 0."""

_EVENT = "meter event "

_ONE_DAY = timedelta(hours=23)
"""For which a meter event's identifier surely counts as the same, with an hour to spare."""


class Stripe:
    """With a secret or restricted `key`, at `api`; `meter` names the event for relayed mail."""

    settles = 0.0
    needs_id = True

    def __init__(self, key: str, *, api: str = API, meter: str | None = None) -> None:
        import stripe

        self._http = stripe.HTTPXClient(timeout=SECONDS)
        self._client = stripe.StripeClient(
            key,
            base_addresses={"api": api, "meter_events": api},
            http_client=self._http,
            max_network_retries=0,  # retried by the workflow, which looks for the entry first
        )
        self._meter = meter

    async def find(self, what: Outgoing) -> str | None:
        """Looks through the customer's invoice items since the entry was made.

        A meter event is sent again, which Stripe takes once: but only within the day.
        """
        entry = what.entry
        if self._is_metered(entry):
            if what.tried_at is not None and datetime.now(UTC) - what.tried_at > _ONE_DAY:
                raise Refused(
                    "nobody knows whether Stripe has this meter event, and it does not say: look "
                    f"whether the customer's usage has {entry.quantity.normalize():f} from "
                    f"{what.tried_at:%Y-%m-%d %H:%M} UTC, and credit the charge if it has not"
                )
            return await self._send_event(entry, _customer(what.account))
        async for item in self._items(_customer(what.account), entry.entered_at):
            if _key(item) == entry.key:
                return item.id
        return None

    async def send(self, what: Outgoing) -> str:
        """Raises Refused for a customer that is not there, and one billed in another currency."""
        entry, customer = what.entry, _customer(what.account)
        if self._is_metered(entry):
            return await self._send_event(entry, customer)
        currency = entry.amount.currency
        with speaking(customer):
            found = await self._client.v1.customers.retrieve_async(customer)
        if getattr(found, "deleted", False):
            raise Refused(no_such(customer))
        if found.currency and found.currency.upper() != currency:
            raise Refused(
                f"customer {customer} of Stripe is billed in {found.currency.upper()}, and this is "
                f"in {currency}: a customer there has one currency; map the client to another "
                "customer, or agree prices in that currency"
            )
        with speaking(customer):
            item = await self._client.v1.invoice_items.create_async(
                {
                    "customer": customer,
                    "amount": _minor(entry.amount),
                    "currency": currency.lower(),
                    "description": line_of(entry),
                    "metadata": {"plazo_key": entry.key},
                },
                {"idempotency_key": _identifier(entry.key, what.round)},
            )
        return item.id

    async def _send_event(self, entry: Entry, customer: str) -> str:
        import stripe

        name = _identifier(entry.key, 0)
        with speaking(customer):
            try:
                await self._client.v1.billing.meter_events.create_async(
                    {
                        "event_name": str(self._meter),
                        "identifier": name,
                        "payload": {
                            "stripe_customer_id": customer,
                            "value": f"{entry.quantity.normalize():f}",
                        },
                    }
                )
            except stripe.InvalidRequestError as error:
                if "already exists" not in str(error):
                    raise
        return f"{_EVENT}{name}"

    async def there(self, account: str, since: datetime) -> tuple[There, ...] | None:
        """Meter events are not among them, and none of their names are ids of items."""
        return tuple(
            [
                There(key=key, far_id=item.id, amount=_money(item.amount, item.currency))
                async for item in self._items(_customer(account), since)
                if (key := _key(item)) is not None
            ]
        )

    def lists(self, far_id: str) -> bool:
        return not far_id.startswith(_EVENT)

    async def check(self) -> str:
        with speaking():
            await self._client.v1.invoice_items.list_async({"limit": 1})
        return "Stripe answers, and lists invoice items"

    async def close(self) -> None:
        await self._http.close_async()  # type: ignore[no-untyped-call]

    def _is_metered(self, entry: Entry) -> bool:
        charge = entry.entry is EntryKind.CHARGE
        return self._meter is not None and charge and entry.kind is ChargeKind.SMARTHOST

    async def _items(self, customer: str, since: datetime) -> AsyncIterator["stripe.InvoiceItem"]:
        """The customer's, the newest first, until a day before `since`."""
        oldest = int((since - timedelta(days=1)).timestamp())
        after: stripe.params.InvoiceItemListParams = {"customer": customer, "limit": 100}
        while True:
            with speaking(customer):
                page = await self._client.v1.invoice_items.list_async(after)
            for item in page.data:
                yield item
            if not page.has_more or not page.data or page.data[-1].date < oldest:
                return
            after["starting_after"] = page.data[-1].id


def _customer(account: str | None) -> str:
    if account is None or re.fullmatch(r"cus_\w{1,100}", account) is None:
        raise Refused(
            f'"{account or ""}" is no customer of Stripe; write its id, as '
            "`billing: {backend: stripe, id: cus_…}`"
        )
    return account


def _identifier(key: str, round: int) -> str:
    """At most 100 characters. A new one after each no: Stripe repeats what it has answered."""
    return f"plazo-{hashlib.sha256(key.encode()).hexdigest()[:48]}-{round}"


def _key(item: "stripe.InvoiceItem") -> str | None:
    metadata = item.metadata
    return metadata["plazo_key"] if metadata and "plazo_key" in metadata else None


def _decimals(currency: str) -> int:
    return 0 if currency in _WHOLE else 3 if currency in _THOUSANDTHS else 2


def _minor(money: Money) -> int:
    minor = money.amount.scaleb(_decimals(money.currency))
    if minor != minor.to_integral_value() or (money.currency in _THOUSANDTHS and minor % 10):
        raise Refused(f"Stripe does not take {money}: the last decimal has to be 0")
    return int(minor)


def _money(minor: int, currency: str) -> Money:
    code = currency.upper()
    return Money.of(Decimal(minor).scaleb(-_decimals(code)), code)


@register("stripe")
def stripe_(access: Mapping[str, str]) -> Backend | None:
    key = access.get("PLAZO_STRIPE_KEY")
    if not key:
        return None
    api = access.get("PLAZO_STRIPE_API") or API
    return Stripe(key, api=api, meter=access.get("PLAZO_STRIPE_METER"))
