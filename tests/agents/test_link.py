"""The agent's requests: what is an answer, what is worth asking again, and what is refused."""

from pathlib import Path

import httpx
import pytest

from agents.link import KeyRefused, Link, LinkDown
from agents.mta.port import UnknownMailHost, mail_host
from domain.hosts import DesiredState, Observation, Report
from domain.news import Observed
from domain.wire import to_json
from tests.agents.gateway import a_hold

NEWS = Report(observations=(Observation(key="hold", observed=Observed.APPLIED),))


def a_link(answer: httpx.Response | Exception) -> Link:
    def give(request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Link("https://plazo.example/", "key", transport=httpx.MockTransport(give))


async def test_an_answer_is_read_strictly_and_nothing_newer_is_none() -> None:
    state = DesiredState(revision=4, measures=(a_hold(),))
    async with a_link(httpx.Response(200, json=to_json(state))) as link:
        assert await link.desired(3, 0) == state
    async with a_link(httpx.Response(204)) as link:
        assert await link.desired(4, 0) is None


@pytest.mark.parametrize(
    "body", [b"{", b"\xff", b"[]", b'{"revision": "4"}', b'{"revision": 4, "reset_password": 1}']
)
async def test_a_state_that_is_only_half_understood_is_no_state(body: bytes) -> None:
    async with a_link(httpx.Response(200, content=body)) as link:
        with pytest.raises(LinkDown, match="a desired state that is none"):
            await link.desired(0, 0)


@pytest.mark.parametrize("status", [302, 404, 413, 500, 503])
async def test_any_other_answer_is_worth_asking_again(status: int) -> None:
    async with a_link(httpx.Response(status)) as link:
        with pytest.raises(LinkDown, match=f"/v1/agent/observations answered {status}"):
            await link.observed(NEWS)


async def test_a_gateway_that_is_away_is_worth_asking_again() -> None:
    async with a_link(httpx.ConnectError("connection refused")) as link:
        with pytest.raises(LinkDown, match=r"plazo\.example cannot be reached: connection refused"):
            await link.desired(0, 0)


async def test_a_refused_key_says_what_to_do() -> None:
    async with a_link(httpx.Response(401)) as link:
        with pytest.raises(KeyRefused, match="enrol the host again"):
            await link.desired(0, 0)


def test_a_mail_server_that_there_is_no_file_for_is_named_with_those_that_there_are(
    tmp_path: Path,
) -> None:
    with pytest.raises(UnknownMailHost, match=r'is called "sendmail"; known: .*postfix'):
        mail_host("sendmail:/etc/mail", tmp_path)
    assert mail_host("postfix:/etc/postfix", tmp_path).name == "postfix"
