"""WHM API 1 (https://api.docs.cpanel.net/whm/introduction): the few functions that measures need.

They act on whole cPanel accounts. What the API can do to one address of an account has no name
here, and no text from outside ever chooses the function: `Function` is the whole vocabulary.
"""

import os
import re
import ssl
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import httpx

_SECONDS = httpx.Timeout(30.0, connect=10.0)
"""A queue of 100,000 messages takes WHM some seconds to list."""

_ACCOUNT = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
"""Never an `@`: to Exim's list of held senders an address would be one more name."""
_DOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})+")
_TOKEN = re.compile(r"[A-Za-z0-9]{10,200}")
_LONGEST_REASON = 300


class WhmDown(Exception):
    """WHM gave no usable answer; the same call is worth repeating later."""


class TokenRefused(WhmDown):
    """WHM does not take the token, or it lacks a privilege; make another in Manage API Tokens."""


class NoToken(Exception):
    """The file with the token is not where it has to be; put it there, and it is tried again."""


class WhmRefused(Exception):
    """WHM understood the call and did not do it; the message has its reason."""


class Function(StrEnum):
    """Everything that this program can ask of WHM."""

    HOLD = "hold_outgoing_email"
    RELEASE = "release_outgoing_email"
    SUSPEND = "suspend_outgoing_email"
    UNSUSPEND = "unsuspend_outgoing_email"
    SUMMARY = "accountsummary"
    OWNER = "getdomainowner"
    DOMAINS = "get_domain_info"
    QUEUE = "fetch_mail_queue"


@dataclass(frozen=True, kw_only=True)
class Summary:
    """How an account's outgoing mail stands."""

    held: bool
    suspended: bool


@dataclass(frozen=True, kw_only=True)
class Whm:
    """One server's API, with a token that is read anew each time, so that it can be replaced.

    `user` is root, or a reseller with the privileges for its own accounts. `authority` has the
    certificates to trust where WHM's own is from no public authority.
    """

    host: str
    port: int
    user: str
    token: Path
    authority: Path

    @asynccontextmanager
    async def calls(self) -> AsyncIterator["Calls"]:
        """Calls over one connection. Raises NoToken."""
        headers = {"Authorization": f"whm {self.user}:{_token(self.token)}"}
        trusted = str(self.authority) if self.authority.exists() else None
        try:
            context = ssl.create_default_context(cafile=trusted)
        except (ssl.SSLError, OSError) as error:
            raise NoToken(
                f"{self.authority} has no certificate in PEM; mend or remove it"
            ) from error
        where = f"https://{self.host}:{self.port}/json-api/"
        async with httpx.AsyncClient(
            base_url=where, headers=headers, verify=context, timeout=_SECONDS, trust_env=False
        ) as client:
            yield Calls(client, f"{self.host}:{self.port}")


