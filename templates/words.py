"""The words of each language: what the domain's closed sets are called, and labels of pages.

They stand in `notices/<language>/words.toml`, beside the letters, so that a language is one folder.
"""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from domain.measures import Restriction
from domain.parties import Language

FOLDER = Path(__file__).parent / "notices"

Table = Mapping[str, Mapping[str, str]]
"""Tables of words: `table["stage"]["waiting"]`."""


class NoSuchLanguage(KeyError):
    """There is no folder of this language below templates/notices."""


class Words(Mapping[Language, Table]):
    """`WORDS[language]["stage"]["waiting"]`: read once, when a language is first spoken."""

    def __init__(self) -> None:
        self._read: dict[Language, Table] = {}

    def __getitem__(self, language: Language) -> Table:
        if language not in self._read:
            file = FOLDER / language / "words.toml"
            try:
                self._read[language] = tomllib.loads(file.read_text())
            except FileNotFoundError:
                raise NoSuchLanguage(f"{language}: there is no {file}") from None
        return self._read[language]

    def __iter__(self) -> Iterator[Language]:
        return iter(languages())

    def __len__(self) -> int:
        return len(languages())


WORDS = Words()


def languages() -> tuple[Language, ...]:
    """The languages that there are letters in: one for each folder, by its name."""
    return tuple(Language(path.parent.name) for path in sorted(FOLDER.glob("*/words.toml")))


def measure_sentence(restriction: Restriction, language: Language) -> str:
    """What a measure does and to what, as the second half of a sentence, without a full stop."""
    words, names = WORDS[language], ", ".join(restriction.targets)
    return words["effect"][restriction.measure].format(
        target=f"{words['target'][restriction.scope]} {names}",
        of_target=f"{words['of_target'][restriction.scope]} {names}",
    )
