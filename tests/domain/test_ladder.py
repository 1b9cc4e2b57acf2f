"""The ladder of the policy, rule by rule, and what holds for every incident there can be."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given

from domain.calendar import Calendar
from domain.contract import Contract
from domain.ladder import (
    Condition,
    Facts,
    Plan,
    Rung,
    Term,
    plan,
    restrictions,
    rung,
    terms_for,
    unmet,
)
from domain.measures import CONTAINMENT, SCOPES, Measure, Restriction, Scope, allowed
from domain.parties import Client, ClientKind, Service, ServiceKind
from domain.units import Hours
from tests.domain.builders import (
    MADRID,
    MANAGED,
    NOW,
    OWN,
    a_client,
    a_contract,
    a_service,
    clients,
    contracts,
    earlier,
    facts,
    services,
    some_facts,
)


def planned(
    given: Facts | None = None,
    contract: Contract | None = None,
    client: Client | None = None,
    service: Service | None = None,
) -> Plan:
    return plan(
        given or some_facts(),
        contract or a_contract(),
        client or a_client(),
        service or a_service(),
    )


def measures_of(aimed: tuple[Restriction, ...]) -> tuple[Measure, ...]:
    return tuple(restriction.measure for restriction in aimed)


# --- which incident -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "expected"), [(0, Rung.FIRST), (1, Rung.SECOND), (2, Rung.THIRD), (9, Rung.THIRD)]
)
def test_each_earlier_incident_is_a_rung_up_to_the_third(before: int, expected: Rung) -> None:
    given = some_facts(earlier=earlier(before))
    assert rung(given, a_contract()) is expected
    assert planned(given).rung is expected


@pytest.mark.parametrize(
    ("now", "months", "opened", "counts"),
    [
        ("2026-11-24T13:30", 12, "2025-11-24T13:30", True),
        ("2026-11-24T13:30", 12, "2025-11-24T13:29", False),
        ("2026-11-24T13:30", 1, "2026-10-24T13:30", True),
        ("2026-11-24T13:30", 1, "2026-10-24T13:29", False),
        ("2026-03-31T00:00", 1, "2026-02-28T00:00", True),  # there is no 31 February
        ("2026-03-31T00:00", 1, "2026-02-27T23:59", False),
        ("2024-02-29T00:00", 12, "2023-02-28T00:00", True),
        ("2026-01-15T00:00", 1, "2025-12-15T00:00", True),
        ("2026-01-15T00:00", 25, "2023-12-15T00:00", True),
        ("2026-01-15T00:00", 25, "2023-12-14T23:59", False),
        ("2026-11-24T13:30", 12, "2026-11-24T13:31", False),  # later than now is not earlier
    ],
)
def test_an_incident_counts_as_long_as_it_lies_in_the_contracts_window(
    now: str, months: int, opened: str, counts: bool
) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    before = datetime.fromisoformat(opened).replace(tzinfo=UTC)
    given = some_facts(now=moment, earlier=(before,))
    expected = Rung.SECOND if counts else Rung.FIRST
    assert rung(given, a_contract(window_months=months)) is expected


def test_only_the_incidents_that_the_facts_name_count_so_false_positives_cannot() -> None:
    # `Facts.earlier` leaves them out, and there is no other way for an incident to count.
    noisy = some_facts(volume=999, reports=999, addresses=("192.0.2.7", "192.0.2.8"))
    assert rung(noisy, a_contract()) is Rung.FIRST


# --- the table of the policy ----------------------------------------------------------------


@pytest.mark.parametrize("kind", MANAGED)
@pytest.mark.parametrize(
    ("before", "hours", "conditions"),
    [
        (0, 4, {Condition.CAUSE_FIXED}),
        (1, 2, set(Condition) - {Condition.DEDICATED_ADDRESS_OR_HOURLY_LIMIT}),
        (2, None, set(Condition)),
        (5, None, set(Condition)),
    ],
)
def test_deadline_containment_and_conditions_follow_the_rung(
    kind: ServiceKind, before: int, hours: int | None, conditions: set[Condition]
) -> None:
    decided = planned(some_facts(earlier=earlier(before)), service=a_service(kind))
    assert decided.deadline == (None if hours is None else NOW + timedelta(hours=hours))
    assert measures_of(decided.containment) == (() if hours is None else CONTAINMENT)
    assert set(decided.conditions) == conditions
    assert decided.preferred[0].measure is Measure.RATE_LIMIT


def test_the_deadline_is_reckoned_in_the_contracts_calendar_and_says_so() -> None:
    decided = planned(contract=a_contract(calendar=Calendar(MADRID)))
    assert decided.deadline == datetime(2026, 11, 25, 8, 30, tzinfo=UTC)
    assert f"deadline 4 h, {MADRID}" in decided.reasons


@pytest.mark.parametrize("kind", [*OWN, ServiceKind.UNMANAGED])
def test_the_clients_own_account_and_the_unmanaged_server_are_acted_on_at_once(
    kind: ServiceKind,
) -> None:
    decided = planned(service=a_service(kind))
    own = kind in OWN
    assert decided.deadline is None
    assert decided.containment == ()
    expected = Measure.SUSPEND_ACCOUNT_SMTP if own else Measure.BLOCK_PORT25
    assert measures_of(decided.preferred) == (expected,)
    assert any(kind in reason and "at once" in reason for reason in decided.reasons)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (some_facts(listed=("192.0.2.7",)), "already listed: 192.0.2.7: there is no time to wait"),
        (some_facts(volume=1_000), "1000 messages reach the hard cap of 1000"),
        (
            some_facts(addresses=tuple(f"192.0.2.{n}" for n in range(10))),
            "10 addresses reach the cap of 10",
        ),
    ],
)
def test_some_facts_leave_no_time_to_wait(given: Facts, reason: str) -> None:
    decided = planned(given)
    assert (decided.deadline, decided.containment, decided.reminders) == (None, (), ())
    assert decided.preferred
    assert reason in decided.reasons


def test_just_under_the_caps_there_is_time() -> None:
    nine = tuple(f"192.0.2.{n}" for n in range(9))
    assert planned(some_facts(volume=999, addresses=nine)).deadline is not None


@pytest.mark.parametrize("client", ClientKind)
@pytest.mark.parametrize("kind", ServiceKind)
def test_big_clients_dedicated_servers_and_vps_get_a_call(
    client: ClientKind, kind: ServiceKind
) -> None:
    big = client in (ClientKind.ENTERPRISE, ClientKind.GOVERNMENT)
    server = kind not in (*OWN, ServiceKind.MANAGED_CLOUD)
    assert planned(client=a_client(client), service=a_service(kind)).call is (big or server)


def test_reminders_go_out_before_the_deadline_each_once() -> None:
    contract = a_contract(
        reminders=(Hours.parse("30m"), Hours.parse("1h"), Hours.parse("30m"), Hours.parse("4h"))
    )
    decided = planned(contract=contract)
    assert decided.reminders == (NOW + timedelta(hours=3), NOW + timedelta(hours=3.5))


def test_a_plan_carries_what_its_contract_says_of_later() -> None:
    contract = a_contract(
        hard_cap=7, probation=Hours.parse("2d"), chasers=(Hours.parse("1h"), Hours.parse("2h"))
    )
    decided = planned(contract=contract)
    assert decided.hard_cap == 7
    assert decided.probation_seconds == 172_800
    assert decided.chase_seconds == (3_600, 7_200)


# --- what is taken, and at what it is aimed -------------------------------------------------


def test_measures_are_tried_in_the_clients_order() -> None:
    order = (Measure.BLOCK_PORT25, Measure.HOLD_DOMAIN, Measure.RATE_LIMIT)
    assert measures_of(planned(contract=a_contract(measures=order)).preferred) == order


def test_the_domain_is_taken_hold_of_before_the_server() -> None:
    narrow = planned().preferred
    assert {each.scope for each in narrow if Scope.DOMAIN in SCOPES[each.measure]} == {Scope.DOMAIN}
    wide = planned(some_facts(domain=None)).preferred
    assert Measure.HOLD_DOMAIN not in measures_of(wide)
    assert wide[0] == Restriction(
        measure=Measure.RATE_LIMIT, scope=Scope.SERVER, targets=("mx1.provider.example",)
    )


def test_without_a_host_only_the_edge_can_act() -> None:
    decided = planned(service=a_service(host=None))
    redirect, block = decided.preferred
    assert (redirect.measure, block.measure) == (Measure.SMARTHOST_REDIRECT, Measure.BLOCK_PORT25)
    assert redirect.scope is block.scope is Scope.ADDRESS
    assert redirect.targets == block.targets == ("192.0.2.7",)
    assert decided.containment == (redirect,)
    assert decided.deadline is not None


@pytest.mark.parametrize("kind", ServiceKind)
def test_the_edge_block_is_the_last_resort_though_no_contract_lists_it(kind: ServiceKind) -> None:
    contract = a_contract(measures=(Measure.SUSPEND_ACCOUNT_SMTP, Measure.HOLD_SERVER))
    decided = planned(contract=contract, service=a_service(kind))
    why = "the edge block is the last resort, though the contract does not list it"
    if kind in OWN:  # the address is other clients' too
        assert measures_of(decided.preferred) == (Measure.SUSPEND_ACCOUNT_SMTP,)
        assert why not in decided.reasons
        return
    before = (Measure.HOLD_SERVER,) if kind in MANAGED else ()
    assert measures_of(decided.preferred) == (*before, Measure.BLOCK_PORT25)
    assert decided.preferred[-1].targets == ("192.0.2.7",)
    assert why in decided.reasons
    assert Measure.BLOCK_PORT25 not in measures_of(decided.containment)


def test_an_edge_block_that_the_contract_lists_stays_where_the_client_put_it() -> None:
    order = (Measure.BLOCK_PORT25, Measure.HOLD_DOMAIN)
    decided = planned(contract=a_contract(measures=order))
    assert measures_of(decided.preferred) == order
    assert not any("last resort" in reason for reason in decided.reasons)


@pytest.mark.parametrize(
    ("own", "targets"),
    [
        (("192.0.2.9/32", "2001:db8::9/128", "198.51.100.0/28"), ("192.0.2.9", "2001:db8::9")),
        (("198.51.100.0/28",), None),
        ((), None),
    ],
)
def test_where_no_report_names_an_address_the_edge_takes_the_services_single_ones(
    own: tuple[str, ...], targets: tuple[str, ...] | None
) -> None:
    decided = planned(some_facts(addresses=()), service=a_service(addresses=own))
    aimed = [each.targets for each in decided.preferred if each.scope is Scope.ADDRESS]
    assert aimed == ([] if targets is None else [targets])


def test_without_consent_to_billing_the_smarthost_is_passed_over() -> None:
    decided = planned(contract=a_contract(smarthost_billing=False))
    assert Measure.SMARTHOST_REDIRECT not in measures_of(decided.preferred + decided.containment)


def test_without_consent_to_containment_the_deadline_runs_without_one() -> None:
    decided = planned(contract=a_contract(containment=False))
    assert decided.containment == ()
    assert decided.deadline is not None


def test_a_measure_that_was_asked_for_but_not_consented_to_is_left_out() -> None:
    contract = a_contract(measures=(Measure.HOLD_DOMAIN,))
    aimed = restrictions(tuple(Measure), some_facts(), contract, a_service())
    assert measures_of(aimed) == (Measure.HOLD_DOMAIN,)


@pytest.mark.parametrize("domain", ["two words", "a\nb.example", "a.example\0", "\u202ea.example"])
def test_a_reported_domain_that_is_no_name_is_never_a_target(domain: str) -> None:
    aimed = planned(some_facts(domain=domain)).preferred
    assert aimed
    assert [each for each in aimed if domain in each.targets] == []


# --- conditions -----------------------------------------------------------------------------


def test_saying_fixed_is_enough_where_nothing_else_is_asked() -> None:
    assert unmet((Condition.CAUSE_FIXED,), ()) == ()


@pytest.mark.parametrize("condition", set(Condition) - {Condition.CAUSE_FIXED})
def test_a_condition_is_met_by_any_one_of_its_terms_and_by_no_other(condition: Condition) -> None:
    for term in Term:
        left = unmet((condition,), (term,))
        assert left == (() if term in terms_for(condition) else (condition,))
    assert unmet((condition,), ()) == (condition,)


# --- whatever the facts ---------------------------------------------------------------------


@given(given=facts, contract=contracts, client=clients, service=services)
def test_no_plan_has_a_measure_beyond_the_contract_and_the_kind_of_service(
    given: Facts, contract: Contract, client: Client, service: Service
) -> None:
    decided = plan(given, contract, client, service)
    for restriction in decided.containment + decided.preferred:
        if restriction.measure not in contract.measures:
            assert restriction is decided.preferred[-1]
            assert restriction.measure is Measure.BLOCK_PORT25
        assert restriction.measure in allowed(service.kind)
        if restriction.measure is Measure.SMARTHOST_REDIRECT:
            assert contract.smarthost_billing
    assert set(measures_of(decided.containment)) <= set(CONTAINMENT)
    assert decided.containment == () or (contract.containment and decided.deadline is not None)


@given(given=facts, contract=contracts, client=clients, service=services)
def test_a_later_incident_never_gets_a_longer_deadline_or_easier_conditions(
    given: Facts, contract: Contract, client: Client, service: Service
) -> None:
    ladder = [
        plan(
            replace(given, earlier=tuple(given.now - timedelta(hours=n + 1) for n in range(count))),
            contract,
            client,
            service,
        )
        for count in range(4)
    ]
    assert [each.rung for each in ladder] == [1, 2, 3, 3]
    for before, after in pairwise(ladder):
        assert (after.deadline or given.now) <= (before.deadline or given.now)
        assert set(before.conditions) <= set(after.conditions)
    assert ladder[2].deadline is None


@given(given=facts, contract=contracts, client=clients, service=services)
def test_a_plan_says_why_and_reminds_only_while_there_is_time(
    given: Facts, contract: Contract, client: Client, service: Service
) -> None:
    decided = plan(given, contract, client, service)
    assert f"within {contract.window_months} months" in decided.reasons[0]
    assert len(decided.reasons) > 1 or decided.rung is Rung.THIRD
    assert list(decided.reminders) == sorted(set(decided.reminders))
    for moment in decided.reminders:
        assert decided.deadline is not None
        assert given.now < moment < decided.deadline
