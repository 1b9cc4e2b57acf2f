"""What a sync does and what it holds back, whatever the two sides say."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.clientele.changes import Change, How
from domain.clientele.file import Clientele
from domain.clientele.listed import Listed, Rented, Understood
from domain.clientele.sources import Source
from domain.clientele.syncing import Resolved, Standing, resolve
from domain.clientele.understood import understand
from tests.domain.builders import NOW, a_contract
from tests.domain.sources import a_server, a_source, an_account, listed

SOURCE = a_source()
OPEN = {"billing-31": "incident-billing-31-1"}


def understood(*clients: Listed, source: Source = SOURCE) -> Understood:
    return understand(source, clients or [listed()])


def the_book(*clients: Listed, **other: Any) -> Standing:
    """After a first sync."""
    return Standing(clientele=understood(*clients).clientele, **other)


def synced(standing: Standing, *clients: Listed, source: Source = SOURCE) -> Resolved:
    return resolve(standing, understood(*clients, source=source), source, NOW)


def said(changes: tuple[Change, ...]) -> list[tuple[str, str, str, bool]]:
    return [(each.how, each.id, each.detail, bool(each.held)) for each in changes]


def test_the_first_sync_makes_all_new_and_the_second_nothing() -> None:
    empty = Standing(clientele=Clientele(hosts=(), clients=(), contracts=(), services=()))
    assert {each.how for each in synced(empty).changes} == {How.NEW}
    assert synced(the_book()).changes == ()


def test_a_changed_service_says_what_of_it() -> None:
    moved = a_server(hostname="new.provider.example", addresses=("192.0.2.99",))
    found = synced(the_book(), listed("17", moved))
    assert ("changed", "billing-31",
            "host: vps31.provider.example → new.provider.example; + 192.0.2.99/32; - 192.0.2.31/32",
            False) in said(found.changes)  # fmt: skip


def test_what_is_not_listed_any_more_is_gone_once() -> None:
    book = the_book(listed("17", a_server()), listed("18", a_server("32")))
    found = synced(book, listed("17", a_server()))
    assert found.gone == ("billing-32",)
    [change] = found.changes
    assert (change.how, change.held) == (How.GONE, "")
    emptied = [
        replace(each, host=None, addresses=()) if each.id == "billing-32" else each
        for each in book.clientele.services
    ]
    after = replace(book, clientele=replace(book.clientele, services=tuple(emptied)))
    assert synced(after, listed("17", a_server())).changes == ()


def test_what_came_from_elsewhere_is_never_gone() -> None:
    other = understand(replace(SOURCE, name="other"), [listed("9", a_server("39"))]).clientele
    mine = the_book().clientele
    book = Standing(clientele=replace(mine, services=(*mine.services, *other.services)))
    assert synced(book).changes == ()


def test_a_bad_record_takes_nothing_away() -> None:
    for bad in (
        listed("17", contact=""), listed("17", a_server(products=("Other",))),
        listed("17", a_server(hostname="_", addresses=())),
    ):  # fmt: skip
        found = synced(the_book(), bad)
        assert (found.gone, found.changes) == ((), ())


def test_a_bad_client_and_a_service_of_the_same_number_are_two() -> None:
    book = the_book(listed("31"), listed("18", a_server("32")), listed("19", a_server("18")))
    found = synced(book, listed("31"), listed("18", a_server("32"), contact=""))
    assert found.gone == ("billing-18",)


def test_a_doubtful_address_stays_with_whoever_has_it() -> None:
    found = synced(the_book(), listed("17", a_server()), listed("18", a_server("33", addresses=(
        "192.0.2.31",))))  # fmt: skip
    by_id = {each.id: each.addresses for each in found.clientele.services}
    assert by_id == {"billing-31": ("192.0.2.31/32",), "billing-33": ()}


# --- an open incident -----------------------------------------------------------------------------


def test_a_service_with_an_open_incident_is_not_taken_away() -> None:
    found = synced(the_book(open=OPEN), listed("18", a_server("32")))
    assert found.gone == ()
    [held] = [each for each in found.changes if each.held]
    assert (held.how, held.id) == (How.GONE, "billing-31")
    assert held.held == "until incident-billing-31-1 is closed"


def test_it_keeps_host_and_addresses_and_may_get_more() -> None:
    moved = a_server(hostname="new.provider.example", addresses=("192.0.2.99",))
    found = synced(the_book(open=OPEN), listed("17", moved))
    [service] = found.clientele.services
    assert service.host == "vps31.provider.example"
    assert service.addresses == ("192.0.2.31/32", "192.0.2.99/32")
    assert [each.detail for each in found.changes if each.held] == [
        "host: vps31.provider.example → new.provider.example; - 192.0.2.31/32"
    ]


@pytest.mark.parametrize("address", ["192.0.2.31", "192.0.2.31/32"])
def test_its_address_does_not_move_to_another(address: str) -> None:
    book = the_book(listed("17", a_server()), listed("18", a_server("32")), open=OPEN)
    found = synced(
        book, listed("17", a_server(addresses=())),
        listed("18", a_server("32", addresses=("192.0.2.32", address))),
    )  # fmt: skip
    by_id = {each.id: each.addresses for each in found.clientele.services}
    assert by_id == {"billing-31": ("192.0.2.31/32",), "billing-32": ("192.0.2.32/32",)}
    assert sum(bool(each.held) for each in found.changes) == 2


def test_a_part_of_its_prefix_does_not_move_either() -> None:
    block = listed("17", a_server(addresses=("192.0.2.0/28",)))
    found = synced(the_book(block, open=OPEN), listed("18", a_server("32", addresses=(
        "192.0.2.7",))))  # fmt: skip
    assert {each.id: each.addresses for each in found.clientele.services} == {"billing-32": ()}
    assert len([each for each in found.changes if each.held]) == 2


def test_a_service_of_another_client_with_an_incident_needs_a_new_id() -> None:
    found = synced(the_book(theirs=OPEN), listed("18", a_server()))
    assert found.clientele.services == ()
    [held] = [each for each in found.changes if each.held]
    assert "incident-billing-31-1 is billing-17's" in held.held


# --- contracts ------------------------------------------------------------------------------------


def with_clause(clause: str, **other: str) -> Source:
    source = a_source(**other)
    contracts = {
        name: replace(each, contract=replace(each.contract, clause=clause))
        for name, each in source.contracts.items()
    }
    return replace(source, contracts=contracts)


def test_a_template_that_changed_changes_the_contract() -> None:
    found = synced(the_book(), source=with_clause("9"))
    assert said(found.changes) == [("changed", "billing-17-managed", "other clause", False)]


def test_terms_that_an_incident_was_decided_on_stay() -> None:
    book = the_book(decided={"billing-17-managed": "incident-x"})
    found = synced(book, source=with_clause("9"))
    assert found.clientele.contracts == book.clientele.contracts
    [held] = found.changes
    assert held.held == "incident-x was decided on its terms; give the template a new name"


def test_another_template_follows_from_now_on() -> None:
    hosting_first = {name: SOURCE.contracts[name] for name in ("hosting", "managed")}
    source = replace(SOURCE, contracts=hosting_first)
    both = listed("17", an_account(), a_server(addresses=()))
    found = synced(the_book(), both, source=source)
    old, new = found.clientele.contracts
    assert (old.contract.id, old.valid_until) == ("billing-17-managed", NOW)
    assert (new.contract.id, new.valid_from) == ("billing-17-hosting", NOW)
    assert synced(Standing(clientele=found.clientele), both, source=source).changes == ()


def test_a_contract_that_an_open_incident_is_under_stays_in_force() -> None:
    book = the_book(bound={"billing-17-managed": "incident-x"})
    found = synced(book, listed("17", an_account()))
    assert found.clientele.contracts == ()
    [held] = [each for each in found.changes if each.held and each.what == "contract"]
    assert held.held == "billing-17-managed stays in force until incident-x is closed"


def test_a_contract_that_a_person_wrote_stands() -> None:
    first = the_book().clientele
    own = replace(first.contracts[0], contract=a_contract(id="own-1", client="billing-17"))
    book = Standing(clientele=replace(first, contracts=(own,)))
    assert synced(book).changes == ()
    over = replace(own, valid_until=NOW - timedelta(days=1))
    later = {name: replace(each, valid_from=NOW) for name, each in SOURCE.contracts.items()}
    book = Standing(clientele=replace(first, contracts=(over,)))
    found = synced(book, source=replace(SOURCE, contracts=later))
    assert said(found.changes) == [("new", "billing-17-managed", "of billing-17", False)]


# --- whatever is listed ---------------------------------------------------------------------------

servers = st.builds(
    a_server,
    st.sampled_from(["31", "32", "33"]),
    addresses=st.lists(
        st.sampled_from([f"192.0.2.{n}" for n in range(8)]), unique=True, max_size=3
    ).map(tuple),
)
client_lists = st.lists(
    st.tuples(st.sampled_from(["17", "18"]), st.lists(servers, max_size=3)), max_size=3
).map(lambda some: [listed(ref, rented=tuple(rented)) for ref, rented in some])


@given(client_lists, client_lists, st.sets(st.sampled_from(["31", "32", "33"])))
def test_no_sync_takes_from_an_open_incident_what_it_needs(
    before: list[Listed], after: list[Listed], open_: set[str]
) -> None:
    first = understand(SOURCE, before).clientele
    known = {each.id: each for each in first.services}
    incidents = {f"billing-{n}": f"incident-{n}" for n in open_ if f"billing-{n}" in known}
    book = Standing(clientele=first, open=incidents, theirs=incidents)
    found = resolve(book, understand(SOURCE, after), SOURCE, NOW)
    assert not set(found.gone) & set(incidents)
    given_: dict[str, str] = {}
    for service in found.clientele.services:
        given_ |= dict.fromkeys(service.addresses, service.id)
        if service.id in incidents and service.client == known[service.id].client:
            assert set(service.addresses) >= set(known[service.id].addresses)
            assert service.host == known[service.id].host
    for name in incidents:
        assert all(given_.get(a, name) == name for a in known[name].addresses)


def test_the_rented_type_has_no_word_for_what_is_secret() -> None:
    assert "password" not in Rented.__dataclass_fields__
