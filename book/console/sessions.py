"""Who is signed in at the console, who has a token, and who has failed to sign in too often."""

import hashlib
import math
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from asyncpg import Connection, Record

from book.console import desk
from domain.console.desk import Person, Right, Role, pause_after, rights_of

LASTS = timedelta(hours=12)
"""A working day and a bit; whoever comes the next day signs in again."""

IDLE = timedelta(hours=2)
"""Without a request a session ends."""

_FORGOTTEN = timedelta(hours=24)
"""After which failures to sign in no longer count."""

_SEEN_EVERY = timedelta(minutes=1)
"""So that a page that looks for news writes once a minute at most."""


@dataclass(frozen=True, kw_only=True)
class Session:
    """A signed-in person, and what each form of theirs has to carry."""

    person: Person
    csrf: str
    ends_at: datetime


@dataclass(frozen=True, kw_only=True)
class Token:
    """An API token as its owner sees it; what it is made of is shown once."""

    id: str
    person: str
    label: str
    scopes: tuple[Right, ...]
    created_at: datetime
    ends_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


# --- sessions -------------------------------------------------------------------------------------


async def begin(connection: Connection, name: str, address: str | None) -> tuple[str, Session]:
    """Sign somebody in: what their cookie carries, and the session. Raises NoSuchUser."""
    person = (await desk.user(connection, name)).person
    token, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(24)
    ends_at = await connection.fetchval(
        "INSERT INTO sessions (hash, person, csrf, ends_at, address)"
        " VALUES ($1, $2, $3, now() + $4, $5) RETURNING ends_at",
        _hash(token), name, csrf, LASTS, address,
    )  # fmt: skip
    await connection.execute("DELETE FROM sessions WHERE ends_at < now() - $1::interval", LASTS)
    await _let_in(connection, name, address)
    return token, Session(person=person, csrf=csrf, ends_at=ends_at)


async def session(connection: Connection, token: str) -> Session | None:
    """The session of a cookie, unless it has ended, idled, or its user may no longer come in."""
    row = await connection.fetchrow(
        "SELECT s.csrf, s.ends_at, s.seen_at < now() - $3::interval AS stale,"
        " u.name, u.full_name, u.role FROM sessions s"
        " JOIN users u ON u.name = s.person WHERE s.hash = $1 AND s.ends_at > now()"
        " AND s.seen_at > now() - $2::interval AND u.disabled_at IS NULL",
        _hash(token), IDLE, _SEEN_EVERY,
    )  # fmt: skip
    if row is None:
        return None
    if row["stale"]:
        await connection.execute(
            "UPDATE sessions SET seen_at = now() WHERE hash = $1", _hash(token)
        )
    role = Role(row["role"])
    return Session(person=_person(row, rights_of(role)), csrf=row["csrf"], ends_at=row["ends_at"])


async def end(connection: Connection, token: str) -> None:
    """Sign out."""
    await connection.execute("DELETE FROM sessions WHERE hash = $1", _hash(token))


# --- sign-ons on their way ------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class SentOff:
    """What a sign-on that comes back is checked against."""

    nonce: str
    verifier: str
    back_to: str


async def sent_off(
    connection: Connection, state: str, nonce: str, verifier: str, to: str, lasts: timedelta
) -> None:
    """Keep what somebody is sent to the issuer with, until they come back."""
    await connection.execute("DELETE FROM sign_ons WHERE ends_at < now()")
    await connection.execute(
        "INSERT INTO sign_ons (state, nonce, verifier, back_to, ends_at)"
        " VALUES ($1, $2, $3, $4, now() + $5)",
        _hash(state), nonce, verifier, to, lasts,
    )  # fmt: skip


async def come_back(connection: Connection, state: str) -> SentOff | None:
    """What a sign-on was sent off with, once; None when it is unknown or too late."""
    row = await connection.fetchrow(
        "DELETE FROM sign_ons WHERE state = $1 RETURNING nonce, verifier, back_to, ends_at > now()"
        " AS in_time",
        _hash(state),
    )
    if row is None or not row["in_time"]:
        return None
    return SentOff(nonce=row["nonce"], verifier=row["verifier"], back_to=row["back_to"])


# --- failures to sign in --------------------------------------------------------------------------


