"""A check of HTML for mail: what mail programs show, by what their makers publish of it.

Gmail (developers.google.com/workspace/gmail/design/css), Outlook for Windows, which shows what Word
can (learn.microsoft.com, "Word HTML and CSS rendering capabilities"), and Can I email
(caniemail.com) for the others. What one of the three drops or clips is not used.
"""

import re
from html.parser import HTMLParser
from urllib.parse import urlsplit

LARGEST = 100 * 1024
"""Bytes: Gmail clips a message of more than 102 KB."""

_PLACE = {"html", "head", "meta", "title", "body"}
_BLOCKS = {"div", "h1", "h2", "p", "ul", "ol", "li", "pre", "span", "a", "br", "strong", "img",
           "table", "tbody", "tr", "td", "th"}  # fmt: skip
_VOID = {"meta", "br", "img"}
_ATTRIBUTES = {
    "html": {"lang"}, "meta": {"charset", "name", "content"}, "a": {"href"}, "li": {"value"},
    "img": {"src", "alt", "width", "height"}, "td": {"colspan"}, "th": {"colspan", "scope"},
}  # fmt: skip
_STYLES = {
    "background-color", "border-top", "color", "display", "font-family", "font-size", "font-weight",
    "line-height", "margin", "max-height", "max-width", "overflow", "padding", "padding-left",
    "padding-top", "text-decoration", "white-space", "word-break",
}  # fmt: skip
"""Declarations that all of them keep, or can lose without harm to what is read."""
_HARMLESS_VALUE = re.compile(r"[\w\s#.,%'\"-]+")


class MailHtml(HTMLParser):
    """Reads a document; `flaws` has a sentence for each thing that some would not show."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.flaws: list[str] = []
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.title = ""
        self._charset = self._language = False
        if len(html.encode()) > LARGEST:
            self.flaws.append(f"more than {LARGEST} bytes")
        if not html.startswith("<!doctype html>"):
            self.flaws.append("no doctype")
        if re.search(r"<!--|<!\[|&#0|javascript:", html, re.IGNORECASE):
            self.flaws.append("comments, conditions or scripts")
        self.feed(html)
        self.close()
        if self.open:
            self.flaws.append(f"not closed: {self.open}")
        if not self._charset:
            self.flaws.append("no charset")
        if not self._language:
            self.flaws.append("no lang")
        if not self.title.strip():
            self.flaws.append("no title")
        if missing := {"html", "head", "body"} - self.seen:
            self.flaws.append(f"no {missing}")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        if tag not in _PLACE | _BLOCKS:
            self.flaws.append(f"<{tag}> is not shown everywhere")
        if tag not in _VOID:
            self.open.append(tag)
        given = dict(attrs)
        self._charset |= (given.get("charset") or "").lower() == "utf-8"
        self._language |= tag == "html" and bool(re.fullmatch("[a-z]{2}", given.get("lang") or ""))
        for name, value in given.items():
            if name == "style":
                self._style(tag, value or "")
            elif name not in _ATTRIBUTES.get(tag, set()):
                self.flaws.append(f"<{tag} {name}> is dropped, or opens a door")
        if tag == "a" and urlsplit(given.get("href") or "").scheme not in ("https", "mailto"):
            self.flaws.append(f"a link to {given.get('href')}")
        if tag == "img" and not (given.get("alt") and (given.get("src") or "").startswith("cid:")):
            self.flaws.append("an image from elsewhere, or one without words for it")

    def _style(self, tag: str, declarations: str) -> None:
        for declaration in filter(str.strip, declarations.split(";")):
            name, colon, value = declaration.partition(":")
            if name.strip() not in _STYLES or not colon:
                self.flaws.append(f"<{tag}> {name.strip()} is not kept everywhere")
            if _HARMLESS_VALUE.fullmatch(value.strip()) is None:
                self.flaws.append(f"<{tag}> {declaration.strip()}")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.flaws.append(f"</{tag}> closes nothing")

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "title":
            self.title += data
