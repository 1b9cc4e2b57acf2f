"""One charge in a sentence, for letters and the portal: what, how much, why, on which clause."""

from decimal import Decimal

from babel.numbers import format_decimal

from domain.letters.notices import ChargeLine, ChargeState
from domain.money.costs import EvidenceKind
from domain.parties import Language
from domain.units import Money
from templates.phrases import count, money
from templates.words import WORDS

_MOST_EVIDENCE = 8
"""Things named that a charge rests on; the incident's record has them all."""

_TIMES = "\u00d7"

_GONE = (ChargeState.WAIVED, ChargeState.CREDITED, ChargeState.VOIDED)


def itemised(line: ChargeLine, language: Language) -> str:
    """`Delisting fee: 25.00 EUR, due. 1 x 25.00 EUR per incident. Clause 7.3. Based on ...`.

    A price that may fall due is said with its clause alone.
    """
    words = WORDS[language]
    said = words["charge_line"]
    name, state = words["charge"][line.kind], words["charge_state"][line.state]
    ahead = line.state is ChargeState.MAY_FALL_DUE
    amount = money(line.amount, language)
    if ahead and line.kind == "smarthost":
        amount = said["at_least"].format(amount=amount)
    parts = [f"{name}: {amount}, {state}", *_reckoned(line, language)]
    if line.left is not None and line.left != line.amount and line.state not in _GONE:
        parts.append(said["left"].format(amount=money(line.left, language)))
    if line.clause:
        parts.append(said["clause"].format(clause=line.clause))
    if line.evidence:
        parts.append(said["based_on"].format(evidence=_evidence(line, language)))
    return ". ".join(parts) + "."


def _reckoned(line: ChargeLine, language: Language) -> list[str]:
    """Quantity times unit price, and what was made of it by a minimum or a cap."""
    if line.quantity is None or line.unit_price is None or line.unit is None:
        return []
    words = WORDS[language]
    unit = words["unit"].get(line.unit, "")
    price = money(line.unit_price, language)
    reckoned = f"{quantity(line.quantity, language)} {_TIMES} {price} {unit}".rstrip()
    exact = Money.of(line.quantity * line.unit_price.amount, line.amount.currency)
    if exact.minor < line.amount.minor:
        reckoned += f" ({words['charge_line']['raised']})"
    elif exact.minor > line.amount.minor:
        reckoned += f" ({words['charge_line']['lowered']})"
    return [reckoned]


def quantity(number: Decimal, language: Language) -> str:
    """A quantity with as many decimals as it has: `1,234.5`, `1.234,5`."""
    return format_decimal(number, format="#,##0.######", locale=language)


def _evidence(line: ChargeLine, language: Language) -> str:
    words = WORDS[language]
    groups = []
    shown = line.evidence[:_MOST_EVIDENCE]
    for kind in EvidenceKind:
        if refs := [each.ref for each in shown if each.what is kind]:
            groups.append(f"{words['evidence'][kind]} {', '.join(refs)}")
    if more := len(line.evidence) - len(shown):
        groups.append(words["charge_line"]["more"].format(number=count(more, language)))
    return "; ".join(groups)
