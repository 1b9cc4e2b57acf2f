"""Another language is one folder: copied, translated, and there."""

import shutil
from pathlib import Path

import pytest

import templates.render
from domain.clientele.file import Unreadable, read_clientele
from domain.letters.notices import Notice
from domain.parties import Language
from templates import words
from templates.labels import LABELS
from templates.phrases import moment, span
from templates.render import render_notice
from tests.templates.facts import NOW, SHAPES
from tests.templates.mail_html import MailHtml

PORTUGUESE = Language("pt")

FILE = """\
clients:
  aurora:
    name: Aurora
    kind: business
    language: {}
    contacts: [abuse@aurora.example]
    contracts:
      c-1:
        clause: "7"
        jurisdiction: ES
        deadline: 4h
        measures: [hold_domain]
        prices:
          delisting_first: 0.00 EUR
          delisting_again: 25.00 EUR
          smarthost_per_thousand: 1.00 EUR
          smarthost_minimum: 5.00 EUR
          dedicated_address_monthly: 4.00 EUR
"""


@pytest.fixture
def portuguese(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The letters' folder with one language more: Spanish, copied, with a word changed."""
    here = tmp_path / "templates"
    shutil.copytree(templates.render.HERE, here, ignore=shutil.ignore_patterns("__pycache__"))
    folder = here / "notices" / "pt"
    shutil.copytree(here / "notices" / "es", folder)
    for file in folder.glob("*"):
        file.write_text(file.read_text().replace("Qué se ha observado", "O que foi observado"))
    monkeypatch.setattr(words, "FOLDER", here / "notices")
    monkeypatch.setattr(words.WORDS, "_read", {})
    for environment in (templates.render._TEXT, templates.render._HTML):
        monkeypatch.setattr(environment.loader, "searchpath", [str(here)])
        monkeypatch.setattr(environment, "cache", {})
    return folder


@pytest.mark.parametrize("notice", Notice)
def test_every_letter_is_written_in_a_language_that_was_added(
    portuguese: Path, notice: Notice
) -> None:
    for facts in SHAPES.values():
        letter = render_notice(notice, PORTUGUESE, facts())
        assert MailHtml(letter.html).flaws == []
        assert '<html lang="pt">' in letter.html
        assert facts().incident in letter.subject


def test_its_words_and_its_moments_are_its_own(portuguese: Path) -> None:
    letter = render_notice(Notice.DEADLINE, PORTUGUESE, SHAPES["login"]())
    assert "O QUE FOI OBSERVADO" in letter.text
    assert "terça-feira 24 de novembro de 2026" in moment(NOW, PORTUGUESE, "UTC")
    assert span(NOW - NOW.replace(hour=10), PORTUGUESE) == "3 horas"
    assert LABELS[PORTUGUESE]["deadline"] == LABELS[Language.ES]["deadline"]


def test_a_client_can_have_it_as_soon_as_it_is_there(portuguese: Path) -> None:
    assert PORTUGUESE in words.languages()
    [client] = read_clientele(FILE.format("pt"), languages=words.languages()).clients
    assert client.language is PORTUGUESE


@pytest.mark.parametrize("language", ["pt", "klingon", "EN"])
def test_a_language_without_letters_is_refused_when_a_client_is_imported(language: str) -> None:
    with pytest.raises(Unreadable, match="unknown language"):
        read_clientele(FILE.format(language), languages=words.languages())


def test_a_language_that_is_not_there_says_where_it_is_missed() -> None:
    with pytest.raises(words.NoSuchLanguage, match=r"notices/xx/words\.toml"):
        words.WORDS[Language("xx")]


def test_the_languages_that_come_with_the_program_are_those_with_letters() -> None:
    assert set(words.languages()) == set(Language)
