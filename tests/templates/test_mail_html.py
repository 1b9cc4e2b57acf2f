"""Every letter's HTML is what mail programs show; and the check finds what they do not."""

from dataclasses import replace

import pytest

from domain.letters.causes import Cause, Platform
from domain.letters.notices import Notice
from domain.parties import Language
from templates.render import render_notice
from tests.templates.facts import SHAPES, full_facts, minimal_facts
from tests.templates.mail_html import LARGEST, MailHtml

GOOD = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>x</title></head>'
    "<body>{}</body></html>"
)


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("notice", Notice)
def test_every_letter_is_shown_everywhere(notice: Notice, language: Language) -> None:
    for facts in (full_facts(), minimal_facts(), *(shape() for shape in SHAPES.values())):
        assert MailHtml(render_notice(notice, language, facts).html).flaws == []


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("platform", [*Platform, None])
@pytest.mark.parametrize("cause", Cause)
def test_each_cause_has_three_steps_of_its_own_on_each_platform(
    cause: Cause, platform: Platform | None, language: Language
) -> None:
    facts = replace(full_facts(), cause=cause, platform=platform)
    letter = render_notice(Notice.DEADLINE, language, facts)
    assert MailHtml(letter.html).flaws == []
    for number in range(1, 8):
        assert f"\n  {number}. " in letter.text
        assert f'<li value="{number}"' in letter.html
    assert not [line for line in letter.text.splitlines() if len(line) > 78 and "https" not in line]


def test_a_plain_document_has_no_flaw() -> None:
    assert MailHtml(GOOD.format('<p style="color:#fff">x</p>')).flaws == []


@pytest.mark.parametrize(
    "html",
    [
        GOOD.format("<script>x</script>"),
        GOOD.format("<style>p{}</style>"),
        GOOD.format('<form action="https://x.example"></form>'),
        GOOD.format('<img src="https://x.example/i.png" alt="x">'),
        GOOD.format('<img src="cid:1">'),
        GOOD.format('<p onclick="x">x</p>'),
        GOOD.format('<p class="x">x</p>'),
        GOOD.format('<p style="position:fixed">x</p>'),
        GOOD.format('<p style="color:expression(1)">x</p>'),
        GOOD.format('<p style="background-color:url(https://x.example)">x</p>'),
        GOOD.format('<a href="javascript:x">x</a>'),
        GOOD.format('<a href="http://x.example">x</a>'),
        GOOD.format("<p>x</div>"),
        GOOD.format("<!-- x -->"),
        GOOD.format("x" * LARGEST),
        GOOD.format("x").replace(' lang="en"', ""),
        GOOD.format("x").replace('<meta charset="utf-8">', ""),
        GOOD.format("x").replace("<title>x</title>", ""),
        GOOD.format("x").replace("<!doctype html>", ""),
        "<!doctype html>x",
    ],
)
def test_what_some_program_would_not_show_is_found(html: str) -> None:
    assert MailHtml(html).flaws
