"""How the headers of our letters are cut into lines: as RFC 5322 and RFC 2047 want it.

The standard library's policy folds a subject of encoded words before the first of them, which many
readers show as a blank in front, or, given longer lines, makes encoded words longer than the 75
characters that RFC 2047 §2 allows. Its older `Header` does neither.
"""

from email.header import Header
from email.headerregistry import AddressHeader
from email.policy import SMTP, EmailPolicy
from typing import Any

_LINE = 76
"""Of a line with an encoded word (RFC 2047 §2)."""


class Lines(EmailPolicy):
    """Folds what has to be encoded by itself; ids and addresses are never broken up."""

    def fold_binary(self, name: str, value: Any) -> bytes:
        if name.lower() == "subject":
            return self._line(name, str(value), after="")
        if isinstance(value, AddressHeader) and not str(value).isascii():
            [address] = value.addresses
            return self._line(name, address.display_name, after=f" <{address.addr_spec}>")
        return super().fold_binary(name, value)

    def _line(self, name: str, words: str, *, after: str) -> bytes:
        charset = "us-ascii" if words.isascii() else "utf-8"
        header = Header(words, charset, maxlinelen=_LINE, header_name=name)
        folded = header.encode(linesep=self.linesep)
        if len(folded.rpartition("\n")[2]) + len(after) > _LINE:
            after = f"{self.linesep}{after}"
        return f"{name}: {folded}{after}{self.linesep}".encode("ascii")


LINES = Lines(**{**vars(SMTP), "max_line_length": 300, "cte_type": "7bit"})
"""Long lines for what is left to the standard library, which would encode an id that is longer."""
