"""Who is let in where: every route of the application, against everybody who might come.

A new route is a new line of the table, or a test here fails.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Any

import httpx
import pytest

from domain.console.desk import Right
from tests.gateway.test_api_incidents import a_token
from tests.gateway.test_desk import a_full_incident
from tests.gateway.world import INCIDENT, World, a_report, portal, signed

TABLE = """
GET    /                                          session
GET    /clients                                   session
GET    /clients/{client}                          session
GET    /incidents/{incident}                      session
GET    /incidents/{incident}/do/{act}             session that may act
POST   /incidents/{incident}/do/{act}             session that may act
GET    /letter                                    session
GET    /report                                    session
GET    /chain/{chain}                             session
GET    /addresses/{subject}                       session
GET    /billing                                   session
GET    /people                                    session
GET    /people/{change}                           session
POST   /people/{change}                           session
GET    /incidents/{incident}/links                session that may act
POST   /incidents/{incident}/links                session that may act
GET    /task                                      session
POST   /task/done                                 session that may act
POST   /task/take                                 session that may act
GET    /tasks                                     session
POST   /sign-out                                  session
GET    /sign-in                                   anybody
POST   /sign-in                                   secret
GET    /sign-on                                   anybody
GET    /sign-on/return                            anybody

GET    /c/{token}                                 portal
POST   /c/{token}/acknowledge                     portal
POST   /c/{token}/fixed                           portal
POST   /c/{token}/contest                         portal
POST   /c/{token}/kept-mail                       portal
POST   /c/{token}/dispute                         portal

GET    /v1/agent/desired                          host
POST   /v1/agent/detections                       host
POST   /v1/agent/observations                     host
POST   /v1/agent/refusals                         host
POST   /v1/reports                                reporter

GET    /v1/me                                     token
GET    /v1/incidents                              read
GET    /v1/incidents/{incident}                   read
GET    /v1/incidents/{incident}/timeline          read
GET    /v1/incidents/{incident}/record            read
GET    /v1/incidents/{incident}/picture           read
GET    /v1/incidents/{incident}/acts              read
POST   /v1/incidents/{incident}/acts/acknowledge  act
POST   /v1/incidents/{incident}/acts/fixed        act
POST   /v1/incidents/{incident}/acts/contest      act
POST   /v1/incidents/{incident}/acts/kept_mail    act
POST   /v1/incidents/{incident}/revoke-links      act
POST   /v1/incidents/{incident}/acts/extend       act
POST   /v1/incidents/{incident}/acts/shorten      act
POST   /v1/incidents/{incident}/acts/escalate     act
POST   /v1/incidents/{incident}/acts/release      act
POST   /v1/incidents/{incident}/acts/dispute      act
POST   /v1/incidents/{incident}/acts/false_positive  act
POST   /v1/incidents/{incident}/acts/call_outcome  act
POST   /v1/incidents/{incident}/acts/waive        settle
POST   /v1/incidents/{incident}/acts/credit       settle
POST   /v1/incidents/{incident}/acts/settle       settle
POST   /v1/incidents/{incident}/acts/close        settle
GET    /v1/tasks                                  read
GET    /v1/tasks/{key:path}                       read
POST   /v1/tasks/{key:path}/take                  act
POST   /v1/tasks/{key:path}/reassign              act
POST   /v1/tasks/{key:path}/done                  act
GET    /v1/clients                                read
GET    /v1/clients/{client}                       read
GET    /v1/campaigns                              read
POST   /v1/campaigns                              act
GET    /v1/campaigns/{number}                     read
POST   /v1/campaigns/{number}/withdraw            act
GET    /v1/listings/{subject}                     read
GET    /v1/billing/entries                        read
GET    /v1/billing/charges                        read
GET    /v1/billing/charges/{key:path}             read
GET    /v1/billing/balances/{client}              read
GET    /v1/billing/deliveries                     read
POST   /v1/billing/deliveries/retry               settle
GET    /v1/reports                                read
GET    /v1/reports/{report:path}                  read
GET    /v1/reports/{report:path}/evidence         act
GET    /v1/users                                  administer
POST   /v1/users                                  administer
GET    /v1/users/{name}                           administer
PUT    /v1/users/{name}/role                      administer
PUT    /v1/users/{name}/secret                    administer
POST   /v1/users/{name}/disable                   administer
POST   /v1/users/{name}/enable                    administer
GET    /v1/tokens                                 administer
POST   /v1/tokens                                 administer
DELETE /v1/tokens/{token}                         administer

