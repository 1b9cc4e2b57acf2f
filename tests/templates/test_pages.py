"""The portal's pages: complete, escaped, and within their security policy."""

import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from jinja2 import UndefinedError

from domain.console.portal import PortalPage, Shut
from domain.incident import Act, Stage
from domain.ladder import Condition, Term
from domain.parties import Language
from templates.labels import LABELS
from templates.render import HERE, render_page, render_portal
from templates.words import WORDS
from tests.templates.facts import HOSTILE, NOW
from tests.templates.samples import (
    GONE,
    a_done,
    a_problem,
    full_portal,
    minimal_portal,
    with_conditions,
)

PAGES = HERE / "pages"
FORMS = (Act.ACKNOWLEDGE, Act.FIXED, Act.CONTEST, Act.KEPT_MAIL, Act.DISPUTE)
"""The acts of the portal."""

EVERY = [
    pytest.param("portal.html", full_portal(), id="portal-full"),
    pytest.param("portal.html", minimal_portal(), id="portal-minimal"),
    *(pytest.param("portal_done.html", a_done(act), id=f"done-{act}") for act in FORMS),
    *(pytest.param("portal_gone.html", replace(GONE, why=why), id=f"gone-{why}") for why in Shut),
    pytest.param("problem.html", a_problem(), id="problem"),
]


class _Page(HTMLParser):
    """A page's tags with their attributes; fails on tags that do not match."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "link", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def named(self, name: str) -> list[str | None]:
        """The values offered under one form field's name."""
        return [attrs.get("value") for _, attrs in self.tags if attrs.get("name") == name]

    def actions(self) -> list[str | None]:
        return [attrs.get("action") for tag, attrs in self.tags if tag == "form"]


def rendered(name: str, language: Language, page: Any) -> str:
    if name == "portal.html":
        return render_portal(page, language)
    return render_page(name, language, page=page)


def portal(page: PortalPage, language: Language = Language.EN) -> _Page:
    return _Page(render_portal(page, language))


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize(("name", "page"), EVERY)
def test_every_page_is_whole_and_keeps_to_the_security_policy(
    name: str, page: object, language: Language
) -> None:
    html = rendered(name, language, page)
    read = _Page(html)
    assert html.lstrip().startswith("<!doctype html>")
    assert f'<html lang="{language}">' in html
    assert "None" not in re.sub(r"<p>None\.</p>", "", html)
    tags = {tag for tag, _ in read.tags}
    assert not tags & {"style", "iframe", "object"}
    for tag, attrs in read.tags:
        assert "style" not in attrs
        assert not [key for key in attrs if key.startswith("on")]
        if tag == "link":
            assert attrs["href"] == "/style.css"
        if tag == "script":
            assert attrs == {"src": "/clock.js", "defer": None}
        if tag == "form":
            assert str(attrs["action"]).startswith("/c/")
            assert attrs["method"] == "post"
    ids = [attrs["id"] for _, attrs in read.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert [tag for tag, _ in read.tags].count("h1") == 1


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("portal.html", full_portal(sender=HOSTILE, words=HOSTILE)),
        ("portal_done.html", a_done(Act.FIXED, note=HOSTILE)),
        ("problem.html", a_problem(HOSTILE)),
    ],
)
def test_what_others_wrote_is_never_markup(name: str, page: object) -> None:
    html = rendered(name, Language.EN, page)
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_the_portal_offers_both_answers_and_every_choice() -> None:
    page = portal(full_portal())
    assert page.actions() == [
        "/c/tok/acknowledge", "/c/tok/fixed", "/c/tok/dispute", "/c/tok/contest",
    ]  # fmt: skip
    assert page.named("discard_sender") == ["", "info@shop.example"]
    assert page.named("discard_message") == ["4bX1", "4bX2", "4bX1"]
    assert page.named("answered") == ["yes", "no"]
    assert page.named("accept") == list(Term)
    assert page.named("note") == [None, None, None]