class Calls:
    """The functions. All raise WhmDown (TokenRefused) or WhmRefused."""

    def __init__(self, client: httpx.AsyncClient, where: str) -> None:
        self._client = client
        self._where = where

    async def hold(self, account: str) -> None:
        """Queue what the account sends to other servers; held already is no error."""
        await self._ask(Function.HOLD, user=account_name(account))

    async def release(self, account: str) -> None:
        """Deliver what is queued, and what the account sends from now on."""
        await self._ask(Function.RELEASE, user=account_name(account))

    async def suspend(self, account: str) -> None:
        """Refuse what the account sends."""
        await self._ask(Function.SUSPEND, user=account_name(account))

    async def unsuspend(self, account: str) -> None:
        """Take again what the account sends."""
        await self._ask(Function.UNSUSPEND, user=account_name(account))

    async def summary(self, account: str) -> Summary:
        data = await self._ask(Function.SUMMARY, user=account_name(account))
        try:
            [found] = data["acct"]
            return Summary(
                held=_flag(found["outgoing_mail_hold"]),
                suspended=_flag(found["outgoing_mail_suspended"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise self._strange(Function.SUMMARY, error) from error

    async def owner(self, domain: str) -> str | None:
        """The account that has the domain; None if none of this user's has."""
        data = await self._ask(Function.OWNER, domain=domain_name(domain))
        found = data.get("user")
        return None if found is None else account_name(str(found))

    async def domains(self, account: str) -> tuple[str, ...]:
        """All domains of an account, in alphabetical order."""
        data = await self._ask(
            Function.DOMAINS,
            **{
                "api.filter.enable": "1", "api.filter.a.field": "user",
                "api.filter.a.type": "eq", "api.filter.a.arg0": account_name(account),
            },
        )  # fmt: skip
        try:
            # Servers older than filters answer with everybody's.
            rows = [row for row in data["domains"] if row["user"] == account]
            return tuple(sorted({str(row["domain"]).lower() for row in rows}))
        except (KeyError, TypeError) as error:
            raise self._strange(Function.DOMAINS, error) from error

    async def queue(self) -> list[object]:
        """A record of each message in the server's queue, as WHM has it."""
        data = await self._ask(Function.QUEUE)
        try:
            return list(data["records"])
        except (KeyError, TypeError) as error:
            raise self._strange(Function.QUEUE, error) from error

    async def _ask(self, function: Function, **arguments: str) -> dict[str, Any]:
        try:
            answer = await self._client.get(function, params={"api.version": "1", **arguments})
        except httpx.HTTPError as error:
            words = str(error) or type(error).__name__
            raise WhmDown(f"WHM on {self._where} cannot be reached: {words}") from error
        if answer.status_code in (401, 403):
            raise TokenRefused(
                f"WHM on {self._where} refused the token for {function}; check it and its "
                "privileges in Manage API Tokens"
            )
        if answer.status_code != 200:
            raise WhmDown(f"WHM on {self._where} answered {function} with {answer.status_code}")
        return self._data(function, answer)

    def _data(self, function: Function, answer: httpx.Response) -> dict[str, Any]:
        try:
            content = answer.json()
            metadata = content["metadata"]
            done, reason = int(metadata["result"]), str(metadata.get("reason", ""))
            data = content.get("data") or {}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            # The login page, most of all, which has the status 200 as well.
            raise self._strange(function, error) from error
        if done != 1:
            words = " ".join(reason.split())[:_LONGEST_REASON] or "no reason given"
            raise WhmRefused(f"WHM on {self._where} refused {function}: {words}")
        if not isinstance(data, dict):
            raise self._strange(function, TypeError("data is no object"))
        return data

    def _strange(self, function: Function, error: Exception) -> WhmDown:
        return WhmDown(
            f"WHM on {self._where} answered {function} with something else than WHM API 1 has "
            f"({type(error).__name__})"
        )


def account_name(name: str) -> str:
    """The name as it is. Raises ValueError for what is no account that may be acted upon."""
    if _ACCOUNT.fullmatch(name) is None or name == "root":
        raise ValueError(f'"{name[:60]}" is no cPanel account')
    return name


def domain_name(name: str) -> str:
    """The name in lower case. Raises ValueError."""
    if _DOMAIN.fullmatch(name.lower()) is None:
        raise ValueError(f'"{name[:60]}" is no domain name in ASCII letters')
    return name.lower()


def _flag(value: object) -> bool:
    """0 or 1, which older servers write as text."""
    return int(str(value)) != 0


def _token(file: Path) -> str:
    try:
        # Opened once: what was checked is what is read.
        with file.open() as opened:
            mode = stat.S_IMODE(os.fstat(opened.fileno()).st_mode)
            token = opened.read(300).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise NoToken(f"{file} cannot be read; put the WHM API token there, mode 0600") from error
    if mode & 0o077:
        raise NoToken(f"{file} can be read by others; chmod 600 it, and make a new token")
    if _TOKEN.fullmatch(token) is None:
        raise NoToken(f"{file} has no WHM API token: letters and digits on one line")
    return token
