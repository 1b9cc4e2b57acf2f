"""What programs do to an incident: foreseen, refused when things have changed, done once."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from asyncpg import Pool
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from book.database import transaction
from book.incident import audit
from domain.acts import (
    Acknowledge,
    Answer,
    CallOutcome,
    Close,
    Contest,
    Credit,
    Escalate,
    FalsePositive,
    Fixed,
    KeptMail,
    MoveDeadline,
    Release,
    Settle,
    Waive,
)
from domain.console.desk import Right, right_for
from domain.incident import Act, Outcome
from domain.ladder import Term
from domain.money.costs import ChargeKind, Settlement
from domain.units import Money
from gateway.app import create_app
from gateway.incidents import EngineAway, Incidents, NoSuchIncident, Refused
from tests.gateway.test_api_incidents import a_token
from tests.gateway.test_desk import a_full_incident
from tests.gateway.test_reports import assert_problem
from tests.gateway.world import INCIDENT, World, a_gateway
from tests.workflows import servers

CHARGE = f"{INCIDENT}/delisting/1"
WHY = "they asked"


def url(act: str) -> str:
    return f"/v1/incidents/{INCIDENT}/acts/{act}"


async def send(world: World, act: str, body: object, **more: Any) -> httpx.Response:
    headers = more.pop("headers", world.token(more.pop("user", "luz")))
    return await world.http.post(url(act), json=body, params=more, headers=headers)


SENT = {
    Act.ACKNOWLEDGE: ({}, Acknowledge(by="luz")),
    Act.FIXED: (
        {"note": "gone", "accepts": ["delisting_fee"], "answered": True,
         "discard_senders": ["info@shop.example"]},
        Fixed(by="luz", note="gone", accepts=(Term.DELISTING_FEE,), answered=True,
              discard_senders=("info@shop.example",)),
    ),
    Act.CONTEST: ({"reason": WHY}, Contest(by="luz", reason=WHY)),
    Act.KEPT_MAIL: (
        {"discard_messages": ["q1"], "note": "gone"},
        KeptMail(by="luz", note="gone", discard_messages=("q1",)),
    ),
    Act.EXTEND: ({"seconds": 60, "reason": WHY}, MoveDeadline(by="luz", seconds=60, reason=WHY)),
    Act.SHORTEN: ({"seconds": 60, "reason": WHY}, MoveDeadline(by="luz", seconds=60, reason=WHY)),
    Act.ESCALATE: ({"reason": WHY}, Escalate(by="luz", reason=WHY)),
    Act.RELEASE: (
        {"reason": WHY, "discard_messages": ["q1"]},
        Release(by="luz", reason=WHY, discard_messages=("q1",)),
    ),
    Act.WAIVE: (
        {"charge": "delisting", "reason": WHY},
        Waive(by="luz", charge=ChargeKind.DELISTING, reason=WHY),
    ),
    Act.CREDIT: (
        {"charge": CHARGE, "reason": WHY, "amount": {"minor": 500, "currency": "EUR"}},
        Credit(by="luz", charge=CHARGE, reason=WHY, amount=Money(500, "EUR")),
    ),
    Act.DISPUTE: ({"charge": CHARGE, "reason": WHY}, None),
    Act.SETTLE: (
        {"charge": CHARGE, "settlement": "upheld", "reason": WHY},
        Settle(by="luz", charge=CHARGE, settlement=Settlement.UPHELD, reason=WHY),
    ),
    Act.FALSE_POSITIVE: ({"reason": WHY}, FalsePositive(by="luz", reason=WHY)),
    Act.CALL_OUTCOME: (
        {"outcome": WHY, "reached": True, "minutes": 20},
        CallOutcome(by="luz", outcome=WHY, reached=True, minutes=20),
    ),
    Act.CLOSE: (
        {"outcome": "withdrawn", "reason": WHY},
        Close(by="luz", outcome=Outcome.WITHDRAWN, reason=WHY),
    ),
}  # fmt: skip


async def test_each_act_is_done_under_the_name_of_the_tokens_owner(world: World) -> None:
    await a_full_incident(world)
    for act, (body, what) in SENT.items():
        world.incidents.acts.clear()
        answer = await send(world, act, body)
        assert answer.status_code == 200, answer.text
        assert answer.json() == {"said": "Done.", "stage": "waiting", "deadline": None}
        [(incident, done, given, once)] = world.incidents.acts
        assert (incident, done) == (INCIDENT, act)
        assert what is None or given == what
        assert once
    assert set(SENT) == set(Act)


async def test_a_dry_run_says_what_would_happen_and_does_nothing(world: World) -> None:
    await a_full_incident(world)
    for act, (body, _) in SENT.items():
        answer = await send(world, act, body, dry_run=True)
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert told["act"] == act
        assert told["will"]
        assert told["seen"] == 4
    extend = {"seconds": 14_400, "reason": WHY}
    assert (await send(world, "extend", extend, dry_run=True)).json()["allowed"] is False
    await world.look(INCIDENT, stage="waiting", measure=None)
    await world.pool.execute("UPDATE incidents SET deadline = '2026-03-03 10:00+00'")
    told = (await send(world, "extend", extend, dry_run=True)).json()
    assert told["allowed"] is True
    assert "from 2026-03-03 10:00 UTC to 2026-03-03 14:00 UTC" in told["will"][0]
    assert world.incidents.acts == []


async def decide(world: World, what: str) -> None:
    body = {"kind": "decision", "number": 2, "what": what, "reasons": [], "by": "dan",
            "at": "2026-03-01T10:00:00+00:00"}  # fmt: skip
    async with transaction(world.pool) as connection:
        await audit.append(connection, INCIDENT, [(f"decision:{what}", body)])


async def test_who_has_not_seen_what_was_decided_is_told_and_nothing_is_done(
    world: World,
) -> None:
    await a_full_incident(world)
    possible = (
        await world.http.get(f"/v1/incidents/{INCIDENT}/acts", headers=world.token())
    ).json()
    assert (possible["stage"], possible["seen"], possible["held_total"]) == ("restricted", 4, 1)
    assert possible["charges"][0]["charge"] == CHARGE
    assert "release" in possible["acts"]
    await decide(world, "released by hand")
    answer = await send(world, "release", {"reason": WHY}, seen=possible["seen"])
    detail = assert_problem(answer, 409, "decided-meanwhile")
    assert "released by hand (by dan)" in detail
    assert "seen=5" in detail
    assert answer.json()["errors"][0]["at"] == "query.seen"
    assert world.incidents.acts == []
    assert (await send(world, "release", {"reason": WHY}, seen=5)).status_code == 200


async def test_what_may_be_done_is_what_the_token_may(world: World) -> None:
    await a_full_incident(world)
    for user in ("vera", "dan", "luz"):
        answer = await world.http.get(f"/v1/incidents/{INCIDENT}/acts", headers=world.token(user))
        acts = set(map(Act, answer.json()["acts"]))
        assert (Act.WAIVE in acts, Act.RELEASE in acts) == (user == "luz", user != "vera")


async def test_an_act_needs_the_scope_and_the_right(world: World) -> None:
    await a_full_incident(world)
    tokens = {right: await a_token(world, "luz", right) for right in Right}
    for act, (body, _) in SENT.items():
        for right, token in tokens.items():
            answer = await send(world, act, body, headers=token)
            assert (answer.status_code == 200) is (right is right_for(act)), (act, right)
            if right is not right_for(act):
                assert_problem(answer, 403, "not-allowed")


@pytest.mark.parametrize(
    ("act", "body", "told"),
    [
        ("release", {}, "reason: is missing"),
        ("release", {"reason": "  "}, "reason: is empty"),
        ("release", {"reason": "x" * 2_001}, "more than 2,000 characters"),
        ("release", {"reason": "x", "by": "somebody else"}, 'no field "by"'),
        ("release", {"reason": "a\0b"}, "NUL"),
        ("release", {"reason": "x", "discard_messages": ["other"]}, "never held"),
        ("release", [], "an object"),
        ("extend", {"reason": "x", "seconds": 0}, "seconds: from 1"),
        ("extend", {"reason": "x", "seconds": 1.5}, "whole number"),
        ("close", {"reason": "x", "outcome": "remediated"}, "withdrawn or terminated"),
        ("close", {"reason": "x", "outcome": "lost"}, "not one of"),
        ("call_outcome", {"outcome": "x", "reached": "yes"}, "true or false"),
        ("call_outcome", {"outcome": "x", "reached": True, "minutes": 1_441}, "minutes"),
        ("credit", {"reason": "x", "charge": "incident-vps-2-1/delisting/1"}, "is none of"),
        ("credit", {"reason": "x", "charge": CHARGE, "amount": {"minor": 1, "currency": "e"}},
         "not a currency"),
        ("fixed", {"accepts": ["everything"]}, "not one of"),
        ("fixed", {"note": "x" * 2_001}, "more than 2,000 characters"),
    ],
)  # fmt: skip
async def test_a_body_that_makes_no_sense_says_what_to_change(
    world: World, act: str, body: object, told: str
) -> None:
    await a_full_incident(world)
    assert told in assert_problem(await send(world, act, body), 422, "invalid-body")
    assert world.incidents.acts == []


async def test_what_is_no_json_or_too_much_is_refused(world: World) -> None:
    await a_full_incident(world)
    post, token = world.http.post, world.token()
    answer = await post(url("release"), data={"reason": "x"}, headers=token)
    assert_problem(answer, 415, "not-json")
    answer = await post(
        url("release"), content=b"{", headers=token | {"Content-Type": "application/json"}
    )
    assert_problem(answer, 422, "invalid-body")
    answer = await post(url("release"), json={"reason": "x" * 300_000}, headers=token)
    assert_problem(answer, 413, "too-large")
    assert_problem(await post(url("vanish"), json={}, headers=token), 404, "not-found")
    nothing = "/v1/incidents/nothing/acts/acknowledge"
    assert_problem(await post(nothing, json={}, headers=token), 404, "no-such-incident")


@pytest.mark.parametrize(
    ("fails", "status", "kind"),
    [
        (Refused("it is being closed"), 409, "refused"),
        (EngineAway("no answer"), 503, "engine-away"),
        (NoSuchIncident("not begun"), 503, "engine-away"),
    ],
)
async def test_what_the_workflow_refuses_is_told(
    world: World, fails: Exception, status: int, kind: str
) -> None:
    await a_full_incident(world)
    world.incidents.fails = fails
    answer = await send(world, "escalate", {"reason": WHY})
    assert str(fails) in assert_problem(answer, status, kind)
    assert ("retry-after" in answer.headers) is (status == 503)


async def test_the_books_of_a_closed_incident_are_corrected_once_by_key(world: World) -> None:
    await a_full_incident(world)
    await world.look(INCIDENT, stage="closed", outcome="remediated")
    body = {"charge": CHARGE, "reason": WHY, "amount": {"minor": 500, "currency": "EUR"}}
    headers = world.token() | {"Idempotency-Key": "credit-1"}
    told = (await send(world, "credit", body, dry_run=True)).json()
    assert (told["allowed"], told["will"]) == (True, [f"5.00 EUR of {CHARGE} is taken back."])
    first = await send(world, "credit", body, headers=headers)
    again = await send(world, "credit", body, headers=headers)
    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()
    assert first.json()["said"] == f"credited 5.00 EUR of {CHARGE}."
    left = await world.pool.fetchval("SELECT ledger_left($1)", CHARGE)
    assert left == 20
    more = {**body, "amount": {"minor": 5_000, "currency": "EUR"}}
    assert "credit at most" in assert_problem(await send(world, "credit", more), 409, "refused")
    assert world.incidents.acts == []
    async with world.pool.acquire() as connection:
        record = await audit.checked(connection, INCIDENT)
    assert record.found is None
    assert sum("correction:" in entry.source for entry in record.entries) == 1


@workflow.defn
class Story:
    """As much of an incident as being read takes; it counts how often that was."""

    def __init__(self) -> None:
        self.read = 0
        self.over = False

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: self.over)

    @workflow.signal
    def end(self) -> None:
        self.over = True

    @workflow.update
    async def acknowledge(self, act: Acknowledge) -> Answer:
        self.read += 1
        return Answer(said=f"read {self.read} times by {act.by}", stage="waiting")


@pytest_asyncio.fixture
async def engine() -> AsyncIterator[Client]:
    async with await servers.real() as environment:
        yield environment.client


async def test_the_same_key_is_one_act_of_the_real_workflow_whatever_was_decided_since(
    world: World, database: Pool, engine: Client
) -> None:
    await a_full_incident(world)
    app = create_app(a_gateway(database, Incidents(engine)))
    transport = httpx.ASGITransport(app)
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as http,
        Worker(engine, task_queue="acts", workflows=[Story],
               workflow_runner=UnsandboxedWorkflowRunner()),
    ):  # fmt: skip
        story = await engine.start_workflow(Story.run, id=INCIDENT, task_queue="acts")

        async def read(key: str, user: str = "luz", **query: Any) -> httpx.Response:
            headers = world.token(user) | {"Idempotency-Key": key}
            return await http.post(url("acknowledge"), json={}, params=query, headers=headers)

        first = await read("one", seen=4)
        assert first.json()["said"] == "read 1 times by luz"
        assert (await read("one", seen=4)).json() == first.json()
        await decide(world, "acknowledged")
        assert (await read("one", seen=4)).json() == first.json()
        assert_problem(await read("two", seen=4), 409, "decided-meanwhile")
        assert (await read("two", seen=5)).json()["said"] == "read 2 times by luz"
        # Keys are each person's own.
        assert (await read("one", user="dan")).json()["said"] == "read 3 times by dan"
        await story.signal(Story.end)
        await story.result()
        assert (await read("one")).json() == first.json()
        assert_problem(await read("three"), 409, "refused")
        await world.look(INCIDENT, stage="closed", outcome="remediated")
        assert (await read("one", seen=4)).json() == first.json()
