"""The ledger as UBL: elements as OASIS publishes them, and lines that add up."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree

import pytest

from domain.money.costs import ChargeKind, Evidence, EvidenceKind, Unit
from domain.money.ledger import Entry, EntryKind
from domain.units import Money
from workers.commands.ledger_export import CAC, CBC, as_csv, as_ubl

NAMES = {"cac": CAC, "cbc": CBC}
NOW = datetime(2026, 11, 24, tzinfo=UTC)

ORDER = {
    "Invoice": (
        "UBLVersionID", "ID", "IssueDate", "InvoiceTypeCode", "Note", "DocumentCurrencyCode",
        "AccountingSupplierParty", "AccountingCustomerParty", "LegalMonetaryTotal", "InvoiceLine",
    ),
    "InvoiceLine": (
        "ID", "Note", "InvoicedQuantity", "LineExtensionAmount", "AllowanceCharge", "Item",
        "Price",
    ),
    "AllowanceCharge": ("ChargeIndicator", "AllowanceChargeReason", "Amount"),
    "Item": ("Name", "SellersItemIdentification", "AdditionalItemProperty"),
    "LegalMonetaryTotal": ("LineExtensionAmount", "TaxExclusiveAmount", "PayableAmount"),
}  # fmt: skip
"""Of what is written here, the sequence that UBL-Invoice-2.1.xsd and its common components set."""


def an_entry(**other: Any) -> Entry:
    ordinary: dict[str, Any] = {
        "key": "i-1/smarthost/1",
        "entry": EntryKind.CHARGE,
        "of": None,
        "incident": "i-1",
        "client": "aurora",
        "contract": "c-1",
        "clause": "7.3",
        "kind": ChargeKind.SMARTHOST,
        "quantity": Decimal(2),
        "unit": Unit.THOUSAND,
        "unit_price": Decimal("1.20"),
        "amount": Money(500, "EUR"),
        "reason": "1500 messages: the contract's minimum",
        "by": "plazo",
        "evidence": (Evidence(what=EvidenceKind.METER, ref="17"),),
        "entered_at": NOW,
    }
    return Entry(**ordinary | other)


def a_credit() -> Entry:
    return an_entry(
        key="i-1/smarthost/1/credit/1", entry=EntryKind.CREDIT, of="i-1/smarthost/1",
        quantity=Decimal(-1), unit=Unit.ADJUSTMENT, unit_price=Decimal("2.00"),
        amount=Money(-200, "EUR"), reason="<too> & much\x07",
    )  # fmt: skip


def invoice(*entries: Entry) -> ElementTree.Element:
    written = as_ubl(entries, number="n-1", issued=NOW, provider="Provider")
    return ElementTree.fromstring(written)


def plain(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def test_elements_stand_in_the_published_order() -> None:
    for element in invoice(an_entry(), a_credit()).iter():
        if order := ORDER.get(plain(element)):
            places = [order.index(plain(child)) for child in element]
            assert places == sorted(places)


@pytest.mark.parametrize(
    ("entry", "allowance"),
    [
        (an_entry(), "2.60"),  # raised to the minimum
        (an_entry(amount=Money(100, "EUR")), "-1.40"),  # cut at a cap
        (an_entry(amount=Money(240, "EUR")), None),
        (a_credit(), None),
    ],
)
def test_a_line_is_quantity_times_price_with_what_was_made_of_it(
    entry: Entry, allowance: str | None
) -> None:
    line = invoice(entry).find("cac:InvoiceLine", NAMES)
    assert line is not None
    quantity = Decimal(line.findtext("cbc:InvoicedQuantity", "", NAMES))
    price = Decimal(line.findtext("cac:Price/cbc:PriceAmount", "", NAMES))
    change = Decimal(line.findtext("cac:AllowanceCharge/cbc:Amount", "0", NAMES))
    more = line.findtext("cac:AllowanceCharge/cbc:ChargeIndicator", "true", NAMES) == "true"
    whole = Decimal(line.findtext("cbc:LineExtensionAmount", "", NAMES))
    assert quantity * price + (change if more else -change) == whole == entry.amount.amount
    assert (None if not change else str(change if more else -change)) == allowance


def test_units_are_of_the_published_code_list() -> None:
    units = {
        each: invoice(an_entry(unit=each)).find("*/cbc:InvoicedQuantity", NAMES) for each in Unit
    }
    codes = {each: found.get("unitCode") for each, found in units.items() if found is not None}
    assert codes[Unit.THOUSAND] == "MIL"
    assert codes[Unit.MONTH] == "MON"
    assert codes[Unit.HOUR] == "HUR"
    assert codes[Unit.INCIDENT] == "C62"


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ((), "nothing was entered"),
        ((an_entry(), an_entry(client="boreal")), "add --client, of aurora, boreal"),
        ((an_entry(), an_entry(amount=Money(1, "USD"))), "add --currency, of EUR, USD"),
    ],
)
def test_what_is_no_single_invoice_says_what_to_add(entries: tuple[Entry, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        as_ubl(entries, number="n-1", issued=NOW, provider="Provider")


def test_an_export_of_nothing_has_its_headings() -> None:
    assert as_csv([]).startswith("key,entry,of,incident,client,")
    assert as_csv([an_entry()]).splitlines()[0] == as_csv([]).splitlines()[0]


def test_a_reason_of_several_lines_stays_one_field() -> None:
    lines = as_csv([replace(an_entry(), reason='two\nlines, "quoted"')])
    assert '"two\nlines, ""quoted"""' in lines
