"""The ledger for other programs: CSV, and an invoice of UBL 2.1 (OASIS, ISO/IEC 19845).

Amounts are net. Nothing says a word on tax: that is the billing system's.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from xml.etree import ElementTree

from domain.money.costs import Unit
from domain.money.ledger import Entry, EntryKind, Standing, total
from domain.units import Money

INVOICE = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
CAC = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
CBC = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"

_UNITS = {
    Unit.INCIDENT: "C62", Unit.THOUSAND: "MIL", Unit.MONTH: "MON", Unit.HOUR: "HUR",
    Unit.LUMP: "C62", Unit.ADJUSTMENT: "C62",
}  # fmt: skip
"""UN/ECE Recommendation 20: one, thousand, month, hour."""

_COLUMNS = (
    "key", "entry", "of", "incident", "client", "contract", "clause", "kind", "quantity", "unit",
    "unit_price", "amount", "currency", "reason", "by", "evidence", "entered_at",
)  # fmt: skip


def row_of(entry: Entry) -> dict[str, str]:
    """One entry, in words and decimal numbers."""
    return {
        "key": entry.key,
        "entry": entry.entry,
        "of": entry.of or "",
        "incident": entry.incident,
        "client": entry.client,
        "contract": entry.contract,
        "clause": entry.clause,
        "kind": entry.kind,
        "quantity": f"{entry.quantity:f}",
        "unit": entry.unit,
        "unit_price": f"{entry.unit_price:f}",
        "amount": f"{entry.amount.amount:f}",
        "currency": entry.amount.currency,
        "reason": entry.reason,
        "by": entry.by,
        "evidence": "; ".join(f"{each.what} {each.ref}" for each in entry.evidence),
        "entered_at": entry.entered_at.isoformat(),
    }


def standing_row(standing: Standing) -> dict[str, str]:
    """One charge as it stands."""
    return row_of(standing.charge) | {
        "left": f"{standing.left.amount:f}",
        "state": standing.state,
        "state_by": standing.by or "",
        "state_why": standing.why or "",
    }


def as_csv(entries: Iterable[Entry]) -> str:
    """Every entry on a line, under the names of the columns (RFC 4180)."""
    written = io.StringIO()
    writer = csv.DictWriter(written, _COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(map(row_of, entries))
    return written.getvalue()


def as_ubl(entries: Sequence[Entry], *, number: str, issued: datetime, provider: str) -> bytes:
    """An invoice of one client in one currency, a line for each entry.

    Raises ValueError where there is nothing to invoice, or more than one client or currency.
    """
    clients = sorted({entry.client for entry in entries})
    currencies = sorted({entry.amount.currency for entry in entries})
    if not entries:
        raise ValueError("nothing was entered in that time, so there is no invoice to write")
    if len(clients) > 1:
        raise ValueError(f"an invoice is one client's; add --client, of {', '.join(clients)}")
    if len(currencies) > 1:
        raise ValueError(
            f"an invoice is in one currency; add --currency, of {', '.join(currencies)}"
        )
    root = ElementTree.Element(f"{{{INVOICE}}}Invoice")
    _text(root, "UBLVersionID", "2.1")
    _text(root, "ID", number)
    _text(root, "IssueDate", f"{issued:%Y-%m-%d}")
    _text(root, "InvoiceTypeCode", "380")  # UN/EDIFACT 1001: commercial invoice
    _text(root, "Note", "Amounts are net; tax is not part of this document.")
    _text(root, "DocumentCurrencyCode", currencies[0])
    _party(_below(root, "AccountingSupplierParty"), provider)
    _party(_below(root, "AccountingCustomerParty"), clients[0])
    whole = total(entries)[currencies[0]]
    totals = _below(root, "LegalMonetaryTotal")
    for name in ("LineExtensionAmount", "TaxExclusiveAmount", "PayableAmount"):
        _amount(totals, name, whole)
    for line, entry in enumerate(entries, 1):
        _line(root, line, entry)
    for prefix, namespace in (("", INVOICE), ("cac", CAC), ("cbc", CBC)):
        ElementTree.register_namespace(prefix, namespace)
    ElementTree.indent(root)
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def _line(root: ElementTree.Element, number: int, entry: Entry) -> None:
    """Quantity times price, with what a minimum or a cap made of it as an allowance or charge."""
    currency = entry.amount.currency
    line = _below(root, "InvoiceLine")
    _text(line, "ID", str(number))
    _text(line, "Note", entry.reason)
    _text(line, "InvoicedQuantity", f"{entry.quantity:f}", unitCode=_UNITS[Unit(entry.unit)])
    _amount(line, "LineExtensionAmount", entry.amount)
    exact = Money.of(entry.quantity * entry.unit_price, currency)
    if exact != entry.amount:
        more = entry.amount.minus(exact)
        change = _below(line, "AllowanceCharge")
        _text(change, "ChargeIndicator", "true" if more.minor > 0 else "false")
        _text(change, "AllowanceChargeReason", entry.reason)
        _amount(change, "Amount", Money(abs(more.minor), currency))
    item = _below(line, "Item")
    what = entry.kind if entry.entry is EntryKind.CHARGE else f"{entry.entry} of {entry.of}"
    _text(item, "Name", what)
    _text(_below(item, "SellersItemIdentification"), "ID", entry.key)
    for name, value in (
        ("incident", entry.incident), ("contract", entry.contract), ("clause", entry.clause),
        *((each.what, each.ref) for each in entry.evidence),
    ):  # fmt: skip
        given = _below(item, "AdditionalItemProperty")
        _text(given, "Name", name)
        _text(given, "Value", value)
    _text(_below(line, "Price"), "PriceAmount", f"{entry.unit_price:f}", currencyID=currency)


def _party(above: ElementTree.Element, name: str) -> None:
    _text(_below(_below(above, "Party"), "PartyName"), "Name", name)


def _below(above: ElementTree.Element, name: str) -> ElementTree.Element:
    return ElementTree.SubElement(above, f"{{{CAC}}}{name}")


def _text(above: ElementTree.Element, name: str, text: str, **attributes: str) -> None:
    ElementTree.SubElement(above, f"{{{CBC}}}{name}", attributes).text = _allowed(text)


def _amount(above: ElementTree.Element, name: str, money: Money) -> None:
    _text(above, name, f"{money.amount:f}", currencyID=money.currency)


def _allowed(text: str) -> str:
    """Without what XML 1.0 §2.2 has no character for."""
    return "".join(each for each in text if each in "\t\n\r" or ord(each) >= 0x20)
