"""The audit chain: whatever is done to it afterwards is found, and where it began is named."""

import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.record import GENESIS, Break, Entry, canonical, link, verify

INCIDENT = "incident-vps-1-1"
START = datetime(2026, 11, 24, 13, 30, 0, 123_456, tzinfo=UTC)


def a_chain(length: int = 5) -> list[Entry]:
    entries: list[Entry] = []
    previous = GENESIS
    for seq in range(1, length + 1):
        at, source = START + timedelta(seconds=seq), f"decision:{seq}"
        body = canonical({"what": "señal", "seq": seq})
        linked = link(previous, INCIDENT, seq, at, source, body)
        entries.append(
            Entry(
                incident=INCIDENT,
                seq=seq,
                at=at,
                source=source,
                body=body,
                previous=previous,
                hash=linked,
            )
        )
        previous = linked
    return entries


CHAIN = a_chain()
HEAD = CHAIN[-1].hash


def found(entries: list[Entry], head_seq: int = 5, head_hash: bytes = HEAD) -> Break | None:
    return verify(INCIDENT, entries, head_seq, head_hash)


def test_a_chain_as_it_was_appended_verifies() -> None:
    assert found(CHAIN) is None
    assert verify(INCIDENT, [], 0, GENESIS) is None


def test_the_hash_is_what_the_database_computes() -> None:
    # Computed with sha256sum over 32 zero bytes and the five lines, as the migration says it.
    linked = link(GENESIS, "incident-vps-1-1", 1, START, "decision:1", '{"a":1}')
    assert linked.hex() == "1fdb009e41271d0ff593a419d42ab589c6126b84ab51d19a65faec88e54fc5c2"


@pytest.mark.parametrize("name", [field.name for field in fields(Entry)])
@given(seq=st.integers(1, 5), data=st.data())
def test_any_field_of_any_entry_that_is_changed_is_found_and_the_first_one_named(
    name: str, seq: int, data: st.DataObject
) -> None:
    original = getattr(CHAIN[seq - 1], name)
    others: dict[type, st.SearchStrategy[Any]] = {
        str: st.text(),
        int: st.integers(-3, 9),
        bytes: st.binary(min_size=32, max_size=32),
        datetime: st.integers(1, 10**9).map(lambda n: original + timedelta(microseconds=n)),
    }
    changed = data.draw(others[type(original)].filter(lambda value: value != original))
    entries = list(CHAIN)
    entries[seq - 1] = replace(entries[seq - 1], **{name: changed})
    # What stands after it may be changed as well: the first is named.
    if seq < 5 and data.draw(st.booleans()):
        entries[4] = replace(entries[4], body="{}")
    broken = found(entries)
    assert broken is not None
    assert (broken.incident, broken.seq) == (INCIDENT, seq)


@given(seq=st.integers(1, 5))
def test_an_entry_that_was_taken_out_is_named(seq: int) -> None:
    left = CHAIN[: seq - 1] + CHAIN[seq:]
    why = "is missing" if seq < 5 else "is missing from the end"
    assert found(left) == Break(incident=INCIDENT, seq=seq, why=why)


@given(length=st.integers(0, 4))
def test_a_tail_that_was_cut_off_is_found(length: int) -> None:
    broken = found(CHAIN[:length])
    assert str(broken) == f"{INCIDENT}: entry {length + 1}: is missing from the end"


def test_two_entries_that_changed_places_are_found() -> None:
    broken = found([CHAIN[0], CHAIN[2], CHAIN[1], *CHAIN[3:]])
    assert broken is not None
    assert broken.seq == 2


@given(seq=st.integers(1, 5))
def test_a_chain_that_was_forged_anew_does_not_end_as_it_was_recorded(seq: int) -> None:
    entries, previous = CHAIN[: seq - 1], CHAIN[seq - 1].previous
    for entry in CHAIN[seq - 1 :]:
        forged = replace(entry, body=entry.body.replace("what", "that"), previous=previous)
        hashed = link(previous, forged.incident, forged.seq, forged.at, forged.source, forged.body)
        entries.append(replace(forged, hash=hashed))
        previous = hashed
    broken = found(entries)
    assert broken == Break(incident=INCIDENT, seq=5, why="is not the end that was recorded")


@given(seq=st.integers(1, 4))
def test_after_an_entry_that_was_forged_with_its_own_hash_the_next_does_not_follow(
    seq: int,
) -> None:
    entry = CHAIN[seq - 1]
    hashed = link(entry.previous, INCIDENT, seq, entry.at, entry.source, "{}")
    entries = [*CHAIN[: seq - 1], replace(entry, body="{}", hash=hashed), *CHAIN[seq:]]
    why = "does not follow the one before it"
    assert found(entries) == Break(incident=INCIDENT, seq=seq + 1, why=why)


def test_entries_past_the_recorded_end_are_found() -> None:
    broken = found(CHAIN, head_seq=4, head_hash=CHAIN[3].hash)
    assert broken == Break(incident=INCIDENT, seq=4, why="is not the end that was recorded")


def test_another_incidents_chain_does_not_pass_for_this_one() -> None:
    assert verify("incident-vps-1-2", CHAIN, 5, HEAD) == Break(
        incident="incident-vps-1-2", seq=1, why="was changed after it was appended"
    )


def test_text_cannot_move_from_the_body_to_the_source() -> None:
    body = "first line\nsecond line"
    hashed = link(GENESIS, INCIDENT, 1, START, "note", body)
    honest = Entry(
        incident=INCIDENT,
        seq=1,
        at=START,
        source="note",
        body=body,
        previous=GENESIS,
        hash=hashed,
    )
    moved = replace(honest, source="note\nfirst line", body="second line")
    assert link(GENESIS, INCIDENT, 1, START, moved.source, moved.body) == hashed
    assert verify(INCIDENT, [honest], 1, hashed) is None
    assert verify(INCIDENT, [moved], 1, hashed) is not None


def test_the_zone_that_a_moment_is_told_in_changes_nothing() -> None:
    elsewhere = timezone(timedelta(hours=-5))
    assert found([replace(entry, at=entry.at.astimezone(elsewhere)) for entry in CHAIN]) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), json_values))
def test_one_content_has_one_spelling_on_one_line(body: dict[str, object]) -> None:
    spelt = canonical(body)
    assert spelt == canonical(dict(reversed(body.items())))
    assert json.loads(spelt) == body
    assert "\n" not in spelt
