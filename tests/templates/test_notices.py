"""Every letter, in every language and form: complete, lawful, and safe to mail."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import UndefinedError

import templates.render
from domain.letters.notices import ChargeState, Notice, NoticeFacts
from domain.measures import SCOPES, Measure, Restriction
from domain.parties import Jurisdiction, Language
from domain.units import Money
from templates import phrases
from templates.render import Letter, render_notice
from templates.words import WORDS, measure_sentence
from tests.templates.facts import HOSTILE, INCIDENT, NOW, URL, full_facts, minimal_facts

NOTICES = Path(templates.render.HERE) / "notices"
OVER = {Notice.FINAL_REPORT, Notice.APOLOGY, Notice.ENDED}
"""Those that ask nothing more of the client, so they need no portal."""
DEMANDING = set(Notice) - OVER - {Notice.RELEASED, Notice.NEAR_CAP}
"""Those that ask something of the client or restrict it, so they say by what right."""
LAW = {
    (Language.EN, Jurisdiction.ES): (
        "Law 34/2002",
        "article 21",
        "(EU) 2016/679",
        "Organic Law 3/2018",
    ),
    (Language.ES, Jurisdiction.ES): (
        "Ley 34/2002",
        "artículo 21",
        "(UE) 2016/679",
        "Ley Orgánica 3/2018",
    ),
    (Language.EN, Jurisdiction.US): ("CAN-SPAM Act", "15 U.S.C. 7701", "acceptable-use"),
    (Language.ES, Jurisdiction.US): ("CAN-SPAM Act", "15 U.S.C. 7701", "uso aceptable"),
}
EVERY = [
    pytest.param(notice, language, id=f"{language}-{notice}")
    for notice in Notice
    for language in Language
]


class _Text(HTMLParser):
    """The words that a reader of the HTML form sees; fails on tags that do not match."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br", "link", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words += data.split()


def said(letter: Letter) -> tuple[str, str]:
    """Both forms on one line each, so that wrapping does not hide what is looked for."""
    return " ".join(letter.text.split()), " ".join(_Text(letter.html).words)


@pytest.mark.parametrize(("notice", "language"), EVERY)
@pytest.mark.parametrize("facts", [full_facts(), minimal_facts()], ids=["full", "minimal"])
def test_every_letter_is_written_in_both_forms(
    notice: Notice, language: Language, facts: NoticeFacts
) -> None:
    letter = render_notice(notice, language, facts)
    text, html = said(letter)
    assert letter.html.startswith("<!doctype html>")
    assert f'<html lang="{language}">' in letter.html
    for form in (text, html):
        assert facts.client_name in form
        assert facts.service in form
        assert facts.incident in form
        assert facts.reply_to in form
        assert facts.provider in form
        assert "None" not in form
        assert "{" not in form
    assert facts.service in letter.subject
    assert facts.incident in letter.subject


@pytest.mark.parametrize(("notice", "language"), EVERY)
def test_the_two_forms_say_the_same(notice: Notice, language: Language) -> None:
    letter = render_notice(notice, language, full_facts())
    body = letter.html.partition("<h1")[2].partition("</h1>")[2].partition("\n</div>\n</body>")[0]
    html = re.findall(r"\w+", " ".join(_Text(body).words).casefold())
    text = re.findall(r"\w+", letter.text.replace(URL, "").casefold())
    numbered = [word for word in text if word not in set("1234567")]
    assert numbered == [word for word in html if word not in set("1234567")]


@pytest.mark.parametrize(("notice", "language"), EVERY)
def test_no_name_can_begin_a_header_or_a_paragraph_or_be_markup(
    notice: Notice, language: Language
) -> None:
    facts = full_facts(
        client_name=HOSTILE, service=HOSTILE, domain=HOSTILE, sample_headers=(HOSTILE,)
    )
    letter = render_notice(notice, language, facts)
    assert len(letter.subject.splitlines()) == 1
    assert letter.subject.isprintable()
    assert "\n\nBcc:" not in letter.text
    assert "\n\nDear friend" not in letter.text
    assert "\u202e" not in letter.text + letter.html
    assert "<script>" in letter.text
    assert "&lt;" not in letter.text
    assert "<script" not in letter.html
    assert "&lt;script&gt;" in letter.html


@pytest.mark.parametrize(("notice", "language"), EVERY)
@pytest.mark.parametrize("facts", [full_facts(), minimal_facts()], ids=["full", "minimal"])
def test_text_fits_78_columns(notice: Notice, language: Language, facts: NoticeFacts) -> None:
    letter = render_notice(notice, language, facts)
    too_long = [line for line in letter.text.splitlines() if len(line) > 78]
    assert [line for line in too_long if not line.startswith("https://")] == []
    assert "\n\n\n" not in letter.text


