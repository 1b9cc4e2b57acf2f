"""What travels arrives as it left; what does not fit is refused by its path, whatever it is."""

import json
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, datetime, time, timedelta
from enum import Enum
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import hosts
from domain.calendar import Calendar
from domain.contract import Contract
from domain.hosts import (
    LARGEST_CAMPAIGN,
    MOST_COPIES,
    Campaign,
    Desired,
    DesiredState,
    Detection,
    HeldMessage,
    Observation,
    Report,
    Wanted,
)
from domain.ladder import Plan, plan
from domain.measures import SCOPES, Measure, Restriction
from domain.news import News, Observed, Sighting
from domain.wire import WireError, from_json, from_text, to_json
from tests.domain.builders import (
    MADRID,
    NOW,
    a_client,
    a_contract,
    contracts,
    facts,
    services,
)

letters = st.characters(codec="utf-8", exclude_characters="\0")
words = st.text(letters)
names = st.text(st.characters(categories=["L", "N"]), min_size=1)
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: words,
    int: st.integers(-(2**63) + 1, 2**63 - 1),
    bool: st.booleans(),
    datetime: st.datetimes(timezones=st.just(UTC)),
    time: st.times(),
    Restriction: st.sampled_from(Measure).flatmap(
        lambda measure: st.builds(
            Restriction,
            measure=st.just(measure),
            scope=st.sampled_from(SCOPES[measure]),
            targets=st.lists(names, min_size=1).map(tuple),
        )
    ),
    Campaign: st.builds(
        Campaign,
        id=words,
        begins_at=st.just(NOW),
        ends_at=st.integers(1, 31).map(lambda days: NOW + timedelta(days=days)),
        messages=st.integers(1, LARGEST_CAMPAIGN),
        domain=st.none() | st.just("shop.example"),
    ),
    Detection: st.builds(
        Detection,
        id=st.from_regex("[A-Za-z0-9._-]{1,300}", fullmatch=True),
        domain=st.none() | st.just("shop.example"),
        began_at=st.datetimes(timezones=st.just(UTC)),
        seen_at=st.datetimes(timezones=st.just(UTC)),
        sent_at=st.datetimes(timezones=st.just(UTC)),
        **dict.fromkeys(
            ("new", "messages", "copies", "distinct", "judged", "rejected", "deferred", "waiting"),
            st.integers(0, MOST_COPIES),
        ),
        address=st.sampled_from([None, "192.0.2.7", "2001:db8::7"]),
        reasons=st.lists(st.text(letters, max_size=500), min_size=1, max_size=10).map(tuple),
    ),
}


def everything(kind: Any) -> st.SearchStrategy[Any]:
    """All values of a type, as far as its annotations say."""
    if kind in PLAIN:
        return PLAIN[kind]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(kind)
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        parts = {each.name: everything(hints[each.name]) for each in fields(kind)}
        if kind is Observation:
            parts["counter"] = st.from_regex("[0-9a-z]{0,32}", fullmatch=True)
            parts["also"] = st.lists(st.sampled_from(["a.example", "b.example"])).map(tuple)
        assert isinstance(kind, type)
        return st.builds(kind, **parts)
    within = get_args(kind)
    if get_origin(kind) is UnionType:
        (other,) = set(within) - {NoneType}
        return st.none() | everything(other)
    if get_origin(kind) is dict:
        return st.dictionaries(words, everything(within[1]), max_size=3)
    assert get_origin(kind) is tuple, kind
    return st.lists(everything(within[0]), max_size=3).map(tuple)


TRAVELLING = [
    kind
    for kind in vars(hosts).values()
    if is_dataclass(kind) and isinstance(kind, type) and kind.__module__ == hosts.__name__
]


