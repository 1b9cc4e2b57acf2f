"""The labels of the client portal and of the pages around it, by language."""

from collections.abc import Iterator, Mapping

from domain.parties import Language
from templates.words import WORDS, Words


class _Labels(Mapping[Language, Mapping[str, str]]):
    """The table `label` of each language's words."""

    def __init__(self, words: Words) -> None:
        self._words = words

    def __getitem__(self, language: Language) -> Mapping[str, str]:
        return self._words[language]["label"]

    def __iter__(self) -> Iterator[Language]:
        return iter(self._words)

    def __len__(self) -> int:
        return len(self._words)


LABELS = _Labels(WORDS)
