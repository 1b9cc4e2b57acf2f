"""What a desired state could carry into maps, rule sets and commands: it is refused, or is inert.

A table of hostile words goes over every field of `Desired` that is text, on every kind of machine.
"""

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest

from agents.edge.aim import aim
from agents.edge.ruleset import whole
from agents.mta.cpanel.whm import account_name, domain_name
from agents.mta.exim.commands import Commands as EximCommands
from agents.mta.exim.queue import Queue as EximQueue
from agents.mta.exim.tables import tables
from agents.mta.port import CannotCarryOut
from agents.mta.postfix.commands import Commands as PostfixCommands
from agents.mta.postfix.queue import Queue as PostfixQueue
from agents.mta.postfix.routes import planned
from agents.smarthosts.port import smarthost
from domain.hosts import Desired, Wanted
from domain.measures import Measure, Restriction, Scope

HOSTILE = (
    "shop.example\nother.example held",
    "shop.example: hold",
    "shop.example/ plazo-smarthost:[evil.example]:25 /",
    "${run{/bin/touch /tmp/x}}",
    "a.example } ; flush ruleset ; {",
    "192.0.2.7, 192.0.2.0/24",
    "-Mrm",
    "../../etc/passwd",
    "user=root&force=1",
    "a.example%0d%0a",
    "`id`.example",
    "shop.example\x00",
    ".*",
    "a b.example",
)
TEXTS = {"key", "smarthost", "discard_senders", "discard_messages", "keep_senders", "restriction"}


def test_every_field_of_a_desired_state_is_in_the_table() -> None:
    assert {each.name for each in fields(Desired)} - {"wanted", "hourly_limit"} == TEXTS


def a_measure(measure: Measure, scope: Scope, target: str, **more: object) -> Desired:
    """Some words are refused when they arrive: no measure has them for a target."""
    try:
        restriction = Restriction(measure=measure, scope=scope, targets=(target,))
    except ValueError as error:
        raise CannotCarryOut(str(error)) from error
    return replace(
        Desired(key="hold", restriction=restriction, wanted=Wanted.APPLIED),
        **more,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("word", HOSTILE)
@pytest.mark.parametrize(
    "measure", [Measure.HOLD_DOMAIN, Measure.RATE_LIMIT, Measure.SMARTHOST_REDIRECT]
)
def test_a_domain_gets_into_no_map(word: str, measure: Measure, tmp_path: Path) -> None:
    for decided in (planned, tables):
        with pytest.raises(CannotCarryOut):
            _decided(decided, measure, word, tmp_path)


def _decided(by: Callable[..., object], measure: Measure, domain: str, state_dir: Path) -> object:
    more = {"hourly_limit": 5, "smarthost": "smart.example:25"}
    asked = a_measure(measure, Scope.DOMAIN, domain, **more)
    return by((asked,), {asked.key: smarthost(asked, state_dir)})


@pytest.mark.parametrize("word", HOSTILE)
def test_a_smarthost_gets_into_no_map_and_no_file_name(word: str, tmp_path: Path) -> None:
    for address in (word, f"{word}:25", f"smart.example:{word}", f"{word}:smart.example:25"):
        redirect = a_measure(
            Measure.SMARTHOST_REDIRECT, Scope.SERVER, "mx.example", smarthost=address
        )
        with pytest.raises(CannotCarryOut):
            smarthost(redirect, tmp_path)


@pytest.mark.parametrize("word", HOSTILE)
async def test_an_address_gets_into_no_rule_set(word: str, tmp_path: Path) -> None:
    with pytest.raises(CannotCarryOut):
        await aim(a_measure(Measure.BLOCK_PORT25, Scope.ADDRESS, word), {}, tmp_path)


@pytest.mark.parametrize("word", HOSTILE)
def test_a_name_gets_into_no_query_of_whm(word: str) -> None:
    for read in (account_name, domain_name):
        with pytest.raises(ValueError):  # noqa: PT011 - either's words will do
            read(word)


@pytest.mark.parametrize("word", HOSTILE)
async def test_a_measures_key_is_in_nothing_that_a_machine_reads(word: str, tmp_path: Path) -> None:
    limit = a_measure(Measure.RATE_LIMIT, Scope.DOMAIN, "shop.example", key=word, hourly_limit=5)
    block = a_measure(Measure.BLOCK_PORT25, Scope.ADDRESS, "192.0.2.7", key=word)
    plan, live = planned((limit,), {}), tables((limit,), {})
    rules = whole(await aim(block, {}, tmp_path), {})
    assert not any(word in text for text in (plan.senders, plan.held, str(live.rates), rules))


class Recorded(PostfixCommands):
    """Commands that are written down and not run."""

    def __init__(self) -> None:
        super().__init__(Path("/etc/postfix"))
        self.said: list[str] = []

    async def run(self, program: str, *arguments: str, given: str = "") -> str:
        self.said += [*arguments, given]
        return ""


class RecordedExim(EximCommands):
    """The same of Exim's."""

    def __init__(self) -> None:
        super().__init__(Path("/etc/exim4"))
        self.said: list[str] = []

    async def tried(self, *arguments: str, given: str = "") -> tuple[int, str, str]:
        self.said += [*arguments, given]
        return 0, "", ""

    async def start(self, *arguments: str) -> None:
        self.said += arguments


@pytest.mark.parametrize("word", HOSTILE)
async def test_a_queue_id_gets_into_no_command(word: str) -> None:
    postfix, exim = Recorded(), RecordedExim()
    queue, other = PostfixQueue(postfix), EximQueue(exim)
    for verb in (
        queue.hold,
        queue.release,
        queue.discard,
        other.hold,
        other.release,
        other.discard,
    ):
        await verb([word])
    assert not any(word in said for said in (*postfix.said, *(s for s in exim.said if s != "-Mrm")))
