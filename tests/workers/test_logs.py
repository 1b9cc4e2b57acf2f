"""Log lines: one for each thing that happened, with its fields."""

import logging

from workers.logs import Fields


def line(message: str, **fields: object) -> str:
    record = logging.makeLogRecord({"name": "plazo.host_agent", "msg": message, **fields})
    record.levelname = "WARNING"
    return Fields().format(record).partition(" WARNING ")[2]


def test_the_fields_follow_the_message() -> None:
    said = line("not handed in", why="no route to host", again=2.5)
    assert said == 'plazo.host_agent not handed in why="no route to host" again=2.5'


def test_a_field_cannot_begin_a_line_or_another_field() -> None:
    said = line("seen", why='held\n2026-01-01 INFO plazo forged="1"\u2028x')
    assert len(said.splitlines()) == 1
    assert said.count(' forged="') == 0


def test_nothing_is_added_where_there_is_nothing_to_add() -> None:
    assert line("working") == "plazo.host_agent working"


def test_an_empty_field_is_seen_to_be_empty() -> None:
    assert line("seen", why="") == 'plazo.host_agent seen why=""'
