"""Blocklists, asked over real sockets: what counts as listed, as off, and as no answer."""

import asyncio
import socket
from collections.abc import Iterator

import dns.asyncresolver
import dns.resolver
import pytest
from dnslib import RCODE, DNSRecord

from activities.blocklists.addresses import addresses_in
from activities.blocklists.dnsbl import BadBlocklists, Blocklists
from activities.blocklists.port import Checked
from domain.blocklists.blocklist import Keeps
from workers.demo.blocklist import BlocklistServer

pytestmark = pytest.mark.real

ZONE = "bl.example"
ADDRESS, ADDRESS6 = "192.0.2.7", "2001:db8::7"


class FailingServer(BlocklistServer):
    """A name server whose zones cannot be loaded."""

    def answer(self, asked: DNSRecord) -> DNSRecord:
        reply = asked.reply()
        reply.header.rcode = RCODE.SERVFAIL
        return reply


def lists(server: BlocklistServer, *zones: str) -> Blocklists:
    return Blocklists(zones or server.zones, server.address, answer_within=2.0)


def why(checked: Checked) -> str:
    """Why the only list gave no answer, having seen that it calls nothing clean nor listed."""
    assert checked.found == ()
    assert not checked.is_off(ADDRESS, ZONE)
    (unanswered,) = checked.unanswered
    assert unanswered.zone == ZONE
    return unanswered.why


