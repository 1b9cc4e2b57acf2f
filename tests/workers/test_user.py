"""Users and tokens from the command line."""

import json
from pathlib import Path

import pytest
from asyncpg import Pool

from book.console import desk, sessions
from domain.console.desk import Right
from gateway.desk import hashing
from tests.workers.command import Plazo


@pytest.fixture
def plazo(tmp_path: Path, dsn: str) -> Plazo:
    return Plazo(home=tmp_path / "home", env={"PLAZO_DATABASE_URL": dsn})


async def test_a_user_is_added_with_a_secret_that_is_never_kept(
    plazo: Plazo, database: Pool
) -> None:
    said = await plazo("user", "add", "ana", "--role", "lead", given=b"correct horse battery\n")
    assert (said.code, said.out) == (0, "ana is a lead.\n")
    async with database.acquire() as connection:
        kept = await desk.secret_of(connection, "ana")
    assert kept is not None
    assert kept.startswith("$argon2id$")
    assert await hashing.fits("correct horse battery", kept)
    [row] = json.loads((await plazo("user", "list", "--json")).out)
    assert (row["name"], row["role"], row["disabled_at"]) == ("ana", "lead", None)


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        ("short\n", "shorter than 12"),
        ("aaaaaaaaaaaaaaaa\n", "easily guessed"),
        ("ana-is-the-best-1\n", "easily guessed"),
        ("\n", "shorter than 12"),
        ("", "shorter than 12"),
    ],
)
async def test_a_secret_that_is_easily_guessed_is_refused(
    plazo: Plazo, secret: str, why: str
) -> None:
    said = await plazo("user", "add", "ana", "--role", "desk", given=secret.encode())
    assert said.code == 1
    assert why in said.err


async def test_a_name_that_could_not_stand_on_record_is_refused(plazo: Plazo) -> None:
    said = await plazo("user", "add", "Ana Ruiz", "--role", "desk", given=b"x\n")
    assert said.code == 2
    assert "is no user name" in said.err.replace("\n", " ")


async def test_who_signs_on_elsewhere_has_no_secret_here(plazo: Plazo, database: Pool) -> None:
    sign_on = "https://identity.example 42"
    assert (await plazo("user", "add", "bo", "--role", "lead", "--sign-on", sign_on)).code == 0
    again = await plazo("user", "add", "cy", "--role", "desk", "--sign-on", sign_on)
    assert (again.code, "already" in again.err) == (1, True)
    async with database.acquire() as connection:
        found = await desk.by_subject(connection, sign_on)
        assert found is not None
        assert found.name == "bo"


async def test_roles_change_and_the_last_lead_stays(plazo: Plazo) -> None:
    await plazo("user", "add", "ana", "--role", "lead", "--sign-on", "x ana")
    refused = await plazo("user", "role", "ana", "desk")
    assert (refused.code, "last lead" in refused.err) == (1, True)
    await plazo("user", "add", "bo", "--role", "lead", "--sign-on", "x bo")
    assert (await plazo("user", "role", "ana", "desk")).out == "ana is a desk now.\n"
    assert (await plazo("user", "disable", "ana", "--reason", "left")).code == 0
    assert (await plazo("user", "enable", "ana", "--reason", "is back")).code == 0
    nobody = await plazo("user", "role", "nobody", "desk")
    assert (nobody.code, "plazo user add" in nobody.err) == (1, True)


async def test_a_token_is_shown_once_and_opens_what_its_scopes_say(
    plazo: Plazo, database: Pool
) -> None:
    await plazo("user", "add", "ana", "--role", "desk", "--sign-on", "x ana")
    made = await plazo("token", "create", "ana", "--label", "board", "--scope", "read")
    token = made.out.strip()
    async with database.acquire() as connection:
        person = await sessions.bearer(connection, token)
        assert person is not None
        assert (person.name, person.rights) == ("ana", frozenset({Right.READ}))
        assert not await database.fetchval("SELECT count(*) FROM tokens WHERE id = $1", token)
    [row] = json.loads((await plazo("token", "list", "--json")).out)
    assert token.startswith(row["id"])
    assert token not in json.dumps(row)
    assert (await plazo("token", "revoke", row["id"])).code == 0
    async with database.acquire() as connection:
        assert await sessions.bearer(connection, token) is None
    assert (await plazo("token", "revoke", row["id"])).code == 1


async def test_a_token_cannot_do_more_than_its_owner(plazo: Plazo) -> None:
    await plazo("user", "add", "ana", "--role", "desk", "--sign-on", "x ana")
    said = await plazo("token", "create", "ana", "--label", "x", "--scope", "settle")
    assert said.code == 1
    assert "can have the scopes act, read" in said.err
