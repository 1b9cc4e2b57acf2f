"""What may be shown of an offending message: a few fields, without its recipients (RFC 6590).

A recipient's local part is redacted wherever it stands, also within other text such as a VERP
return path or a subject, and so are the words that it and the recipient's name consist of.
Domains stay: the client needs them to find the message in the logs.
"""

import binascii
import re
import unicodedata
from collections.abc import Iterable
from email.errors import HeaderParseError
from email.header import decode_header

from gateway.formats.headers import Fields, one_line

REDACTED = "redacted"

_SHOWN = (
    "Received", "Return-Path", "From", "Sender", "Reply-To", "Subject", "Date", "Message-ID",
    "X-Mailer", "User-Agent", "X-PHP-Originating-Script", "X-PHP-Script",
    "X-Authenticated-Sender", "X-Get-Message-Sender-Via", "X-Source", "X-Source-Args",
    "X-Source-Dir",
)  # fmt: skip
"""What tells a server's owner which mailbox or script it was. Of each only the topmost, but for
`Received`, whose second or third line is their own server's (domain/letters/causes.py reads it)."""

_MOST_HOPS = 3
"""`Received` lines that are shown: the reporter's, perhaps one more of theirs, the server's own."""

_TO = (
    "delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "apparently-to",
    "x-hmxmroriginalrecipient", "to", "cc", "bcc", "resent-to", "resent-cc",
)  # fmt: skip

_LONGEST = 300
"""Characters of one shown field: two or three lines of a letter."""
_MOST_WHOLE = 50
"""Local parts looked for as a whole; the words of all are. Whoever the report names comes first."""
_MOST_SHOWN = 3
_SHORTEST = 3
"""Characters of a word by which somebody can be known; a whole local part may be shorter."""

_MAILBOX = re.compile(r"([^\s<>@\"',;:()\[\]]{1,64})@([A-Za-z0-9.-]{1,253})")
_FOR = re.compile(r"\sfor\s+<?([^\s<>;]{1,320})")
_WORD = re.compile(r"[^\W_]+")
_AGAIN = re.compile(rf"{REDACTED}(?:[._+=-]{REDACTED})+")
_CHARSET = re.compile(
    r"utf-?8|us-ascii|(iso-8859|windows|cp|koi8)-?\w{1,8}|gb\w{1,6}|big5|shift_jis|"
    r"euc-\w\w|iso-2022-(jp|kr)",
    re.IGNORECASE,
)
"""Mail's character sets. Python has other codecs, and not all are meant for strangers' bytes."""


def sample(original: Fields, recipients: Iterable[str] = ()) -> tuple[str, ...]:
    """`Name: value` of what may be shown. `recipients` are known from elsewhere (the report)."""
    lists = list(recipients)
    lists += [found for value in original.all("received") for found in _FOR.findall(value)]
    lists += [decoded(value) for name in _TO for value in original.all(name)]
    mailboxes = [found for text in lists for found in _MAILBOX.findall(text)]
    redact = _Redactor([local for local, _ in mailboxes], lists)
    lines = []
    for name in _SHOWN:
        values = list(filter(None, original.all(name)))[: _MOST_HOPS if name == "Received" else 1]
        lines += [f"{name}: {_short(redact(decoded(each)))}" for each in values]
    domains = dict.fromkeys(domain.lower() for _, domain in mailboxes)
    shown = [f"{REDACTED}@{domain}" for domain in list(domains)[:_MOST_SHOWN]]
    return (*lines, f"To: {_short(', '.join(shown))}") if shown else tuple(lines)


class _Redactor:
    """Takes out local parts as a whole first, then every word that would tell who it was."""

    def __init__(self, locals_: list[str], lists: list[str]) -> None:
        longest_first = sorted(set(locals_[:_MOST_WHOLE]), key=len, reverse=True)
        whole = "|".join(re.escape(local) for local in longest_first)
        self._whole = re.compile(rf"(?<![^\W_])(?:{whole})(?![^\W_])", re.IGNORECASE)
        names = [_MAILBOX.sub(" ", text) for text in lists]
        words = (word for text in (*locals_, *names) for word in _WORD.findall(text))
        self._words = {_folded(word) for word in words if len(word) >= _SHORTEST}
        self._nobody = not locals_

    def __call__(self, text: str) -> str:
        if not self._nobody:
            text = self._whole.sub(REDACTED, text)
        return _AGAIN.sub(REDACTED, _WORD.sub(self._word, text))

    def _word(self, found: re.Match[str]) -> str:
        return REDACTED if _folded(found[0]) in self._words else found[0]


def decoded(value: str) -> str:
    """A field's value with its encoded words (RFC 2047) as text; as it stands if they are broken.

    Redaction comes after it, or `=?utf-8?b?...?=` would hide a name.
    """
    if "=?" not in value:
        return value
    try:
        parts = decode_header(value)
    except (HeaderParseError, binascii.Error, ValueError):
        return value
    text = "".join(
        part if isinstance(part, str) else _text(part, charset or "utf-8")
        for part, charset in parts
    )
    return one_line(text)


def _text(part: bytes, charset: str) -> str:
    known = charset if _CHARSET.fullmatch(charset) else "utf-8"
    try:
        return part.decode(known, "replace")
    except LookupError:
        return part.decode("utf-8", "replace")


def _folded(word: str) -> str:
    """The same for `José`, `JOSE` and `jose`."""
    if word.isascii():
        return word.lower()
    plain = unicodedata.normalize("NFKD", word.casefold())
    return "".join(char for char in plain if not unicodedata.combining(char))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
