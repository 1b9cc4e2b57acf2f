"""What comes from outside reaches no account but the one that is meant."""

from dataclasses import replace
from pathlib import Path

import pytest

from agents.mta.port import CannotCarryOut, MailHost, UnknownMailHost, mail_host
from domain.measures import Measure, Restriction, Scope
from tests.agents.cpanel.measures import FAR, a_hold, a_suspension, the_host
from tests.agents.whm import Account, StandIn


@pytest.mark.parametrize(
    "domain",
    ["shop.example&user=bakery", "shop.example%0d", "shop.example#", "info@shop.example", "shop"],
)
async def test_a_domain_that_is_none_is_asked_of_nobody(
    whm: StandIn, host: MailHost, domain: str
) -> None:
    for verb in (host.apply, host.observe, host.lift):
        with pytest.raises(CannotCarryOut, match="is no domain name"):
            await verb(a_hold(domain))
    assert whm.asked == []


@pytest.mark.parametrize(
    "account",
    ["info@shop.example", "root", "shop&x=1", "../shop", "-shop", "SHOP", "shop/../bakery", "*"],
)
async def test_neither_an_address_nor_root_passes_for_an_account(
    whm: StandIn, host: MailHost, account: str
) -> None:
    for verb in (host.apply, host.lift):
        with pytest.raises(CannotCarryOut, match="is no cPanel account"):
            await verb(a_suspension(account))
    assert whm.asked == []


async def test_an_owner_that_is_an_address_is_not_acted_upon(whm: StandIn, host: MailHost) -> None:
    whm.accounts["info@shop.example"] = Account(domains=["trick.example"])
    with pytest.raises(ValueError, match="is no cPanel account"):
        await host.apply(a_hold("trick.example"))
    assert whm.changes() == []


@pytest.mark.parametrize(
    "strange",
    [
        {"msgid": "../../etc/passwd"}, {"msgid": None}, {"msgid": "1UotX3-000001-Lr -bd"},
        {"size": 2**40}, {"size": "big"}, {"time": 10**30}, {"recipients": None}, {"sender": 5},
    ],
)  # fmt: skip
async def test_one_message_that_is_unreadable_hides_no_other(
    whm: StandIn, host: MailHost, strange: dict[str, object]
) -> None:
    await host.apply(a_hold())
    whm.send("strange@shop.example", FAR)
    good = whm.send("good@shop.example", FAR)
    whm.queue[0] |= strange
    seen = await host.observe(a_hold())
    assert [each.queue_id for each in seen.messages] == [good]


async def test_a_sender_that_no_file_can_keep_does_not_stop_the_agent(
    whm: StandIn, tmp_path: Path
) -> None:
    await the_host(whm, tmp_path).apply(a_hold())
    whm.send("a\0\ud800b@shop.example", FAR)
    await the_host(whm, tmp_path).observe(a_hold())
    seen = await the_host(whm, tmp_path).observe(a_hold())
    assert [each.sender for each in seen.messages] == ["a\ufffd\ufffdb@shop.example"]


@pytest.mark.parametrize(
    "address", ["", "a b", "host:0", "host:99999", "host/x", "u@h@x", "http://h", "user:pw@host"]
)
def test_an_address_that_is_none_is_refused_at_the_start(address: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownMailHost, match=r"cpanel:\[USER@\]HOST\[:PORT\]"):
        mail_host(f"cpanel:{address}", tmp_path)


async def test_measures_that_whm_has_no_means_for_are_not_tried(host: MailHost) -> None:
    assert host.can == {Measure.HOLD_DOMAIN, Measure.SUSPEND_ACCOUNT_SMTP}
    restriction = Restriction(measure=Measure.HOLD_SERVER, scope=Scope.SERVER, targets=("mx",))
    with pytest.raises(CannotCarryOut, match="no means for hold_server"):
        await host.apply(replace(a_hold(), restriction=restriction))
