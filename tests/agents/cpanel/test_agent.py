"""From the decision to the account on the server: an agent that keeps a cPanel host."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agents.mta.port import mail_host
from agents.mta.postfix.server import Postfix
from domain.hosts import Desired, Wanted
from domain.ladder import plan
from domain.measures import Measure
from domain.news import Observed
from domain.parties import ServiceKind
from tests.agents.gateway import SECONDS, Gateway, an_agent, lifted
from tests.agents.whm import Account, MailRefused, StandIn, an_agents_folder
from tests.domain.builders import OWN, a_client, a_contract, a_service, some_facts

FAR = "friend@far.example"


@pytest.fixture
async def whm() -> AsyncIterator[StandIn]:
    accounts = {"aurora": Account(domains=["shop.example", "blog.example"])}
    async with StandIn(accounts=accounts).running() as running:
        yield running


def decided(kind: ServiceKind) -> list[Desired]:
    """Every measure of an incident on such a service, whatever the contract lists."""
    service = a_service(kind)
    made = plan(some_facts(), a_contract(measures=tuple(Measure)), a_client(), service)
    return [
        Desired(key=f"m/{each.measure}", restriction=each, wanted=Wanted.APPLIED)
        for each in (*made.preferred, *made.containment)
    ]


@pytest.mark.parametrize("kind", OWN)
async def test_a_direct_clients_account_is_suspended_at_once_and_restored(
    whm: StandIn, tmp_path: Path, kind: ServiceKind
) -> None:
    [measure] = decided(kind)
    gateway = Gateway()
    host = mail_host(f"cpanel:127.0.0.1:{whm.port}", an_agents_folder(tmp_path, whm))
    async with an_agent(gateway, host, tmp_path):
        await gateway.want(measure)
        await gateway.until_told(measure.key, Observed.APPLIED, "account aurora is refused")
        with pytest.raises(MailRefused):
            whm.send("info@shop.example", FAR)
        await gateway.want(lifted(measure))
        await gateway.until_told(measure.key, Observed.LIFTED)
        whm.send("info@shop.example", FAR)


@pytest.mark.parametrize("kind", set(ServiceKind) - set(OWN))
def test_nobody_elses_account_is_ever_suspended(kind: ServiceKind) -> None:
    measures = [each.restriction.measure for each in decided(kind)]
    assert measures
    assert Measure.SUSPEND_ACCOUNT_SMTP not in measures


def test_a_mail_server_without_accounts_suspends_none() -> None:
    assert Measure.SUSPEND_ACCOUNT_SMTP not in Postfix.can


async def test_a_domain_of_a_managed_server_is_held_with_its_account(
    whm: StandIn, tmp_path: Path
) -> None:
    [measure] = [
        each
        for each in decided(ServiceKind.MANAGED_VPS)
        if each.restriction.measure is Measure.HOLD_DOMAIN
    ]
    gateway = Gateway()
    host = mail_host(f"cpanel:127.0.0.1:{whm.port}", an_agents_folder(tmp_path, whm))
    async with an_agent(gateway, host, tmp_path):
        await gateway.want(measure)
        await gateway.until_told(measure.key, Observed.APPLIED, "and with it blog.example")
        mail = whm.send("info@shop.example", FAR)
        whm.accounts["aurora"].held = 0
        async with asyncio.timeout(SECONDS):
            while not whm.accounts["aurora"].held:  # noqa: ASYNC110 - WHM tells nobody
                await asyncio.sleep(0.005)
        await gateway.want(lifted(measure))
        await gateway.until_told(measure.key, Observed.LIFTED)
    assert whm.delivered == [mail]


async def test_a_server_that_was_away_is_brought_to_it_when_it_is_back(
    whm: StandIn, tmp_path: Path
) -> None:
    [measure] = decided(ServiceKind.SHARED)
    gateway = Gateway()
    whm.broken["accountsummary"] = (503, "<html>busy</html>")
    host = mail_host(f"cpanel:127.0.0.1:{whm.port}", an_agents_folder(tmp_path, whm))
    async with an_agent(gateway, host, tmp_path):
        await gateway.want(measure)
        await gateway.until_told(measure.key, Observed.FAILED, "answered accountsummary with 503")
        whm.broken.clear()
        await gateway.until_told(measure.key, Observed.APPLIED)
    assert whm.accounts["aurora"].suspended
