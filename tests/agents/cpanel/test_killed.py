"""An agent that is cut off in the middle of a step, or cannot write it down."""

from pathlib import Path

import pytest

from agents.mta.cpanel.whm import WhmDown
from agents.mta.port import MailHost
from domain.hosts import Fate
from domain.news import Observed
from tests.agents.cpanel.measures import FAR, a_hold, the_host
from tests.agents.gateway import lifted
from tests.agents.whm import StandIn


@pytest.mark.parametrize("function", ["hold_outgoing_email", "accountsummary", "getdomainowner"])
async def test_an_agent_cut_off_while_holding_still_knows_what_to_let_go(
    whm: StandIn, tmp_path: Path, function: str
) -> None:
    whm.dies_after = {function}
    with pytest.raises(WhmDown):
        await the_host(whm, tmp_path).apply(a_hold())
    whm.dies_after = set()
    await the_host(whm, tmp_path).apply(a_hold())
    assert whm.accounts["shop"].held
    await the_host(whm, tmp_path).lift(lifted(a_hold()))
    assert not whm.accounts["shop"].held


async def test_an_agent_cut_off_while_holding_lets_go_without_applying_again(
    whm: StandIn, tmp_path: Path
) -> None:
    whm.dies_after = {"hold_outgoing_email"}
    with pytest.raises(WhmDown):
        await the_host(whm, tmp_path).apply(a_hold())
    whm.dies_after = set()
    await the_host(whm, tmp_path).lift(lifted(a_hold()))
    assert not whm.accounts["shop"].held


async def test_an_agent_cut_off_while_releasing_knows_what_was_delivered(
    whm: StandIn, tmp_path: Path
) -> None:
    host = the_host(whm, tmp_path)
    await host.apply(a_hold())
    mail = whm.send("info@shop.example", FAR)
    await host.observe(a_hold())
    whm.dies_after = {"release_outgoing_email"}
    with pytest.raises(WhmDown):
        await host.lift(lifted(a_hold()))
    whm.dies_after = set()
    seen = await the_host(whm, tmp_path).lift(lifted(a_hold()))
    assert [(each.queue_id, each.fate) for each in seen.messages] == [(mail, Fate.DELIVERED)]
    assert whm.delivered == [mail]


async def test_an_agent_that_starts_again_goes_on_with_what_it_held(
    whm: StandIn, tmp_path: Path
) -> None:
    await the_host(whm, tmp_path).apply(a_hold())
    before = whm.changes()
    await the_host(whm, tmp_path).observe(a_hold())
    assert whm.changes() == before
    await the_host(whm, tmp_path).lift(lifted(a_hold()))
    assert not whm.accounts["shop"].held


async def test_what_cannot_be_written_down_is_not_done(
    whm: StandIn, host: MailHost, tmp_path: Path
) -> None:
    in_the_way = tmp_path / ".accounts.json.new"
    in_the_way.mkdir()
    with pytest.raises(OSError, match="directory"):
        await host.apply(a_hold())
    assert whm.changes() == []
    in_the_way.rmdir()
    assert (await host.apply(a_hold())).observed is Observed.APPLIED
    (tmp_path / ".held.json.new").mkdir()
    with pytest.raises(OSError, match="directory"):
        await host.lift(lifted(a_hold()))
    assert whm.accounts["shop"].held
