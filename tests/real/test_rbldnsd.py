"""The checker against rbldnsd, the server that blocklists run: addresses, domains, IDN."""

import base64
from collections.abc import Iterator

import dns.message
import pytest

from activities.blocklists.dnsbl import Blocklists
from benchmarks.rbldnsd import DOMAINS, IP4, IP6, SOA, entries, rbldnsd

pytestmark = pytest.mark.real

ZEN, DBL, OLD = "zen.spamhaus.org", "dbl.spamhaus.org", "old.example"
ADDRESS, ADDRESS6 = "192.0.2.7", "2001:db8::7"
ONE, SIX = "one.example", "six.example"

ZONES = {
    ONE: (IP4, entries("192.0.2.7", "198.51.100.0/24", "!198.51.100.9", reason="see $")),
    SIX: (IP6, f"{SOA}:2:listed\n2001:db8::/64\n0:0:0:0:0:ffff:7f00:2\n"),
    ZEN: (IP4, f"{SOA}:4:why $\n192.0.2.7\n:10:policy\n192.0.2.8\n:2:test\n127.0.0.2\n"),
    DBL: (
        DOMAINS,
        f"{SOA}:127.0.1.2:spam $\n.spam.example\nxn--bcher-kva.example\ndbltest.com\n",
    ),
    OLD: (IP4, f"{SOA}:2:everything\n0/1\n128/1\n"),
}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with rbldnsd(ZONES) as address:
        yield address


async def test_a_listing_has_its_answer_its_reason_and_its_proof(server: str) -> None:
    [found] = (await Blocklists([ONE], server).check([ADDRESS])).found
    assert (found.address, found.answer, found.reason) == (ADDRESS, "127.0.0.2", f"see {ADDRESS}")
    assert (found.proof.asked, found.proof.resolver) == ("7.2.0.192.one.example", server)
    reply = dns.message.from_wire(base64.b64decode(found.proof.raw))
    assert "7.2.0.192.one.example. 2100 IN A 127.0.0.2" in reply.to_text()


async def test_ranges_and_their_exceptions_are_heard_right(server: str) -> None:
    checked = await Blocklists([ONE], server).check(["198.51.100.8", "198.51.100.9"])
    assert [found.address for found in checked.found] == ["198.51.100.8"]
    assert checked.is_off("198.51.100.9", ONE)


async def test_an_ipv6_address_is_found_by_its_nibbles(server: str) -> None:
    checked = await Blocklists([SIX], server).check([ADDRESS6, "2001:db8:1::7"])
    assert [found.address for found in checked.found] == [ADDRESS6]
    assert checked.is_off("2001:db8:1::7", SIX)


async def test_a_policy_is_told_from_a_reproach(server: str) -> None:
    found = (await Blocklists([ZEN], server).check([ADDRESS, "192.0.2.8"])).found
    assert [(each.address, each.reproach) for each in found] == [
        (ADDRESS, True),
        ("192.0.2.8", False),
    ]


async def test_domains_and_international_ones_are_found(server: str) -> None:
    asked = ["mail.spam.example", "bücher.example", "fine.example"]
    checked = await Blocklists([DBL], server).check(asked)
    assert [found.address for found in checked.found] == [
        "mail.spam.example",
        "xn--bcher-kva.example",
    ]
    assert checked.is_off("fine.example", DBL)


async def test_a_list_of_everything_lists_nothing(server: str) -> None:
    checked = await Blocklists([OLD], server).check([ADDRESS])
    assert checked.found == ()
    assert "lists everything" in checked.unanswered[0].why