GET    /healthz                                   anybody
GET    /readyz                                    anybody
GET    /metrics                                   anybody
GET    /openapi.json                              anybody
HEAD   /openapi.json                              anybody
GET    /style.css                                 anybody
GET    /clock.js                                  anybody
GET    /desk.js                                   anybody
GET    /favicon.ico                               anybody
"""

LINES = {
    (method, path): door.strip()
    for method, path, door in (line.split(maxsplit=2) for line in TABLE.splitlines() if line)
}

SESSIONS = {"viewer's session": "vera", "desk's session": "dan", "lead's session": "luz"}
TOKENS = {
    "lead's token to read": ("luz", (Right.READ,)),
    "lead's token to act": ("luz", (Right.ACT,)),
    "lead's token to settle": ("luz", (Right.SETTLE,)),
    "lead's token to administer": ("luz", (Right.ADMINISTER,)),
    "viewer's token": ("vera", (Right.READ,)),
    "desk's token": ("dan", (Right.READ, Right.ACT)),
}
EVERYBODY = [
    "nobody", *SESSIONS, *TOKENS, "a host's key", "a reporter's signature", "the client's link",
    "another client's link",
]  # fmt: skip

LETS_IN = {
    "anybody": EVERYBODY,
    "secret": [],
    "session": [*SESSIONS],
    "session that may act": ["desk's session", "lead's session"],
    "token": [*TOKENS],
    "read": [who for who, (_, scopes) in TOKENS.items() if Right.READ in scopes],
    "act": [who for who, (_, scopes) in TOKENS.items() if Right.ACT in scopes],
    "settle": ["lead's token to settle"],
    "administer": ["lead's token to administer"],
    "host": ["a host's key"],
    "reporter": ["a reporter's signature"],
    "portal": ["the client's link", "another client's link"],
}
"""Whom each door opens to."""

OTHERS = {"portal": 404}
"""What the rest is told: 401; 404 where the address itself is the key."""

KNOWN_BUT: dict[str, Collection[str]] = {
    "session that may act": SESSIONS,
    "read": TOKENS, "act": TOKENS, "settle": TOKENS, "administer": TOKENS,
}  # fmt: skip
"""Who is known at a door that does not open to them: 403."""


def every_route(app: Any) -> Iterator[tuple[str, str]]:
    """Each method and path of an application, those of included routers too."""
    yield from _routes(app.routes, "")


def _routes(routes: Iterable[Any], prefix: str) -> Iterator[tuple[str, str]]:
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from _routes(included.routes, prefix + route.include_context.prefix)
        else:
            yield from ((method, prefix + route.path) for method in route.methods or ("ANY",))


def expected(door: str, who: str) -> set[int] | None:
    """The status that somebody gets at a door; None where they are let in."""
    if who in LETS_IN[door]:
        return None
    if who in KNOWN_BUT.get(door, ()):
        return {403}
    # Who tries to sign in too often waits.
    return {OTHERS.get(door, 401)} | ({429} if door == "secret" else set())


PLACES = {
    "{client}": "ejemplo",
    "{incident}": INCIDENT,
    "{act}": "release",
    "{key:path}": "t1",
    "{number}": "1",
    "{subject}": "192.0.2.7",
    "{chain}": INCIDENT,
    "{change}": "revoke",
    "{report:path}": "fbl/msg-2/0",
    "{name}": "vera",
}


class Visitor:
    """Somebody who comes with what they have."""

    def __init__(self, world: World, who: str, headers: dict[str, str], link: str) -> None:
        self.world, self.who, self.headers = world, who, headers
        self.link = link

    async def ask(self, method: str, path: str) -> httpx.Response:
        headers, sent = dict(self.headers), dict[str, Any]()
        for place, value in PLACES.items():
            path = path.replace(place, value)
        path = path.replace("{token}", self.link if path.startswith("/c/") else "plazo_none")
        if self.who in SESSIONS:
            headers |= await self.world.cookie(SESSIONS[self.who])
            csrf = await self.world.pool.fetchval(
                "SELECT csrf FROM sessions ORDER BY began_at DESC LIMIT 1"
            )
            sent = {"data": {"csrf": csrf}}
        elif path.startswith("/v1/") and path != "/v1/reports":
            sent = {"json": {}}
        else:
            sent = {"data": {}}
        if path == "/v1/reports" and method == "POST":
            content = a_report("192.0.2.7")
            path, sent = "/v1/reports?reporter=fbl", {"content": content}
            if self.who == "a reporter's signature":
                headers = signed(content, "msg-9")
        if path.startswith("/task/"):
            path += "?key=t1"
        if method not in ("POST", "PUT"):
            sent = {}
        return await self.world.http.request(method, path, headers=headers, **sent)


async def visitors(world: World) -> dict[str, Visitor]:
    """Everybody. Clients also try their links' keys where others have tokens and cookies."""
    mine, theirs = (
        portal(incident).removeprefix("/c/") for incident in (INCIDENT, "incident-vps-2-1")
    )
    forged = f"{INCIDENT}.{theirs.rpartition('.')[2]}"
    headers: dict[str, dict[str, str]] = {
        "nobody": {},
        **{who: {} for who in SESSIONS},
        **{who: await a_token(world, user, *scopes) for who, (user, scopes) in TOKENS.items()},
        "a host's key": await world.key_of("mx1"),
        "a reporter's signature": signed(b"{}", "msg-8"),
        "the client's link": {"Authorization": f"Bearer {mine}", "Cookie": f"plazo={mine}"},
        "another client's link": {"Authorization": f"Bearer {theirs}", "Cookie": f"plazo={theirs}"},
    }
    links = {"the client's link": mine, "another client's link": theirs}
    return {who: Visitor(world, who, headers[who], links.get(who, forged)) for who in EVERYBODY}


