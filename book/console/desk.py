"""The provider's users: added, changed, found. Each change is on the audit chain `desk`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import asyncpg
from asyncpg import Connection, Record

from book.incident import audit
from domain.console.desk import Person, Role, rights_of

CHAIN = "desk"
"""The chain of what was done to users and tokens; no incident's name is like it."""


class NoSuchUser(LookupError):
    """There is no user of this name; the message says how one is made."""

    def __init__(self, name: str) -> None:
        super().__init__(f'there is no user "{name}"; make one with `plazo user add`')


class NotChanged(ValueError):
    """The change is refused; the message says why, and what to do."""


@dataclass(frozen=True, kw_only=True)
class User:
    """A user as the desk's leads see them."""

    name: str
    full_name: str
    role: Role
    subject: str | None
    created_at: datetime
    disabled_at: datetime | None
    seen_at: datetime | None
    """When a session of theirs was last used; old sessions are forgotten."""

    @property
    def person(self) -> Person:
        return Person(
            name=self.name,
            full_name=self.full_name,
            role=self.role,
            rights=rights_of(self.role),
        )


_USERS = (
    "SELECT name, full_name, role, subject, created_at, disabled_at,"
    " (SELECT max(seen_at) FROM sessions WHERE person = name) AS seen_at FROM users "
)


async def users(connection: Connection) -> tuple[User, ...]:
    """Everybody, the disabled too, by name."""
    return tuple(_user(row) for row in await connection.fetch(_USERS + "ORDER BY name"))


async def user(connection: Connection, name: str) -> User:
    """Raises NoSuchUser."""
    row = await connection.fetchrow(_USERS + "WHERE name = $1", name)
    if row is None:
        raise NoSuchUser(name)
    return _user(row)


async def by_subject(connection: Connection, subject: str) -> User | None:
    """The user that an OpenID Connect issuer and `sub` stand for."""
    row = await connection.fetchrow(_USERS + "WHERE subject = $1", subject)
    return None if row is None else _user(row)


async def secret_of(connection: Connection, name: str) -> str | None:
    """The Argon2id hash that a user who may sign in is checked against."""
    found: str | None = await connection.fetchval(
        "SELECT secret FROM users WHERE name = $1 AND disabled_at IS NULL", name
    )
    return found


async def add(
    connection: Connection, name: str, full_name: str, role: Role, *, by: str,
    secret: str | None = None, subject: str | None = None,
) -> None:  # fmt: skip
    """Add a user who signs in with a secret (its hash), by sign-on, or both. Raises NotChanged."""
    try:
        async with connection.transaction():
            await connection.execute(
                "INSERT INTO users (name, full_name, role, secret, subject)"
                " VALUES ($1, $2, $3, $4, $5)",
                name, full_name, role, secret, subject,
            )  # fmt: skip
    except asyncpg.UniqueViolationError as error:
        raise NotChanged(f'there is a user "{name}" already, or of this sign-on') from error
    await record(
        connection, "user added", by, user=name, role=role,
        signs_in="by sign-on" if secret is None else "with a secret",
    )  # fmt: skip


async def set_role(connection: Connection, name: str, role: Role, *, by: str) -> None:
    """Raises NoSuchUser; NotChanged where nobody would be left who can administer."""
    before = await _locked(connection, name)
    if before["role"] == Role.LEAD and role is not Role.LEAD:
        await _another_lead(connection, name)
    await connection.execute("UPDATE users SET role = $2 WHERE name = $1", name, role)
    await _sign_out(connection, name)
    await record(connection, "role changed", by, user=name, before=before["role"], role=role)


async def set_secret(connection: Connection, name: str, secret: str, *, by: str) -> None:
    """Keep the hash of a new secret, and end what was begun with the old one. Raises NoSuchUser."""
    await _locked(connection, name)
    await connection.execute("UPDATE users SET secret = $2 WHERE name = $1", name, secret)
    await _sign_out(connection, name)
    await record(connection, "secret changed", by, user=name)


async def rehashed(connection: Connection, name: str, before: str, secret: str) -> None:
    """The same secret, hashed anew by today's parameters."""
    await connection.execute(
        "UPDATE users SET secret = $3 WHERE name = $1 AND secret = $2", name, before, secret
    )


async def disable(connection: Connection, name: str, *, by: str, why: str) -> None:
    """Let a user in no more: their sessions and tokens end now, what they did stays on record.

    Raises NoSuchUser; NotChanged where nobody would be left who can administer.
    """
    before = await _locked(connection, name)
    if before["role"] == Role.LEAD:
        await _another_lead(connection, name)
    await connection.execute(
        "UPDATE users SET disabled_at = coalesce(disabled_at, now()) WHERE name = $1", name
    )
    await connection.execute(
        "UPDATE tokens SET revoked_at = now() WHERE person = $1 AND revoked_at IS NULL", name
    )
    await _sign_out(connection, name)
    await record(connection, "user disabled", by, user=name, why=why)


async def enable(connection: Connection, name: str, *, by: str, why: str) -> None:
    """Let a disabled user in again. Raises NoSuchUser."""
    await _locked(connection, name)
    await connection.execute("UPDATE users SET disabled_at = NULL WHERE name = $1", name)
    await record(connection, "user enabled", by, user=name, why=why)


async def record(connection: Connection, what: str, by: str, **details: str) -> None:
    """Append one thing that was done to the chain `desk`."""
    body: Mapping[str, object] = {
        "kind": "decision",
        "what": what,
        "by": by,
        "reasons": [f"{name}: {value}" for name, value in details.items()],
    }
    await audit.append(connection, CHAIN, [(f"desk:{uuid4()}", body)])


async def _locked(connection: Connection, name: str) -> Record:
    row = await connection.fetchrow("SELECT role FROM users WHERE name = $1 FOR UPDATE", name)
    if row is None:
        raise NoSuchUser(name)
    return row


async def _another_lead(connection: Connection, name: str) -> None:
    """Two leads who disable each other at once wait for each other here."""
    others = await connection.fetch(
        "SELECT name FROM users WHERE role = 'lead' AND disabled_at IS NULL ORDER BY name"
        " FOR UPDATE"
    )
    if not any(row["name"] != name for row in others):
        raise NotChanged(f"{name} is the last lead; make another one first")


async def _sign_out(connection: Connection, name: str) -> None:
    await connection.execute("DELETE FROM sessions WHERE person = $1", name)


def _user(row: Record) -> User:
    return User(**{**row, "role": Role(row["role"])})
