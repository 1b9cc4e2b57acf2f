"""What people at the desk do to an incident: shown before it is done, with a reason, by right."""

import re
from typing import Any

import httpx
import pytest

from book.database import transaction
from book.incident import audit
from domain.acts import (
    CallOutcome,
    Close,
    Contest,
    Credit,
    Escalate,
    FalsePositive,
    Fixed,
    KeptMail,
    MoveDeadline,
)
from domain.incident import Act, Outcome
from domain.ladder import Term
from domain.units import Money
from gateway.incidents import EngineAway, Refused
from tests.gateway.test_desk import a_full_incident
from tests.gateway.test_reports import assert_problem
from tests.gateway.world import INCIDENT, World


def url(act: str) -> str:
    return f"/incidents/{INCIDENT}/do/{act}"


class Desk:
    """One person's browser."""

    def __init__(self, world: World, cookie: dict[str, str]) -> None:
        self.world, self.cookie = world, cookie

    @classmethod
    async def of(cls, world: World, user: str = "luz") -> "Desk":
        await a_full_incident(world)
        return cls(world, await world.cookie(user))

    async def look(self, act: str) -> dict[str, str]:
        """Open the form; its hidden fields."""
        answer = await self.world.http.get(url(act), headers=self.cookie)
        assert answer.status_code == 200, answer.text
        return hidden(answer.text)

    async def send(self, act: str, **fields: Any) -> httpx.Response:
        return await self.world.http.post(url(act), data=fields, headers=self.cookie)

    async def do(self, act: str, **fields: Any) -> httpx.Response:
        """Fill the form in, look at what it will do, and have it done."""
        shown = await self.send(act, **await self.look(act), **fields)
        assert shown.status_code == 200, shown.text
        assert "This will happen" in shown.text
        return await self.send(act, **hidden(shown.text, step="do"), **fields)


def hidden(text: str, **only: str) -> dict[str, str]:
    """The hidden fields of the first form that is for the act, of a step where one is named."""
    for form in re.findall(r"<form method=\"post\">.*?</form>", text, re.DOTALL):
        found = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
        if only.items() <= found.items():
            return {name: found[name] for name in ("csrf", "seen", "once", "step") if name in found}
    raise AssertionError(text)


@pytest.mark.parametrize(
    ("act", "fields", "what"),
    [
        ("contest", {}, Contest(by="luz", reason="spam goes on")),
        ("kept_mail", {"discard_sender": "info@shop.example"},
         KeptMail(by="luz", note="spam goes on", discard_senders=("info@shop.example",))),
        ("escalate", {}, Escalate(by="luz", reason="spam goes on")),
        ("release", {}, None),
        ("false_positive", {}, FalsePositive(by="luz", reason="spam goes on")),
        ("call_outcome", {"reached": "yes", "minutes": "20"},
         CallOutcome(by="luz", outcome="spam goes on", reached=True, minutes=20)),
        ("close", {"outcome": "terminated"},
         Close(by="luz", outcome=Outcome.TERMINATED, reason="spam goes on")),
        ("credit", {"charge": f"{INCIDENT}/delisting/1", "amount": "5.00 EUR"},
         Credit(by="luz", charge=f"{INCIDENT}/delisting/1", reason="spam goes on",
                amount=Money(500, "EUR"))),
        ("fixed", {"accept": "delisting_fee", "discard_sender": "info@shop.example",
                   "deliver_rest": "yes"},
         Fixed(by="luz", note="spam goes on", accepts=(Term.DELISTING_FEE,), answered=True,
               discard_senders=("info@shop.example",))),
    ],
)  # fmt: skip
async def test_an_act_is_shown_and_then_done_under_the_persons_name(
    world: World, act: str, fields: dict[str, Any], what: object
) -> None:
    desk = await Desk.of(world)
    if act == "kept_mail":
        await world.look(INCIDENT, stage="probation")
    answer = await desk.do(act, reason="spam  goes\ton", **fields)
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith(f"/incidents/{INCIDENT}?done={act}")
    [(incident, done, given, once)] = world.incidents.acts
    assert (incident, done) == (INCIDENT, Act(act))
    assert what is None or given == what
    assert once