@pytest.mark.parametrize("kind", [*TRAVELLING, News], ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_everything_that_agents_and_gateway_say_arrives_as_it_left(
    kind: type, data: st.DataObject
) -> None:
    thing = data.draw(everything(kind))
    assert from_json(kind, to_json(thing)) == thing
    assert from_text(kind, json.dumps(to_json(thing))) == thing


def test_every_word_between_agent_and_gateway_is_tried() -> None:
    assert {Campaign, Desired, DesiredState, Detection, HeldMessage, Report} <= set(TRAVELLING)


@given(contracts)
def test_a_contract_travels_whole(contract: Contract) -> None:
    assert from_text(Contract, json.dumps(to_json(contract))) == contract


@given(given=facts, contract=contracts, service=services)
def test_a_plan_travels_whole(given: Any, contract: Contract, service: Any) -> None:
    decided = plan(given, contract, a_client(), service)
    assert from_text(Plan, json.dumps(to_json(decided))) == decided


HELD = to_json(HeldMessage(queue_id="4bX1", sender="", recipients=1, bytes=9, arrived_at=NOW))


def held(**other: object) -> dict[str, object]:
    assert isinstance(HELD, dict)
    return {**HELD, **other}


def without(name: str) -> dict[str, object]:
    return {key: value for key, value in held().items() if key != name}


NESTED: Any = []
for _ in range(100_000):
    NESTED = [NESTED]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (None, "it: null is not an object"),
        ([], "it: a list is not an object"),
        (NESTED, "it: a list is not an object"),
        (held(more=1), 'it: there is no field "more"'),
        (held(**{"x" * 10_000: 1}), r'it: there is no field "x{57}\.\.\."'),
        (without("queue_id"), "queue_id: is missing"),
        (held(queue_id=1), "queue_id: 1 is not text"),
        (held(queue_id=None), "queue_id: null is not text"),
        (held(queue_id=NESTED), "queue_id: a list is not text"),
        (held(queue_id={"a": NESTED}), "queue_id: an object is not text"),
        (held(queue_id="a\0"), r'queue_id: "a\\u0000" has a NUL'),
        (held(queue_id="\ud800"), r"queue_id: .* half of a surrogate pair"),
        (held(recipients="1"), 'recipients: "1" is not a whole number'),
        (held(recipients=True), "recipients: true is not a whole number"),
        (held(recipients=1.0), "recipients: 1.0 is not a whole number"),
        (held(recipients=float("nan")), "recipients: NaN is not a whole number"),
        (held(recipients=float("inf")), "recipients: Infinity is not a whole number"),
        (held(recipients=2**63), "recipients: a number of more than 64 bits"),
        (held(recipients=-(10**5_000)), "recipients: a number of more than 64 bits"),
        (held(queue_id=10**5_000), "queue_id: a huge number is not text"),
        (held(arrived_at="2026-11-24T13:30:00"), "arrived_at: .* no offset"),
        (held(arrived_at="yesterday"), "arrived_at: .* not an ISO 8601 moment"),
        (held(arrived_at="0001-01-01T00:00:00+14:00"), "arrived_at: .* not an ISO 8601 moment"),
        (held(arrived_at=0), "arrived_at: 0 is not text"),
        (held(fate="burnt"), 'fate: "burnt" is not one of delivered, discarded, kept'),
        (held(fate=["kept"]), "fate: a list is not text"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_path(data: object, said: str) -> None:
    with pytest.raises(WireError, match=f"^{said}") as refused:
        from_json(HeldMessage, data)
    assert len(str(refused.value)) < 200
    assert str(refused.value).isprintable()


def test_the_path_leads_to_the_innermost_thing_that_is_wrong() -> None:
    lift = {"key": "k", "wanted": "lifted", "restriction": 5}
    for inner, said in [
        (5, r"measures\[0\].restriction: 5 is not an object"),
        (
            {"measure": "hold_domain", "scope": "server", "targets": ["a"]},
            r"measures\[0\].restriction: hold_domain takes hold of a domain",
        ),
        (
            {"measure": "hold_domain", "scope": "domain", "targets": ["a", 7]},
            r"measures\[0\].restriction.targets\[1\]: 7 is not text",
        ),
    ]:
        with pytest.raises(WireError, match=said):
            from_json(DesiredState, {"revision": 1, "measures": [{**lift, "restriction": inner}]})
    with pytest.raises(WireError, match=r'sightings\["k"\].observed: "seen" is not one of'):
        from_json(News, {"revision": 1, "sightings": {"k": {"observed": "seen"}}})


def test_what_has_a_default_may_be_left_out() -> None:
    restriction = Restriction(
        measure=Measure.HOLD_DOMAIN, scope=SCOPES[Measure.HOLD_DOMAIN][0], targets=("a.example",)
    )
    desired = Desired(key="k", restriction=restriction, wanted=Wanted.APPLIED)
    spelt = to_json(desired)
    assert isinstance(spelt, dict)
    bare = {name: spelt[name] for name in ("key", "restriction", "wanted")}
    assert from_json(Desired, bare) == desired


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(data=json_values)
def test_no_json_at_all_makes_reading_fail_otherwise(data: object) -> None:
    for kind in (Report, DesiredState, Contract):
        with pytest.raises(WireError):
            from_json(kind, data)


def _paths(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    steps: Any = ()
    if isinstance(data, dict | list):
        steps = data.items() if isinstance(data, dict) else enumerate(data)
    return [path, *(deep for step, inner in steps for deep in _paths(inner, (*path, step)))]


def _with(data: Any, path: tuple[Any, ...], value: object) -> Any:
    if not path:
        return value
    copy = dict(data) if isinstance(data, dict) else list(data)
    copy[path[0]] = _with(copy[path[0]], path[1:], value)
    return copy


@given(contract=contracts, data=st.data(), value=json_values)
def test_a_contract_with_anything_put_anywhere_is_a_contract_or_refused(
    contract: Contract, data: st.DataObject, value: object
) -> None:
    whole = to_json(contract)
    path = data.draw(st.sampled_from(_paths(whole)))
    try:
        read = from_json(Contract, _with(whole, path, value))
    except WireError:
        return
    assert from_json(Contract, to_json(read)) == read


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not JSON"),
        ("{", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"\xff\xfe", "is not JSON|is not an object"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ('{"revision": ' + "9" * 5_000 + "}", "is not JSON"),
        ('{"revision": 1, "revision": 2}', "names a field twice"),
        ('{"revision": NaN}', "revision: NaN is not a whole number"),
        ('{"revision": 1e400}', "revision: Infinity is not a whole number"),
    ],
)
def test_text_that_is_no_json_of_the_type_is_refused(text: str | bytes, said: str) -> None:
    with pytest.raises(WireError, match=said):
        from_text(DesiredState, text)


@dataclass(frozen=True)
class Chain:
    """A type without an end, as none in the domain is."""

    inner: "Chain | None" = None


def test_a_type_without_an_end_is_bounded() -> None:
    data: dict[str, object] = {}
    for _ in range(100_000):
        data = {"inner": data}
    with pytest.raises(WireError, match="nested too deeply"):
        from_json(Chain, data)


@dataclass(frozen=True)
class Odd:
    """Fields that have no spelling in JSON here."""

    ratio: float = 0.0
    pair: tuple[int, str] = field(default=(1, ""))
    either: int | str = 0


@pytest.mark.parametrize("data", [{"ratio": 1.0}, {"pair": [1, "a"]}, {"either": 1}])
def test_a_type_that_has_no_spelling_is_refused_and_not_guessed(data: object) -> None:
    with pytest.raises(WireError, match="has no spelling"):
        from_json(Odd, data)


@pytest.mark.parametrize(
    ("thing", "said"),
    [
        (1.5, "float has no spelling"),
        (b"x", "bytes has no spelling"),
        (Odd, "type has no spelling"),
        (NOW.replace(tzinfo=None), "no offset"),
        (NOW.timetz(), "has a time zone"),
        ({1: 2}, "a key: 1 is not text"),
    ],
)
def test_what_has_no_spelling_does_not_leave(thing: object, said: str) -> None:
    with pytest.raises(WireError, match=said):
        to_json(thing)


@pytest.mark.parametrize("opens", ["9", "25:00", "09:00+01:00", "", 9])
def test_an_opening_hour_is_a_wall_time(opens: object) -> None:
    spelt = to_json(a_contract(calendar=Calendar(MADRID)))
    with pytest.raises(WireError, match=r"^calendar.business"):
        from_json(Contract, _with(spelt, ("calendar", "business", "opens"), opens))


def test_a_contract_that_cannot_be_is_refused_with_its_own_words() -> None:
    spelt = to_json(a_contract(calendar=Calendar(MADRID)))
    for path, value, said in [
        (("calendar", "business", "zone"), "Nowhere", 'calendar.business: "Nowhere" is no time'),
        (("calendar", "business", "weekdays"), [9], "calendar.business: a weekday"),
        (("deadline", "seconds"), -1, "deadline: a span of time cannot be negative"),
        (("deadline", "seconds"), 0, "it: a deadline of 0 s"),
        (
            ("prices", "delisting_first", "minor"),
            -1,
            "prices: delisting_first of -0.01 EUR is no price",
        ),
        (("prices", "delisting_first", "currency"), "USD", "prices: a contract has one currency"),
        (("hard_cap",), 0, "it: hard_cap is 1 or more"),
    ]:
        with pytest.raises(WireError, match=f"^{said}"):
            from_json(Contract, _with(spelt, path, value))


def test_news_keep_their_sightings_by_key() -> None:
    news = News(revision=2, sightings={"a/1": Sighting(observed=Observed.APPLIED)})
    spelt = to_json(news)
    assert isinstance(spelt, dict)
    assert spelt["sightings"] == {
        "a/1": {
            "observed": "applied",
            "detail": "",
            "held": 0,
            "delivered": 0,
            "discarded": 0,
            "kept": 0,
        }
    }
