"""`python -m tests.templates.golden`: writes the letters that `test_golden.py` compares with.

Run it after a letter was changed on purpose, and read the difference before it is kept: it is what
clients will get.
"""

from collections.abc import Iterator
from pathlib import Path

from domain.letters.notices import Notice
from domain.parties import Language
from templates.render import render_notice
from tests.templates.facts import SHAPES

FOLDER = Path(__file__).parent / "golden"


def letters() -> Iterator[tuple[Path, str]]:
    """Every letter of every shape in both languages and forms, and the file that it is kept in."""
    for language in Language:
        for notice in Notice:
            for shape, facts in SHAPES.items():
                letter = render_notice(notice, language, facts())
                name = FOLDER / language / f"{notice}.{shape}"
                head = f"Subject: {letter.subject}\nSummary: {letter.summary}\n\n"
                yield name.with_name(f"{name.name}.txt"), head + letter.text
                yield name.with_name(f"{name.name}.html"), letter.html


def write() -> None:
    """Write all that there are, and take away what is none any more."""
    wanted = dict(letters())
    for old in set(FOLDER.rglob("*.*")) - set(wanted):
        old.unlink()
    for file, content in wanted.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    print(f"{len(wanted)} letters in {FOLDER}")


if __name__ == "__main__":
    write()
