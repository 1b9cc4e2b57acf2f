"""One charge in a sentence: what, how much, why and on which clause, as each language writes it."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from domain.letters.notices import CapLine, ChargeLine, ChargeState, Notice, NoticeFacts
from domain.money.costs import CapKind, ChargeKind, Evidence, EvidenceKind, Unit
from domain.parties import Jurisdiction, Language
from domain.units import Money
from templates.charges import itemised
from templates.phrases import money
from templates.render import render_notice
from templates.words import languages
from tests.domain.builders import NOW

EUROS = 125_000


def a_line(**other: Any) -> ChargeLine:
    ordinary: dict[str, Any] = {
        "kind": ChargeKind.SMARTHOST,
        "amount": Money(EUROS, "EUR"),
        "state": ChargeState.DUE,
        "clause": "7.5",
        "quantity": Decimal("1000"),
        "unit": Unit.THOUSAND,
        "unit_price": Money(125, "EUR"),
        "left": Money(EUROS, "EUR"),
        "evidence": (Evidence(what=EvidenceKind.METER, ref="17"),),
    }
    return ChargeLine(**ordinary | other)


def facts(*lines: ChargeLine, caps: tuple[CapLine, ...] = ()) -> NoticeFacts:
    return NoticeFacts(
        incident="incident-vps-1-2",
        client_name="Hosting Ejemplo",
        service="vps-1",
        first_seen=NOW,
        clause="7.3",
        jurisdiction=Jurisdiction.ES,
        charges=lines,
        caps=caps,
        portal_url="https://plazo.example/c/x",
        provider="Proveedor SL",
        reply_to="abuse@provider.example",
    )


def test_a_charge_is_itemised_in_english() -> None:
    assert itemised(a_line(), Language.EN) == (
        "Filtering smarthost: 1,250.00 EUR, due. 1,000 \u00d7 1.25 EUR per 1,000 messages relayed."
        " Clause 7.5 of your contract. Based on: meter reading 17."
    )


def test_a_charge_is_itemised_in_spanish() -> None:
    assert itemised(a_line(), Language.ES) == (
        "Smarthost con filtrado: 1.250,00 EUR, devengado. 1.000 \u00d7 1,25 EUR por cada 1.000"
        " mensajes retransmitidos. Cláusula 7.5 de su contrato."
        " Se basa en: lectura del contador 17."
    )


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"quantity": Decimal("1.234"), "amount": Money(500, "EUR")}, "1.234 \u00d7 1.25 EUR"),
        ({"quantity": Decimal(1)}, "raised to the minimum of your contract"),
        ({"amount": Money(1, "EUR")}, "less what was charged before, or what is beyond a cap"),
        ({"left": Money(2_500, "EUR")}, "After credits, 25.00 EUR is left"),
        ({"state": ChargeState.DISPUTED}, "disputed, waiting to be settled"),
        ({"state": ChargeState.VOIDED, "left": Money(0, "EUR")}, "cancelled"),
        ({"state": ChargeState.MAY_FALL_DUE, "quantity": None}, "at least 1,250.00 EUR"),
        ({"evidence": tuple(Evidence(what=EvidenceKind.METER, ref=str(n)) for n in range(12))},
         "meter reading 0, 1, 2, 3, 4, 5, 6, 7; and 4 more"),
    ],
)  # fmt: skip
def test_what_is_out_of_the_ordinary_is_said(other: dict[str, Any], said: str) -> None:
    assert said in itemised(a_line(**other), Language.EN)


@pytest.mark.parametrize("language", languages())
def test_every_member_of_every_set_has_words(language: Language) -> None:
    for kind in ChargeKind:
        for state in ChargeState:
            for unit in Unit:
                assert itemised(a_line(kind=kind, state=state, unit=unit), language)
    for what in EvidenceKind:
        line = a_line(evidence=(Evidence(what=what, ref="the one"),))
        assert "the one" in itemised(line, language)


@pytest.mark.parametrize(
    ("minor", "currency", "english", "spanish"),
    [
        (125_000, "EUR", "1,250.00 EUR", "1.250,00 EUR"),
        (-2_500, "EUR", "-25.00 EUR", "-25,00 EUR"),
        (1_250, "JPY", "1,250 JPY", "1.250 JPY"),
        (1_234, "KWD", "1.234 KWD", "1,234 KWD"),
        (3_000, "IQD", "3.000 IQD", "3,000 IQD"),
    ],
)
def test_an_amount_has_its_currencys_decimals_and_the_languages_signs(
    minor: int, currency: str, english: str, spanish: str
) -> None:
    amount = Money(minor, currency)
    assert money(amount, Language.EN) == english
    assert money(amount, Language.ES) == spanish


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("notice", [Notice.FINAL_NOTICE, Notice.FINAL_REPORT, Notice.NEAR_CAP])
def test_a_letter_itemises_and_sums_up_what_is_due(notice: Notice, language: Language) -> None:
    waived = a_line(state=ChargeState.WAIVED, left=Money(0, "EUR"))
    letter = render_notice(notice, language, facts(a_line(), a_line(), waived))
    for body in (letter.text, letter.html):
        flat = " ".join(body.split())
        assert flat.count(itemised(a_line(), language)) == 2
        assert itemised(waived, language) in flat
        assert money(Money(2 * EUROS, "EUR"), language) in flat


@pytest.mark.parametrize("language", languages())
def test_a_letter_with_nothing_due_names_no_sum(language: Language) -> None:
    ahead = replace(a_line(), state=ChargeState.MAY_FALL_DUE, quantity=None, left=None)
    letter = render_notice(Notice.FINAL_NOTICE, language, facts(ahead))
    assert facts(ahead).total_due is None
    assert letter.text.count("1,250.00" if language is Language.EN else "1.250,00") == 1


@pytest.mark.parametrize("language", languages())
def test_the_letter_about_a_cap_says_how_much_of_which_is_spent(language: Language) -> None:
    caps = tuple(
        CapLine(kind=kind, cap=Money(20_000, "EUR"), spent=Money(17_000, "EUR")) for kind in CapKind
    )
    letter = render_notice(Notice.NEAR_CAP, language, facts(a_line(), caps=caps))
    for amount in (20_000, 17_000):
        assert letter.text.count(money(Money(amount, "EUR"), language)) == 2
