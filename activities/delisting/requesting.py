"""The step that has a list asked: by program where the list takes it, else by a person."""

import asyncio
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from ipaddress import IPv4Address

from asyncpg import Pool
from temporalio import activity

from activities.blocklists.catalogue import catalogue
from activities.delisting import words
from activities.delisting.port import NotTaken, Way
from activities.delisting.reverse import reverse_name
from book.blocklists import delisting, snds
from book.blocklists.delisting import Asked, Listing
from book.database import transaction
from book.incident import tasks
from domain.blocklists.blocklist import Blocklist, By, Catalogue, Request, is_asked
from domain.intake.complaints import canonical_address
from domain.steps import DelistingRequested, RequestDelisting, TaskKind

_CODE = re.compile(r"\b127\.\d{1,3}\.\d{1,3}\.\d{1,3}\b")
_NAMES = 20
"""Addresses whose reverse names are looked up; of more, a list does not read them."""


@dataclass(frozen=True)
class Requesting:
    """The verb on `pool`. `ways` file requests, `provider` at `contact` signs them.

    `resolvers` answer for reverse names (`PLAZO_DNS`). What is known of lists is in `known`.
    """

    pool: Pool
    ways: Mapping[By, Way]
    provider: str
    contact: str
    resolvers: str | None = None
    known: Catalogue | None = None

    @activity.defn(name="request_delisting")
    async def request_delisting(self, what: RequestDelisting) -> DelistingRequested:
        """File what can be filed, once; open one task for the rest, and for what was refused."""
        entry = (self.known or catalogue()).known(what.zone)
        async with self.pool.acquire() as connection:
            cause = await delisting.cause(connection, what.incident)
            found = await delisting.listings(connection, what.incident, what.zone, what.subjects)
            before = await delisting.filed(connection, what.incident, what.round, what.zone)
            days = await snds.of_incident(connection, what.incident)
        names = await self._names(found)
        write = partial(
            words.request,
            where=what.zone if is_asked(what.zone) else entry.name or what.zone,
            cause=cause,
            names=names,
            provider=self.provider,
            contact=self.contact,
        )
        asked = [each for each in before if not set(each.subjects).isdisjoint(what.subjects)]
        if not what.by_hand:
            known = {subject for each in asked for subject in each.subjects}
            new = [each for each in found if each.subject not in known]
            asked += [
                self._written(what, request, reference, about, write(about))
                for request, reference, about in _fitting(entry, new)
            ]
            asked = [await self._file(what.incident, each) for each in asked]
        filed = () if what.by_hand else _subjects(each for each in asked if each.taken)
        left = [each for each in found if each.subject not in filed or _has_more(entry, each)]
        if left:
            why = [_told(each) for each in asked if what.by_hand or not each.taken]
            page = what.page or entry.page
            detail = words.task(left, entry, write(left), page=page, why=why, days=days)
            await self._open_task(what, detail)
        by_person = tuple(each.subject for each in left)
        said = [f"{', '.join(each.subjects)}: {_told(each)}" for each in asked]
        if by_person:
            said.append(f"{', '.join(by_person)}: a person is asked")
        return DelistingRequested(filed=filed, by_person=by_person, said=tuple(said))

    def _written(
        self,
        what: RequestDelisting,
        request: Request,
        reference: str,
        listings: Sequence[Listing],
        text: str,
    ) -> Asked:
        subjects = tuple(each.subject for each in listings)
        about = json.dumps([request.by, request.to, reference, subjects])
        digest = hashlib.sha256(about.encode()).hexdigest()[:12]
        one = Asked(
            key=f"{what.incident}/delisting/{what.round}/{what.zone}/{digest}", zone=what.zone,
            round=what.round, subjects=subjects, by=request.by, sent_to=request.to, sent=text,
            reference=reference, written_at=datetime.now(UTC),
        )  # fmt: skip
        return replace(one, sent=self.ways[one.by].written(one))

    async def _file(self, incident: str, one: Asked) -> Asked:
        """With what came of it. What was answered is not filed again; what may have been sent when
        an attempt broke off is sent as it was."""
        if one.taken is not None:
            return one
        async with self.pool.acquire() as connection:
            await delisting.write(connection, incident, one)
        try:
            answer, taken = await self.ways[one.by].file(one), True
        except NotTaken as error:
            answer, taken = str(error), False
        async with self.pool.acquire() as connection:
            await delisting.answered(connection, one.key, taken=taken, answer=answer)
        return replace(one, taken=taken, answer=answer)

    async def _names(self, listings: Iterable[Listing]) -> dict[str, str]:
        addresses = [each.subject for each in listings if canonical_address(each.subject)]
        addresses = addresses[:_NAMES]
        names = await asyncio.gather(*(reverse_name(each, self.resolvers) for each in addresses))
        return {each: name for each, name in zip(addresses, names, strict=True) if name}

    async def _open_task(self, what: RequestDelisting, detail: str) -> None:
        which = hashlib.sha256(json.dumps(what.subjects).encode()).hexdigest()[:12]
        hand = "/by-hand" if what.by_hand else ""
        key = f"{what.incident}/delisting/{what.round}/{what.zone}/{which}{hand}"
        async with transaction(self.pool) as connection:
            await tasks.open_task(
                connection, what.incident, key, TaskKind.REQUEST_DELISTING, detail
            )


def _fitting(
    entry: Blocklist, listings: Sequence[Listing]
) -> list[tuple[Request, str, list[Listing]]]:
    """Which requests are to be filed, with the list's name of the listing and what it is about."""
    found: dict[tuple[Request, str, str], list[Listing]] = defaultdict(list)
    for listing in listings:
        for request in entry.requests:
            reference = request.named_in(listing.reason)
            if reference is not None and any(map(request.takes, _codes(listing))):
                # A visit proves one address. A letter is about all that the list calls the same.
                alone = listing.subject if request.by is By.VISIT else ""
                found[request, reference, alone].append(listing)
                break
    return [(request, reference, about) for (request, reference, _), about in found.items()]


def _has_more(entry: Blocklist, listing: Listing) -> bool:
    """Whether it is listed for something that no request takes, and that is a reproach."""
    left = [
        code for code in _codes(listing) if not any(each.takes(code) for each in entry.requests)
    ]
    return entry.reproaches(left)


def _codes(listing: Listing) -> list[IPv4Address]:
    return [IPv4Address(code) for code in _CODE.findall(listing.answer)]


def _subjects(asked: Iterable[Asked]) -> tuple[str, ...]:
    return tuple(subject for each in asked for subject in each.subjects)


def _told(asked: Asked) -> str:
    done = "asked" if asked.taken else "not taken"
    return f"{done} by {asked.by} to {asked.sent_to} at {asked.written_at:%Y-%m-%d %H:%M} UTC" + (
        f" ({asked.answer})" if asked.answer else ""
    )
