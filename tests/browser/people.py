"""People in front of a browser: what they have on their screens, and what is wrong with a page."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Response

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}
NARROWEST = {"width": 320, "height": 640}
"""CSS pixels at which nothing may have to be scrolled sideways (WCAG 2.2, 1.4.10)."""

HEAVIEST = 100_000
"""Bytes of a page with all that it loads."""

_LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_RULES = {"runOnly": {"type": "tag", "values": _LEVELS}}

_LEANING = """() => document.documentElement.scrollWidth > document.documentElement.clientWidth
  ? [...document.querySelectorAll('body *')].filter(
      (each) => each.getBoundingClientRect().right > innerWidth + 1 && !each.closest('.scroll')
    ).map((each) => each.outerHTML.slice(0, 120)).slice(0, 5) : []"""


def chromium() -> str | None:
    """Where Debian has put it."""
    return shutil.which("chromium")


@dataclass(kw_only=True)
class Screen:
    """One person's browser, and all that it has asked for and complained of."""

    context: BrowserContext
    page: Page
    gateway: str
    bytes: int = 0
    strangers: list[str] = field(default_factory=list)
    """Requests to anybody but the gateway."""
    complaints: list[str] = field(default_factory=list)

    async def open(self, path: str) -> Response:
        """Go to a page of the gateway; anew, so that its weight can be told."""
        self.bytes = 0
        address = path if path.startswith("http") else self.gateway + path
        answer = await self.page.goto(address)
        assert answer is not None
        return answer

    async def sign_in(self, user: str, secret: str) -> None:
        await self.open("/")
        await self.page.get_by_label("User").fill(user)
        await self.page.get_by_label("Secret").fill(secret)
        await self.page.get_by_role("button", name="Sign in", exact=True).click()
        await self.page.get_by_role("button", name="Sign out").wait_for()

    async def picture(self, name: str) -> None:
        """Keep a screenshot, where $PLAZO_SCREENSHOTS names a folder."""
        if (folder := os.environ.get("PLAZO_SCREENSHOTS")) is not None:
            await self.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)

    async def faults(self) -> list[str]:
        """What is wrong with the open page: access, weight, width, strangers, complaints."""
        found = [f"{self.bytes} bytes"] if self.bytes > HEAVIEST else []
        found += self.strangers + self.complaints
        results = await Axe().run(self.page, options=_RULES)
        for violation in results.response["violations"]:
            where = [node["html"][:160] for node in violation["nodes"][:3]]
            found.append(f"{violation['id']}: {violation['help']}: {where}")
        before = self.page.viewport_size
        await self.page.set_viewport_size({**NARROWEST})  # type: ignore[typeddict-item]
        found += [f"sideways: {each}" for each in await self.page.evaluate(_LEANING)]
        if before is not None:
            await self.page.set_viewport_size(before)
        return found


async def a_screen(
    browser: Browser, gateway: str, size: Mapping[str, int], *, scripts: bool = True,
    dark: bool = False, language: str = "en-GB",
) -> Screen:  # fmt: skip
    """A browser of somebody's own. axe is put into its pages past their policy."""
    options: dict[str, Any] = {
        "viewport": {**size}, "java_script_enabled": scripts, "locale": language,
        "color_scheme": "dark" if dark else "light", "bypass_csp": True,
    }  # fmt: skip
    context = await browser.new_context(**options)
    page = await context.new_page()
    screen = Screen(context=context, page=page, gateway=gateway)

    def weigh(answer: Response) -> None:
        if not answer.url.startswith(gateway):
            screen.strangers.append(f"asked {answer.url}")
        elif answer.status == 200:
            screen.bytes += int(answer.headers["content-length"])

    page.on("response", weigh)

    def complain(said: ConsoleMessage) -> None:
        if "status of 409" not in said.text:  # which a test has asked for
            screen.complaints.append(f"{said.type}: {said.text}")

    page.on("console", complain)
    page.on("pageerror", lambda error: screen.complaints.append(str(error)))
    page.set_default_timeout(15_000)
    return screen
