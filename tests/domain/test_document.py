"""YAML as a person writes it: the text as it stands, nothing executed, nothing endless."""

import pytest
from yaml.nodes import Node

from domain.clientele.document import (
    Field,
    Flawed,
    Notes,
    Section,
    Unreadable,
    one,
    root_of,
    section,
    several,
)
from domain.clientele.entries import (
    beginning,
    contact,
    flag,
    identifier,
    member,
    number,
    phone,
    prefix,
    wall_time,
    weekday,
)
from domain.measures import Measure

FIELDS = {
    "name": Field(one(str), "Ejemplo"),
    "sizes": Field(several(one(number), "[1, 2]"), "[1, 2]", required=False),
}


def read(text: str) -> tuple[Section, tuple[str, ...]]:
    notes, root = Notes(), root_of(text)
    part = section(root, notes, FIELDS, called="it", at=root)
    try:
        notes.settle()
    except Unreadable as unreadable:
        return part, unreadable.errors
    return part, ()


@pytest.mark.parametrize(
    "word", ["no", "NO", "7.30", "09:00", "0o17", "2026-01-01", "1_000", "=", "x y"]
)
def test_a_value_is_the_text_that_stands_there(word: str) -> None:
    part, errors = read(f"name: {word}\nsizes: [1, 20]\n")
    assert (part.values, part.whole, errors) == ({"name": word, "sizes": (1, 20)}, True, ())


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ("name: a\nname: b", ['line 2: "name" is in it already (line 1); keep one']),
        ("nmae: a", ["line 1: it has no name; add `name: Ejemplo`",
                     'line 1: it has no "nmae"; did you mean name?']),
        ("name: a\nqqqq: 1", ['line 2: it has no "qqqq"; write one of name, sizes']),
        ("name:\nsizes:", ["line 1: there is no value here; write one, or remove the line",
                           "line 2: this is not a list of one or more; write [1, 2]"]),
        ("name: ~", ["line 1: there is no value here; write one, or remove the line"]),
        ("name: [a]", ["line 1: here is a list or a mapping; write one value"]),
        ("name: |\n  two\n  lines", [
            'line 1: "two\\nlines" is not one line of at most 200 characters; shorten it']),
        ("name: a\nsizes: []", ["line 2: this is not a list of one or more; write [1, 2]"]),
        ("name: a\nsizes: 4", ["line 2: this is not a list of one or more; write [1, 2]"]),
        ("name: a\nsizes:\n  - 0\n  - 3\n  - x\n  - 3", [
            'line 3: "0" is not a whole number of 1 or more; write it as 100',
            'line 5: "x" is not a whole number of 1 or more; write it as 100',
            'line 6: "3" is in this list twice; keep one']),
        ("- name", ["line 1: it is not a mapping; write `key: value` lines, indented, below it"]),
        ("? [a]\n: 1", ["line 1: a key of it is not a word; write `key: value`",
                        "line 1: it has no name; add `name: Ejemplo`"]),
    ],
)  # fmt: skip
def test_every_mistake_is_told_by_line_with_what_to_write(text: str, errors: list[str]) -> None:
    part, told = read(text)
    assert sorted(told) == sorted(errors)
    assert not part.whole


BOMB = "a: &a [x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: the file is empty"),
        ("# nothing\n", "line 1: the file is empty"),
        ("name: a\nb: [", "line 2: .*expected the node content"),
        ("name: a\n\tb: 1", "line 2: "),
        ("name: a\n---\nname: b", "line 2: .*another document"),
        ("name: a\nother: \0", "line 2: remove the control character"),
        ("name: \ud800", "line 1: remove the control character"),
        (BOMB, "line 2: .*aliases are not read; write out what it stands for"),
        ("a: &a\n  b: *a", "line 2: .*aliases are not read"),
        ("name: !!python/object/apply:os.system [id]", "line 1: .*tags are not read"),
        ("name: !secret x", "line 1: .*tags are not read; remove !secret"),
        ("name: !!binary eA==", "line 1: .*tags are not read"),
        ("[" * 100_000, "line 1: .*nested too deeply"),
        ("\n".join("  " * n + "a:" for n in range(300)), "line 20: .*nested too deeply"),
    ],
)
def test_what_is_no_plain_yaml_is_refused_by_line(text: str, said: str) -> None:
    with pytest.raises(Unreadable, match=f"^{said}") as unreadable:
        root_of(text)
    assert len(unreadable.value.errors) == 1


