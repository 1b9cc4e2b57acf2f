"""What programs send: read strictly into a dataclass, and never more of it than we can hold."""

from dataclasses import dataclass
from typing import TypeVar

from fastapi import Request

from domain.acts import unfit
from domain.wire import WireError, from_text
from gateway import body
from gateway.problems import Problem

T = TypeVar("T")

LARGEST = 256 * 1024
"""Bytes: the ids of some thousand held messages."""

LONGEST_REASON = 2_000
"""Characters, as at the desk."""


async def taken(request: Request, kind: type[T]) -> T:
    """The JSON body. Problem 413, 415, or 422 with the path of the first thing wrong."""
    content = await body.read(request, LARGEST)
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content and media != "application/json":
        raise Problem(
            415,
            "not-json",
            "Send JSON, and say so: Content-Type: application/json.",
            headers={"Accept-Post": "application/json"},
        )
    try:
        return from_text(kind, content or b"{}")
    except WireError as error:
        raise invalid(str(error)) from error


def fit(**words: str | None) -> None:
    """Problem 422 unless each of these is there, is short enough, and can be put on record."""
    for name, text in words.items():
        if text is None:
            continue
        if not text.strip():
            raise invalid(f"{name}: is empty; it goes on record")
        if len(text) > LONGEST_REASON:
            raise invalid(f"{name}: has more than {LONGEST_REASON:,} characters")
    keepable(*filter(None, words.values()))


def keepable(*words: str) -> None:
    """Problem 422 for what no database takes."""
    why = unfit(_Said(words))
    if why is not None:
        raise invalid(f"it: {why}")


def invalid(why: str) -> Problem:
    return Problem(422, "invalid-body", f"body: {why}.", errors=({"at": "body", "why": why},))


@dataclass(frozen=True)
class _Said:
    words: tuple[str, ...]
