"""JSON that strangers wrote, read within bounds."""

import json
from datetime import UTC, datetime

from gateway.formats.headers import one_line
from gateway.formats.port import NotUnderstood

_MOST_VALUES = 100_000
"""Values of a document. Python needs a hundred bytes for one that takes three in JSON."""


def looks_like(content: bytes, opening: bytes, *names: bytes) -> bool:
    """Whether it begins as JSON of that kind (`{` or `[`) and has all these names in it."""
    start = content[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
    return start.startswith(opening) and all(b'"' + name + b'"' in content for name in names)


def read_json(content: bytes) -> object:
    """The document. Raises NotUnderstood if it is none, or too large or too deep to be read."""
    values = content.count(b",") + content.count(b"[") + content.count(b"{")
    if values > _MOST_VALUES:
        raise NotUnderstood(f"it has over {_MOST_VALUES} values; send fewer at once")
    try:
        return json.loads(content.removeprefix(b"\xef\xbb\xbf"))
    except RecursionError:
        raise NotUnderstood("it is nested too deeply") from None
    except ValueError as error:  # not JSON, not a Unicode text, a number of thousands of digits
        said = str(error).encode("ascii", "backslashreplace").decode("ascii")
        raise NotUnderstood(f"it is not JSON: {said}") from None


def an_object(value: object) -> dict[str, object]:
    """The value if it is an object; else an empty one."""
    return value if isinstance(value, dict) else {}


def a_list(value: object) -> list[object]:
    """The value if it is a list; else an empty one."""
    return value if isinstance(value, list) else []


def a_text(value: object, longest: int = 998) -> str:
    """The value on one printable line if it is text, cut; else nothing."""
    return one_line(value[:longest]) if isinstance(value, str) else ""


def a_moment(value: object) -> datetime | None:
    """An ISO 8601 moment, or seconds since 1970; None if it is neither. UTC if no zone is given."""
    try:
        match value:
            case bool():
                return None
            case int() | float():
                return datetime.fromtimestamp(value, UTC)
            case str():
                found = datetime.fromisoformat(value[:40].strip())
                return found if found.utcoffset() is not None else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None
