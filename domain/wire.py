"""How the dataclasses of this room travel as JSON: one spelling out, and a strict reading back in.

Nested frozen dataclasses, `StrEnum` and `IntEnum`, aware `datetime` (ISO 8601 with its offset),
naive wall `time` (`09:00:00`), `Decimal` (as text, `12.50`), `tuple[X, ...]`, `dict[str, X]`,
`X | None`, `str`, `int` and `bool`. What comes in may come from a machine whose owner is not ours,
so nothing is guessed or converted: a field that is unknown, missing or of another type is refused
with its path, and so is what the database could not keep (a NUL, half of a surrogate pair, more
than 64 bits). A field that has a default may be left out, so that a dataclass can grow while older
agents still speak.
"""

import json
import re
from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import UTC, datetime, time
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

JSON = None | bool | int | str | list["JSON"] | dict[str, "JSON"]
T = TypeVar("T")

_UNKEEPABLE = re.compile("[\0\ud800-\udfff]")
_LARGEST = 2**63 - 1
_DECIMAL = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?")


class WireError(ValueError):
    """What came in is not what the type says; the message starts with the path of the field."""


def to_json(thing: object) -> JSON:
    """What `json.dumps` takes. Raises WireError for a type that has no spelling here."""
    match thing:
        case StrEnum() | IntEnum():
            return thing.value
        case None | bool() | int() | str():
            return thing
        case datetime():
            if thing.utcoffset() is None:
                raise WireError(f"{thing.isoformat()} has no offset from UTC; give it a time zone")
            return thing.isoformat()
        case Decimal():
            return format(thing, "f")  # as text: JSON's numbers are binary fractions to many
        case time():
            if thing.tzinfo is not None:
                raise WireError(f"{thing.isoformat()} has a time zone; a wall time has none")
            return thing.isoformat()
        case tuple() | list():
            return [to_json(each) for each in thing]
        case dict():
            return {_text(key, "a key"): to_json(value) for key, value in thing.items()}
    if is_dataclass(thing) and not isinstance(thing, type):
        return {field.name: to_json(getattr(thing, field.name)) for field in fields(thing)}
    raise WireError(f"{type(thing).__name__} has no spelling in JSON here")


def from_json(cls: type[T], data: object) -> T:
    """Read what `to_json` wrote. Raises WireError naming the path of the first thing wrong."""
    try:
        thing: T = _read(cls, data, "")
    except RecursionError:
        raise WireError("it: nested too deeply") from None
    return thing


def from_text(cls: type[T], text: str | bytes) -> T:
    """Read JSON text (UTF-8) into `cls`. Whatever is wrong with it, WireError says so."""
    try:
        data = json.loads(text, object_pairs_hook=_unrepeated)
    except RecursionError:
        raise WireError("it: nested too deeply") from None
    except WireError:
        raise
    except ValueError as error:  # not JSON, not UTF-8, or a number of thousands of digits
        raise WireError(f"it: is not JSON: {error}") from error
    return from_json(cls, data)


