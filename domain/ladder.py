"""Proportionality: what a first, second and third incident mean, from facts and contract alone."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from ipaddress import ip_network

from domain.contract import Contract
from domain.measures import (
    CONTAINMENT,
    SCOPES,
    Measure,
    Restriction,
    Scope,
    allowed,
    can_be_aimed_at,
)
from domain.parties import Client, Service
from domain.units import Hours


class Rung(IntEnum):
    """Which incident this is within the contract's window; the third stands for all later ones."""

    FIRST = 1
    SECOND = 2
    THIRD = 3


class Condition(StrEnum):
    """What the client must meet before a measure is lifted."""

    CAUSE_FIXED = "cause_fixed"
    DELISTING_FEE = "delisting_fee"
    AUTHENTICATED_SMTP_ONLY = "authenticated_smtp_only"
    DEDICATED_ADDRESS_OR_HOURLY_LIMIT = "dedicated_address_or_hourly_limit"


class Term(StrEnum):
    """What a client accepts when it says that the cause is fixed."""

    DELISTING_FEE = "delisting_fee"
    AUTHENTICATED_SMTP_ONLY = "authenticated_smtp_only"
    DEDICATED_ADDRESS = "dedicated_address"
    HOURLY_LIMIT = "hourly_limit"


_MET_BY: dict[Condition, tuple[Term, ...]] = {
    Condition.CAUSE_FIXED: (),
    Condition.DELISTING_FEE: (Term.DELISTING_FEE,),
    Condition.AUTHENTICATED_SMTP_ONLY: (Term.AUTHENTICATED_SMTP_ONLY,),
    Condition.DEDICATED_ADDRESS_OR_HOURLY_LIMIT: (Term.DEDICATED_ADDRESS, Term.HOURLY_LIMIT),
}


def terms_for(condition: Condition) -> tuple[Term, ...]:
    """The terms any one of which meets the condition; none where saying "fixed" is enough."""
    return _MET_BY[condition]


def unmet(conditions: tuple[Condition, ...], accepted: tuple[Term, ...]) -> tuple[Condition, ...]:
    """The conditions that the accepted terms leave open."""
    return tuple(
        condition
        for condition in conditions
        if terms_for(condition) and not set(terms_for(condition)) & set(accepted)
    )


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known when an incident is assessed."""

    now: datetime
    reported_at: datetime
    earlier: tuple[datetime, ...]
    """When the client's earlier incidents opened, false positives and withdrawn ones left out."""
    volume: int = 0
    """Messages that reports and the host's agent have counted."""
    reports: int = 1
    addresses: tuple[str, ...] = ()
    """The service's addresses seen sending."""
    listed: tuple[str, ...] = ()
    """Those of its addresses that are on a blocklist."""
    domain: str | None = None
    """The offending domain, from the envelope sender or DKIM `d=`."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The decision, with its reasons. Restrictions are in the order in which to try them."""

    rung: Rung
    deadline: datetime | None
    """When the wait ends; None where there is no wait."""
    containment: tuple[Restriction, ...]
    preferred: tuple[Restriction, ...]
    conditions: tuple[Condition, ...]
    call: bool
    reminders: tuple[datetime, ...]
    hard_cap: int
    probation_seconds: int
    chase_seconds: tuple[int, ...]
    """After a restriction: when unanswered notices are repeated, the last as a final notice."""
    reasons: tuple[str, ...]


def rung(facts: Facts, contract: Contract) -> Rung:
    """Count the earlier incidents that lie within the contract's rolling window."""
    since = months_before(facts.now, contract.window_months)
    recent = sum(1 for opened in facts.earlier if since <= opened <= facts.now)
    return Rung(min(recent + 1, Rung.THIRD))


def plan(facts: Facts, contract: Contract, client: Client, service: Service) -> Plan:
    """Decide the whole course of an incident (POLICY: "Proportionality: the ladder")."""
    step = rung(facts, contract)
    reasons = [_which(step, facts, contract)]
    span = deadline_span(step, contract)
    at_once = span is None
    if service.kind.account_is_the_clients_own:
        at_once = True
        reasons.append(f"a {service.kind} account is the direct client's own: acted on at once")
    elif not _waits(service):
        at_once = True
        reasons.append(f"an {service.kind} server is blocked at the edge at once")
    if facts.listed:
        at_once = True
        reasons.append(f"already listed: {', '.join(facts.listed)}: there is no time to wait")
    if facts.volume >= contract.hard_cap:
        at_once = True
        reasons.append(f"{facts.volume} messages reach the hard cap of {contract.hard_cap}")
    if len(facts.addresses) >= contract.address_cap:
        at_once = True
        reasons.append(f"{len(facts.addresses)} addresses reach the cap of {contract.address_cap}")
    deadline = None if at_once or span is None else contract.calendar.after(facts.now, span)
    if deadline is not None and span is not None:
        reasons.append(f"deadline {span}, {contract.calendar}")
    call = client.kind.deserves_a_call or service.kind.deserves_a_call
    if call:
        reasons.append(f"a {client.kind} client on {service.kind} also gets a phone call")
    preferred = restrictions(contract.measures, facts, contract, service)
    if last := _last_resort(preferred, facts, service):
        reasons.append("the edge block is the last resort, though the contract does not list it")
    return Plan(
        rung=step,
        deadline=deadline,
        containment=() if deadline is None else _containment(facts, contract, service),
        preferred=(*preferred, *last),
        conditions=_conditions(step, facts),
        call=call,
        reminders=_reminders(facts.now, deadline, contract),
        hard_cap=contract.hard_cap,
        probation_seconds=contract.probation.seconds,
        chase_seconds=tuple(span.seconds for span in contract.chasers),
        reasons=tuple(reasons),
    )


