"""What users sign in with, kept as Argon2id (RFC 9106) and checked without stopping the gateway."""

import asyncio
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_HASHER = PasswordHasher()
"""RFC 9106 §4's second recommended option (64 MiB), argon2-cffi's own choice."""

_AT_ONCE = asyncio.Semaphore(2)
"""Each takes 64 MiB and a core for its time: a crowd at the door waits."""


@cache
def _nobodys() -> str:
    """Checked for those who do not exist, so that their absence takes as long."""
    return _HASHER.hash("nobody signs in with this")


async def hashed(secret: str) -> str:
    """The PHC string to keep."""
    async with _AT_ONCE:
        return await asyncio.to_thread(_HASHER.hash, secret)


async def fits(secret: str, kept: str | None) -> bool:
    """Whether somebody signs in with what was kept; never where nothing was."""
    async with _AT_ONCE:
        fit = await asyncio.to_thread(_fits, secret, kept or _nobodys())
    return fit and kept is not None


def outdated(kept: str) -> bool:
    """Whether a hash was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(kept)


def _fits(secret: str, kept: str) -> bool:
    try:
        return _HASHER.verify(kept, secret)
    except (VerificationError, InvalidHashError):
        return False
