"""WHMCS: a charge is an invoice of one line, a credit or a void is credit of the client's.

By its API (developers.whmcs.com/api-reference): CreateInvoice with the key among the notes, found
again by GetInvoices; AddCredit with the key in its description, found again by GetCredits. Its
billable items have no call that lists them, so one whose answer was lost could not be found again.

The API's role needs GetClientsDetails, CreateInvoice, GetInvoices, GetInvoice, AddCredit and
GetCredits. Tax is WHMCS's: every line is taxed as the client is.
"""

import json
from collections.abc import AsyncIterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from activities.billing.http import Client
from activities.billing.port import Away, Backend, Refused, register
from activities.billing.wording import line_of, mark, marked
from domain.money.billing import Outgoing, There
from domain.money.ledger import EntryKind
from domain.units import Money

SETTLES = 60.0
"""Twice PHP's usual limit of 30 s (max_execution_time): a request that has not made its invoice by
then never will."""

_API = "/includes/api.php"
_PAGE = 100
_HUNDREDTHS = Decimal("0.01")
"""WHMCS keeps every amount with two decimals, whatever the currency."""

_UNKNOWN = ("client id not found", "client not found")
_KEPT_OUT = ("authentication failed", "invalid ip", "invalid permissions", "access denied",
             "api access")  # fmt: skip


class Whmcs:
    """At `url`, by an API credential: `identifier`, `secret`, and `access` where one is set."""

    needs_id = True

    def __init__(self, url: str, identifier: str, secret: str, access: str | None = None) -> None:
        below = url.rstrip("/").removesuffix(_API)  # as many write the whole of it
        self._url = f"{below}{_API}"
        self._known = {"identifier": identifier, "secret": secret}
        if access is not None:
            self._known["accesskey"] = access
        self._client = Client()

    @property
    def settles(self) -> float:
        return SETTLES

    async def find(self, what: Outgoing) -> str | None:
        """Looks through the client's invoices, or credits, since the entry was made."""
        entry, account = what.entry, _number(what.account)
        if entry.entry is not EntryKind.CHARGE:
            return await self._credit(account, entry.key)
        async for invoice in self._invoices(account, entry.entered_at):
            if marked(str(invoice.get("notes", ""))) == entry.key:
                return f"invoice {invoice['id']}"
        return None

    async def send(self, what: Outgoing) -> str:
        """Raises Refused for a client that is not there, and one billed in another currency."""
        entry, account = what.entry, _number(what.account)
        amount = _amount(abs(entry.amount.amount), entry.amount.currency)
        currency = await self._currency(account)
        if currency != entry.amount.currency:
            raise Refused(
                f"client {account} of WHMCS is billed in {currency}, and this is in "
                f"{entry.amount.currency}: set the client's currency in WHMCS, or agree prices in "
                f"{currency}"
            )
        if entry.entry is EntryKind.CHARGE:
            made = await self._ask("CreateInvoice", {
                "userid": account, "status": "Unpaid", "sendinvoice": "1",
                "notes": mark(entry.key), "itemdescription1": line_of(entry),
                "itemamount1": amount, "itemtaxed1": "1",
            })  # fmt: skip
            return f"invoice {_field(made, 'invoiceid')}"
        await self._ask("AddCredit", {
            "clientid": account, "amount": amount,
            "description": f"{line_of(entry)} [{mark(entry.key)}]",
        })  # fmt: skip
        # Its answer has no id.
        found = await self._credit(account, entry.key)
        if found is None:
            raise Away("WHMCS took the credit and does not list it yet", unsure=True)
        return found

    async def there(self, account: str, since: datetime) -> tuple[There, ...] | None:
        """Invoices that were cancelled there do not count."""
        number = _number(account)
        found = []
        async for invoice in self._invoices(number, since):
            key = marked(str(invoice.get("notes", "")))
            if key is not None and str(invoice.get("status", "")).lower() != "cancelled":
                amount = await self._line(invoice)
                found.append(There(key=key, far_id=f"invoice {invoice['id']}", amount=amount))
        currency = await self._currency(number)
        for credit in await self._credits(number):
            key = marked(str(credit.get("description", "")))
            if key is not None:
                amount = Money.of(-_decimal(credit.get("amount")), currency)
                found.append(There(key=key, far_id=f"credit {credit['id']}", amount=amount))
        return tuple(found)

    def lists(self, far_id: str) -> bool:
        return True

    async def check(self) -> str:
        answer = await self._ask("GetInvoices", {"limitnum": "1"})
        return f"WHMCS answers, and has {answer.get('totalresults', 0)} invoices"

    async def close(self) -> None:
        await self._client.close()

    async def _line(self, invoice: Mapping[str, Any]) -> Money:
        """The one line's amount. A subtotal is that only where there is no tax in it."""
        amount = _decimal(invoice.get("subtotal"))
        if _decimal(invoice.get("tax", 0)) or _decimal(invoice.get("tax2", 0)):
            whole = await self._ask("GetInvoice", {"invoiceid": str(invoice["id"])})
            amount = sum(
                (_decimal(item.get("amount")) for item in _several(whole, "items", "item")),
                Decimal(0),
            )
        return Money.of(amount, str(invoice.get("currencycode", "")))

    async def _currency(self, account: str) -> str:
        answer = await self._ask("GetClientsDetails", {"clientid": account})
        client = answer.get("client")
        details = client if isinstance(client, dict) else answer
        return str(_field(details, "currency_code"))

    async def _invoices(self, account: str, since: datetime) -> AsyncIterator[dict[str, Any]]:
        """The client's, the newest first."""
        oldest, start = since.date() - timedelta(days=2), 0
        while True:
            answer = await self._ask("GetInvoices", {
                "userid": account, "limitstart": str(start), "limitnum": str(_PAGE),
                "orderby": "id", "order": "desc",
            })  # fmt: skip
            page = _several(answer, "invoices", "invoice")
            for invoice in page:
                yield invoice
            numbers = [int(each["id"]) for each in page]
            # Older versions do not sort as they are asked to.
            if len(page) < _PAGE or (
                numbers == sorted(numbers, reverse=True) and _day(page[-1]) < oldest
            ):
                return
            start += len(page)

    async def _credits(self, account: str) -> list[dict[str, Any]]:
        return _several(await self._ask("GetCredits", {"clientid": account}), "credits", "credit")

    async def _credit(self, account: str, key: str) -> str | None:
        for credit in await self._credits(account):
            if marked(str(credit.get("description", ""))) == key:
                return f"credit {credit['id']}"
        return None

    async def _ask(self, action: str, more: Mapping[str, str]) -> dict[str, Any]:
        form = {**self._known, "action": action, "responsetype": "json", **more}
        answer = await self._client.request("WHMCS", "POST", self._url, form=form)
        if answer.status_code in (401, 403) or 300 <= answer.status_code < 400:
            raise Refused(_kept_out(answer.text, answer.status_code), everywhere=True)
        try:
            said = json.loads(answer.content)
        except ValueError as error:
            raise Away(f"WHMCS' answer to {action} is no JSON", unsure=True) from error
        if not isinstance(said, dict) or said.get("result") not in ("success", "error"):
            raise Away(f"WHMCS' answer to {action} cannot be read", unsure=True)
        if said["result"] == "error":
            raise _refusal(action, str(said.get("message", "it does not say why")), more)
        return said