def test_terms_are_asked_for_only_where_a_condition_needs_them() -> None:
    cause = with_conditions(full_portal(), Condition.CAUSE_FIXED)
    assert portal(cause).named("accept") == []
    fee = with_conditions(cause, Condition.CAUSE_FIXED, Condition.DELISTING_FEE)
    assert portal(fee).named("accept") == [Term.DELISTING_FEE]


def test_the_portal_asks_about_held_mail_only_where_there_is_any() -> None:
    page = portal(minimal_portal())
    assert page.actions() == ["/c/tok/fixed"]
    assert page.named("discard_sender") == page.named("answered") == []


def test_the_portal_offers_no_act_that_the_stage_refuses() -> None:
    assert portal(minimal_portal(acts=())).actions() == []
    read = replace(full_portal(), acknowledged=True)
    assert "/c/tok/acknowledge" not in portal(read).actions()


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("stage", Stage)
def test_the_portal_has_words_for_each_stage(stage: Stage, language: Language) -> None:
    html = render_portal(minimal_portal(stage=stage), language)
    assert WORDS[language]["stage"][stage] in html


@pytest.mark.parametrize(
    ("language", "left"), [(Language.EN, "3 hours 5 minutes"), (Language.ES, "3 horas 5 minutos")]
)
def test_the_portal_counts_the_time_left_in_words(language: Language, left: str) -> None:
    html = render_portal(full_portal(), language)
    assert left in html
    page = full_portal()
    passed = replace(page.answerable, deadline=NOW - timedelta(seconds=1))
    late = replace(page, answerable=passed)
    html = render_portal(late, language)
    assert LABELS[language]["passed"] in html


def test_a_cut_list_of_held_mail_says_so() -> None:
    html = render_portal(full_portal(), Language.EN)
    assert "3 / 900" in html
    assert LABELS[Language.EN]["held_more"] in html


def test_done_says_what_becomes_of_the_rest() -> None:
    label = LABELS[Language.EN]
    answered = a_done(Act.FIXED)
    for page, expected in (
        (answered, "rest_delivered"),
        (replace(answered, answered=False), "rest_unanswered"),
    ):
        assert label[expected] in render_page("portal_done.html", Language.EN, page=page)
    nothing_held = render_page("portal_done.html", Language.EN, page=replace(answered, held=0))
    assert label["rest_delivered"] not in nothing_held


def test_a_page_without_its_facts_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render_page("portal.html", Language.EN)


def test_no_page_and_no_label_is_unused_or_missing() -> None:
    everything = {path.name: path.read_text() for path in PAGES.iterdir()}
    assert set(everything) > {str(param.values[0]) for param in EVERY}
    used = set(re.findall(r"label\.(\w+)", "".join(everything.values())))
    used |= {f"done_{act}" for act in FORMS}
    used |= {"contest", "kept_mail"}  # named where an act is refused
    for language in Language:
        assert set(LABELS[language]) == used


def test_the_sheet_has_each_colour_in_both_schemes() -> None:
    sheet = (PAGES / "style.css").read_text()
    light, dark = re.findall(r":root \{(.*?)\}", sheet, re.DOTALL)
    colours = set(re.findall(r"(--[\w-]+): #", light))
    assert colours == set(re.findall(r"(--[\w-]+): #", dark))
    assert set(re.findall(r"var\((--[\w-]+)\)", sheet)) == colours


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_has_the_contrast_that_wcag_aa_asks_for(scheme: int) -> None:
    root = re.findall(r":root \{(.*?)\}", (PAGES / "style.css").read_text(), re.DOTALL)[scheme]
    colour = dict(re.findall(r"--([\w-]+): (#\w{6})", root))
    for ink in ("ink", "quiet", "link", "act", "alarm", "fine"):
        for ground in ("paper", "panel"):
            assert _contrast(colour[ink], colour[ground]) >= 4.5, (ink, ground)
    assert _contrast(colour["on-link"], colour["link"]) >= 4.5
    assert _contrast(colour["border"], colour["paper"]) >= 3


def _contrast(one: str, other: str) -> float:
    """WCAG 2.2, "contrast ratio"."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    """WCAG 2.2, "relative luminance"."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
