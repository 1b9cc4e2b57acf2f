"""The provider's own people: who may look, who may act, who decides on money, ends and accounts."""

import re
from dataclasses import dataclass
from enum import StrEnum

from domain.incident import Act


class Right(StrEnum):
    """What somebody at the desk may do. A token's scopes are some of its owner's rights."""

    READ = "read"
    ACT = "act"
    """Do to an incident what its stage admits, and see to tasks."""
    SETTLE = "settle"
    """Decide on money, and end an incident by hand."""
    ADMINISTER = "administer"
    """Users, their roles, and everybody's tokens."""


class Role(StrEnum):
    """What a user is."""

    VIEWER = "viewer"
    DESK = "desk"
    LEAD = "lead"


_RIGHTS = {
    Role.VIEWER: frozenset({Right.READ}),
    Role.DESK: frozenset({Right.READ, Right.ACT}),
    Role.LEAD: frozenset(Right),
}
_FOR_LEADS = frozenset({Act.WAIVE, Act.CREDIT, Act.SETTLE, Act.CLOSE})


def rights_of(role: Role) -> frozenset[Right]:
    """All that a role may do."""
    return _RIGHTS[role]


def right_for(act: Act) -> Right:
    """What somebody must have to do this to an incident."""
    return Right.SETTLE if act in _FOR_LEADS else Right.ACT


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who has signed in, by a session or by a token. `name` is what goes on record."""

    name: str
    full_name: str
    role: Role
    rights: frozenset[Right]
    """Of the role; by a token those of its scopes only."""

    def may(self, right: Right) -> bool:
        return right in self.rights


_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")

SHORTEST_SECRET = 12
"""Characters (NIST SP 800-63B-4 §3.1.1.2 asks for 15 where nothing else guards the door; here
every failure costs the next attempt time)."""

LONGEST_SECRET = 1_024
"""Characters: hashing is not free, and anybody may try."""


def checked_name(name: str) -> str:
    """A user's name as it goes on record. Raises ValueError."""
    if not _NAME.fullmatch(name):
        raise ValueError(
            f'"{name[:80]}" is no user name: up to 64 lower-case letters, digits and . _ - in it'
        )
    return name


def checked_secret(secret: str, name: str) -> str:
    """What somebody chose to sign in with. Raises ValueError when it is easily guessed."""
    if len(secret) < SHORTEST_SECRET:
        raise ValueError(f"it is shorter than {SHORTEST_SECRET} characters")
    if len(secret) > LONGEST_SECRET:
        raise ValueError(f"it is longer than {LONGEST_SECRET:,} characters")
    if len(set(secret)) < 5 or name.lower() in secret.lower():
        raise ValueError("it is easily guessed: more kinds of characters, and not the user's name")
    return secret


def pause_after(failures: int) -> int:
    """Seconds for which an account, or an address, is not let in after so many failures in a row.

    Five are free; then a second, and twice as long each time, up to a quarter of an hour. Whoever
    keeps failing for somebody else's account must not keep them out for a day.
    """
    return 0 if failures < 5 else int(min(2 ** (failures - 5), 900))
