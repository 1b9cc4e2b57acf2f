"""Asking lists to remove what is clean again: filed once, on record, and a person's where not."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import aiosmtplib
import pytest
import pytest_asyncio
from asyncpg import Pool
from dnslib import PTR, QTYPE, RR, DNSRecord
from temporalio.testing import ActivityEnvironment

from activities.delisting.mail import ByMail
from activities.delisting.port import Way
from activities.delisting.requesting import Requesting
from activities.delisting.visit import ByVisit
from activities.smtp import MailServer
from book.blocklists import delisting, listings, periods
from book.blocklists.delisting import Asked
from book.blocklists.periods import Seen
from book.database import transaction
from domain.blocklists.blocklist import By
from domain.blocklists.catalogue import read_catalogue
from domain.steps import DelistingRequested, RequestDelisting
from tests.activities.mail_servers import Picky
from tests.book.provider import ADDRESS, INCIDENT, an_incident, imposed, reported, seen
from workers.demo.blocklist import BlocklistServer

pytestmark = pytest.mark.real

ZONE, TO, PAGE = "bl.example", "off@bl.example", "https://bl.example/remove"
OTHER = "192.0.2.8"
NO_RESOLVER = "127.0.0.1:0"
CONTACT = "abuse@provider.example"


def known(*requests: Mapping[str, object], **more: object) -> Mapping[str, object]:
    return {
        "name": "The list", "zone": ZONE, "keeps": ["ip4", "domain"], "page": PAGE,
        "request": [*requests], **more,
    }  # fmt: skip


def by_mail(**more: object) -> Mapping[str, object]:
    return {"by": "mail", "to": TO, "source": PAGE, **more}


@pytest_asyncio.fixture
async def inbox() -> AsyncIterator[Picky]:
    async with Picky() as inbox:
        yield inbox


def requesting(
    pool: Pool, entry: Mapping[str, object], mail: str = "127.0.0.1:1", resolvers: str = NO_RESOLVER
) -> Requesting:
    ways: dict[By, Way] = {
        By.MAIL: ByMail(MailServer.at(f"smtp://{mail}"), "Proveedor", CONTACT),
        By.VISIT: ByVisit(),
    }
    return Requesting(
        pool=pool, ways=ways, provider="Proveedor", contact=CONTACT,
        resolvers=resolvers, known=read_catalogue({"list": [entry]}),
    )  # fmt: skip


async def ask(
    at: Requesting, *subjects: str, round: int = 0, by_hand: bool = False
) -> DelistingRequested:
    what = RequestDelisting(
        incident=INCIDENT, zone=ZONE, subjects=subjects or (ADDRESS,), round=round, by_hand=by_hand
    )
    answer = await ActivityEnvironment().run(at.request_delisting, what)
    assert isinstance(answer, DelistingRequested)
    return answer


async def listed(
    pool: Pool, subject: str = ADDRESS, *, answer: str = "127.0.0.2 (spam)", reason: str = "BL77"
) -> None:
    """As a look at the lists leaves it."""
    proof = {
        "address": subject, "zone": ZONE, "answer": answer, "reason": reason,
        "asked": f"7.2.0.192.{ZONE}", "resolver": "127.0.0.1:53",
        "reply": base64.b64encode(subject.encode()).decode(),
    }  # fmt: skip
    one = Seen(
        address=subject, zone=ZONE, answer=f"{answer} ({reason})", reproach=True,
        proof=json.dumps(proof).encode(),
    )  # fmt: skip
    async with transaction(pool) as connection:
        await periods.keep(connection, [one], [], INCIDENT)
        await listings.keep(connection, INCIDENT, [(subject, ZONE, one.answer)], [])


async def on_record(pool: Pool) -> tuple[Asked, ...]:
    async with pool.acquire() as connection:
        return await delisting.filed(connection, INCIDENT)


async def tasks(pool: Pool) -> list[str]:
    rows = await pool.fetch(
        "SELECT detail FROM tasks WHERE kind = 'request_delisting' ORDER BY opened_at, key"
    )
    return [row["detail"] for row in rows]


# --- by mail -----------------------------------------------------------------------------------


async def test_a_list_that_takes_mail_gets_one_that_says_what_it_must(
    database: Pool, inbox: Picky
) -> None:
    who = await an_incident(database)
    await imposed(database, who)
    await seen(database)
    await database.execute("UPDATE incidents SET fixed_at = '2026-03-04T05:06Z'")
    await listed(database)
    answer = await ask(requesting(database, known(by_mail(reference="BL[0-9]+")), inbox.address))
    assert (answer.filed, answer.by_person) == ((ADDRESS,), ())
    [letter] = inbox.messages
    assert (letter.sender, letter.recipients) == (CONTACT, (TO,))
    assert letter.subject == f"BL77 {ADDRESS}"
    text = letter.message.get_content()
    assert f"Please remove from {ZONE}:" in text
    assert "listed: 127.0.0.2 (spam), seen since 20" in text
    assert "unsolicited mail, 1 messages by what was reported" in text
    assert "the domain's outbound mail was held back" in text
    assert "2026-03-04 05:06 UTC: the cause was removed\r\n" in text
    assert f"Contact: {CONTACT}" in text
    assert await tasks(database) == []


async def test_a_request_says_nothing_that_is_not_known(database: Pool, inbox: Picky) -> None:
    await an_incident(database)
    await database.execute("UPDATE reports SET format = 'listing'")
    await listed(database)
    at = requesting(database, known(by_mail()), inbox.address)
    await ask(at)
    await database.execute("UPDATE incidents SET fixed_at = now()")
    await ask(at, round=1)
    before, after = (each.message.get_content() for each in inbox.messages)
    assert "What was found: the listing itself; no complaint has reached us." in before
    assert "What was done" not in before
    assert "the cause was removed; no such mail is known since" in after


async def test_what_was_sent_and_what_came_back_is_on_record(database: Pool, inbox: Picky) -> None:
    await an_incident(database)
    await listed(database)
    await ask(requesting(database, known(by_mail()), inbox.address))
    [asked] = await on_record(database)
    [letter] = inbox.messages
    assert (asked.subjects, asked.by, asked.sent_to) == ((ADDRESS,), By.MAIL, TO)
    text = letter.message.get_content().replace("\r\n", "\n")
    assert asked.sent == f"Subject: {letter.subject}\n\n{text}"
    assert asked.taken
    assert asked.answer == "2.0.0 taken"


async def test_a_listing_is_asked_for_once_in_a_round(database: Pool, inbox: Picky) -> None:
    await an_incident(database)
    await listed(database)
    at = requesting(database, known(by_mail()), inbox.address)
    for _ in range(3):
        assert (await ask(at)).filed == (ADDRESS,)
    assert len(inbox.messages) == 1
    assert (await ask(at, round=1)).filed == (ADDRESS,)
    assert len(inbox.messages) == 2
    first, second = (each.message["Message-ID"] for each in inbox.messages)
    assert first != second


async def test_an_attempt_that_broke_off_sends_the_same_letter_again(
    database: Pool, inbox: Picky
) -> None:
    await an_incident(database)
    await listed(database)
    at = requesting(database, known(by_mail()), inbox.address)
    await ask(at)
    # As if the worker had died between the mail server's word and its own note.
    await database.execute(
        "UPDATE delisting_requests SET answered_at = NULL, taken = NULL, answer = NULL"
    )
    await reported(database, "r-2")
    assert (await ask(at)).filed == (ADDRESS,)
    first, second = inbox.messages
    assert first.content == second.content


async def test_all_that_a_list_calls_the_same_is_one_mail(database: Pool, inbox: Picky) -> None:
    await an_incident(database)
    for address, reason in ((ADDRESS, "BL77"), (OTHER, "BL77"), ("192.0.2.9", "BL78")):
        await listed(database, address, reason=reason)
    at = requesting(database, known(by_mail(reference="BL[0-9]+")), inbox.address)
    answer = await ask(at, ADDRESS, OTHER, "192.0.2.9")
    assert set(answer.filed) == {ADDRESS, OTHER, "192.0.2.9"}
    assert sorted(each.subject for each in inbox.messages) == [
        f"BL77 {ADDRESS}, {OTHER}",
        "BL78 192.0.2.9",
    ]


async def test_a_mail_that_is_refused_is_a_task_with_the_reason(
    database: Pool, inbox: Picky
) -> None:
    await an_incident(database)
    await listed(database)
    inbox.to_recipients[TO] = "550 5.1.1 no such mailbox"
    at = requesting(database, known(by_mail()), inbox.address)
    answer = await ask(at)
    assert (answer.filed, answer.by_person) == ((), (ADDRESS,))
    [task] = await tasks(database)
    assert "550 5.1.1 no such mailbox" in task
    assert PAGE in task
    [asked] = await on_record(database)
    assert asked.taken is False
    await ask(at)
    assert len(await tasks(database)) == 1


@pytest.mark.parametrize("answer", ["451 4.3.0 come back later", "421 4.3.2 busy"])
async def test_a_mail_that_is_put_off_is_tried_again(
    database: Pool, inbox: Picky, answer: str
) -> None:
    await an_incident(database)
    await listed(database)
    inbox.to_data.append(answer)
    at = requesting(database, known(by_mail()), inbox.address)
    with pytest.raises(aiosmtplib.SMTPException):
        await ask(at)
    assert await tasks(database) == []
    assert (await ask(at)).filed == (ADDRESS,)


async def test_a_mail_server_that_is_away_is_tried_again(database: Pool) -> None:
    await an_incident(database)
    await listed(database)
    with pytest.raises(aiosmtplib.SMTPConnectError):
        await ask(requesting(database, known(by_mail())))
    [asked] = await on_record(database)
    assert asked.taken is None


# --- which listings ----------------------------------------------------------------------------


async def test_a_listing_that_the_mail_is_not_for_is_a_persons(
    database: Pool, inbox: Picky
) -> None:
    await an_incident(database)
    await listed(database, answer="127.0.0.4 (infected)")
    at = requesting(database, known(by_mail(codes=["127.0.0.2/32"])), inbox.address)
    answer = await ask(at)
    assert (answer.filed, answer.by_person) == ((), (ADDRESS,))
    assert inbox.messages == []


async def test_a_listing_for_two_things_is_asked_for_by_mail_and_by_a_person(
    database: Pool, inbox: Picky
) -> None:
    await an_incident(database)
    await listed(database, answer="127.0.0.2 (spam), 127.0.0.4 (infected)")
    at = requesting(database, known(by_mail(codes=["127.0.0.2/32"])), inbox.address)
    answer = await ask(at)
    assert (answer.filed, answer.by_person) == ((ADDRESS,), (ADDRESS,))


async def test_a_policy_beside_it_is_nothing_to_ask_for(database: Pool, inbox: Picky) -> None:
    await an_incident(database)
    await listed(database, answer="127.0.0.2 (spam), 127.0.0.10 (dialup)")
    entry = known(by_mail(codes=["127.0.0.2/32"]), policy=["127.0.0.10/32"])
    answer = await ask(requesting(database, entry, inbox.address))
    assert (answer.filed, answer.by_person) == ((ADDRESS,), ())


async def test_without_the_lists_own_name_of_the_listing_it_is_a_persons(
    database: Pool, inbox: Picky
) -> None:
    await an_incident(database)
    await listed(database, reason="")
    at = requesting(database, known(by_mail(reference="BL[0-9]+")), inbox.address)
    assert (await ask(at)).by_person == (ADDRESS,)


async def test_what_is_off_the_list_by_now_is_not_asked_for(database: Pool, inbox: Picky) -> None:
    await an_incident(database)
    answer = await ask(requesting(database, known(by_mail()), inbox.address))
    assert answer == DelistingRequested()


# --- by a person -------------------------------------------------------------------------------


async def test_a_form_is_a_task_with_link_text_and_evidence(database: Pool) -> None:
    await an_incident(database)
    await listed(database)
    await listed(database, "shop.example")
    async with named({ADDRESS: "mx7.provider.example"}) as resolvers:
        at = requesting(database, known(note="say please"), resolvers=resolvers)
        answer = await ask(at, ADDRESS, "shop.example")
    assert answer.by_person == (ADDRESS, "shop.example")
    [task] = await tasks(database)
    assert task.startswith(f"request removal from The list (2 listings) at {PAGE}\n")
    assert "Note: say please" in task
    assert f"  {ADDRESS} (mx7.provider.example)\n" in task
    assert "  shop.example\n" in task
    assert "your reason: BL77" in task
    sha256 = await database.fetchval(
        "SELECT encode(evidence, 'hex') FROM listing_periods WHERE subject = $1", ADDRESS
    )
    assert f"evidence {sha256}, asked 7.2.0.192.{ZONE} of 127.0.0.1:53" in task


async def test_a_request_in_vain_is_a_task_that_says_so(database: Pool, inbox: Picky) -> None:
    await an_incident(database)
    await listed(database)
    at = requesting(database, known(by_mail()), inbox.address)
    await ask(at)
    answer = await ask(at, by_hand=True)
    assert (answer.filed, answer.by_person) == ((), (ADDRESS,))
    assert len(inbox.messages) == 1
    [task] = await tasks(database)
    assert f"asked by mail to {TO} at {datetime.now(UTC):%Y}" in task


# --- by a visit --------------------------------------------------------------------------------


@asynccontextmanager
async def answering(status: str) -> AsyncIterator[tuple[str, list[str]]]:
    """A web server: its address, and the addresses that visited."""
    visitors: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        visitors.append(writer.get_extra_info("peername")[0])
        body = b"<p>removed   now</p>"
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/remove", visitors
    finally:
        server.close()
        await server.wait_closed()


def by_visit(url: str) -> Mapping[str, object]:
    return {"by": "visit", "to": url, "source": PAGE}


async def test_a_list_is_visited_from_each_listed_address(database: Pool) -> None:
    await an_incident(database)
    for address in ("127.0.0.9", "127.0.0.10"):
        await listed(database, address)
    async with answering("200 OK") as (url, visitors):
        answer = await ask(requesting(database, known(by_visit(url))), "127.0.0.9", "127.0.0.10")
    assert sorted(visitors) == ["127.0.0.10", "127.0.0.9"]
    assert set(answer.filed) == {"127.0.0.9", "127.0.0.10"}
    assert {each.answer for each in await on_record(database)} == {"HTTP 200 removed now"}


async def test_an_address_that_this_machine_has_not_is_a_persons(database: Pool) -> None:
    await an_incident(database)
    await listed(database)
    async with answering("200 OK") as (url, visitors):
        answer = await ask(requesting(database, known(by_visit(url))))
    assert visitors == []
    assert answer.by_person == (ADDRESS,)
    [task] = await tasks(database)
    assert f"this machine does not have {ADDRESS}" in task


async def test_a_list_that_refuses_a_visit_is_a_persons(database: Pool) -> None:
    await an_incident(database)
    await listed(database, "127.0.0.9")
    async with answering("403 Forbidden") as (url, _):
        answer = await ask(requesting(database, known(by_visit(url))), "127.0.0.9")
    assert answer.by_person == ("127.0.0.9",)
    [task] = await tasks(database)
    assert "the list refused: HTTP 403 removed now" in task


async def test_a_list_whose_server_is_ill_is_visited_again(database: Pool) -> None:
    await an_incident(database)
    await listed(database, "127.0.0.9")
    async with answering("503 Unavailable") as (url, _):
        with pytest.raises(Exception, match="503"):
            await ask(requesting(database, known(by_visit(url))), "127.0.0.9")
    [asked] = await on_record(database)
    assert asked.taken is None


# --- reverse names -----------------------------------------------------------------------------


class Names(BlocklistServer):
    """A name server that has reverse names."""

    def __init__(self, names: Mapping[str, str]) -> None:
        super().__init__("in-addr.arpa")
        self._names = {
            f"{'.'.join(reversed(address.split('.')))}.in-addr.arpa": name
            for address, name in names.items()
        }

    def answer(self, asked: DNSRecord) -> DNSRecord:
        reply = super().answer(asked)
        name = self._names.get(str(asked.q.qname).rstrip("."))
        if name is not None and asked.q.qtype == QTYPE.PTR:
            reply = asked.reply()
            reply.add_answer(RR(asked.q.qname, QTYPE.PTR, rdata=PTR(name), ttl=60))
        return reply


@asynccontextmanager
async def named(names: Mapping[str, str]) -> AsyncIterator[str]:
    async with Names(names) as server:
        yield server.address