def test_what_could_not_be_read_is_noted_before_it_is_raised() -> None:
    notes, node = Notes(), root_of("x")
    with pytest.raises(Flawed):
        one(number)(node, notes)
    with pytest.raises(Unreadable, match="line 1"):
        notes.settle()


def test_where_nothing_is_wrong_nothing_is_raised() -> None:
    node: Node = root_of("7")
    notes = Notes()
    assert one(number)(node, notes) == 7
    notes.settle()


@pytest.mark.parametrize(
    "address",
    ["abuse@client.example", "a.b+c@mail.client.example", "x@xn--espaa-rta.example"],
)
def test_a_mail_address_is_taken(address: str) -> None:
    assert contact(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "abuse", "abuse@", "@client.example", "abuse@client", "Abuse <abuse@client.example>",
        "a@b.example, c@d.example", "a b@client.example", ".a@client.example",
        "a..b@client.example", "a@-client.example", "a@client..example", "ñ@client.example",
        "a@client.example\nBcc: b@c.example", "a" * 65 + "@client.example", "a@[192.0.2.1]",
        "a@" + "b." * 130 + "example",
    ],
)  # fmt: skip
def test_what_is_no_mail_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match=r"write it as abuse@client\.example"):
        contact(address)


@pytest.mark.parametrize(
    ("text", "read_as"),
    [
        ("192.0.2.7", "192.0.2.7/32"),
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("2001:DB8::7", "2001:db8::7/128"),
        ("2001:db8::/32", "2001:db8::/32"),
    ],
)
def test_an_address_is_a_prefix_of_one(text: str, read_as: str) -> None:
    assert str(prefix(text)) == read_as


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("192.0.2.7/24", "write 192.0.2.0/24 for the block"),
        ("2001:db8::7/64", "write 2001:db8::/64 for the block"),
        ("192.0.2.256", "write it as 192.0.2.7"),
        ("192.0.2.0/33", "write it as 192.0.2.7"),
        ("mx1.provider.example", "write it as 192.0.2.7"),
        ("3221225991", "write it as 192.0.2.7"),
        ("::ffff:192.0.2.7", "write the IPv4 address"),
        ("fe80::1%eth0", "without a zone|write it as"),
    ],
)
def test_what_is_no_prefix_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        prefix(text)


def test_other_values_are_read_as_they_are_written() -> None:
    assert (flag("true"), flag("false")) == (True, False)
    assert number("1000") == 1_000
    assert phone("+34 910 000 000") == "+34 910 000 000"
    assert wall_time("09:30").isoformat() == "09:30:00"
    assert [weekday(day) for day in ("mon", "sun")] == [0, 6]
    assert identifier("mx1.provider.example") == "mx1.provider.example"
    assert beginning("2026-01-01").isoformat() == "2026-01-01"
    assert beginning("2026-01-01T08:00:00+01:00").isoformat() == "2026-01-01T08:00:00+01:00"
    assert member(Measure, "measure")("hold_domain") is Measure.HOLD_DOMAIN


@pytest.mark.parametrize(
    ("parse", "text", "said"),
    [
        (flag, "no", "write one of these words"),
        (flag, "True", "write one of these words"),
        (number, "-1", "write it as 100"),
        (number, "1e3", "write it as 100"),
        (number, "٣", "write it as 100"),
        (number, "9" * 5_000, "write it as 100"),
        (phone, "call me", "write it as"),
        (wall_time, "9:00", "write it as 09:00"),
        (wall_time, "24:00", "write it as 09:00"),
        (weekday, "Monday", "mon, tue"),
        (identifier, "VPS 1", "lower-case letters"),
        (beginning, "2026-02-30", "write it as 2026-01-01"),
        (beginning, "2026-01-01T08:00:00", "with its offset"),
        (beginning, "01/02/2026", "write it as 2026-01-01"),
        (beginning, "2026-W01-1", "write it as 2026-01-01"),
        (beginning, "0001-01-01", "write it as 2026-01-01"),
        (beginning, "0001-01-01T00:00:00+14:00", "write it as 2026-01-01"),
        (beginning, "soon", "write it as 2026-01-01"),
        (member(Measure, "measure"), "hold_domian", "did you mean hold_domain"),
        (member(Measure, "measure"), "HOLD_DOMAIN", "did you mean hold_domain"),
        (member(Measure, "measure"), "delete_everything", "write one of rate_limit"),
    ],
)
def test_a_value_of_another_form_is_refused_with_what_to_write(
    parse: object, text: str, said: str
) -> None:
    assert callable(parse)
    with pytest.raises(ValueError, match=said):
        parse(text)
