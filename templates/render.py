"""Turn facts into letters and pages: Jinja2 with nothing undefined, and HTML always escaped."""

import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from domain.console.portal import PortalPage
from domain.incident import Stage
from domain.ladder import terms_for
from domain.letters.notices import ChargeLine, HeldFrom, Notice, NoticeFacts
from domain.measures import Restriction
from domain.money.costs import ChargeKind
from domain.parties import Language
from domain.units import Money
from templates import charges, phrases, plots
from templates.words import WORDS, measure_sentence

HERE = Path(__file__).parent
WIDTH = 78
"""Columns of a text letter: RFC 5322 §2.1.1 asks for no more than 78."""

_UNPRINTABLE = re.compile(
    r"[\s\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]+"
)
"""White space of any kind, control characters, and marks that reorder what is read."""

_STEPS = "pages/steps.html"
"""How a step of `causes.txt` looks on a page."""

_BLANK = re.compile(r"\n{3,}")

_GRAVE, _URGENT, _GOOD, _PLAIN = "#b3261e", "#9a5b00", "#1b7a43", "#0b5cad"
_ACCENT = {
    Notice.DEADLINE: _URGENT,
    Notice.REMINDER: _URGENT,
    Notice.DEADLINE_MOVED: _URGENT,
    Notice.RELEASED: _GOOD,
    Notice.FINAL_REPORT: _GOOD,
    Notice.APOLOGY: _GOOD,
    Notice.ENDED: _PLAIN,
}
"""The colour of the line on top; grave for all others."""


@dataclass(frozen=True, kw_only=True)
class Letter:
    """A notice as it is mailed: a line of subject, and the body in two forms that say the same."""

    subject: str
    summary: str
    """One sentence: what mail programs show beside the subject, and what goes to a chat."""
    text: str
    html: str


def render_notice(notice: Notice, language: Language, facts: NoticeFacts) -> Letter:
    """Write a notice to the direct client.

    Names and addresses come from reports and from clients, so each is brought to one printable
    line first: no fact can begin a header or a paragraph of its own.
    """
    name = f"notices/{language}/{notice}.txt"
    known = {"facts": _printable(facts), "language": language, "zone": facts.zone}
    written = _TEXT.get_template(name).render(known)
    subject, summary, text = re.split(r"\n\n+", written, maxsplit=2)
    html = _HTML.get_template(name).render(known, accent=_ACCENT.get(notice, _GRAVE))
    return Letter(
        subject=one_line(subject),
        summary=one_line(summary),
        text=_BLANK.sub("\n\n", text).strip() + "\n",
        html=html.strip() + "\n",
    )


def render_page(name: str, language: Language, **context: object) -> str:
    """Write a page of `templates/pages/`, such as `portal.html` with `page=PortalPage(...)`.

    Raises `jinja2.UndefinedError` when the context lacks something that the page shows.
    """
    zone = getattr(context.get("page"), "zone", "UTC")
    known = {"language": language, "zone": zone, "words": WORDS[language], **context}
    return _HTML.get_template(f"pages/{name}").render(known)


def render_portal(page: PortalPage, language: Language) -> str:
    """Write `portal.html`: what a letter of now would say, and the forms to answer with."""
    facts = _printable(page.facts)
    return render_page("portal.html", language, page=page, facts=facts, elements=_STEPS)


def one_line(text: str) -> str:
    """The text on one line, without control characters and direction marks."""
    return _UNPRINTABLE.sub(" ", text).strip()


def _printable(facts: NoticeFacts) -> NoticeFacts:
    """The facts with every string, alone or in a tuple, on one line."""
    clean: dict[str, Any] = {}
    for field in fields(facts):
        value = getattr(facts, field.name)
        if type(value) is str:
            clean[field.name] = one_line(value)
        elif isinstance(value, tuple) and value and type(value[0]) is str:
            clean[field.name] = tuple(one_line(each) for each in value)
        elif isinstance(value, tuple) and value and isinstance(value[0], HeldFrom):
            held = (replace(each, sender=one_line(each.sender)) for each in value)
            clean[field.name] = tuple(held)
        elif isinstance(value, Restriction):
            clean[field.name] = replace(value, targets=tuple(map(one_line, value.targets)))
    return replace(facts, **clean)


def _wrap(text: str, first: str = "", then: str = "") -> str:
    """One paragraph of a text letter. Addresses and URLs are never broken."""
    return textwrap.fill(
        " ".join(text.split()),
        WIDTH,
        initial_indent=first,
        subsequent_indent=then,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _in_language(say: Callable[[Any, Language], str]) -> Callable[[Context, Any], str]:
    """A filter that speaks the language of the letter or page that it is used in."""

    @pass_context
    def spoken(context: Context, value: Any) -> str:
        return say(value, context["language"])

    return spoken


@pass_context
def _moment(context: Context, when: datetime) -> str:
    return phrases.moment(when, context["language"], context["zone"])


@pass_context
def _stamp(context: Context, when: datetime) -> str:
    return phrases.stamp(when, context["zone"])


@pass_context
def _word(context: Context, value: str, kind: str) -> str:
    """The words for a member of one of the domain's closed sets."""
    return WORDS[context["language"]][kind][value]


def _environment(form: str, *, escaped: bool) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE),
        auto_reload=False,  # they change with the code, never under a running process
        autoescape=escaped,  # noqa: S701 - off for plain text only
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["layout"] = f"notices/letter.{form}"
    environment.globals["open_stages"] = [stage for stage in Stage if stage is not Stage.CLOSED]
    environment.globals["all_charges"] = list(ChargeKind)
    environment.globals["elements"] = f"notices/form.{form}"
    environment.filters |= {
        "moment": _moment,
        "stamp": _stamp,
        "span": _in_language(_span),
        "money": _in_language(_money),
        "itemised": _in_language(_itemised),
        "count": _in_language(phrases.count),
        "size": _in_language(phrases.size),
        "effect": _in_language(measure_sentence),
        "listing_grid": plots.listing_grid,
        "volume_plot": plots.volume_plot,
        "word": _word,
        "terms": terms_for,
        "wrap_text": _wrap,
        "one_line": one_line,
        "mailto": _mailto,
    }
    return environment


def _mailto(address: str) -> str:
    """The URL that writes to an address (RFC 6068 §2)."""
    return "mailto:" + quote(address, safe="@")


def _span(length: timedelta, language: Language) -> str:
    return phrases.span(length, language)


def _itemised(line: ChargeLine, language: Language) -> str:
    return one_line(charges.itemised(line, language))


def _money(amount: Money, language: Language) -> str:
    return phrases.money(amount, language)


_TEXT = _environment("txt", escaped=False)
_HTML = _environment("html", escaped=True)
