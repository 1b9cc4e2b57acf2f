"""What Exim is told and what is read from it, without an Exim."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.mta.exim.commands import Commands, EximFailed
from agents.mta.exim.domains import own_domains
from agents.mta.exim.fragments import fragments
from agents.mta.exim.logins import take_back
from agents.mta.exim.queue import Queue, arrival
from agents.mta.exim.tables import login_lines, tables
from agents.mta.port import CannotCarryOut, UnknownMailHost, mail_host
from agents.smarthosts.port import Login, Smarthost
from domain.hosts import Desired
from domain.measures import Measure, Restriction, Scope
from tests.agents.gateway import a_hold

ID = "1xW1AS-00029W-1D"
FIRST_LINE = "# Written by the Plazo host agent; changes are undone.\n"
NEW_ID = "1xW1AS-000000000kZ-0b2C"


def a_measure(measure: Measure, scope: Scope = Scope.DOMAIN, key: str = "") -> Desired:
    restriction = Restriction(measure=measure, scope=scope, targets=("shop.example",))
    return replace(a_hold(key or f"{measure}-{scope}"), restriction=restriction)


HOLD = a_measure(Measure.HOLD_DOMAIN)
HOLD_ALL = a_measure(Measure.HOLD_SERVER, Scope.SERVER)
REDIRECT = a_measure(Measure.SMARTHOST_REDIRECT)
REDIRECT_ALL = a_measure(Measure.SMARTHOST_REDIRECT, Scope.SERVER)
SMARTHOST = Smarthost(kind="relay", host="smart.example", port=2525)
RELAYS = {REDIRECT.key: SMARTHOST, REDIRECT_ALL.key: replace(SMARTHOST, host="::1")}


def lines(text: str | None) -> list[str]:
    return (text or "").splitlines()[1:]


@pytest.mark.parametrize(
    ("measures", "routes"),
    [
        ((), []),
        ((REDIRECT, HOLD), ["shop.example: hold"]),
        ((HOLD_ALL, REDIRECT), ["*: hold"]),
        (
            (REDIRECT_ALL, REDIRECT),
            ["shop.example: relay/smart.example:2525//", "*: relay/[::1]:2525//"],
        ),
        ((REDIRECT_ALL, HOLD), ["shop.example: hold", "*: relay/[::1]:2525//"]),
    ],
)
def test_a_hold_comes_first_and_then_the_narrower_measure(
    measures: tuple[Desired, ...], routes: list[str]
) -> None:
    assert lines(tables(measures, RELAYS).routes) == routes


def test_the_lowest_of_several_limits_counts_and_each_has_a_count_of_its_own() -> None:
    limits = [
        replace(a_measure(Measure.RATE_LIMIT, key=key), hourly_limit=limit)
        for key, limit in (("first", 50), ("second", 20))
    ]
    of_all = replace(a_measure(Measure.RATE_LIMIT, Scope.SERVER), hourly_limit=9)
    domain, server = lines(tables((*limits, of_all), {}).rates)
    assert domain.startswith("shop.example: 20/")
    assert server.startswith("*: 9/")
    assert domain.split("/")[1] != server.split("/")[1]


@pytest.mark.parametrize("limit", [None, -1, 10**9])
def test_a_limit_that_is_none_is_refused(limit: int | None) -> None:
    with pytest.raises(CannotCarryOut, match="no number of messages an hour"):
        tables((replace(a_measure(Measure.RATE_LIMIT), hourly_limit=limit),), {})


@pytest.mark.parametrize(
    "target", ["*", "shop.example:", "${run{x}}", "tienda.españa", "shop", '"shop.example"']
)
def test_a_target_that_is_no_domain_is_refused(target: str) -> None:
    restriction = replace(HOLD.restriction, targets=(target,))
    with pytest.raises(CannotCarryOut, match="no domain name"):
        tables((replace(HOLD, restriction=restriction),), {})


def test_a_login_is_nothing_that_exim_could_expand_or_take_apart() -> None:
    text = login_lines({"smart.example": Login(user="u", secret="${run{/bin/x}}^;/:")})
    assert lines(text) == ["smart.example: dQ==/JHtydW57L2Jpbi94fX1eOy86"]


def test_fragments_are_written_in_an_order_in_which_each_names_only_earlier_ones() -> None:
    texts = fragments(Path("/etc/exim4/plazo"), ("local_domains", "relay_to_domains"))
    assert list(texts) == [
        "handover.py", "acl.conf", "hooks.conf", "transports.conf", "routers.conf",
    ]  # fmt: skip
    assert not any("@" in text for text in texts.values())
    assert "domains = ! +local_domains : ! +relay_to_domains" in texts["routers.conf"]


@pytest.mark.parametrize("end", ["# End of what the Plazo host agent wrote.\n", ""])
def test_logins_of_an_earlier_agent_are_taken_back_and_administrators_own_stay(
    tmp_path: Path, end: str
) -> None:
    theirs = tmp_path / "passwd.client"
    ours = f"{FIRST_LINE}smart.example:shop:secret\n{end}"
    theirs.write_text(f"{ours}# mine\nother.example:me:mine\n")
    take_back(theirs, -1)
    left = "" if end else "smart.example:shop:secret\n"
    assert theirs.read_text() == f"{left}# mine\nother.example:me:mine\n"
    take_back(theirs, -1)
    assert theirs.read_text().endswith("# mine\nother.example:me:mine\n")


class Printed(Commands):
    """An Exim that prints what it is given, and remembers what it was asked."""

    def __init__(self, **printed: str) -> None:
        super().__init__(Path("/etc/exim4"))
        self.printed = printed
        self.asked: list[str] = []

    async def tried(self, *arguments: str, given: str = "") -> tuple[int, str, str]:
        self.asked += [*arguments, given]
        return 0, self.printed.get(arguments[0].lstrip("-"), ""), ""


LISTING = f"""\
 0m   281 {ID} <info@shop.example>
          friend@far.example

