"""WHM's own errors: each is told for what it is, and what can be tried again is."""

import asyncio
from pathlib import Path

import pytest

from agents.mta.cpanel.whm import TokenRefused, WhmDown, WhmRefused
from agents.mta.port import MailHost, mail_host
from domain.news import Observed
from tests.agents.cpanel.measures import FAR, a_hold, a_suspension, the_host
from tests.agents.gateway import lifted
from tests.agents.whm import StandIn, an_agents_folder


async def test_a_wrong_token_says_where_to_make_a_right_one(whm: StandIn, tmp_path: Path) -> None:
    host = the_host(whm, tmp_path)
    whm.token = "another"
    with pytest.raises(TokenRefused, match="check it and its privileges in Manage API Tokens"):
        await host.apply(a_hold())


async def test_a_new_token_is_used_without_a_restart(whm: StandIn, tmp_path: Path) -> None:
    host = the_host(whm, tmp_path)
    whm.token = "A1" * 16
    with pytest.raises(TokenRefused):
        await host.apply(a_hold())
    an_agents_folder(tmp_path, whm, whm.token)
    assert (await host.apply(a_hold())).observed is Observed.APPLIED


async def test_a_domain_of_nobody_here_is_told(whm: StandIn, host: MailHost) -> None:
    with pytest.raises(Exception, match=r"no account of 127\.0\.0\.1 has elsewhere\.example"):
        await host.apply(a_hold("elsewhere.example"))
    assert whm.changes() == []


async def test_the_reason_of_a_refusal_is_passed_on(whm: StandIn, host: MailHost) -> None:
    refusal = '{"metadata":{"result":0,"reason":"The\\nMailSend role is disabled.","version":1}}'
    whm.broken["hold_outgoing_email"] = (200, refusal)
    with pytest.raises(WhmRefused, match="refused hold_outgoing_email: The MailSend role is"):
        await host.apply(a_hold())


async def test_an_account_that_is_not_there_is_told_by_its_name(host: MailHost) -> None:
    with pytest.raises(WhmRefused, match="Account does not exist"):
        await host.apply(a_suspension("nobody1"))


@pytest.mark.parametrize(
    "answer",
    [
        (200, "<!DOCTYPE html><html><head><title>WHM Login</title></head></html>"),
        (200, ""), (200, "[]"), (200, "null"), (200, '{"metadata": null}'),
        (200, '{"metadata":{"result":"yes"}}'), (200, '{"data":{"user":"shop"}}'),
        (200, '{"metadata":{"result":1},"data":[1]}'), (301, "moved"), (500, "broken"),
        (503, "<html>busy</html>"),
    ],
)  # fmt: skip
async def test_an_answer_that_is_none_is_told_and_tried_again(
    whm: StandIn, host: MailHost, answer: tuple[int, str]
) -> None:
    whm.broken["getdomainowner"] = answer
    with pytest.raises(WhmDown, match="answered getdomainowner with"):
        await host.apply(a_hold())
    whm.broken.clear()
    assert (await host.apply(a_hold())).observed is Observed.APPLIED


async def test_a_yes_that_did_nothing_is_no_success(whm: StandIn, host: MailHost) -> None:
    whm.broken["hold_outgoing_email"] = (200, '{"metadata":{"result":1,"reason":"OK"}}')
    with pytest.raises(WhmRefused, match="said yes, but shop is not"):
        await host.apply(a_hold())


async def test_a_server_that_does_not_answer_is_given_up_on(
    whm: StandIn, host: MailHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.mta.cpanel.whm._SECONDS", 0.05)
    whm.silent = True
    with pytest.raises(WhmDown, match="cannot be reached: ReadTimeout"):
        await host.apply(a_hold())


async def test_a_server_that_is_away_is_told(whm: StandIn, tmp_path: Path) -> None:
    an_agents_folder(tmp_path, whm)
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    with pytest.raises(WhmDown, match="cannot be reached"):
        await mail_host(f"cpanel:127.0.0.1:{port}", tmp_path).apply(a_hold())


async def test_a_certificate_of_somebody_else_gets_no_token(whm: StandIn, tmp_path: Path) -> None:
    host = the_host(whm, tmp_path)
    StandIn().authority.cert_pem.write_to_path(tmp_path / "whm-authority.pem")
    with pytest.raises(WhmDown, match="CERTIFICATE_VERIFY_FAILED"):
        await host.apply(a_hold())
    (tmp_path / "whm-authority.pem").unlink()
    with pytest.raises(WhmDown, match="CERTIFICATE_VERIFY_FAILED"):
        await host.apply(a_hold())
    assert whm.asked == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
async def test_a_token_that_others_can_read_is_not_used(
    whm: StandIn, host: MailHost, tmp_path: Path, mode: int
) -> None:
    (tmp_path / "whm-token").chmod(mode)
    with pytest.raises(Exception, match="chmod 600 it, and make a new token"):
        await host.apply(a_hold())
    assert whm.asked == []


@pytest.mark.parametrize("text", ["", "two words", "x\r\nX-Evil: 1", "tökentökentöken", "short"])
async def test_what_is_no_token_gets_into_no_header(
    whm: StandIn, host: MailHost, tmp_path: Path, text: str
) -> None:
    (tmp_path / "whm-token").write_text(text)
    with pytest.raises(Exception, match="has no WHM API token"):
        await host.apply(a_hold())


async def test_a_missing_token_says_where_to_put_it(host: MailHost, tmp_path: Path) -> None:
    (tmp_path / "whm-token").unlink()
    with pytest.raises(Exception, match="put the WHM API token there, mode 0600"):
        await host.apply(a_hold())


async def test_a_queue_that_may_not_be_read_leaves_the_hold_and_says_so(
    whm: StandIn, host: MailHost
) -> None:
    whm.broken["fetch_mail_queue"] = (403, "{}")
    seen = await host.apply(a_hold())
    assert seen.observed is Observed.APPLIED
    assert "how much it holds is not known" in seen.detail
    mail = whm.send("spam@shop.example", FAR)
    seen = await host.lift(lifted(a_hold(), discard_senders=("spam@shop.example",)))
    assert (seen.observed, whm.delivered) == (Observed.FAILED, [])
    assert "nothing is delivered blindly" in seen.detail
    assert (await host.lift(lifted(a_hold()))).observed is Observed.LIFTED
    assert whm.delivered == [mail]


async def test_older_servers_write_numbers_as_text(whm: StandIn, host: MailHost) -> None:
    whm.numbers_as_text = True
    assert (await host.apply(a_hold())).observed is Observed.APPLIED
    assert whm.changes() == [("hold_outgoing_email", "shop")]


async def test_what_one_incident_keeps_is_kept_while_the_queue_cannot_be_read(
    whm: StandIn, host: MailHost
) -> None:
    first, second = a_hold(), a_hold("blog.example", key="second")
    await host.apply(first)
    await host.apply(second)
    whm.send("doubt@shop.example", FAR)
    await host.observe(second)
    await host.lift(lifted(first, keep_senders=("doubt@shop.example",)))
    whm.broken["fetch_mail_queue"] = (500, "")
    assert (await host.lift(lifted(second))).observed is Observed.FAILED
    assert (whm.delivered, whm.accounts["shop"].held > 0) == ([], True)