def test_every_route_has_its_line(world: World) -> None:
    assert set(every_route(world.app)) == set(LINES)


@pytest.mark.parametrize("door", LETS_IN)
async def test_a_door_opens_to_whom_the_table_says_and_to_nobody_else(
    world: World, door: str
) -> None:
    await a_full_incident(world)
    everybody = await visitors(world)
    wrong = []
    for (method, path), its_door in LINES.items():
        if its_door != door:
            continue
        for who, visitor in everybody.items():
            status = (await visitor.ask(method, path)).status_code
            allowed = expected(door, who)
            if allowed is None and (status in (401, 403) or status >= 500):
                wrong.append(f"{method} {path} did not let {who} in: {status}")
            elif allowed is not None and status not in allowed:
                wrong.append(f"{method} {path} told {who} {status}, not {allowed}")
    assert not wrong, "\n".join(wrong)


async def test_a_clients_link_opens_its_own_incident_only(world: World) -> None:
    await a_full_incident(world)
    everybody = await visitors(world)
    mine, theirs = everybody["the client's link"], everybody["another client's link"]
    assert "shop.example" in (await mine.ask("GET", "/c/{token}")).text
    seen = (await theirs.ask("GET", "/c/{token}")).text
    assert "vps-2" in seen
    assert "shop.example" not in seen
    assert INCIDENT not in seen
    assert (await theirs.ask("POST", "/c/{token}/acknowledge")).status_code == 200
    assert [incident for incident, *_ in world.incidents.acts] == ["incident-vps-2-1"]
    assert (await everybody["nobody"].ask("GET", "/c/{token}")).status_code == 404
