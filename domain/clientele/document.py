"""A YAML file read node by node: every mistake is noted with its line before any is told.

What is read is the text as it stands, whatever YAML 1.1 makes of it: `09:00` is nine o'clock and
not 540, `NO` is Norway and not false, a clause `7.30` keeps its zero. Aliases and tags are refused,
so a file is as long as it looks and makes nothing but text, lists and mappings.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import yaml
from yaml.events import AliasEvent
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from domain.clientele.entries import instead, quoted

T = TypeVar("T")

_DEEPEST = 20
"""Levels of nesting; no file that a person writes for us has half as many."""
_TAGS = {
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "int", "float", "bool", "null", "timestamp", "map", "seq", "merge", "value")
}


class Unreadable(ValueError):
    """Nothing of the file was taken. `errors` says by line what is wrong and what to write."""

    def __init__(self, errors: Iterable[str]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(self.errors))


class Flawed(Exception):
    """A part of the file could not be read; why is on the notes already."""


class Notes:
    """What is wrong with a file, gathered while it is read."""

    def __init__(self) -> None:
        self._notes: list[tuple[int, str]] = []

    def add(self, node: Node, sentence: str) -> None:
        self._notes.append((line_of(node), sentence))

    def flaw(self, node: Node, sentence: str) -> Flawed:
        """Note it, and give the exception to raise."""
        self.add(node, sentence)
        return Flawed()

    def settle(self) -> None:
        """Raise Unreadable with every note, in the order of the lines, if there is any."""
        if self._notes:
            raise Unreadable(f"line {line}: {sentence}" for line, sentence in sorted(self._notes))


Reader = Callable[[Node, Notes], T]
"""Reads one node, or notes why it cannot and raises Flawed."""


@dataclass(frozen=True)
class Field:
    """What may stand after one key: how to read it, and an example for whoever left it out."""

    read: Reader[Any]
    such_as: str
    required: bool = True


@dataclass(frozen=True, kw_only=True)
class Section:
    """Those fields of a mapping that could be read, and where each of them stands."""

    values: dict[str, Any]
    nodes: dict[str, Node]
    whole: bool
    """Whether nothing in it was wrong."""


class _Loader(yaml.SafeLoader):
    """Nodes only, of bounded depth."""

    _depth = 0

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, AliasEvent):
            raise _refused("aliases are not read; write out what it stands for", event.start_mark)
        if self._depth >= _DEEPEST:
            raise _refused("it is nested too deeply", event.start_mark)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        if node is not None and node.tag not in _TAGS:
            raise _refused(f"tags are not read; remove {node.tag}", node.start_mark)
        return node


def _refused(problem: str, mark: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


def root_of(text: str) -> Node:
    """The top of a YAML document. Raises Unreadable, by line, where the text is none."""
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Unreadable(
            [f"line {line}: this is not YAML as it is read here: {error.problem}"]
        ) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise Unreadable([f"line {line}: remove the control character: {error.reason}"]) from error
    if root is None:
        raise Unreadable(["line 1: the file is empty; docs/example.yaml shows what to write"])
    return root


def line_of(node: Node) -> int:
    """The number of the line on which a node begins, as an editor shows it."""
    return node.start_mark.line + 1


def pairs(node: Node, notes: Notes, called: str) -> list[tuple[str, Node, Node]]:
    """The keys of a mapping, each with its own node and its value's; a repeated one is noted."""
    if not isinstance(node, MappingNode):
        notes.add(node, f"{called} is not a mapping; write `key: value` lines, indented, below it")
        raise Flawed
    found: dict[str, tuple[str, Node, Node]] = {}
    for key, value in node.value:
        if not isinstance(key, ScalarNode):
            notes.add(key, f"a key of {called} is not a word; write `key: value`")
        elif key.value in found:
            first = line_of(found[key.value][1])
            notes.add(key, f"{quoted(key.value)} is in {called} already (line {first}); keep one")
        else:
            found[key.value] = (key.value, key, value)
    return list(found.values())


def section(
    node: Node, notes: Notes, fields: Mapping[str, Field], *, called: str, at: Node
) -> Section:
    """Read a mapping by its fields, in their order. `at` is the line that lacks what is missing."""
    values: dict[str, Any] = {}
    try:
        given = {name: (key, value) for name, key, value in pairs(node, notes, called)}
    except Flawed:
        return Section(values=values, nodes={}, whole=False)
    whole = isinstance(node, MappingNode) and len(given) == len(node.value)
    for name, (key, _) in given.items():
        if name not in fields:
            whole = False
            notes.add(key, f"{called} has no {quoted(name)}; {instead(name, fields)}")
    for name, field in fields.items():
        if name in given:
            try:
                values[name] = field.read(given[name][1], notes)
            except Flawed:
                whole = False
        elif field.required:
            whole = False
            notes.add(at, f"{called} has no {name}; add `{name}: {field.such_as}`")
    nodes = {name: key for name, (key, _) in given.items()}
    return Section(values=values, nodes=nodes, whole=whole)


def one(parse: Callable[[str], T]) -> Reader[T]:
    """A reader of one value. `parse` takes its text and raises ValueError saying what to write."""

    def read(node: Node, notes: Notes) -> T:
        try:
            return parse(_words(node))
        except ValueError as error:
            notes.add(node, str(error))
            raise Flawed from error

    return read


def several(read: Reader[T], such_as: str) -> Reader[tuple[T, ...]]:
    """A reader of a list of at least one value, none of them twice."""

    def read_all(node: Node, notes: Notes) -> tuple[T, ...]:
        if not isinstance(node, SequenceNode) or not node.value:
            notes.add(node, f"this is not a list of one or more; write {such_as}")
            raise Flawed
        found: dict[T, Node] = {}
        whole = True
        for each in node.value:
            try:
                value = read(each, notes)
            except Flawed:
                whole = False
                continue
            if value in found:
                whole = False
                notes.add(each, f"{quoted(each.value)} is in this list twice; keep one")
            found[value] = each
        if not whole:
            raise Flawed
        return tuple(found)

    return read_all


def _words(node: Node) -> str:
    if not isinstance(node, ScalarNode):
        raise ValueError("here is a list or a mapping; write one value")
    words = str(node.value).strip()
    if node.tag.endswith(":null") or not words:
        raise ValueError("there is no value here; write one, or remove the line")
    if not words.isprintable() or len(words) > 200:
        raise ValueError(f"{quoted(words)} is not one line of at most 200 characters; shorten it")
    return words