@pytest.mark.parametrize(("notice", "language"), EVERY)
def test_the_portal_is_in_every_letter_that_still_needs_it(
    notice: Notice, language: Language
) -> None:
    letter = render_notice(notice, language, full_facts())
    needed = notice not in OVER
    assert (URL in letter.text) is needed
    assert (f'href="{URL}"' in letter.html) is needed


@pytest.mark.parametrize(("notice", "language"), EVERY)
@pytest.mark.parametrize("jurisdiction", Jurisdiction)
def test_a_letter_that_demands_cites_the_clause_and_the_law_of_its_jurisdiction(
    notice: Notice, language: Language, jurisdiction: Jurisdiction
) -> None:
    for form in said(render_notice(notice, language, minimal_facts(jurisdiction))):
        assert "7.3" in form
        here = LAW[language, jurisdiction]
        elsewhere = set().union(*LAW.values()) - set(here)
        assert all(law in form for law in here) is (notice in DEMANDING)
        assert [law for law in elsewhere if law in form] == []
        assert "15/1999" not in form


@pytest.mark.parametrize("language", Language)
def test_a_letter_about_a_deadline_says_when_and_what_then(language: Language) -> None:
    deadline = {
        Language.EN: "Tuesday, 24 November 2026, 18:30 (Europe/Madrid; 17:30 UTC)",
        Language.ES: "martes 24 de noviembre de 2026, 18:30 (Europe/Madrid; 17:30 UTC)",
    }[language]
    facts = full_facts()
    assert facts.upcoming is not None
    for notice in (Notice.DEADLINE, Notice.REMINDER, Notice.DEADLINE_MOVED):
        for form in said(render_notice(notice, language, facts)):
            assert deadline in form
            assert measure_sentence(facts.upcoming, language) in form


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("measure", Measure)
def test_a_letter_about_a_measure_says_what_it_does_to_outgoing_mail_only(
    measure: Measure, language: Language
) -> None:
    restriction = Restriction(measure=measure, scope=SCOPES[measure][0], targets=("a", "b"))
    facts = replace(minimal_facts(), measure=restriction)
    only = {
        Language.EN: "outgoing mail only. Incoming mail goes on as usual",
        Language.ES: "solo al correo saliente. El correo entrante sigue como siempre",
    }[language]
    for notice in (Notice.RESTRICTED, Notice.STILL_RESTRICTED, Notice.RELAPSE):
        for form in said(render_notice(notice, language, facts)):
            assert measure_sentence(restriction, language) in form
            assert only in form
            assert "a, b" in form


@pytest.mark.parametrize("language", Language)
def test_what_a_measure_touches_besides_its_targets_is_named(language: Language) -> None:
    facts = replace(full_facts(), also=("other.example", "third.example"))
    for form in ("text", "html"):
        assert "other.example, third.example" in " ".join(
            getattr(render_notice(Notice.RESTRICTED, language, facts), form).split()
        )
    alone = render_notice(Notice.RESTRICTED, language, full_facts()).text
    assert WORDS[language]["label"]["also"][:16] not in alone


@pytest.mark.parametrize("language", Language)
def test_steps_leave_the_clients_of_the_client_to_the_client(language: Language) -> None:
    never = {
        Language.EN: "we never touch their mailboxes, accounts or passwords",
        Language.ES: "nunca tocamos sus buzones, sus cuentas ni sus contraseñas",
    }[language]
    for notice in DEMANDING - {Notice.DEADLINE_MOVED}:
        for form in said(render_notice(notice, language, minimal_facts())):
            assert never in form


@pytest.mark.parametrize(("notice", "language"), EVERY)
def test_sentences_for_operators_are_in_no_letter(notice: Notice, language: Language) -> None:
    letter = render_notice(notice, language, full_facts())
    assert "a sentence for operators" not in letter.text + letter.html


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("outcome", ["withdrawn", "terminated"])
def test_ended_says_whether_the_service_goes_on(outcome: str, language: Language) -> None:
    letter = render_notice(Notice.ENDED, language, replace(full_facts(), outcome=outcome))
    words = {
        "withdrawn": {Language.EN: "It is withdrawn", Language.ES: "Queda retirada"},
        "terminated": {
            Language.EN: "The service is terminated",
            Language.ES: "El servicio queda terminado",
        },
    }
    for which, sentence in words.items():
        assert (sentence[language] in said(letter)[0]) is (which == outcome)


