"""Clients read over HTTP from stand-ins of WHMCS and WHM, and `plazo clients sync` with them."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from asyncpg import Pool

from activities.directories import http
from activities.directories.port import NotListed, directory
from domain.clientele.sources import Source, read_source
from tests.domain.sources import EXAMPLE, a_source
from tests.real.directories import (
    IDENTIFIER,
    SECRET,
    TOKEN,
    WhmcsList,
    WhmList,
    a_client,
    a_product,
    an_account,
)
from tests.workers.command import Plazo

pytestmark = pytest.mark.real

BUSY = (429, {"Retry-After": "0"}, "slow down")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "SECONDS", 1.0)
    monkeypatch.setattr(http, "PAUSES", (0.0, 0.0))


@pytest.fixture
async def whmcs() -> AsyncIterator[WhmcsList]:
    async with WhmcsList(clients=[a_client(17)], products=[a_product(31, 17)]).running() as server:
        yield server


@pytest.fixture
async def whm() -> AsyncIterator[WhmList]:
    async with WhmList(accounts=[an_account("shop")]).running() as server:
        yield server


def a_key(folder: Path, line: str, mode: int = 0o600) -> Path:
    file = folder / "key"
    file.write_text(f"{line}\n")
    file.chmod(mode)
    return file


def of_whmcs(server: WhmcsList, folder: Path) -> Source:
    key = a_key(folder, f"{IDENTIFIER}:{SECRET}")
    return a_source(address=server.address, key=str(key))


def of_whm(server: WhmList, folder: Path) -> Source:
    key = a_key(folder, TOKEN)
    return a_source(**{"from": "cpanel", "address": server.address, "key": str(key)})


# --- WHMCS ----------------------------------------------------------------------------------------


async def test_a_client_is_read_with_what_it_rents(whmcs: WhmcsList, tmp_path: Path) -> None:
    whmcs.clients[0] |= {"companyname": "O&#039;Brien &amp; Co", "firstname": "Ana"}
    whmcs.products[0]["assignedips"] = "192.0.2.40\r\n192.0.2.41, 2001:db8::/64"
    [client] = await directory(of_whmcs(whmcs, tmp_path)).listed()
    assert (client.ref, client.name, client.company) == ("17", "O'Brien & Co", True)
    assert (client.country, client.phone) == ("ES", "+34 910000000")
    [rented] = client.rented
    assert rented.addresses == ("192.0.2.31", "192.0.2.40", "192.0.2.41", "2001:db8::/64")
    assert rented.products == ("Managed VPS M", "Managed VPS")
    assert "a-secret" not in repr(client)


async def test_only_what_is_rented_now_counts(whmcs: WhmcsList, tmp_path: Path) -> None:
    states = ("Pending", "Suspended", "Terminated", "Cancelled", "Fraud", "Completed")
    whmcs.products = [a_product(n, 17, status=each) for n, each in enumerate(states, 1)]
    [client] = await directory(of_whmcs(whmcs, tmp_path)).listed()
    assert [each.ref for each in client.rented] == ["2"]
    assert [each["action"] for each in whmcs.asked].count("GetClientsDetails") == 1


async def test_every_page_is_read(whmcs: WhmcsList, tmp_path: Path) -> None:
    whmcs.clients = [a_client(n) for n in range(1, 601)]
    whmcs.products = [a_product(n, n, dedicatedip="") for n in range(1, 601)]
    found = await directory(of_whmcs(whmcs, tmp_path)).listed()
    assert {each.ref for each in found} == {str(n) for n in range(1, 601)}
    starts = [e["limitstart"] for e in whmcs.asked if e["action"] == "GetClientsProducts"]
    assert starts == ["0", "250", "500"]


async def test_a_list_that_changes_while_it_is_read_is_read_again(
    whmcs: WhmcsList, tmp_path: Path
) -> None:
    whmcs.products = [a_product(n, 17, dedicatedip="") for n in range(1, 301)]
    whmcs.shifts = 1
    [client] = await directory(of_whmcs(whmcs, tmp_path)).listed()
    assert len(client.rented) == 300


async def test_an_empty_list_is_empty(whmcs: WhmcsList, tmp_path: Path) -> None:
    whmcs.products = []
    assert await directory(of_whmcs(whmcs, tmp_path)).listed() == ()


async def test_a_limit_on_questions_is_waited_for(whmcs: WhmcsList, tmp_path: Path) -> None:
    whmcs.next = [BUSY, (503, {}, "")]
    assert len(await directory(of_whmcs(whmcs, tmp_path)).listed()) == 1


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ([BUSY] * 3, "too busy (it answered 429); try later"),
        ([(429, {"Retry-After": "86400"}, "")], "too busy"),
        ([(200, {}, "<html>Down for Maintenance</html>")], "something unreadable"),
        ([(200, {}, "[]")], "something unreadable"),
        ([(403, {}, '{"result": "error", "message": "Invalid IP 192.0.2.1"}')], "Invalid IP"),
        ([(200, {}, '{"result": "success", "totalresults": "many"}')], "'many'"),
        ([(200, {}, '{"result": "success", "totalresults": 5, "products": ""}')] * 3,
         "other numbers of products"),
    ],
)  # fmt: skip
async def test_what_is_no_list_is_told(
    whmcs: WhmcsList, tmp_path: Path, answers: list[tuple[int, dict[str, str], str]], told: str
) -> None:
    whmcs.next = list(answers)
    with pytest.raises(NotListed) as refused:
        await directory(of_whmcs(whmcs, tmp_path)).listed()
    assert told in str(refused.value)


async def test_details_that_cannot_be_read_fail_the_whole(whmcs: WhmcsList, tmp_path: Path) -> None:
    whmcs.clients = [a_client(17), a_client(18)]
    whmcs.products = [a_product(31, 17), a_product(32, 18)]
    source = of_whmcs(whmcs, tmp_path)
    answer = whmcs.answer

    def broken(path: str, headers: dict[str, str], given: dict[str, str]) -> object:
        if given["action"] == "GetClientsDetails":
            return 200, {}, '{"result": "error", "message": "Client Not Found"}'
        return answer(path, headers, given)

    whmcs.answer = broken  # type: ignore[method-assign,assignment]
    with pytest.raises(NotListed, match="Client Not Found"):
        await directory(source).listed()


async def test_a_server_that_says_nothing_is_given_up(whmcs: WhmcsList, tmp_path: Path) -> None:
    whmcs.silent = True
    with pytest.raises(NotListed, match="cannot be reached"):
        await directory(of_whmcs(whmcs, tmp_path)).listed()
    assert whmcs.asked == []


async def test_a_wrong_key_is_told(whmcs: WhmcsList, tmp_path: Path) -> None:
    source = of_whmcs(whmcs, tmp_path)
    a_key(tmp_path, "an-identifier:another")
    with pytest.raises(NotListed, match="Authentication Failed"):
        await directory(source).listed()


@pytest.mark.parametrize(
    ("line", "mode", "told"),
    [("a:b", 0o644, "chmod 600"), ("", 0o600, "not one line"), ("a\nb", 0o600, "not one line")],
)
async def test_a_key_that_others_can_read_is_not_used(
    whmcs: WhmcsList, tmp_path: Path, line: str, mode: int, told: str
) -> None:
    source = of_whmcs(whmcs, tmp_path)
    a_key(tmp_path, line, mode)
    with pytest.raises(NotListed, match=told):
        await directory(source).listed()
    assert whmcs.asked == []


async def test_an_unknown_program_names_the_known_ones() -> None:
    with pytest.raises(NotListed, match=r'"plesk"; write from: one of cpanel, whmcs'):
        directory(a_source(**{"from": "plesk"}))


# --- WHM ------------------------------------------------------------------------------------------


async def test_accounts_are_clients_and_those_of_resellers_are_theirs(
    whm: WhmList, tmp_path: Path
) -> None:
    whm.accounts = [
        an_account("shop"),
        an_account("dealer", owner="dealer", ip="198.51.100.9"),
        an_account("theirs", owner="dealer", ip="198.51.100.9"),
        an_account("alone", ip="198.51.100.10", ipv6=["2001:db8::10"]),
        an_account("mute", email="*unknown*"),
    ]
    found = {each.ref: each for each in await directory(of_whm(whm, tmp_path)).listed()}
    assert set(found) == {"shop", "dealer", "alone", "mute"}
    [rented] = found["alone"].rented
    assert rented.addresses == ("198.51.100.10", "2001:db8::10")
    assert (rented.server, rented.account) == ("shared1.provider.example", "alone")
    assert rented.products == ("hosting",)
    # The server's own, and one that two accounts have, are nobody's alone.
    assert found["shop"].rented[0].addresses == found["dealer"].rented[0].addresses == ()
    assert found["mute"].contact == ""


@pytest.mark.parametrize("chunks", [True, False])
async def test_every_chunk_of_accounts_is_read(whm: WhmList, tmp_path: Path, chunks: bool) -> None:
    whm.accounts = [an_account(f"user{n}") for n in range(1_001)]
    whm.chunks = chunks
    assert len(await directory(of_whm(whm, tmp_path)).listed()) == 1_001


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((403, {}, ""), "refused the token for gethostname"),
        ((200, {}, "<html>WHM Login</html>"), "no WHM API 1"),
        ((200, {}, '{"metadata": {"result": 0, "reason": "no right"}}'), "no right"),
        ((200, {}, '{"metadata": {"result": 1}, "data": [1]}'), "data is no object"),
    ],
)
async def test_what_whm_does_not_list_is_told(
    whm: WhmList, tmp_path: Path, answer: tuple[int, dict[str, str], str], told: str
) -> None:
    whm.next = [answer]
    with pytest.raises(NotListed, match=told):
        await directory(of_whm(whm, tmp_path)).listed()


# --- the command ----------------------------------------------------------------------------------


@pytest.fixture
def plazo(tmp_path: Path, dsn: str) -> Plazo:
    return Plazo(home=tmp_path / "home", env={"PLAZO_DATABASE_URL": dsn})


def a_file(folder: Path, server: WhmcsList) -> str:
    key = a_key(folder, f"{IDENTIFIER}:{SECRET}")
    lines = []
    for each in EXAMPLE.read_text().splitlines():
        given = {"address": server.address, "key": str(key)}
        word = each.partition(":")[0]
        lines.append(f"{word}: {given[word]}" if word in given else each)
    file = folder / "billing.yaml"
    file.write_text("\n".join(lines))
    read_source(file.read_text())
    return str(file)


async def test_a_sync_shows_first_and_changes_with_apply(
    plazo: Plazo, whmcs: WhmcsList, database: Pool, tmp_path: Path
) -> None:
    file = a_file(tmp_path, whmcs)
    shown = await plazo("clients", "sync", file)
    assert (shown.code, shown.err) == (0, "")
    assert "billing-17-managed" in shown.out
    assert shown.out.splitlines()[-1] == "4 would change"
    assert await database.fetchval("SELECT count(*) FROM clients") == 0
    assert (await plazo("clients", "sync", file, "--apply")).out.splitlines()[-1] == "4 changed"
    again = await plazo("clients", "sync", file, "--apply", "--json")
    assert json.loads(again.out) == {"applied": True, "changes": [], "problems": []}
    assert await database.fetchval("SELECT name FROM clients") == "Company 17"


async def test_a_servers_accounts_come_in_the_same_way(
    plazo: Plazo, whm: WhmList, database: Pool, tmp_path: Path
) -> None:
    whm.accounts = [an_account("shop", ip="198.51.100.9"), an_account("mute", email="*unknown*")]
    text = EXAMPLE.read_text().replace("from: whmcs", "country: ES\nfrom: cpanel")
    text = text.replace("name: billing", "name: shared1").replace("  Web hosting:", "  hosting:")
    text = text.replace("https://billing.provider.example/includes/api.php", whm.address)
    file = tmp_path / "shared1.yaml"
    file.write_text(text.replace("/etc/plazo/whmcs.key", str(a_key(tmp_path, TOKEN))))
    said = await plazo("clients", "sync", str(file), "--apply", "--skip-bad")
    assert (said.code, said.out.splitlines()[-1]) == (0, "4 changed, 1 bad")
    row = await database.fetchrow("SELECT * FROM services")
    assert row is not None
    assert (row["id"], row["host"], row["account"]) == (
        "shared1-shop", "shared1.provider.example", "shop",
    )  # fmt: skip
    address = await database.fetchval("SELECT text(address) FROM service_addresses")
    assert address == "198.51.100.9/32"


async def test_bad_records_are_listed_and_applied_without_only_if_told_so(
    plazo: Plazo, whmcs: WhmcsList, database: Pool, tmp_path: Path
) -> None:
    whmcs.clients = [a_client(17), a_client(18, email=""), a_client(19, countrycode="FR")]
    whmcs.products = [a_product(31, 17), a_product(32, 18), a_product(33, 19)]
    file = a_file(tmp_path, whmcs)
    said = await plazo("clients", "sync", file, "--apply")
    assert said.code == 1
    assert "correct what is bad, or leave it out with --skip-bad" in said.err
    for told in ("client 18", "no mail address", "client 19", 'country "FR"', "2 bad"):
        assert told in said.out
    assert await database.fetchval("SELECT count(*) FROM clients") == 0
    said = await plazo("clients", "sync", file, "--apply", "--skip-bad")
    assert (said.code, said.out.splitlines()[-1]) == (0, "4 changed, 2 bad")
    assert await database.fetchval("SELECT array_agg(id) FROM clients") == ["billing-17"]
    assert (await plazo("clients", "sync", file, "--skip-bad")).code == 2


async def test_a_source_that_fails_or_is_empty_takes_nothing_away(
    plazo: Plazo, whmcs: WhmcsList, database: Pool, tmp_path: Path
) -> None:
    file = a_file(tmp_path, whmcs)
    assert (await plazo("clients", "sync", file, "--apply")).code == 0
    for products in ([], [a_product(31, 17, groupname="Domain names", name="Domain names")]):
        whmcs.products = products
        said = await plazo("clients", "sync", file, "--apply")
        assert said.code == 1
        assert "check the key's rights" in said.err
    whmcs.next = [(500, {}, "oops")]
    said = await plazo("clients", "sync", file, "--apply")
    assert (said.code, said.out) == (1, "")
    assert "nothing was changed: WHMCS at http://127.0.0.1:" in said.err
    assert await database.fetchval("SELECT count(*) FROM service_addresses") == 1


async def test_a_file_that_is_no_source_is_refused_by_line(plazo: Plazo, tmp_path: Path) -> None:
    file = tmp_path / "source.yaml"
    file.write_text("from: whmcs\nname: Billing\n")
    said = await plazo("clients", "sync", str(file))
    assert said.code == 1
    assert f"{file}: line 2: " in said.err


async def test_an_import_can_be_looked_at_first(plazo: Plazo, database: Pool) -> None:
    example = str(EXAMPLE.parent / "example.yaml")
    shown = await plazo("import", example, "--dry-run")
    assert shown.code == 0
    assert "lantern-msa" in shown.out
    assert await database.fetchval("SELECT count(*) FROM clients") == 0
    assert (await plazo("import", example)).code == 0
    assert (await plazo("import", example, "--dry-run")).out == "0 would change\n"