async def test_a_moved_deadline_is_told_to_the_minute_before_it_moves(world: World) -> None:
    desk = await Desk.of(world)
    await world.look(INCIDENT, stage="waiting", measure=None)
    await world.pool.execute("UPDATE incidents SET deadline = '2026-03-03 10:00+00'")
    shown = await desk.send("extend", **await desk.look("extend"), span="4h", reason="they asked")
    assert "from 2026-03-03 10:00 UTC to 2026-03-03 14:00 UTC" in shown.text
    assert world.incidents.acts == []
    await desk.send("extend", **hidden(shown.text, step="do"), span="4h", reason="they asked")
    assert world.incidents.acts[0][2] == MoveDeadline(by="luz", seconds=14_400, reason="they asked")


async def test_the_second_of_two_people_is_told_what_the_first_decided(world: World) -> None:
    first, second = await Desk.of(world), Desk(world, await world.cookie("dan"))
    shown = await second.send("release", **await second.look("release"), reason="x")
    decided = {"kind": "decision", "number": 2, "what": "released by hand", "reasons": [],
               "at": "2026-03-01T10:00:00+00:00", "by": "luz"}  # fmt: skip
    async with transaction(world.pool) as connection:
        await audit.append(connection, INCIDENT, [("decision:2", decided)])
    answer = await second.send("release", **hidden(shown.text, step="do"), reason="x")
    assert answer.status_code == 409
    assert "released by hand (by luz)" in answer.text
    assert world.incidents.acts == []
    # Having seen it, they may go on.
    again = await second.send("release", **hidden(answer.text, step="do"), reason="x")
    assert again.status_code == 303
    assert first.cookie != second.cookie


async def test_an_attempt_of_the_program_is_no_reason_to_ask_again(world: World) -> None:
    desk = await Desk.of(world)
    shown = await desk.send("release", **await desk.look("release"), reason="x")
    entry = {"kind": "attempt", "phase": "started", "step": "verify", "attempt": 1, "worker": "w"}
    async with transaction(world.pool) as connection:
        await audit.append(connection, INCIDENT, [("run/1/3/started", entry)])
    assert (
        await desk.send("release", **hidden(shown.text, step="do"), reason="x")
    ).status_code == 303


async def test_a_button_pressed_twice_is_one_act(world: World) -> None:
    desk = await Desk.of(world)
    shown = await desk.send("release", **await desk.look("release"), reason="x")
    for _ in range(2):
        await desk.send("release", **hidden(shown.text, step="do"), reason="x")
    assert len({once for *_, once in world.incidents.acts}) == 1


@pytest.mark.parametrize(
    ("act", "fields", "told"),
    [
        ("release", {"reason": "  "}, "give a reason"),
        ("release", {"reason": "x" * 2_001}, "more than 2,000 characters"),
        ("close", {"reason": "x"}, "outcome is missing"),
        ("close", {"reason": "x", "outcome": "remediated"}, "is none of"),
        ("call_outcome", {"reason": "x", "reached": "perhaps"}, "is none of"),
        ("call_outcome", {"reason": "x", "reached": "no", "minutes": "-1"}, "no number of minutes"),
        ("waive", {"reason": "x", "charge": "everything"}, "is none of"),
        ("credit", {"reason": "x", "charge": "c", "amount": "lots"}, "25.00 EUR"),
        ("fixed", {"reason": "x", "accept": "everything"}, "is none of"),
    ],
)  # fmt: skip
async def test_a_form_that_lacks_something_says_what(
    world: World, act: str, fields: dict[str, Any], told: str
) -> None:
    desk = await Desk.of(world)
    answer = await desk.send(act, **await desk.look(act), **fields)
    assert answer.status_code == 422
    assert told in answer.text
    assert world.incidents.acts == []