@pytest.fixture
def silent() -> Iterator[str]:
    """A resolver that never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


# --- Answers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [ADDRESS, ADDRESS6])
async def test_a_listing_is_found_with_its_answer_and_its_reason(address: str) -> None:
    async with BlocklistServer(ZONE) as server:
        server.list(address, "https://bl.example/why", answer="127.0.0.4")
        checked = await lists(server).check([address, "192.0.2.8", "2001:db8::8"])

    (found,) = checked.found
    assert (found.address, found.zone) == (address, ZONE)
    assert (found.answer, found.reason) == ("127.0.0.4", "https://bl.example/why")
    assert not checked.is_off(address, ZONE)
    assert checked.is_off("192.0.2.8", ZONE)
    assert checked.is_off("2001:db8::8", ZONE)


async def test_an_address_that_was_taken_off_is_off() -> None:
    async with BlocklistServer(ZONE) as server:
        server.list(ADDRESS, "spam")
        asked = lists(server)
        before = await asked.check([ADDRESS])
        server.unlist(ADDRESS)
        after = await asked.check([ADDRESS])

    assert not before.is_off(ADDRESS, ZONE)
    assert after.is_off(ADDRESS, ZONE)
    assert (after.found, after.unanswered) == ((), ())


async def test_octets_and_nibbles_are_asked_in_reverse() -> None:
    async with BlocklistServer(ZONE) as server:
        await lists(server).check([ADDRESS, ADDRESS6])
        names = {question.name for question in server.questions}

    assert "7.2.0.192.bl.example" in names
    assert f"7.{'0.' * 23}8.b.d.0.1.0.0.2.bl.example" in names


async def test_an_ipv4_address_in_ipv6_clothes_is_asked_as_ipv4() -> None:
    async with BlocklistServer(ZONE) as server:
        server.list(ADDRESS, "spam")
        checked = await lists(server).check([f"::ffff:{ADDRESS}"])

    assert [found.address for found in checked.found] == [ADDRESS]
    assert not checked.is_off(f"::ffff:{ADDRESS}", ZONE)


async def test_what_was_not_asked_is_not_off() -> None:
    async with BlocklistServer(ZONE) as server:
        checked = await lists(server).check([ADDRESS])

    assert not checked.is_off("192.0.2.8", ZONE)
    assert not checked.is_off(ADDRESS, "other.example")


async def test_a_long_reason_comes_over_tcp() -> None:
    reason = "because " * 400
    async with BlocklistServer(ZONE) as server:
        server.list(ADDRESS, reason)
        checked = await lists(server).check([ADDRESS])

        assert "tcp" in {question.transport for question in server.questions}
    assert checked.found[0].reason == reason[:500]


async def test_a_reason_cannot_bring_lines_of_its_own() -> None:
    async with BlocklistServer(ZONE) as server:
        server.list(ADDRESS, "see\r\nBcc: all\x00@shop.example")
        checked = await lists(server).check([ADDRESS])

    assert checked.found[0].reason == "see Bcc: all @shop.example"


# --- No usable answer ----------------------------------------------------------------------------


async def test_a_list_that_was_given_up_is_not_clean() -> None:
    async with BlocklistServer(ZONE) as server:
        server.unlist("127.0.0.2")
        checked = await lists(server).check([ADDRESS])

    assert "does not list its test point 127.0.0.2" in why(checked)


async def test_a_list_that_lists_everything_is_not_believed() -> None:
    async with BlocklistServer(ZONE) as server:
        server.list("127.0.0.1", "all")
        server.list(ADDRESS, "all")
        checked = await lists(server).check([ADDRESS])

    assert "lists everything" in why(checked)


async def test_a_list_that_begins_to_list_everything_between_two_checks_is_not_believed() -> None:
    async with BlocklistServer(ZONE) as server:
        asked = lists(server)
        await asked.check([ADDRESS])
        server.list("127.0.0.1", "all")
        server.list(ADDRESS, "all")
        checked = await asked.check([ADDRESS])

    assert "lists everything" in why(checked)


async def test_test_points_are_asked_once_in_a_check() -> None:
    async with BlocklistServer(ZONE) as server:
        asked = lists(server)
        await asked.check([ADDRESS])
        await asked.check([ADDRESS])
        names = [question.name for question in server.questions]

    assert names.count("2.0.0.127.bl.example") == 2
    assert names.count("7.2.0.192.bl.example") == 2


async def test_a_list_that_is_well_again_is_believed_at_once() -> None:
    async with BlocklistServer(ZONE) as server:
        server.unlist("127.0.0.2")
        asked = lists(server)
        await asked.check([ADDRESS])
        server.list("127.0.0.2", "back")

        assert (await asked.check([ADDRESS])).is_off(ADDRESS, ZONE)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("127.255.255.254", "refused to answer (127.255.255.254)"),
        ("203.0.113.80", "answered 203.0.113.80, which is not from 127.0.0.0/8"),
    ],
)
@pytest.mark.parametrize("address", [ADDRESS, "127.0.0.2"])
async def test_a_refusal_or_a_foreign_answer_is_no_listing(
    answer: str, says: str, address: str
) -> None:
    async with BlocklistServer(ZONE) as server:
        server.list(address, "", answer=answer)
        checked = await lists(server).check([ADDRESS])

    assert why(checked) == says


async def test_a_failing_server_is_not_clean() -> None:
    async with FailingServer(ZONE) as server:
        assert why(await lists(server).check([ADDRESS])) == "SERVFAIL"


async def test_a_server_that_refuses_is_not_clean() -> None:
    async with BlocklistServer("other.example") as server:
        assert why(await lists(server, ZONE).check([ADDRESS])) == "REFUSED"


async def test_a_silent_server_is_not_clean(silent: str) -> None:
    asked = Blocklists([ZONE], silent, answer_within=0.2)

    assert "no answer within" in why(await asked.check([ADDRESS]))


async def test_a_check_ends_when_its_time_is_over(silent: str) -> None:
    asked = Blocklists([ZONE], silent, answer_within=30.0, check_within=0.2)

    assert why(await asked.check([ADDRESS])) == "not done within 0.2 s"


async def test_one_ill_list_does_not_spoil_the_others() -> None:
    async with BlocklistServer(ZONE, "ill.example") as server:
        server.list(ADDRESS, "spam")
        server.unlist("127.0.0.2", zone="ill.example")
        checked = await lists(server).check([ADDRESS])

    assert [found.zone for found in checked.found] == [ZONE]
    assert [each.zone for each in checked.unanswered] == ["ill.example"]


async def test_a_list_of_ipv4_only_says_nothing_about_ipv6() -> None:
    async with BlocklistServer(ZONE) as server:
        server.unlist("::ffff:127.0.0.2")
        checked = await lists(server).check([ADDRESS, ADDRESS6])

    assert (checked.not_kept, checked.unanswered) == (((ZONE, Keeps.IP6),), ())
    assert checked.is_off(ADDRESS, ZONE)
    assert not checked.is_off(ADDRESS6, ZONE)


async def test_a_list_that_is_ill_for_both_is_ill_and_not_just_without_ipv6() -> None:
    async with BlocklistServer(ZONE) as server:
        server.unlist("::ffff:127.0.0.2")
        server.unlist("127.0.0.2")
        checked = await lists(server).check([ADDRESS6])

    assert "does not list its test point 127.0.0.2" in why(checked)
    assert checked.not_kept == ()


async def test_hundreds_of_addresses_on_several_lists_are_checked() -> None:
    zones = [f"bl{n}.example" for n in range(4)]
    async with BlocklistServer(*zones) as server:
        for zone in zones:
            server.list("192.0.2.200", "spam", zone=zone)
        checked = await lists(server).check(addresses_in(["192.0.2.0/24"]))

    assert [found.zone for found in checked.found] == zones
    assert checked.unanswered == ()


async def test_checks_at_the_same_time_do_not_disturb_each_other() -> None:
    async with BlocklistServer(ZONE) as server:
        server.list(ADDRESS, "spam")
        asked = lists(server)
        listed, clean = await asyncio.gather(asked.check([ADDRESS]), asked.check(["192.0.2.8"]))

    assert len(listed.found) == 1
    assert clean.is_off("192.0.2.8", ZONE)


# --- What is configured --------------------------------------------------------------------------


@pytest.mark.parametrize("zone", ["", "example", "bl..example", f"{'x' * 64}.example", "."])
def test_a_zone_that_is_none_is_refused(zone: str) -> None:
    with pytest.raises(BadBlocklists, match=r"bl\.example"):
        Blocklists([zone], "127.0.0.1:53")


@pytest.mark.parametrize("resolver", ["localhost:53", "127.0.0.1", "127.0.0.1:0", "::1:x", ""])
def test_a_resolver_that_is_none_is_refused(resolver: str) -> None:
    with pytest.raises(BadBlocklists, match="expected IP:PORT"):
        Blocklists([ZONE], resolver)


def test_each_prefix_has_its_turn_within_the_bound() -> None:
    found = addresses_in(["192.0.2.0/24", "203.0.113.9", "2001:db8::/48"], at_most=5)

    assert found == (
        "192.0.2.0", "203.0.113.9", "2001:db8::", "192.0.2.1", "2001:db8:0:1::",
    )  # fmt: skip


def test_an_ipv4_prefix_gives_all_of_it_and_an_ipv6_site_one_address() -> None:
    assert addresses_in(["192.0.2.0/30"]) == tuple(f"192.0.2.{n}" for n in range(4))
    assert addresses_in(["2001:db8::/64"]) == ("2001:db8::",)
    assert addresses_in(["2001:db8::8/126"]) == tuple(f"2001:db8::{n:x}" for n in range(8, 12))
    assert addresses_in(["192.0.2.1/32", "192.0.2.0/31"]) == ("192.0.2.1", "192.0.2.0")


# --- The demo's server ---------------------------------------------------------------------------


async def test_the_demos_server_answers_as_a_name_server_does() -> None:
    async with BlocklistServer(ZONE) as server:
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], server.port

        for tcp in (False, True):
            (record,) = await resolver.resolve("2.0.0.127.bl.example", "A", tcp=tcp)
            assert record.to_text() == "127.0.0.2"
        with pytest.raises(dns.resolver.NXDOMAIN):
            await resolver.resolve("1.0.0.127.bl.example", "A")
        with pytest.raises(dns.resolver.NoAnswer):
            await resolver.resolve("0.0.127.bl.example", "A")


async def test_the_demos_server_survives_what_is_no_question() -> None:
    async with BlocklistServer(ZONE) as server:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for packet in (b"", b"x", b"\xff" * 40, DNSRecord.question(ZONE).reply().pack()):
                stranger.sendto(packet, ("127.0.0.1", server.port))
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"\x00\x04oops")
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()

        assert (await lists(server).check([ADDRESS])).is_off(ADDRESS, ZONE)
