"""A stolen key at every route of the agents' interface: another host's things stay as they are."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute

from gateway.agents import router
from tests.gateway.world import HOLD, INCIDENT, World

HOSTILE = ("m1", "mx1", "m1' OR '1'='1", "../mx1\r\nX-Host: mx1", "%", "m1\u0000", "x" * 5_000)
"""What is put in the place of each value, beside what is no text."""
NO_TEXT: tuple[Any, ...] = (-1, 2**70, None, {"key": "m1"})
MOMENT = "2026-01-01T00:00:00Z"
MESSAGE: dict[str, Any] = {
    "queue_id": "ABC12", "sender": "a@shop.example", "recipients": 1, "bytes": 1,
    "arrived_at": MOMENT, "fate": None,
}  # fmt: skip
OBSERVATION: dict[str, Any] = {
    "key": "m1", "observed": "lifted", "detail": "", "relayed": 0, "messages": [MESSAGE],
    "counts": {"held": 0, "delivered": 0, "discarded": 0, "kept": 0}, "counter": "",
}  # fmt: skip
DETECTION: dict[str, Any] = {
    "id": "d1", "domain": "shop.example", "began_at": MOMENT, "seen_at": MOMENT, "sent_at": MOMENT,
    "new": 1, "messages": 1, "copies": 1, "distinct": 1, "judged": 1, "rejected": 0, "deferred": 0,
    "waiting": None, "address": None, "reasons": ["much"],
}  # fmt: skip
SAID: dict[tuple[str, str], Any] = {
    ("GET", "/v1/agent/desired"): {"after": 0, "wait": 0},
    ("POST", "/v1/agent/observations"): {"observations": [OBSERVATION]},
    ("POST", "/v1/agent/detections"): DETECTION,
    ("POST", "/v1/agent/refusals"): {
        "id": "r1", "receiver": "google-mail", "address": "192.0.2.7", "began_at": MOMENT,
        "refused_at": MOMENT, "refused": 1, "host": "mx.google.com", "accepted_at": None,
        "said": "550-5.7.1 our system has detected an unusual rate of unsolicited mail",
    },
}  # fmt: skip


def test_every_route_is_attacked() -> None:
    known = {
        (method, route.path)
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    assert known == SAID.keys()


def spoilt(said: Any, bad: Any) -> Iterator[Any]:
    """What is said with one of its values, however deep, replaced; then with one name more."""
    if isinstance(said, dict):
        for name, value in said.items():
            for other in spoilt(value, bad):
                yield {**said, name: other}
        yield {**said, "host": "mx1"}
    elif isinstance(said, list):
        for number, value in enumerate(said):
            for other in spoilt(value, bad):
                yield [*said[:number], other, *said[number + 1 :]]
    else:
        yield bad


async def standing(world: World) -> str:
    """All that the book has of the other host, as text."""
    tables = {
        "hosts": "id = 'mx1'", "measures": "host = 'mx1'", "incidents": "true",
        "held_messages": "true", "services": "host = 'mx1'", "ledger": "true",
    }  # fmt: skip
    rows = {
        table: await world.pool.fetch(
            f"SELECT to_jsonb(t) - 'seen_at' AS row FROM {table} t WHERE {which} ORDER BY 1"
        )
        for table, which in tables.items()
    }
    return repr({table: [str(row["row"]) for row in found] for table, found in rows.items()})


@pytest.mark.parametrize(("method", "path"), SAID)
async def test_a_stolen_key_sees_and_changes_nothing_of_another_host(
    world: World, method: str, path: str
) -> None:
    await world.report()
    await world.impose(INCIDENT)
    stolen, before = await world.key_of("mx2"), await standing(world)
    attempts = [json.dumps(SAID[method, path])] + [
        json.dumps(each) for bad in (*HOSTILE, *NO_TEXT) for each in spoilt(SAID[method, path], bad)
    ]
    for attempt in attempts:
        if method == "GET":
            given = {name: str(value) for name, value in json.loads(attempt).items()}
            answer = await world.http.get(path, params=given, headers=stolen)
        else:
            answer = await world.http.post(path, content=attempt, headers=stolen)
        assert answer.status_code < 500, (attempt, answer.text)
        told = answer.text.replace(HOLD.targets[0], "TARGET") if method == "GET" else ""
        assert "TARGET" not in told
        assert '"m1"' not in told
    assert await standing(world) == before


@pytest.mark.parametrize(("method", "path"), SAID)
@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer  ",
        "Bearer mx1",
        "Basic bXgxOm14MQ==",
        "Bearer plazo_host_' OR ''='",
    ],
)
async def test_without_a_key_nothing_is_said_and_nothing_kept(
    world: World, method: str, path: str, header: str | None
) -> None:
    await world.report()
    await world.impose(INCIDENT)
    before = await standing(world)
    headers = {} if header is None else {"Authorization": header}
    said = SAID[method, path]
    answer = await world.http.request(
        method, path, headers=headers, **({"params": said} if method == "GET" else {"json": said})
    )
    assert answer.status_code == 401
    assert await standing(world) == before
