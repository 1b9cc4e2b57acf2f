"""The model contract clauses: the same in each language, and no legal advice."""

import re

from domain.measures import Measure
from domain.parties import Language
from templates.render import HERE

CLAUSES = {language: (HERE / "clauses" / f"{language}.md").read_text() for language in Language}


def test_each_language_has_the_same_clauses_in_the_same_order() -> None:
    numbers = {tuple(re.findall(r"^(\d+\.\d+) ", text, re.M)) for text in CLAUSES.values()}
    assert len(numbers) == 1
    assert {path.stem for path in (HERE / "clauses").iterdir()} == set(Language)


def test_it_says_first_that_it_is_no_legal_advice_and_needs_counsel() -> None:
    said = {
        Language.EN: ("not legal advice", "counsel"),
        Language.ES: ("no asesoramiento", "letrado"),
    }
    for language, words in said.items():
        opening = CLAUSES[language].partition("## 1.")[0]
        assert all(word in opening for word in words)


def test_consent_is_asked_for_each_measure() -> None:
    for text in CLAUSES.values():
        table = text.partition("4.1")[2].partition("4.2")[0]
        assert len(re.findall(r"^\| \[ \] \|", table, re.M)) == len(Measure)


def test_the_law_of_both_jurisdictions_is_there_and_none_that_was_replaced() -> None:
    for text in CLAUSES.values():
        flat = " ".join(text.split())
        for law in ("34/2002", "2016/679", "3/2018", "CAN-SPAM Act", "15 U.S.C. 7701"):
            assert law in flat
        assert "15/1999" not in flat
