"""A wrong entry of the catalogue is refused, and named."""

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from domain.blocklists.blocklist import By, WayOff, is_asked
from domain.blocklists.catalogue import BadCatalogue, read_catalogue

GOOD: Mapping[str, object] = {
    "name": "One", "zone": "bl.one.example", "keeps": ["ip4"], "off": "expires", "hours": 24,
    "page": "https://one.example/", "codes": {"127.0.0.2": "spam"},
}  # fmt: skip


MAIL = {
    "by": "mail", "to": "off@one.example", "source": "https://one.example/off",
    "codes": ["127.0.0.2/32"], "reference": "ONE[0-9]+",
}  # fmt: skip


def test_an_entry_is_read() -> None:
    catalogue = read_catalogue({"list": [GOOD]})
    entry = catalogue.lists["bl.one.example"]
    assert (entry.name, entry.off, entry.hours) == ("One", WayOff.EXPIRES, 24)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"zone": "nothing"}, "no zone"),
        ({"keeps": []}, "keeps nothing"),
        ({"keeps": ["ip5"]}, "ip5"),
        ({"keeps": "ip4"}, "list of words"),
        ({"codes": {"127.0.0": "spam"}}, "127.0.0"),
        ({"codes": ["127.0.0.2"]}, "no table"),
        ({"refusals": ["127.0.0.2/8"]}, "host bits"),
        ({"weight": 9}, "from 0 to 3"),
        ({"weight": True}, "from 0 to 3"),
        ({"hours": 0}, "1 or more"),
        ({"per_second": 0}, "per_second 0"),
        ({"per_day": "many"}, "per_day 'many'"),
        ({"off": "bribe"}, "bribe"),
        ({"off": "mail"}, "mail"),
        ({"request": [{**MAIL, "by": "fax"}]}, "mail, visit"),
        ({"request": [{**MAIL, "to": "the list"}]}, "no mail address"),
        ({"request": [{**MAIL, "by": "visit"}]}, "no web address"),
        ({"request": [{**MAIL, "source": ""}]}, "write source"),
        ({"request": [{**MAIL, "reference": "SBL("}]}, "reference"),
        ({"request": [{**MAIL, "codes": ["127.0.0"]}]}, "127.0.0"),
        ({"request": [{**MAIL, "price": 5}]}, "unknown price"),
        ({"wait": 3}, "unknown wait"),
        ({"listed": "no point"}, "no point"),
    ],
)
def test_what_is_wrong_is_named(wrong: Mapping[str, object], says: str) -> None:
    with pytest.raises(BadCatalogue, match=says) as refused:
        read_catalogue({"list": [{**GOOD, **wrong}]})
    assert "list 1 (One)" in str(refused.value)


def test_a_policy_is_no_reproach() -> None:
    wrong = IPv4Address("127.0.0.2")
    policy = IPv4Address("127.0.0.10")
    catalogue = read_catalogue({"list": [{**GOOD, "policy": ["127.0.0.10/31"]}]})
    entry = catalogue.lists["bl.one.example"]
    assert entry.reproaches([wrong, policy])
    assert not entry.reproaches([policy])
    assert not replace(entry, weight=0).reproaches([wrong])


def test_the_public_terms_do_not_bind_a_subscriber() -> None:
    given = {**GOOD, "keyed": "dq.one.example", "per_day": 1_000, "per_second": 5}
    catalogue = read_catalogue({"list": [given]})
    assert catalogue.known("bl.one.example").per_day == 1_000
    assert catalogue.known("key.dq.one.example").per_day is None
    assert catalogue.known("key.dq.one.example").per_second == 5


def test_a_list_that_is_there_twice_is_refused() -> None:
    with pytest.raises(BadCatalogue, match="twice"):
        read_catalogue({"list": [GOOD, GOOD]})


def test_a_list_that_has_ended_cannot_be_among_the_lists() -> None:
    dead = {"zone": "one.example", "since": "2024-06", "why": "closed"}
    with pytest.raises(BadCatalogue, match="has ended: closed"):
        read_catalogue({"list": [GOOD], "dead": [dead]})


@pytest.mark.parametrize("given", [{"list": {}}, {"list": ["bl.one.example"]}, {"dead": "x"}])
def test_what_is_no_list_of_tables_is_refused(given: Mapping[str, object]) -> None:
    with pytest.raises(BadCatalogue, match="write each as"):
        read_catalogue(given)


def test_a_request_says_which_listings_it_is_for_and_what_it_names() -> None:
    entry = read_catalogue({"list": [{**GOOD, "request": [MAIL]}]}).lists["bl.one.example"]
    [request] = entry.requests
    assert (request.by, request.to) == (By.MAIL, "off@one.example")
    assert request.takes(IPv4Address("127.0.0.2"))
    assert not request.takes(IPv4Address("127.0.0.4"))
    assert request.named_in("see https://one.example/ONE1234") == "ONE1234"
    assert request.named_in("no number") is None
    assert replace(request, reference="").named_in("no number") == ""


def test_a_subscribers_zone_is_known_with_its_key_and_without() -> None:
    catalogue = read_catalogue({"list": [{**GOOD, "keyed": "dq.one.example"}]})
    for zone in ("k3y.dq.one.example", "dq.one.example"):
        assert catalogue.known(zone).page == "https://one.example/"


def test_a_feed_is_known_by_its_pseudo_zone_and_never_looked_up() -> None:
    feed = {"name": "A feed", "zone": "a-feed", "page": "https://feed.example/", "weight": 3}
    known = read_catalogue({"feed": [feed]}).known("a-feed")
    assert (known.page, known.weight, known.keeps) == ("https://feed.example/", 3, frozenset())
    assert not is_asked("a-feed")
    assert is_asked("bl.one.example")


@pytest.mark.parametrize("wrong", [{"zone": "a.feed"}, {"zone": ""}, {"codes": {}}])
def test_a_wrong_feed_is_named(wrong: Mapping[str, object]) -> None:
    with pytest.raises(BadCatalogue, match="feed 1"):
        read_catalogue({"feed": [{"name": "A feed", "zone": "a-feed", **wrong}]})
