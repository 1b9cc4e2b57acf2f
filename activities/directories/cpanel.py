"""Accounts of a cPanel server, by WHM API 1 (api.docs.cpanel.net): listaccts, gethostname, listips.

Each account of the provider's own is a client. One that a reseller owns is a customer of theirs,
and not ours to act upon or write to: it is passed over. An address that one account alone has, and
that is not the server's own, is that account's.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from activities.directories.http import Asking, asking
from activities.directories.port import Directory, NotListed, register, secret
from domain.clientele.listed import Listed, Rented
from domain.clientele.sources import Source

_CHUNK = 500
_NO_CONTACT = ("*unknown*", "")
"""What WHM writes for an account without an address to write to."""


class CPanel:
    """At the source's address, `https://HOST:2087`, with a WHM API token."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def listed(self) -> tuple[Listed, ...]:
        token = secret(self._source.key, "a WHM API token")
        headers = {"Authorization": f"whm {self._source.user}:{token}"}
        where = self._source.address
        async with asking(
            f"WHM at {where}", headers=headers, authority=self._source.authority
        ) as asked:
            calls = _Calls(asked, where)
            server = str((await calls.ask("gethostname")).get("hostname", ""))
            mains = {_text(each, "ip") for each in await calls.rows("listips", "ip")
                     if _text(each, "mainaddr") == "1"}  # fmt: skip
            accounts = await calls.accounts()
        shared = Counter(address for each in accounts for address in _addresses(each))
        ours = ("root", self._source.user)
        found = []
        for each in accounts:
            if _text(each, "owner") in (*ours, _text(each, "user")):
                own = [a for a in _addresses(each) if shared[a] == 1 and a not in mains]
                found.append(_listed(each, server, own))
        return tuple(found)


class _Calls:
    """The functions. All raise NotListed."""

    def __init__(self, asked: Asking, where: str) -> None:
        self._asked = asked
        self._where = where

    async def accounts(self) -> list[dict[str, Any]]:
        """All that the token may see, chunk by chunk."""
        found: dict[str, dict[str, Any]] = {}
        while True:
            chunk = {
                "api.chunk.enable": "1", "api.chunk.size": str(_CHUNK),
                "api.chunk.start": str(len(found) + 1),
            }  # fmt: skip
            page = await self.rows("listaccts", "acct", **chunk)
            before = len(found)
            found |= {_text(each, "user"): each for each in page}
            # A server that knows no chunks gives all of them, and the same again.
            if len(page) < _CHUNK or len(found) == before:
                return list(found.values())

    async def rows(self, function: str, name: str, **given: str) -> list[dict[str, Any]]:
        data = await self.ask(function, **given)
        rows = data.get(name, [])
        if not isinstance(rows, list) or not all(isinstance(each, dict) for each in rows):
            raise self._asked.strange(f"{function} has no list of {name}")
        return rows

    async def ask(self, function: str, **given: str) -> dict[str, Any]:
        answer = await self._asked.ask(
            "GET", f"{self._where}/json-api/{function}", params={"api.version": "1", **given}
        )
        if answer.status_code in (401, 403):
            raise NotListed(
                f"WHM refused the token for {function}; check it in Manage API Tokens: it has to "
                "list accounts and addresses"
            )
        try:
            content = answer.json()
            metadata, data = content["metadata"], content.get("data") or {}
            done, reason = int(metadata["result"]), str(metadata.get("reason", ""))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            # The login page, most of all, which has the status 200 as well.
            raise self._asked.strange(f"{function}: no WHM API 1") from error
        if done != 1:
            raise NotListed(f"WHM refused {function}: {' '.join(reason.split())[:200]}")
        if not isinstance(data, dict):
            raise self._asked.strange(f"{function}: data is no object")
        return data


def _listed(account: Mapping[str, Any], server: str, addresses: list[str]) -> Listed:
    user, domain = _text(account, "user"), _text(account, "domain")
    contact = _text(account, "email")
    said = f"account {user} ({domain})"
    return Listed(
        ref=user,
        said=said,
        name=domain,
        company=False,
        contact="" if contact in _NO_CONTACT else contact,
        rented=(
            Rented(
                ref=user,
                said=said,
                products=tuple(each for each in (_text(account, "plan"),) if each),
                server=server,
                account=user,
                addresses=tuple(addresses),
            ),
        ),
    )


def _addresses(account: Mapping[str, Any]) -> list[str]:
    """Its IPv4 address, and its IPv6 ones, which are a list or nothing."""
    more = account.get("ipv6")
    found = [_text(account, "ip"), *(map(str, more) if isinstance(more, list) else ())]
    return [each for each in found if each]


def _text(entry: Mapping[str, Any], name: str) -> str:
    value = entry.get(name)
    return "" if value is None else str(value).strip()


@register("cpanel")
def cpanel(source: Source) -> Directory:
    return CPanel(source)
