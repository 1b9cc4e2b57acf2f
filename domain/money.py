"""What an incident costs the client: each charge once, from the contract and from usage."""

from dataclasses import dataclass
from enum import StrEnum

from domain.contract import Prices
from domain.ladder import Term
from domain.units import Money


class ChargeKind(StrEnum):
    """Everything that can be on an incident's bill."""

    DELISTING = "delisting"
    SMARTHOST = "smarthost"
    DEDICATED_ADDRESS = "dedicated_address"


@dataclass(frozen=True, kw_only=True)
class Due:
    """One charge that falls due, with the sentence that explains it."""

    kind: ChargeKind
    amount: Money
    reason: str


@dataclass(frozen=True, kw_only=True)
class Used:
    """What an incident has used. `relayed` is None where no smarthost measure was in force."""

    listed: bool
    earlier_delistings: int
    relayed: int | None
    accepted: tuple[Term, ...] = ()


def bill(used: Used, prices: Prices) -> tuple[Due, ...]:
    """The charges of one incident (POLICY: "Money"). Waivers are applied by the ledger."""
    charges = []
    if used.listed:
        again = used.earlier_delistings > 0
        amount = prices.delisting_again if again else prices.delisting_first
        which = "a later delisting" if again else "the first delisting"
        charges.append(Due(kind=ChargeKind.DELISTING, amount=amount, reason=which))
    if used.relayed is not None:
        charges.append(_smarthost(used.relayed, prices))
    if Term.DEDICATED_ADDRESS in used.accepted:
        charges.append(
            Due(
                kind=ChargeKind.DEDICATED_ADDRESS,
                amount=prices.dedicated_address_monthly,
                reason="the first month of the dedicated address that was agreed to",
            )
        )
    return tuple(charges)


def _smarthost(relayed: int, prices: Prices) -> Due:
    """Per thousand begun messages actually relayed, with the contract's minimum."""
    thousands = -(-relayed // 1_000)
    metered = prices.smarthost_per_thousand.times(thousands)
    least = prices.smarthost_minimum
    amount = max(metered, least, key=lambda money: money.minor)
    by = "the contract's minimum" if amount is least else f"{metered} metered"
    return Due(
        kind=ChargeKind.SMARTHOST,
        amount=amount,
        reason=f"{relayed} messages relayed by the smarthost: {by}",
    )
