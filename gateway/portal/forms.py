"""The portal's forms, read into what the incident's workflow takes."""

import re
from collections import defaultdict
from urllib.parse import parse_qsl

from domain.acts import Contest, Dispute, Fixed, KeptMail, ours
from domain.ladder import Term
from domain.parties import Language
from gateway.portal.words import say
from gateway.problems import Problem
from templates.words import WORDS

LARGEST = 256 * 1024
"""Bytes: a page offers some hundred messages, and the note has two thousand characters."""

_MOST_FIELDS = 1_000

LONGEST_NOTE = 2_000
"""Characters, as the page's `maxlength` says."""

_UNKEEPABLE = re.compile(r"[^\S\n\t ]|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters and direction marks: the record could not keep some, readers none."""


Fields = defaultdict[str, list[str]]


def fixed(fields: Fields, by: str, language: Language) -> Fixed:
    """What the client says is fixed. Problem 422, in its language, for what is no such form."""
    terms = [_term(value, language) for value in fields["accept"]]
    senders, messages = _chosen(fields)
    answered = _answered(fields, language)
    if (senders or messages) and not answered:
        # Discarding cannot be undone: it is not done on half an answer.
        answer = WORDS[language]["label"]["answered_yes"]
        raise unclear(language, say(language, "answer_missing", answer=answer))
    return Fixed(
        by=by,
        note=note(fields, language),
        accepts=tuple(dict.fromkeys(terms)),
        answered=answered,
        discard_senders=senders,
        discard_messages=messages,
    )


def kept_mail(fields: Fields, by: str, language: Language) -> KeptMail:
    """What becomes of mail that stayed held."""
    senders, messages = _chosen(fields)
    return KeptMail(
        by=by,
        note=note(fields, language),
        discard_senders=senders,
        discard_messages=messages,
    )


def contest(fields: Fields, by: str, language: Language) -> Contest:
    """Why the client says that the report is wrong."""
    return Contest(by=by, reason=_reason(fields, language))


def dispute(fields: Fields, by: str, language: Language, incident: str) -> Dispute:
    """Which charge the client disputes, and why."""
    charge = "".join(fields["charge"])
    if not ours(incident, charge):
        raise unclear(language, say(language, "unknown_field", value=charge[:60]))
    return Dispute(by=by, charge=charge, reason=_reason(fields, language))


def note(fields: Fields, language: Language) -> str:
    """What was written, as it can be kept."""
    words = _UNKEEPABLE.sub(" ", "\n".join(fields["note"]).replace("\r\n", "\n")).strip()
    if len(words) > LONGEST_NOTE:
        raise unclear(language, say(language, "too_long", most=LONGEST_NOTE))
    return words


def _reason(fields: Fields, language: Language) -> str:
    words = note(fields, language)
    if not words:
        raise unclear(language, say(language, "reason_missing"))
    return words


def _chosen(fields: Fields) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Senders and queue ids to discard."""
    senders, messages = fields["discard_sender"], fields["discard_message"]
    return tuple(dict.fromkeys(senders)), tuple(dict.fromkeys(messages))


def _answered(fields: Fields, language: Language) -> bool:
    for value in fields["answered"]:
        if value not in ("yes", "no"):
            raise unclear(language, say(language, "unknown_field", value=value[:60]))
    return fields["answered"] == ["yes"]


def unclear(language: Language, detail: str) -> Problem:
    return Problem(422, "unclear-form", detail, title=say(language, "unclear"), language=language)


def read(content: bytes, language: Language) -> Fields:
    """`application/x-www-form-urlencoded`, every value of every field."""
    found: Fields = defaultdict(list)
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