25h  1.2K {NEW_ID} <"a> *** frozen ***"@shop.example> (www-data) *** frozen ***
          "x y"@far.example
          other@Far.example

 3d    10M 1xW1AS-00029W-1E <>
          postmaster

 4d       1xW1AS-00029W-1F <gone@shop.example>

      1xW1AS-00029W-1G
    *** spool format error: size=12 ***

nonsense
"""


async def test_a_listing_is_read_whatever_senders_call_themselves() -> None:
    first, second, third, fourth = await Queue(Printed(bpru=LISTING)).listing()
    assert first.message.queue_id == ID
    assert (first.message.sender, first.message.bytes) == ("info@shop.example", 281)
    assert (first.frozen, first.held, set(first.domains)) == (False, False, {"far.example"})
    assert second.message.queue_id == NEW_ID
    assert second.message.sender == '"a> *** frozen ***"@shop.example'
    assert (second.message.recipients, second.message.bytes) == (2, 1229)
    assert (second.frozen, set(second.domains)) == (True, {"far.example"})
    assert (third.message.sender, third.message.bytes) == ("", 10 * 1024**2)
    assert (fourth.message.bytes, fourth.domains) == (0, frozenset())


def test_an_id_tells_when_its_message_arrived() -> None:
    assert arrival(ID) == datetime(2026, 11, 25, 0, 47, 24, tzinfo=UTC)
    assert arrival(NEW_ID) == arrival(ID)


async def test_nothing_but_an_id_reaches_a_command_line() -> None:
    exim = Printed()
    await Queue(exim).hold([ID, "-bd", f"{ID} -be", "${run{x}}", "../x", ""])
    assert exim.asked == ["-MG", "plazo", ID, ""]


async def test_nothing_but_a_domain_reaches_an_expansion() -> None:
    exim = Printed(be="> own\n> \n")
    hostile = {"a.example", "${run{x}}", "}{x", "b.example\n${run{x}}", ""}
    assert await own_domains(exim, ("local_domains",), hostile) == {"a.example"}
    (expression,) = exim.asked[1].splitlines()
    assert expression == "${if match_domain{a.example}{+local_domains}{own}{other}}"


async def test_an_exim_that_is_not_there_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("shutil.which", lambda name, path: None)
    with pytest.raises(EximFailed, match="neither exim4 nor exim"):
        await Commands(tmp_path).run("-bV")


def test_exim_is_known_by_its_name(tmp_path: Path) -> None:
    host = mail_host(f"exim:{tmp_path}", tmp_path)
    assert host.name == "exim"
    assert Measure.REQUIRE_AUTHENTICATED_SMTP in host.can
    assert Measure.SUSPEND_ACCOUNT_SMTP not in host.can
    with pytest.raises(UnknownMailHost, match="exim"):
        mail_host("exin:", tmp_path)