@pytest.mark.parametrize("language", Language)
def test_charges_are_shown_with_their_state(language: Language) -> None:
    text, _ = said(render_notice(Notice.RESTRICTED, language, full_facts()))
    assert {Language.EN: "1,250.00 EUR", Language.ES: "1.250,00 EUR"}[language] in text
    for state in ChargeState:
        assert WORDS[language]["charge_state"][state] in text


def test_the_templates_are_those_that_the_notices_name_and_no_others() -> None:
    for language in Language:
        found = {path.name for path in (NOTICES / language).iterdir()}
        named = {f"{notice}.txt" for notice in Notice}
        assert found == named | {"parts.txt", "causes.txt", "words.toml"}
    shared = {path.name for path in NOTICES.iterdir() if path.is_file()}
    assert shared == {"form.txt", "form.html", "letter.txt", "letter.html"}
    assert {path.name for path in NOTICES.iterdir() if path.is_dir()} == set(Language)


def test_both_languages_and_both_forms_have_the_same_macros_and_all_are_used() -> None:
    def macros(name: str) -> set[str]:
        return set(re.findall(r"{% macro (\w+)", (NOTICES / name).read_text()))

    for file in ("parts.txt", "causes.txt"):
        assert macros(f"en/{file}") == macros(f"es/{file}")
    assert macros("form.txt") == macros("form.html")
    for language in Language:
        everything = "".join(path.read_text() for path in (NOTICES / language).iterdir())
        everything += (NOTICES / "letter.txt").read_text()
        for macro in macros(f"{language}/parts.txt") | macros("form.txt"):
            calls = len(re.findall(rf"\b(?:parts\.|form\.)?{macro}\(", everything))
            assert calls > (macro in macros(f"{language}/parts.txt")), macro


def test_a_variable_that_is_missing_is_an_error_in_both_forms() -> None:
    for environment in (templates.render._TEXT, templates.render._HTML):
        with pytest.raises(UndefinedError):
            environment.from_string("{{ nobody_set_this }}").render()
        with pytest.raises(UndefinedError):
            environment.get_template("notices/en/deadline.txt").render(
                language=Language.EN, zone="UTC"
            )


def test_every_language_has_the_same_words() -> None:
    english = {kind: set(words) for kind, words in WORDS[Language.EN].items()}
    for language in Language:
        assert {kind: set(words) for kind, words in WORDS[language].items()} == english


@pytest.mark.parametrize(
    ("language", "zone", "expected"),
    [
        (Language.EN, "UTC", "Tuesday, 24 November 2026, 13:30 (UTC)"),
        (
            Language.ES,
            "Europe/Madrid",
            "martes 24 de noviembre de 2026, 14:30 (Europe/Madrid; 13:30 UTC)",
        ),
        (
            Language.EN,
            "Pacific/Auckland",
            "Wednesday, 25 November 2026, 02:30 (Pacific/Auckland; 13:30 UTC on 24 November)",
        ),
        (
            Language.ES,
            "Pacific/Auckland",
            "miércoles 25 de noviembre de 2026, 02:30 "
            "(Pacific/Auckland; 13:30 UTC del 24 de noviembre)",
        ),
    ],
)
def test_a_moment_is_told_in_the_readers_zone_and_in_utc(
    language: Language, zone: str, expected: str
) -> None:
    assert phrases.moment(NOW, language, zone) == expected


def test_a_deadline_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        phrases.moment(NOW.replace(tzinfo=None), Language.EN, "UTC")


def test_spans_amounts_and_counts_are_written_as_the_language_does() -> None:
    def span(language: Language, **length: int) -> str:
        return phrases.span(timedelta(**length), language)

    assert span(Language.EN, days=1, hours=3, minutes=7) == "1 day 3 hours"
    assert span(Language.ES, hours=1, minutes=1) == "1 hora 1 minuto"
    assert span(Language.ES, seconds=59) == "menos de un minuto"
    assert span(Language.EN, seconds=-59) == "less than a minute"
    assert phrases.money(Money(5, "USD"), Language.EN) == "0.05 USD"
    assert phrases.count(1_234_567, Language.ES) == "1.234.567"
    assert phrases.size(1, Language.EN) == "1 kB"
    assert phrases.stamp(datetime(2026, 7, 1, tzinfo=UTC), "Europe/Madrid") == "2026-07-01 02:00"


def test_spanish_joins_de_and_el() -> None:
    limit = Restriction(
        measure=Measure.RATE_LIMIT, scope=SCOPES[Measure.RATE_LIMIT][0], targets=("a.example",)
    )
    assert "del dominio a.example" in measure_sentence(limit, Language.ES)


def test_the_incident_ends_each_subject() -> None:
    letter = render_notice(Notice.RELEASED, Language.EN, full_facts())
    assert letter.subject == f"Outgoing mail of vps-1 is back to normal [{INCIDENT}]"
