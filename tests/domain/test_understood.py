"""What another program lists becomes a clientele; what is bad is left out alone, and told."""

import pytest

from domain.clientele.listed import Understood
from domain.clientele.understood import understand
from domain.parties import ClientKind, Jurisdiction, Language, Service, ServiceKind
from tests.domain.sources import a_server, a_source, an_account, listed


def told(found: Understood) -> list[str]:
    return [f"{each.where}: {each.what}" for each in found.problems]


def test_a_client_comes_with_its_services_and_a_contract_from_a_template() -> None:
    found = understand(a_source(), [listed("17", an_account(), a_server())])
    assert found.problems == ()
    [client] = found.clientele.clients
    assert (client.id, client.kind, client.language) == (
        "billing-17", ClientKind.BUSINESS, Language.ES,
    )  # fmt: skip
    assert found.clientele.services == (
        Service(id="billing-41", client="billing-17", kind=ServiceKind.SHARED,
                host="shared1.provider.example", account="user41"),
        Service(id="billing-31", client="billing-17", kind=ServiceKind.MANAGED_VPS,
                host="vps31.provider.example", addresses=("192.0.2.31/32",)),
    )  # fmt: skip
    [signed] = found.clientele.contracts
    # Of two templates, the one that the file names first.
    assert (signed.contract.id, signed.contract.client) == ("billing-17-managed", "billing-17")
    assert [host.id for host in found.clientele.hosts] == [
        "shared1.provider.example", "vps31.provider.example",
    ]  # fmt: skip


def test_a_country_decides_on_language_and_jurisdiction() -> None:
    found = understand(a_source(), [listed(country="US", company=False)])
    assert found.clientele.clients[0].language is Language.EN
    assert found.clientele.clients[0].kind is ClientKind.RESIDENTIAL
    assert found.clientele.contracts[0].contract.jurisdiction is Jurisdiction.US


def test_what_is_ignored_and_who_rents_nothing_else_is_passed_over() -> None:
    domain = a_server(products=("Domain names",))
    found = understand(a_source(), [listed("17", domain), listed("18", rented=())])
    assert (found.problems, found.clientele.clients) == ((), ())


def test_a_server_without_an_agent_is_known_by_its_addresses() -> None:
    server = a_server(products=("Cloud without agent",))
    [service] = understand(a_source(), [listed("17", server)]).clientele.services
    assert (service.host, service.addresses) == (None, ("192.0.2.31/32",))


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"contact": ""}, "no mail address to write to"),
        ({"contact": "Abuse <a@b.example>"}, "is not a mail address"),
        ({"country": "FR"}, 'country "FR" is not below countries'),
        ({"country": ""}, "no country is told"),
        ({"name": " "}, "no name"),
    ],
)
def test_a_bad_client_is_left_out_with_all_that_it_rents(other: dict[str, str], why: str) -> None:
    bad = listed("17", **other)
    found = understand(a_source(), [bad, listed("18", a_server("32"))])
    assert [client.id for client in found.clientele.clients] == ["billing-18"]
    assert [service.id for service in found.clientele.services] == ["billing-32"]
    [said] = told(found)
    assert why in said
    assert "billing-31" in found.services_left


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (a_server("32", products=("Other",)), '"Other" is not below products'),
        (a_server("32", products=()), "its product is not below products"),
        (a_server("32", hostname="", addresses=()), "neither addresses nor a host"),
        (a_server("32", hostname="_x", addresses=()), "cannot be a name"),
        (an_account("32", account=""), "names no account"),
        (an_account("32", server=""), "names no host"),
        (a_server("31", addresses=()), "listed twice"),
    ],
)
def test_a_bad_service_is_left_out_alone(bad: object, why: str) -> None:
    found = understand(a_source(), [listed("17", a_server(), bad)])  # type: ignore[arg-type]
    assert [service.id for service in found.clientele.services] == ["billing-31"]
    assert len(told(found)) == 1
    assert why in told(found)[0]


def test_an_id_that_cannot_be_a_name_here_is_told() -> None:
    found = understand(a_source(), [listed("x y")])
    assert found.clientele.clients == ()
    assert "cannot be a name here" in told(found)[0]


def test_an_unreadable_address_or_phone_is_left_out_alone() -> None:
    server = a_server(addresses=("192.0.2.31", "192.0.2.300"))
    found = understand(a_source(), [listed("17", server, phone="ask Ana")])
    assert found.clientele.services[0].addresses == ("192.0.2.31/32",)
    assert found.clientele.clients[0].phone is None
    assert len(told(found)) == 2


def test_an_address_that_two_have_is_nobodys_now() -> None:
    block = a_server("33", addresses=("192.0.2.0/27", "203.0.113.9"))
    found = understand(a_source(), [listed("17", a_server()), listed("18", block)])
    assert [service.addresses for service in found.clientele.services] == [
        (), ("203.0.113.9/32",),
    ]  # fmt: skip
    assert found.doubtful == {"192.0.2.31/32", "192.0.2.0/27"}
    [said] = told(found)
    assert "192.0.2.31/32 is also in 192.0.2.0/27 of service 33" in said


def test_a_managed_server_shares_its_host_with_no_other_client() -> None:
    same = a_server("33", hostname="vps31.provider.example")
    found = understand(a_source(), [listed("17", a_server()), listed("18", same)])
    assert found.clientele.services == ()
    assert len(told(found)) == 2
    assert found.services_left == {"billing-31", "billing-33"}


def test_accounts_of_many_clients_are_on_one_shared_host() -> None:
    found = understand(a_source(), [listed("17", an_account()), listed("18", an_account("42"))])
    assert (len(found.clientele.services), found.problems) == (2, ())
