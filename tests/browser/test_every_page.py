"""Every page that people see, held against WCAG, on all kinds of screens, and by keyboard alone."""

import re
from urllib.parse import quote

import pytest
from playwright.async_api import Browser, expect

from tests.browser.conftest import Stage
from tests.browser.people import DESKTOP, PHONE, Screen, a_screen
from workers.demo.clientele import ADDRESS, INCIDENT

pytestmark = pytest.mark.real

ACTS = ("extend", "escalate", "release", "fixed", "contest", "kept_mail", "waive", "credit",
        "dispute", "settle", "false_positive", "call_outcome", "close")  # fmt: skip


async def pages_of_the_desk(stage: Stage) -> list[str]:
    pool = stage.running.pool
    report = await pool.fetchval("SELECT id FROM reports WHERE incident = $1", INCIDENT)
    letter = await pool.fetchval("SELECT key FROM notices WHERE incident = $1 LIMIT 1", INCIDENT)
    task = await pool.fetchval("SELECT key FROM tasks LIMIT 1")
    here = f"/incidents/{INCIDENT}"
    return [
        "/", "/?q=nothing", here, f"{here}?attempts=true", f"{here}/links",
        *(f"{here}/do/{act}" for act in ACTS),
        "/tasks", f"/task?key={quote(task, safe='')}", "/clients", "/clients/cliente",
        "/billing", "/billing?client=cliente&state=due", "/people", "/people/disable?name=dan",
        f"/letter?key={quote(letter, safe='')}", f"/report?id={quote(report, safe='')}",
        f"/chain/{INCIDENT}", "/chain/desk", f"/addresses/{ADDRESS}", "/nowhere",
    ]  # fmt: skip


async def faults(screen: Screen, paths: list[str]) -> dict[str, list[str]]:
    """By page: what is wrong with it."""
    found = {}
    for path in paths:
        answer = await screen.open(path)
        assert answer.status in (200, 404, 410), path
        await screen.picture(f"page-{path.split('?')[0].replace('/', '_')[-60:]}")
        if wrong := [each for each in await screen.faults() if "status of 4" not in each]:
            found[path] = wrong
        screen.complaints.clear()
    return found


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_every_page_of_the_desk_is_for_everybody(
    stage: Stage, browser: Browser, dark: bool
) -> None:
    screen = await a_screen(browser, stage.gateway, DESKTOP, dark=dark)
    await screen.open("/")
    assert await screen.faults() == [], "the door"
    await screen.sign_in(*stage.lead)
    assert await faults(screen, await pages_of_the_desk(stage)) == {}
    await screen.context.close()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
async def test_every_page_of_the_portal_is_for_everybody(
    stage: Stage, browser: Browser, dark: bool, size: dict[str, int]
) -> None:
    screen = await a_screen(browser, stage.gateway, size, dark=dark)
    link = stage.link.removeprefix(stage.gateway)
    assert await faults(screen, [link, "/c/no-link-of-ours"]) == {}
    await screen.context.close()


async def test_the_time_left_ticks_where_scripts_run(stage: Stage, browser: Browser) -> None:
    screen = await a_screen(browser, stage.gateway, PHONE)
    await screen.open(stage.link)
    clock = screen.page.locator("time[data-until]")
    if await clock.count():  # none in an incident that waits no more
        before = await clock.inner_text()
        await expect(clock).not_to_have_text(before)
    await screen.context.close()


async def test_somebody_without_a_mouse_signs_in_finds_opens_and_acts(
    stage: Stage, browser: Browser
) -> None:
    screen = await a_screen(browser, stage.gateway, DESKTOP)
    keys = screen.page.keyboard
    user, secret = stage.lead
    await screen.open("/")
    for place, words in (("user", user), ("secret", secret)):
        while await focused(screen) != place:
            await keys.press("Tab")
        await keys.type(words)
    await keys.press("Enter")
    await screen.page.get_by_role("button", name="Sign out").wait_for()
    await screen.page.wait_for_load_state()  # and with it the script that knows the key
    await keys.press("/")
    assert await focused(screen) == "q"
    await keys.type(INCIDENT)
    await keys.press("Enter")
    await expect(screen.page).to_have_url(re.compile("q="))
    await tab_to(screen, INCIDENT)
    await keys.press("Enter")
    await expect(screen.page.get_by_role("heading", level=1)).to_have_text(INCIDENT)
    await tab_to(screen, "Acknowledge")
    await keys.press("Enter")
    await expect(screen.page.get_by_role("heading", level=1)).to_have_text("Acknowledge")
    await tab_to(screen, "", tag="TEXTAREA")
    await keys.type("They called.")
    await tab_to(screen, "See what it will do")
    await keys.press("Enter")
    await expect(screen.page.get_by_text("This will happen")).to_be_visible()
    await screen.context.close()


async def focused(screen: Screen) -> str:
    """The id of what the keyboard writes into."""
    return str(await screen.page.evaluate("document.activeElement.id"))


async def tab_to(screen: Screen, words: str, *, tag: str = "") -> None:
    """Press Tab until what is in focus says so."""
    for _ in range(60):
        await screen.page.keyboard.press("Tab")
        now = await screen.page.evaluate(
            "[document.activeElement.tagName, document.activeElement.innerText]"
        )
        if (tag and now[0] == tag) or (words and now[1].strip() == words):
            return
    pytest.fail(f"Tab never comes to {words or tag}")