def restrictions(
    measures: tuple[Measure, ...], facts: Facts, contract: Contract, service: Service
) -> tuple[Restriction, ...]:
    """Aim consented measures at their targets; those that nothing can be aimed at are left out."""
    aimed = (
        _aim(measure, facts, service)
        for measure in measures
        if measure in contract.measures and measure in allowed(service.kind)
        if measure is not Measure.SMARTHOST_REDIRECT or contract.smarthost_billing
    )
    return tuple(restriction for restriction in aimed if restriction is not None)


def _last_resort(
    preferred: tuple[Restriction, ...], facts: Facts, service: Service
) -> tuple[Restriction, ...]:
    """The edge block after everything else: the provider's own network needs nobody's consent.

    Not where an address is shared with other clients: those kinds of service do not admit it.
    """
    edge = Measure.BLOCK_PORT25
    if edge not in allowed(service.kind) or any(each.measure is edge for each in preferred):
        return ()
    aimed = _aim(edge, facts, service)
    return () if aimed is None else (aimed,)


def _which(step: Rung, facts: Facts, contract: Contract) -> str:
    ordinal = {Rung.FIRST: "first", Rung.SECOND: "second", Rung.THIRD: "third or later"}[step]
    return f"{ordinal} incident of this client within {contract.window_months} months"


def deadline_span(step: Rung, contract: Contract) -> Hours | None:
    """How long the client has, in hours of the contract's calendar; None where there is no wait."""
    match step:
        case Rung.FIRST:
            return contract.deadline
        case Rung.SECOND:
            return contract.deadline.half()
        case Rung.THIRD:
            return None


def _waits(service: Service) -> bool:
    return Measure.HOLD_SERVER in allowed(service.kind)


def _containment(facts: Facts, contract: Contract, service: Service) -> tuple[Restriction, ...]:
    if not contract.containment:
        return ()
    gentle = tuple(measure for measure in contract.measures if measure in CONTAINMENT)
    return restrictions(gentle, facts, contract, service)


def _conditions(step: Rung, facts: Facts) -> tuple[Condition, ...]:
    conditions = [Condition.CAUSE_FIXED]
    if step >= Rung.SECOND:
        conditions += [Condition.DELISTING_FEE, Condition.AUTHENTICATED_SMTP_ONLY]
    if step >= Rung.THIRD:
        conditions.append(Condition.DEDICATED_ADDRESS_OR_HOURLY_LIMIT)
    return tuple(conditions)


def _reminders(
    now: datetime, deadline: datetime | None, contract: Contract
) -> tuple[datetime, ...]:
    if deadline is None:
        return ()
    moments = (contract.calendar.before(deadline, span) for span in contract.reminders)
    return tuple(sorted({moment for moment in moments if now < moment < deadline}))


def _aim(measure: Measure, facts: Facts, service: Service) -> Restriction | None:
    """The narrowest target that the facts allow: the offending domain before the whole server."""
    # It comes from a report: what is no name is not known, rather than a measure's target.
    domain = facts.domain if facts.domain and can_be_aimed_at(facts.domain) else None
    targets: dict[Scope, tuple[str, ...]] = {
        Scope.DOMAIN: (domain,) if domain and service.host else (),
        Scope.SERVER: (service.host,) if service.host else (),
        Scope.ADDRESS: facts.addresses or _single_addresses(service),
        Scope.ACCOUNT: (service.account,) if service.account and service.host else (),
    }
    for scope in SCOPES[measure]:
        if targets[scope]:
            return Restriction(measure=measure, scope=scope, targets=targets[scope])
    return None


def _single_addresses(service: Service) -> tuple[str, ...]:
    """Those that are its own one by one: where no report names an address, it is one of these."""
    networks = (ip_network(prefix) for prefix in service.addresses)
    return tuple(str(each.network_address) for each in networks if each.num_addresses == 1)


def months_before(moment: datetime, months: int) -> datetime:
    years, month = divmod(moment.month - 1 - months, 12)
    day = moment.day
    while True:
        try:
            return moment.replace(year=moment.year + years, month=month + 1, day=day)
        except ValueError:  # 31 March less one month is the last day of February
            day -= 1
