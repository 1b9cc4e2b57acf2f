"""Clients from WHMCS (developers.whmcs.com/api-reference): GetClients, GetClientsProducts.

The API's role needs those two and GetClientsDetails, which alone tells country and phone. Names
come with HTML's own spellings (`&amp;`), and an empty list as "" or not at all.
"""

import asyncio
import html
import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from activities.directories.http import Asking, asking
from activities.directories.port import Directory, NotListed, register, secret
from domain.clientele.listed import Listed, Rented
from domain.clientele.sources import Source

_PAGE = 250
_TRIES = 3
"""For a list that somebody changes while its pages are read."""

_AT_ONCE = 4
"""Clients whose details are asked for at the same time: WHMCS answers each from PHP and MySQL."""

_RENTED = ("Active", "Suspended")
"""States of a product in which its server is still the client's."""


class Whmcs:
    """At the source's address, `https://HOST/includes/api.php`, with IDENTIFIER:SECRET."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def listed(self) -> tuple[Listed, ...]:
        identifier, _, rest = secret(self._source.key, "IDENTIFIER:SECRET").partition(":")
        known = {"identifier": identifier, "secret": rest, "responsetype": "json"}
        async with asking(
            f"WHMCS at {self._source.address}", authority=self._source.authority
        ) as asked:
            calls = _Calls(asked, self._source.address, known)
            rented: defaultdict[str, list[Rented]] = defaultdict(list)
            for product in await calls.all("GetClientsProducts", "products", "product"):
                if product.get("status") in _RENTED:
                    rented[_text(product, "clientid")].append(_rented(product))
            clients = await calls.all("GetClients", "clients", "client")
            wanted = [each for each in clients if _text(each, "id") in rented]
            limit = asyncio.Semaphore(_AT_ONCE)

            async def whole(client: Mapping[str, Any]) -> Listed:
                async with limit:
                    details = await calls.details(_text(client, "id"))
                return _listed({**client, **details}, tuple(rented[_text(client, "id")]))

            try:
                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(whole(client)) for client in wanted]
            except ExceptionGroup as several:
                raise several.exceptions[0] from several
        return tuple(task.result() for task in tasks)


class _Calls:
    """The functions. All raise NotListed."""

    def __init__(self, asked: Asking, url: str, known: Mapping[str, str]) -> None:
        self._asked = asked
        self._url = url
        self._known = known

    async def all(self, action: str, group: str, one: str) -> list[dict[str, Any]]:
        """Every entry of a list, by its pages; read anew where it changed meanwhile."""
        for _ in range(_TRIES):
            found: dict[str, dict[str, Any]] = {}
            while True:
                answer = await self._ask(action, limitstart=len(found), limitnum=_PAGE)
                total = _number(answer.get("totalresults", 0))
                page = _entries(answer.get(group), one)
                before = len(found)
                found |= {_text(each, "id"): each for each in page}
                if len(found) == before or len(found) >= total:
                    break
            if len(found) == total:
                return list(found.values())
        raise NotListed(f"WHMCS gave other numbers of {group} each time; try again later")

    async def details(self, client: str) -> dict[str, Any]:
        answer = await self._ask("GetClientsDetails", clientid=client)
        found = answer.get("client", answer)
        if not isinstance(found, dict):
            raise self._asked.strange("GetClientsDetails has no client")
        return found

    async def _ask(self, action: str, **given: str | int) -> dict[str, Any]:
        sent = {**self._known, "action": action, **{k: str(v) for k, v in given.items()}}
        answer = await self._asked.ask("POST", self._url, data=sent)
        try:
            content = answer.json()
            result = content["result"]
        except (ValueError, KeyError, TypeError) as error:
            raise self._asked.strange(f"{answer.status_code}, no JSON of its API") from error
        if result == "success":
            return dict(content)
        said = str(content.get("message", "no reason given"))[:200]
        raise NotListed(
            f"WHMCS refused {action}: {said}; its API role needs GetClients, GetClientsProducts "
            "and GetClientsDetails, and this machine's address has to be allowed"
        )


def _listed(client: Mapping[str, Any], rented: tuple[Rented, ...]) -> Listed:
    number, company = _text(client, "id"), _text(client, "companyname")
    name = company or f"{_text(client, 'firstname')} {_text(client, 'lastname')}".strip()
    return Listed(
        ref=number,
        said=f"client {number} ({name})",
        name=name,
        company=bool(company),
        contact=_text(client, "email"),
        phone=_phone(client),
        country=_text(client, "countrycode") or _text(client, "country"),
        rented=rented,
    )


def _rented(product: Mapping[str, Any]) -> Rented:
    number, name = _text(product, "id"), _text(product, "name")
    names = (name, _text(product, "groupname"))
    addresses = f"{_text(product, 'dedicatedip')} {_text(product, 'assignedips')}"
    return Rented(
        ref=number,
        said=f"service {number} ({name}) of client {_text(product, 'clientid')}",
        products=tuple(each for each in names if each),
        hostname=_text(product, "domain"),
        server=_text(product, "serverhostname"),
        account=_text(product, "username"),
        addresses=tuple(dict.fromkeys(re.split(r"[\s,;]+", addresses.strip()))) if
        addresses.strip() else (),
    )  # fmt: skip


def _phone(client: Mapping[str, Any]) -> str:
    """`+34.910000000`, WHMCS's own form, with a blank for the dot."""
    said = _text(client, "phonenumberformatted") or _text(client, "phonenumber")
    return re.sub(r"^(\+\d{1,3})\.", r"\1 ", said)


def _entries(group: object, one: str) -> list[dict[str, Any]]:
    """`{"client": [...]}`; of one entry some versions make `{"client": {...}}`."""
    found = group.get(one, []) if isinstance(group, dict) else []
    found = [found] if isinstance(found, dict) else found
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _text(entry: Mapping[str, Any], name: str) -> str:
    value = entry.get(name)
    return "" if value is None else html.unescape(str(value)).strip()


def _number(value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        raise NotListed(f"WHMCS gave {value!r} as the number of results") from None


@register("whmcs")
def whmcs(source: Source) -> Directory:
    return Whmcs(source)