def _refusal(action: str, message: str, asked: Mapping[str, str]) -> Refused:
    if message.lower().startswith(_KEPT_OUT):
        return Refused(_kept_out(message, 200), everywhere=True)
    if message.lower().startswith(_UNKNOWN):
        client = asked.get("clientid") or asked.get("userid")
        return Refused(
            f"WHMCS has no client {client}: correct `billing: {{backend: whmcs, id: …}}` of the "
            "client and import the file"
        )
    return Refused(f"WHMCS refused {action}: {message[:300]}")


def _kept_out(said: str, status: int) -> str:
    return (
        f"WHMCS does not let Plazo in ({status}: {' '.join(said.split())[:200]}): check "
        "PLAZO_WHMCS_URL, PLAZO_WHMCS_IDENTIFIER, PLAZO_WHMCS_SECRET and PLAZO_WHMCS_ACCESS_KEY, "
        "the permissions of the API's role, and the addresses that WHMCS admits"
    )


def _number(account: str | None) -> str:
    if account is None or not account.isascii() or not account.isdecimal():
        raise Refused(
            f'"{account or ""}" is no client id of WHMCS; write the number that WHMCS shows, as '
            '`billing: {backend: whmcs, id: "42"}`'
        )
    return account


def _amount(amount: Decimal, currency: str) -> str:
    if amount != amount.quantize(_HUNDREDTHS):
        raise Refused(
            f"WHMCS keeps two decimals, and {amount} {currency} has more: agree prices of two"
        )
    return f"{amount.quantize(_HUNDREDTHS):f}"


def _several(answer: Mapping[str, Any], name: str, one: str) -> list[dict[str, Any]]:
    """PHP has an empty list where there is none, and a list below a name where there are some."""
    found = answer.get(name)
    found = found.get(one, []) if isinstance(found, dict) else []
    return [each for each in found if isinstance(each, dict)]


def _field(answer: Mapping[str, Any], name: str) -> object:
    if answer.get(name) in (None, ""):
        raise Away(f"WHMCS' answer has no {name}", unsure=True)
    return answer[name]


def _decimal(given: object) -> Decimal:
    try:
        return Decimal(str(given))
    except InvalidOperation as error:
        raise Away(f'WHMCS\' answer has "{given}" for an amount', unsure=True) from error


def _day(invoice: Mapping[str, Any]) -> date:
    try:
        return date.fromisoformat(str(invoice.get("date", ""))[:10])
    except ValueError:
        return date.max


@register("whmcs")
def whmcs(access: Mapping[str, str]) -> Backend | None:
    wanted = ("PLAZO_WHMCS_URL", "PLAZO_WHMCS_IDENTIFIER", "PLAZO_WHMCS_SECRET")
    missing = [name for name in wanted if not access.get(name)]
    if len(missing) == len(wanted):
        return None
    if missing:
        raise ValueError(f"WHMCS also needs {', '.join(missing)}")
    url, identifier, secret = (access[name] for name in wanted)
    return Whmcs(url, identifier, secret, access.get("PLAZO_WHMCS_ACCESS_KEY"))
