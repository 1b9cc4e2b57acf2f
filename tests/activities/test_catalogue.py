"""The lists that are known: what answers mean, which are none, and which must not be asked."""

from ipaddress import IPv4Address

import pytest

from activities.blocklists import snds
from activities.blocklists.catalogue import catalogue
from activities.blocklists.dnsbl import BadBlocklists, Blocklists
from activities.blocklists.port import Checked
from domain.blocklists.blocklist import Keeps
from domain.detection.refusals import Receiver
from workers.demo.blocklist import BlocklistServer

ZEN, DBL, SPIKE = "zen.spamhaus.org", "dbl.spamhaus.org", "bl.mailspike.net"
KEYED = "s3cr3tk3y.zen.dq.spamhaus.net"
ADDRESS, ADDRESS6 = "192.0.2.7", "2001:db8::7"


async def check(server: BlocklistServer, *about: str) -> Checked:
    return await Blocklists(server.zones, server.address, answer_within=2.0).check(about)


@pytest.mark.real
async def test_an_answer_comes_with_its_meaning() -> None:
    async with BlocklistServer(ZEN) as server:
        server.list(ADDRESS, "", answer="127.0.0.4")
        [found] = (await check(server, ADDRESS)).found
    assert found.answer == "127.0.0.4 (XBL: compromised machine)"


@pytest.mark.real
async def test_an_answer_that_nobody_knows_is_a_listing_all_the_same() -> None:
    async with BlocklistServer(ZEN) as server:
        server.list(ADDRESS, "", answer="127.0.0.99")
        [found] = (await check(server, ADDRESS)).found
    assert found.answer == "127.0.0.99"


@pytest.mark.real
async def test_praise_is_no_listing() -> None:
    async with BlocklistServer(SPIKE) as server:
        server.list(ADDRESS, "", answer="127.0.0.18")
        checked = await check(server, ADDRESS)
    assert checked.found == ()
    assert checked.is_off(ADDRESS, SPIKE)


@pytest.mark.real
async def test_a_subscribers_key_is_asked_and_never_shown() -> None:
    async with BlocklistServer(KEYED) as server:
        server.list(ADDRESS, "see there", answer="127.0.0.2")
        checked = await check(server, ADDRESS)
        asked = [question.name for question in server.questions]
    assert [found.zone for found in checked.found] == ["zen.dq.spamhaus.net"]
    assert all("s3cr3tk3y" in name for name in asked)
    assert "s3cr3tk3y" not in repr(checked)


@pytest.mark.real
async def test_a_domain_is_asked_as_it_is_and_only_of_lists_of_domains() -> None:
    async with BlocklistServer(DBL, ZEN) as server:
        server.list("dbltest.com", "", zone=DBL, answer="127.0.1.2")
        server.list("shop.example", "", zone=DBL, answer="127.0.1.4")
        checked = await check(server, "SHOP.example", "fine.example")
    assert [(each.address, each.answer) for each in checked.found] == [
        ("shop.example", "127.0.1.4 (phishing domain)")
    ]
    assert checked.is_off("fine.example", DBL)
    assert (ZEN, Keeps.DOMAIN) in checked.not_kept
    assert not checked.is_off("fine.example", ZEN)


@pytest.mark.real
async def test_a_list_of_domains_says_nothing_about_addresses() -> None:
    async with BlocklistServer(DBL) as server:
        checked = await check(server, ADDRESS, ADDRESS6)
    assert set(checked.not_kept) == {(DBL, Keeps.IP4), (DBL, Keeps.IP6)}
    assert not checked.is_off(ADDRESS, DBL)
    assert not server.questions


@pytest.mark.real
async def test_an_ill_list_of_domains_is_not_believed() -> None:
    async with BlocklistServer(DBL) as server:
        server.list("shop.example", "", zone=DBL, answer="127.0.1.2")
        checked = await check(server, "shop.example")
    assert checked.found == ()
    assert "dbltest.com" in checked.unanswered[0].why


@pytest.mark.real
@pytest.mark.parametrize("answer", ["127.0.1.255", "127.255.255.254"])
async def test_what_a_list_calls_a_refusal_is_no_listing(answer: str) -> None:
    async with BlocklistServer(DBL) as server:
        server.list("dbltest.com", "", zone=DBL, answer="127.0.1.2")
        server.list("shop.example", "", zone=DBL, answer=answer)
        checked = await check(server, "shop.example")
    assert checked.found == ()
    assert not checked.is_off("shop.example", DBL)
    assert "refused to answer" in checked.unanswered[0].why


@pytest.mark.parametrize("zone", ["dnsbl.sorbs.net", "cbl.abuseat.org", "dnsbl.ahbl.org"])
def test_a_list_that_has_ended_is_refused_with_the_reason(zone: str) -> None:
    with pytest.raises(BadBlocklists, match=r"has ended \(20\d\d-\d\d\): .*take it out"):
        Blocklists([zone])


def test_every_list_can_be_understood() -> None:
    known = catalogue()
    for entry in (*known.lists.values(), *known.keyed.values()):
        assert entry.name
        assert entry.page.startswith("https://")
        assert entry.keeps
        for code in entry.codes:
            assert not any(code in network for network in (*entry.refusals, *entry.good))


def test_every_receiver_and_feed_can_be_understood() -> None:
    feeds = catalogue().feeds
    assert {*map(str, Receiver), snds.ZONE} == {*feeds}
    for entry in feeds.values():
        assert entry.name
        assert entry.page.startswith("https://")
        assert entry.weight > 0


def test_what_takes_requests_says_where_that_stands() -> None:
    """Else Plazo would write to whom nobody has asked it to write."""
    for entry in catalogue().lists.values():
        for request in entry.requests:
            assert request.source.startswith(("http://", "https://"))
    zen = catalogue().lists[ZEN]
    [request] = zen.requests
    assert request.named_in("https://www.spamhaus.org/sbl/query/SBL123456") == "SBL123456"
    assert [code for code in zen.codes if request.takes(code)] == [IPv4Address("127.0.0.2")]


def test_a_zone_of_its_own_is_known_by_what_every_list_has() -> None:
    entry = catalogue().known("bl.provider.example")
    assert entry.keeps == {Keeps.IP4, Keeps.IP6}
    assert (entry.zone, entry.weight) == ("bl.provider.example", 1)
