"""The portal's two forms, read into what the incident's workflow takes."""

import re
from collections import defaultdict
from urllib.parse import parse_qsl

from domain.acts import Fixed
from domain.ladder import Term
from domain.parties import Language
from gateway.problems import Problem
from gateway.words import say
from templates.words import WORDS

LARGEST = 256 * 1024
"""Bytes: a page offers some hundred messages, and the note has two thousand characters."""

_MOST_FIELDS = 1_000

LONGEST_NOTE = 2_000
"""Characters, as the page's `maxlength` says."""

_UNKEEPABLE = re.compile(r"[^\S\n\t ]|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters and direction marks: the record could not keep some, readers none."""


def fixed(content: bytes, by: str, language: Language) -> Fixed:
    """What the client says is fixed. Problem 422, in its language, for what is no such form."""
    fields = _fields(content, language)
    terms = [_term(value, language) for value in fields["accept"]]
    answers = fields["answered"]
    for value in answers:
        if value not in ("yes", "no"):
            raise unclear(language, say(language, "unknown_field", value=value[:60]))
    note = _UNKEEPABLE.sub(" ", "\n".join(fields["note"]).replace("\r\n", "\n")).strip()
    if len(note) > LONGEST_NOTE:
        raise unclear(language, say(language, "too_long", most=LONGEST_NOTE))
    senders = tuple(dict.fromkeys(fields["discard_sender"]))
    messages = tuple(dict.fromkeys(fields["discard_message"]))
    answered = answers == ["yes"]
    if (senders or messages) and not answered:
        # Discarding cannot be undone: it is not done on half an answer.
        answer = WORDS[language]["label"]["answered_yes"]
        raise unclear(language, say(language, "answer_missing", answer=answer))
    return Fixed(
        by=by,
        note=note,
        accepts=tuple(dict.fromkeys(terms)),
        answered=answered,
        discard_senders=senders,
        discard_messages=messages,
    )


def unclear(language: Language, detail: str) -> Problem:
    return Problem(422, "unclear-form", detail, title=say(language, "unclear"), language=language)


def _fields(content: bytes, language: Language) -> defaultdict[str, list[str]]:
    """`application/x-www-form-urlencoded`, every value of every field."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    try:
        pairs = parse_qsl(
            content.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError as error:
        raise unclear(language, str(error)[:200]) from error
    for name, value in pairs:
        found[name].append(value)
    return found


def _term(value: str, language: Language) -> Term:
    try:
        return Term(value)
    except ValueError as error:
        raise unclear(language, say(language, "unknown_field", value=value[:60])) from error