def _unrepeated(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise WireError("it: has an object that names a field twice")
    return found


def _read(kind: Any, data: object, path: str) -> Any:
    origin, within = get_origin(kind), get_args(kind)
    if origin in (UnionType, Union):
        return None if data is None else _read(_only_other(within), data, path)
    if origin is tuple and within[1:] == (Ellipsis,):
        items = _list(data, path)
        return tuple(_read(within[0], item, f"{path}[{n}]") for n, item in enumerate(items))
    if origin is dict:
        return {
            _text(key, path): _read(within[1], item, f"{path}[{_quoted(key)}]")
            for key, item in _object(data, path).items()
        }
    if is_dataclass(kind) and isinstance(kind, type):
        return _dataclass(kind, _object(data, path), path)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return _member(kind, _text(data, path), path)
    if isinstance(kind, type) and issubclass(kind, IntEnum):
        return _member(kind, _whole_number(data, path), path)
    reader = _PLAIN.get(kind)
    if reader is None:
        raise WireError(f"{path or 'it'}: {kind} has no spelling in JSON here")
    return reader(data, path)


def _dataclass(kind: type, given: dict[str, object], path: str) -> Any:
    known = _fields(kind)
    for name in given:
        if name not in known:
            raise WireError(f"{path or 'it'}: there is no field {_quoted(name)}")
    values = {}
    for name, (field, type_) in known.items():
        if name in given:
            values[name] = _read(type_, given[name], _below(path, name))
        elif field.default is MISSING and field.default_factory is MISSING:
            raise WireError(f"{_below(path, name)}: is missing")
    try:
        return kind(**values)
    except ValueError as error:
        raise WireError(f"{path or 'it'}: {error}") from error


@cache
def _fields(kind: type) -> dict[str, tuple[Field[Any], Any]]:
    """Resolving type hints costs more than reading a message; it is done once per type."""
    hints = get_type_hints(kind)
    return {field.name: (field, hints[field.name]) for field in fields(kind)}


def _only_other(within: tuple[Any, ...]) -> Any:
    others = [kind for kind in within if kind is not NoneType]
    if len(others) != 1:
        raise WireError(f"a choice between {others} has no spelling in JSON here")
    return others[0]


def _member(kind: type[Enum], data: object, path: str) -> Enum:
    try:
        return kind(data)
    except ValueError:
        choices = ", ".join(str(member.value) for member in kind)
        raise WireError(f"{path or 'it'}: {_quoted(data)} is not one of {choices}") from None


def _text(data: object, path: str) -> str:
    text = _exactly(str, data, path, "text")
    if _UNKEEPABLE.search(text):
        raise WireError(f"{path or 'it'}: {_quoted(text)} has a NUL or half of a surrogate pair")
    return text


def _whole_number(data: object, path: str) -> int:
    number = _exactly(int, data, path, "a whole number")
    if abs(number) > _LARGEST:
        raise WireError(f"{path or 'it'}: a number of more than 64 bits")
    return number


def _list(data: object, path: str) -> list[object]:
    return _exactly(list, data, path, "a list")


def _object(data: object, path: str) -> dict[str, object]:
    return _exactly(dict, data, path, "an object")


def _moment(data: object, path: str) -> datetime:
    text = _text(data, path)
    try:
        moment = datetime.fromisoformat(text)
        moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise WireError(f"{path or 'it'}: {_quoted(text)} is not an ISO 8601 moment") from None
    if moment.utcoffset() is None:
        raise WireError(f"{path or 'it'}: {_quoted(text)} has no offset from UTC")
    return moment


def _decimal(data: object, path: str) -> Decimal:
    text = _text(data, path)
    if _DECIMAL.fullmatch(text) is None:
        raise WireError(f"{path or 'it'}: {_quoted(text)} is not a decimal number such as 12.50")
    return Decimal(text)


def _wall_time(data: object, path: str) -> time:
    text = _text(data, path)
    try:
        wall = time.fromisoformat(text)
    except ValueError:
        raise WireError(f"{path or 'it'}: {_quoted(text)} is not a time such as 09:00") from None
    if wall.tzinfo is not None:
        raise WireError(f"{path or 'it'}: {_quoted(text)} has a time zone; a wall time has none")
    return wall


def _exactly(kind: type[T], data: object, path: str, called: str) -> T:
    # `type() is`, because True would pass for an int.
    if type(data) is not kind:
        raise WireError(f"{path or 'it'}: {_quoted(data)} is not {called}")
    return data


def _quoted(data: object) -> str:
    """What came in, on one line and short enough for a log; never the whole of a nested thing."""
    match data:
        case str():
            text = data if len(data) <= 60 else f"{data[:57]}..."
            return json.dumps(text, ensure_ascii=not text.isprintable())
        case dict():
            return "an object"
        case list():
            return "a list"
        case int() if abs(data) > _LARGEST:
            return "a huge number"
    return json.dumps(data)


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


_PLAIN: dict[Any, Callable[[object, str], Any]] = {
    str: _text,
    int: _whole_number,
    bool: lambda data, path: _exactly(bool, data, path, "true or false"),
    datetime: _moment,
    Decimal: _decimal,
    time: _wall_time,
}