async def may_try(connection: Connection, subjects: Iterable[str]) -> int:
    """Seconds until all of these (`user:NAME`, `address:ADDRESS`) may try to sign in; 0 is now.

    Then the try is counted as a failure at once, so that no crowd of tries slips in beside the
    first; `begin` takes that back.
    """
    names = sorted(subjects)
    async with connection.transaction():
        await connection.execute(
            "DELETE FROM sign_in_failures WHERE last_at < now() - $1::interval", _FORGOTTEN
        )
        await connection.execute(
            "INSERT INTO sign_in_failures (subject, failures, last_at)"
            " SELECT unnest($1::text[]), 0, now() ON CONFLICT DO NOTHING",
            names,
        )
        rows = await connection.fetch(
            "SELECT failures, extract(epoch FROM clock_timestamp() - last_at)::float AS ago"
            " FROM sign_in_failures WHERE subject = ANY ($1) ORDER BY subject FOR UPDATE",
            names,
        )
        left: int = max(math.ceil(pause_after(row["failures"]) - row["ago"]) for row in rows)
        if left > 0:
            return left
        await connection.execute(
            "UPDATE sign_in_failures SET failures = failures + 1, last_at = clock_timestamp()"
            " WHERE subject = ANY ($1)",
            names,
        )
    return 0


async def _let_in(connection: Connection, name: str, address: str | None) -> None:
    """Take back what `may_try` counted: the account's failures end, the address's do not."""
    await connection.execute("DELETE FROM sign_in_failures WHERE subject = $1", f"user:{name}")
    await connection.execute(
        "UPDATE sign_in_failures SET failures = failures - 1 WHERE subject = $1 AND failures > 0",
        f"address:{address}",
    )


# --- tokens ---------------------------------------------------------------------------------------


async def issue(
    connection: Connection, name: str, label: str, scopes: frozenset[Right], *, by: str,
    lasts: timedelta | None,
) -> str:  # fmt: skip
    """Make a token for a user: what they have to send as Bearer, shown this once.

    Raises NoSuchUser; NotChanged for a scope that the user's role has not.
    """
    owner = await desk.user(connection, name)
    if owner.disabled_at is not None:
        raise desk.NotChanged(f"{name} is disabled; a token would open nothing")
    beyond = scopes - rights_of(owner.role)
    if beyond or not scopes:
        allowed = ", ".join(sorted(rights_of(owner.role)))
        raise desk.NotChanged(f"a token of a {owner.role} can have the scopes {allowed}")
    public, token = f"plazo_{secrets.token_hex(4)}", secrets.token_urlsafe(32)
    whole = f"{public}_{token}"
    await connection.execute(
        "INSERT INTO tokens (id, hash, person, label, scopes, ends_at)"
        " VALUES ($1, $2, $3, $4, $5, now() + $6::interval)",
        public, _hash(whole), name, label, sorted(scopes), lasts,
    )  # fmt: skip
    await desk.record(
        connection, "token made", by, token=public, user=name, scopes=", ".join(sorted(scopes))
    )
    return whole


async def bearer(connection: Connection, token: str) -> Person | None:
    """Whose token this is, with the rights that it carries and its owner still has."""
    row = await connection.fetchrow(
        "SELECT u.name, u.full_name, u.role, t.scopes, t.id, (t.last_used_at IS NULL"
        " OR t.last_used_at < now() - $2::interval) AS stale FROM tokens t"
        " JOIN users u ON u.name = t.person WHERE t.hash = $1 AND t.revoked_at IS NULL"
        " AND (t.ends_at IS NULL OR t.ends_at > now()) AND u.disabled_at IS NULL",
        _hash(token), _SEEN_EVERY,
    )  # fmt: skip
    if row is None:
        return None
    if row["stale"]:
        await connection.execute("UPDATE tokens SET last_used_at = now() WHERE id = $1", row["id"])
    scopes = frozenset(map(Right, row["scopes"]))
    return _person(row, rights_of(Role(row["role"])) & scopes)


async def tokens(connection: Connection, name: str | None = None) -> tuple[Token, ...]:
    """A user's tokens, or everybody's; the latest first."""
    rows = await connection.fetch(
        "SELECT id, person, label, scopes, created_at, ends_at, last_used_at, revoked_at"
        " FROM tokens WHERE $1::text IS NULL OR person = $1 ORDER BY created_at DESC, id",
        name,
    )
    return tuple(Token(**{**row, "scopes": tuple(map(Right, row["scopes"]))}) for row in rows)


async def revoke(connection: Connection, token: str, *, by: str, owner: str | None = None) -> None:
    """End a token by its public beginning; only `owner`'s where one is given. Raises NotChanged."""
    revoked = await connection.fetchval(
        "UPDATE tokens SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL"
        " AND ($2::text IS NULL OR person = $2) RETURNING person",
        token, owner,
    )  # fmt: skip
    if revoked is None:
        raise desk.NotChanged(f'there is no token "{token}" that is in force')
    await desk.record(connection, "token revoked", by, token=token, user=revoked)


def _person(row: Record, rights: frozenset[Right]) -> Person:
    return Person(
        name=row["name"], full_name=row["full_name"], role=Role(row["role"]), rights=rights
    )


def _hash(token: str) -> bytes:
    """Tokens are 256 random bits: a plain hash keeps them as well as a slow one."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
