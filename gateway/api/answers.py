"""How the API answers: one spelling of JSON, and an ETag on what can be asked for again."""

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import TypeVar

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from domain.wire import to_json
from gateway.problems import Problem

T = TypeVar("T")

LONGEST_TEXT = 200
"""Characters of what is searched for, and of a cursor."""

LONGEST_KEY = 400
"""Characters of the key of a task, a report or a charge."""

MOST = 1_000
"""Rows of one page."""


def told(thing: object, status: int = 200) -> JSONResponse:
    """A dataclass as JSON."""
    return JSONResponse(to_json(thing), status)


def single(request: Request, thing: object) -> Response:
    """One resource with its ETag, or 304 where the reader has it already (RFC 9110 §13.1.2).

    When it was read (`now`) does not make it another.
    """
    body = to_json(thing)
    assert isinstance(body, dict)
    lasting = {name: value for name, value in body.items() if name != "now"}
    spelled = json.dumps(lasting, sort_keys=True).encode()
    tag = f'"{hashlib.sha256(spelled).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    known = request.headers.get("if-none-match", "").split(",")
    if any(each.strip().removeprefix("W/") in (tag, "*") for each in known):
        return Response(status_code=304, headers=headers)
    return JSONResponse(body, headers=headers)


def a_page(
    rows: Sequence[T], name: Callable[[T], str], after: str | None, limit: int
) -> tuple[tuple[T, ...], str | None]:
    """Some of a short list that was read whole: those after a name, and where it goes on.

    Problem 422 for a name that is not in it.
    """
    names = [name(row) for row in rows]
    if after is not None and after not in names:
        raise unknown_cursor(after)
    begin = 0 if after is None else names.index(after) + 1
    return tuple(rows[begin : begin + limit]), more(names[begin:], limit)


def more(names: Sequence[str], limit: int) -> str | None:
    """Where a list goes on, of which one row more than the limit was read; None at its end."""
    return names[limit - 1] if len(names) > limit else None


def unknown_cursor(after: str) -> Problem:
    why = f"{after[:100]!a} is in no list like this; begin anew without it"
    return Problem(
        422, "invalid-request", f"query.after: {why}.", errors=({"at": "query.after", "why": why},)
    )


def asked(text: str) -> str:
    """What PostgreSQL can be asked for: a NUL or half a character is in no name of ours."""
    return "".join(letter for letter in text if letter.isprintable())