@pytest.mark.parametrize(
    ("fails", "status"), [(Refused("it is being closed"), 409), (EngineAway("no answer"), 503)]
)
async def test_what_the_workflow_refuses_is_told_and_can_be_sent_again(
    world: World, fails: Exception, status: int
) -> None:
    desk = await Desk.of(world)
    world.incidents.fails = fails
    answer = await desk.do("release", reason="a good reason")
    assert answer.status_code == status
    assert str(fails) in answer.text
    assert "a good reason" in answer.text


@pytest.mark.parametrize("user", ["vera", "dan", "luz"])
@pytest.mark.parametrize("act", list(Act))
async def test_each_role_does_what_it_may(world: World, user: str, act: Act) -> None:
    desk = await Desk.of(world, user)
    for_leads = act in (Act.WAIVE, Act.CREDIT, Act.SETTLE, Act.CLOSE)
    allowed = user == "luz" or (user == "dan" and not for_leads)
    page = await world.http.get(f"/incidents/{INCIDENT}", headers=desk.cookie)
    admitted = url(act) in page.text
    opened = await world.http.get(url(act), headers=desk.cookie)
    csrf = await world.pool.fetchval("SELECT csrf FROM sessions ORDER BY began_at DESC LIMIT 1")
    sent = await desk.send(act, csrf=csrf, reason="x", step="do")
    if allowed:
        assert opened.status_code == 200
        assert sent.status_code != 403
    else:
        assert not admitted
        assert_problem(opened, 403, "not-allowed")
        assert_problem(sent, 403, "not-allowed")
        assert world.incidents.acts == []


async def test_a_form_of_another_session_does_nothing(world: World) -> None:
    mine, theirs = await Desk.of(world), Desk(world, await world.cookie("dan"))
    fields = await theirs.look("release")
    answer = await mine.send("release", **{**fields, "step": "do"}, reason="x")
    assert_problem(answer, 403, "not-our-form")
    assert world.incidents.acts == []


async def test_tasks_are_taken_and_done_with_an_outcome(world: World) -> None:
    desk = await Desk.of(world, "dan")
    page = await world.http.get("/tasks", headers=desk.cookie)
    assert "call client" in page.text
    csrf = re.findall(r'name="csrf" value="([^"]+)"', page.text)[0]

    async def post(path: str, **fields: str) -> httpx.Response:
        return await world.http.post(path, data={"csrf": csrf, **fields}, headers=desk.cookie)

    assert (await post("/task/take?key=t1")).status_code == 303
    mine = await world.http.get("/tasks?mine=true", headers=desk.cookie)
    assert "1 task waits for you" in mine.text
    assert (await post("/task/done?key=t1", outcome=" ")).status_code == 422
    assert (await post("/task/done?key=t1", outcome="x", minutes="many")).status_code == 422
    assert (await post("/task/done?key=t1", outcome="they will clean it")).status_code == 303
    assert_problem(await post("/task/done?key=t1", outcome="again"), 409, "task-done")
    assert_problem(await post("/task/take?key=t1"), 409, "task-done")
    assert_problem(await post("/task/take?key=none"), 404, "no-such-task")
    row = await world.pool.fetchrow("SELECT done_by, outcome FROM tasks WHERE key = 't1'")
    assert tuple(row) == ("dan", "they will clean it")


async def test_a_viewer_sees_tasks_and_does_none(world: World) -> None:
    desk = await Desk.of(world, "vera")
    page = await world.http.get("/task?key=t1", headers=desk.cookie)
    assert "call client" in page.text.lower()
    assert "/task/done" not in page.text
    csrf = re.findall(r'name="csrf" value="([^"]+)"', page.text)[0]
    answer = await world.http.post(
        "/task/done?key=t1", data={"csrf": csrf, "outcome": "x"}, headers=desk.cookie
    )
    assert_problem(answer, 403, "not-allowed")
