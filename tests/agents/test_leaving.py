"""Which address of a host mail leaves from, by its log and by what is configured."""

import json
from pathlib import Path

import pytest

from agents.mta.exim.binding import bound
from agents.mta.leaving import Leaving, seen_outside, single
from agents.mta.postfix.outgoing import Outgoing
from agents.mta.traffic import Tried
from tests.agents.sending import SHOP, Host


class TwoClients(Outgoing):
    """The log of a Postfix with a client for each of two addresses."""

    def __init__(self, config_dir: Path) -> None:
        super().__init__(config_dir)
        self._bindings = {
            "postfix": Leaving(ip4="192.0.2.7"),
            "postfix/second": Leaving(ip4="192.0.2.8"),
        }


class Shared(Host):
    """Its host, whose agent was told no address."""

    def leaves(self, copies: int, client: str, domain: str = SHOP) -> None:
        for _ in range(copies):
            queue_id = self.queued(domain)
            self.write(
                f"{client}smtp",
                f"{queue_id}: to=<r{self.number}@far.example>, relay=mx.far.example[198.51.100.7]"
                ":25, delay=1, delays=1/0/0/0, dsn=2.0.0, status=sent (250 ok)",
            )


@pytest.fixture
def host(tmp_path: Path) -> Shared:
    return Shared(tmp_path, traffic=TwoClients(Path("/etc/postfix")), address=None)


def test_a_domains_outbreak_has_the_address_that_its_mail_left_from(host: Shared) -> None:
    host.leaves(210, "second/")
    host.leaves(210, "", "bakery.example")
    found = {each.domain: each.address for each in host.look(15)}
    assert found == {SHOP: "192.0.2.8", "bakery.example": "192.0.2.7"}


def test_of_mail_from_several_addresses_no_single_one_is_told(host: Shared) -> None:
    host.leaves(110, "second/")
    host.leaves(110, "")
    [found] = host.look(15)
    assert found.address is None


def test_nine_of_ten_copies_are_enough(host: Shared) -> None:
    host.leaves(200, "second/")
    host.leaves(20, "")
    [found] = host.look(15)
    assert found.address == "192.0.2.8"


def test_an_older_agents_memory_knows_no_addresses_and_is_read(host: Shared) -> None:
    host.leaves(5, "")
    host.look(15)
    file = host.state / "detection.json"
    kept = json.loads(file.read_text())
    for sender in (kept["host"], *kept["senders"].values()):
        for name in ("hours", "hours_today"):
            del sender[name]
        for part in sender["slices"]:
            del part["sources"]
    for name in ("refusing", "refused", "seen_as"):
        del kept[name]
    file.write_text(json.dumps(kept))
    assert sum(part.copies for part in host.start().memory.senders[SHOP].slices) == 5


@pytest.mark.parametrize(
    ("address", "seen"),
    [
        ("192.0.2.7", "192.0.2.7"), ("[2001:db8::7]", "2001:db8::7"), ("10.1.2.3", None),
        ("192.168.0.9", None), ("100.64.1.1", None), ("127.0.0.1", None), ("fe80::1", None),
        ("fd00::1", None), ("::1", None), ("0.0.0.0", None), ("all", None), ("", None),
    ],
)  # fmt: skip
def test_what_others_see_of_an_address(address: str, seen: str | None) -> None:
    assert seen_outside(address) == seen


def test_one_address_of_a_family_is_the_one_and_two_are_none() -> None:
    assert single(["127.0.0.1", "192.0.2.7", "::1"]) == Leaving(ip4="192.0.2.7")
    assert single(["192.0.2.7", "192.0.2.8", "2001:db8::7"]) == Leaving(ip6="2001:db8::7")
    assert single(["all", ""]) == Leaving()


def test_towards_ipv6_it_is_the_ipv6_address() -> None:
    both = Leaving(ip4="192.0.2.7", ip6="2001:db8::7")
    assert both.towards("2001:db8:2::1") == "2001:db8::7"
    assert both.towards("198.51.100.1") == "192.0.2.7"
    assert Leaving(ip6="2001:db8::9").or_else(both) == Leaving(ip4="192.0.2.7", ip6="2001:db8::9")


@pytest.mark.parametrize(
    "setting",
    ["192.0.2.7 : 2001::db8::::7", "<; 192.0.2.7 ; 2001:db8::7", "<,192.0.2.7,2001:db8::7"],
)
def test_exims_lists_are_read_as_exim_reads_them(setting: str) -> None:
    both = Leaving(ip4="192.0.2.7", ip6="2001:db8::7")
    assert bound(f"  driver = smtp\n  interface = {setting}\n") == both


def test_an_attempt_says_the_server_and_its_answer() -> None:
    line = (
        "Nov 24 20:27:42 mx postfix/smtp[6236]: 4fXB1: to=<a@hotmail.example>, "
        "relay=mx.far.example[198.51.100.7]:25, delay=1, delays=1/0/0/0, dsn=4.7.0, "
        "status=deferred (host mx.far.example[198.51.100.7] refused to talk to me: 421 4.7.0 no)"
    )
    found = Outgoing(Path("/etc/postfix")).understood(line.encode(), 2_000_000_000)
    assert isinstance(found, Tried)
    assert (found.host, found.said, found.source) == ("mx.far.example", "421 4.7.0 no)", None)
