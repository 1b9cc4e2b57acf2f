"""Letters as clients get them: compared with those that were read and found right."""

from pathlib import Path

import pytest

from tests.templates.golden import FOLDER, letters

LETTERS = [pytest.param(*each, id=str(each[0].relative_to(FOLDER))) for each in letters()]


@pytest.mark.parametrize(("file", "content"), LETTERS)
def test_a_letter_is_as_it_was_found_right(file: Path, content: str) -> None:
    """Changed on purpose? `python -m tests.templates.golden`, and read what changes."""
    assert content == file.read_text()


@pytest.mark.parametrize(("file", "content"), LETTERS)
def test_no_value_is_missing(file: Path, content: str) -> None:
    for hole in ("None", "{{", "}}", "{%", "Undefined", "()", "[]", " ,", " .", "  ("):
        assert hole not in content.replace("    ", ""), hole


def test_there_are_no_others() -> None:
    assert set(FOLDER.rglob("*.*")) == {file for file, _ in letters()}
