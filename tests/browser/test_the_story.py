"""One incident, from its client's phone and from the desk's screens, at the same time."""

import re

import pytest
from playwright.async_api import Browser, expect

from tests.browser.conftest import Stage
from tests.browser.people import DESKTOP, PHONE, Screen, a_screen
from workers.demo.clientele import INCIDENT

pytestmark = pytest.mark.real


async def clean(screen: Screen, name: str) -> None:
    """Keep a picture of the page that is open, which has to be without fault."""
    await screen.picture(name)
    assert await screen.faults() == [], name


async def test_the_whole_incident_from_both_sides(stage: Stage, browser: Browser) -> None:
    phone = await a_screen(browser, stage.gateway, PHONE, scripts=False, language="en-GB")
    lead = await a_screen(browser, stage.gateway, DESKTOP)
    other = await a_screen(browser, stage.gateway, DESKTOP, dark=True)
    await lead.sign_in(*stage.lead)
    await other.sign_in(*stage.colleague)

    # The desk finds it, and leaves its page open.
    await lead.page.get_by_role("link", name=INCIDENT).click()
    told = lead.page.locator("dl.facts > div", has_text="Read by the client")
    await expect(told).to_contain_text("no")

    # The client, without scripts, in Spanish whatever the phone prefers.
    await phone.open(stage.link)
    await expect(phone.page.locator("html")).to_have_attribute("lang", "es")
    await expect(phone.page.get_by_text("Qué hacer")).to_be_visible()
    await phone.picture("portal-waiting")
    await phone.page.get_by_role("button", name="Estamos en ello").click()
    await expect(phone.page.get_by_role("status")).to_contain_text("Consta que ha leído")
    await expect(told).to_contain_text("yes", timeout=20_000)  # on the desk's open page, by itself

    # The desk does not wait any longer: it is shown what will happen, and then it happens.
    await lead.page.get_by_role("link", name="Escalate").click()
    await lead.page.get_by_label("Reason").fill("a thousand more since noon")
    await lead.page.get_by_role("button", name="See what it will do").click()
    await expect(lead.page.get_by_text("The wait ends.")).to_be_visible()
    await clean(lead, "desk-escalate")
    await lead.page.get_by_role("button", name="Escalate").click()
    await expect(lead.page.get_by_text("restricted", exact=True).first).to_be_visible()
    await stage.watch.until("in force", lambda: _in_force(stage))
    await stage.world.spam("Offer 2")
    await stage.watch.until("held", lambda: _held(stage))

    # A colleague is about to release; the client answers first.
    await other.open(f"/incidents/{INCIDENT}/do/release")
    await other.page.get_by_label("Reason").fill("I think that it is gone")
    await other.page.get_by_role("button", name="See what it will do").click()
    await phone.open(stage.link)
    await phone.picture("portal-held")
    await phone.page.get_by_label(re.compile("Descartar todo lo de")).check()
    await phone.page.get_by_label("Descartar lo elegido y entregar el resto").check()
    await phone.page.get_by_label(re.compile("Qué era")).fill("un buzón <script>alert(1)</script>")
    await phone.page.get_by_role("button", name="Está corregido").click()
    await expect(phone.page.get_by_role("status")).to_contain_text("la da por corregida")
    await phone.picture("portal-done")
    await other.page.get_by_role("button", name="Release").click()
    alert = other.page.get_by_role("alert")
    await expect(alert).to_contain_text("Nothing was done")
    await expect(alert).to_contain_text("the client says that it is fixed")
    await clean(other, "desk-decided-meanwhile")

    # It is verified, lifted, watched and closed; the desk's page follows.
    await lead.open(f"/incidents/{INCIDENT}")
    await expect(lead.page.locator(".stage").first).to_have_text("closed", timeout=40_000)
    await expect(lead.page.get_by_text("un buzón <script>alert(1)</script>").first).to_be_visible()
    await phone.open(stage.link)
    await expect(phone.page.locator(".stage")).to_have_text("Cerrada")
    assert await phone.page.get_by_role("button").count() == 0
    assert lead.strangers + lead.complaints + other.strangers + other.complaints == []
    for screen in (phone, lead, other):
        await screen.context.close()


async def _held(stage: Stage) -> bool:
    query = "SELECT held FROM measures WHERE incident = $1"
    return bool(await stage.running.pool.fetchval(query, INCIDENT))


async def _in_force(stage: Stage) -> bool:
    query = "SELECT observed = 'applied' FROM measures WHERE incident = $1"
    return bool(await stage.running.pool.fetchval(query, INCIDENT))
