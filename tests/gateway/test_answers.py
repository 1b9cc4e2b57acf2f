"""Mail about our letters: bounces, automatic answers and replies, told apart and put on record."""

import asyncio
import json
from email.message import EmailMessage
from functools import partial
from pathlib import Path

import pytest
from asyncpg import Pool, Record

from book.incident import news
from book.intake.intake import accept
from book.letters import correspondence
from domain.letters.correspondence import Kind, incident_in
from gateway.mail.answers import read_answer
from gateway.mail.arrival import Mailroom
from tests.book.letters import LEFT, MESSAGE_ID, a_letter
from tests.book.provider import INCIDENT, an_incident

CONTACT = "abuse@aurora.example"


def a_dsn(
    *,
    action: str = "failed",
    status: str = "5.1.1",
    envelope_id: str | None = None,
    original: str | None = f"Message-ID: {MESSAGE_ID}\r\nSubject: Spam\r\n",
    to: str = "abuse@provider.example",
    more: str = "",
) -> bytes:
    """A delivery status notification as mail servers write them (RFC 3464)."""
    about = "Reporting-MTA: dns; mx.aurora.example\r\n"
    if envelope_id is not None:
        about += f"Original-Envelope-Id: {envelope_id}\r\n"
    returned = "" if original is None else (
        f"--b1\r\nContent-Type: text/rfc822-headers\r\n\r\n{original}\r\n"
    )  # fmt: skip
    return (
        "From: MAILER-DAEMON@mx.aurora.example\r\n"
        f"To: {to}\r\nSubject: Undelivered Mail Returned to Sender\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b1\r\n"
        "Auto-Submitted: auto-replied\r\n\r\n"
        "--b1\r\nContent-Type: text/plain\r\n\r\nI'm sorry.\r\n"
        f"--b1\r\nContent-Type: message/delivery-status\r\n\r\n{about}\r\n"
        f"Original-Recipient: rfc822;{CONTACT}\r\nFinal-Recipient: rfc822; {CONTACT}\r\n"
        f"Action: {action}\r\nStatus: {status}\r\n"
        f"Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n{more}\r\n"
        f"{returned}--b1--\r\n"
    ).encode()


def a_mail(
    text: str = "We are on it.",
    *,
    sender: str = "Ana <soporte@aurora.example>",
    subject: str = "Re: Spam",
    **headers: str,
) -> bytes:
    message = EmailMessage()
    message["From"] = sender
    message["To"] = "abuse@provider.example"
    message["Subject"] = subject
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message.as_bytes()


# --- telling them apart -------------------------------------------------------------------------


def test_a_bounce_says_whom_it_did_not_reach_and_why() -> None:
    answer = read_answer(a_dsn(), "id", "")
    assert answer is not None
    assert (answer.kind, answer.recipient, answer.about) == (Kind.BOUNCE, CONTACT, (LEFT,))
    assert answer.said == "5.1.1 550 5.1.1 no such user"


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("failed", Kind.BOUNCE), ("Failed", Kind.BOUNCE), ("delayed", Kind.DELAYED),
        ("delivered", Kind.DELIVERED), ("relayed", Kind.DELIVERED), ("expanded", Kind.DELIVERED),
        ("exploded", Kind.UNCLEAR),
    ],
)  # fmt: skip
def test_each_action_is_what_it_says(action: str, kind: Kind) -> None:
    answer = read_answer(a_dsn(action=action), "id", "")
    assert answer is not None
    assert answer.kind is kind


def test_of_several_recipients_the_worst_news_counts() -> None:
    more = "\r\nFinal-Recipient: rfc822; x@aurora.example\r\nAction: failed\r\nStatus: 5.0.0\r\n"
    answer = read_answer(a_dsn(action="delivered", status="2.0.0", more=more), "id", "")
    assert answer is not None
    assert (answer.kind, answer.recipient) == (Kind.BOUNCE, "x@aurora.example")


@pytest.mark.parametrize(
    "dsn",
    [
        a_dsn(envelope_id=LEFT, original=None),
        a_dsn(original=None, to=f"bounces+{LEFT}@provider.example"),
        a_dsn(),
    ],
    ids=["envelope id", "return path", "message id"],
)
def test_the_letter_is_known_by_its_envelope_its_return_path_or_its_header(dsn: bytes) -> None:
    answer = read_answer(dsn, "id", "")
    assert answer is not None
    assert answer.about == (LEFT,)


@pytest.mark.parametrize(
    ("headers", "sender", "kind"),
    [
        ({"In_Reply_To": MESSAGE_ID}, "ana@aurora.example", Kind.REPLY),
        ({"References": f"<x@y.example> {MESSAGE_ID}"}, "ana@aurora.example", Kind.REPLY),
        ({"In_Reply_To": MESSAGE_ID, "Auto_Submitted": "no"}, "a@b.example", Kind.REPLY),
        ({"In_Reply_To": MESSAGE_ID, "Auto_Submitted": "auto-replied"}, "", Kind.AUTOMATIC),
        ({"In_Reply_To": MESSAGE_ID, "Auto_Submitted": "auto-generated"}, "a@b.example",
         Kind.AUTOMATIC),
        ({"In_Reply_To": MESSAGE_ID, "Precedence": "bulk"}, "a@b.example", Kind.AUTOMATIC),
        ({"In_Reply_To": MESSAGE_ID, "X_Autoreply": "yes"}, "a@b.example", Kind.AUTOMATIC),
        ({"In_Reply_To": MESSAGE_ID}, "", Kind.UNCLEAR),
    ],
)  # fmt: skip
def test_a_persons_words_are_told_from_a_machines(
    headers: dict[str, str], sender: str, kind: Kind
) -> None:
    answer = read_answer(a_mail(**headers), "id", sender)
    assert answer is not None
    assert (answer.kind, answer.about) == (kind, (LEFT,))


def test_a_bounce_of_no_standard_form_is_for_a_person() -> None:
    """As qmail writes them: no report, only the message below some words."""
    content = a_mail(
        f"Hi. This is the qmail-send program.\n\n<{CONTACT}>:\nno mailbox here.\n\n"
        f"--- Below this line is a copy of the message.\n\nMessage-ID: {MESSAGE_ID}\n",
        sender="MAILER-DAEMON@mx.aurora.example",
        subject="failure notice",
    )
    answer = read_answer(content, "id", "")
    assert answer is not None
    assert (answer.kind, answer.about) == (Kind.UNCLEAR, (LEFT,))


@pytest.mark.parametrize(
    "content",
    [
        a_mail(),
        a_mail(In_Reply_To="<something-else@aurora.example>"),
        b"",
        b"\xff\x00",
        b"Subject: x\r\nContent-Type: multipart/report; report-type=delivery-status\r\n\r\n",
        *(path.read_bytes() for path in sorted((Path(__file__).parent / "samples").glob("*.eml"))),
    ],
)
def test_what_names_no_letter_is_left_to_the_formats(content: bytes) -> None:
    answer = read_answer(content, "id", "ana@aurora.example")
    assert answer is None or answer.about == () or answer.kind is not Kind.REPLY


def test_a_complaint_stays_a_complaint_in_whatever_thread_it_is() -> None:
    content = (Path(__file__).parent / "samples" / "arf-abuse.eml").read_bytes()
    assert read_answer(b"In-Reply-To: " + MESSAGE_ID.encode() + b"\r\n" + content, "id", "") is None


def test_a_subject_names_the_incident_that_stands_last() -> None:
    assert incident_in("Re: [ticket 7] Spam [incident-vps-1-2]") == "incident-vps-1-2"
    assert incident_in("incident-vps-1-2") is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (a_mail("Arreglado, señor.\n"), "Arreglado, señor."),
        (a_mail("x" * 9_000), "x" * 4_000),
        (b"In-Reply-To: " + MESSAGE_ID.encode() + b"\r\nContent-Type: text/html\r\n\r\n<b>x</b>",
         "(it has no plain text; read the message itself)"),
    ],
)  # fmt: skip
def test_the_beginning_of_what_it_says_is_kept(content: bytes, said: str) -> None:
    if b"In-Reply-To" not in content:
        content = b"In-Reply-To: " + MESSAGE_ID.encode() + b"\r\n" + content
    answer = read_answer(content, "id", "ana@aurora.example")
    assert answer is not None
    assert answer.said == said


# --- on record ------------------------------------------------------------------------------------


async def a_mailroom(pool: Pool) -> Mailroom:
    """With an incident, and a letter about it that was taken."""
    await an_incident(pool)
    await a_letter(pool)
    await pool.execute("DELETE FROM dirty")
    return Mailroom(partial(accept, pool), answers=partial(correspondence.keep, pool))


async def one(pool: Pool, table: str) -> Record:
    [row] = await pool.fetch(f"SELECT * FROM {table}")
    assert isinstance(row, Record)
    return row


async def test_a_bounce_fails_its_delivery_tells_the_desk_and_wakes_the_incident(
    database: Pool,
) -> None:
    mailroom = await a_mailroom(database)
    accepted = await mailroom.keep(a_dsn(), "")
    assert accepted.incidents == (INCIDENT,)
    delivery = await one(database, "deliveries")
    assert delivery["failed_at"] is not None
    assert "no such user" in delivery["why"]
    task = await one(database, "tasks")
    assert (task["kind"], task["about"]) == ("notice_bounced", CONTACT)
    async with news.taken(database, INCIDENT) as stirred:
        assert stirred is not None
        assert stirred.news.bounced == {f"{INCIDENT}/notice/1": "deadline"}


async def test_a_bounce_is_evidence_and_on_the_chain_once(database: Pool) -> None:
    mailroom = await a_mailroom(database)
    content = a_dsn()
    await asyncio.gather(*(mailroom.keep(content, "") for _ in range(3)))
    row = await one(database, "correspondence")
    assert (row["kind"], row["incident"]) == ("bounce", INCIDENT)
    kept = await database.fetchval("SELECT body FROM evidence WHERE sha256 = $1", row["evidence"])
    assert kept == content
    [entry] = await database.fetch("SELECT body FROM audit WHERE source LIKE 'mail:%'")
    assert json.loads(entry["body"])["kind"] == "mail: bounce"
    assert await database.fetchval("SELECT count(*) FROM reports WHERE format = 'unread'") == 0


async def test_a_delay_is_on_record_and_fails_nothing(database: Pool) -> None:
    mailroom = await a_mailroom(database)
    await mailroom.keep(a_dsn(action="delayed", status="4.4.1"), "")
    assert (await one(database, "correspondence"))["kind"] == "delayed"
    assert (await one(database, "deliveries"))["failed_at"] is None
    assert await database.fetchval("SELECT count(*) FROM tasks") == 0


async def test_a_reply_is_a_task_with_its_words_and_no_word_is_taken_for_an_act(
    database: Pool,
) -> None:
    mailroom = await a_mailroom(database)
    content = a_mail("It is fixed, release us!", In_Reply_To=MESSAGE_ID)
    accepted = await mailroom.keep(content, "soporte@aurora.example")
    assert accepted.incidents == (INCIDENT,)
    task = await one(database, "tasks")
    assert (task["kind"], task["incident"]) == ("client_wrote", INCIDENT)
    assert task["detail"] == "soporte@aurora.example wrote: It is fixed, release us!"
    row = await database.fetchrow("SELECT acknowledged, fixed_at FROM incidents")
    assert row is not None
    assert tuple(row) == (False, None)
    assert (await one(database, "deliveries"))["failed_at"] is None


async def test_out_of_office_is_on_record_and_no_reply(database: Pool) -> None:
    mailroom = await a_mailroom(database)
    content = a_mail("I am away.", In_Reply_To=MESSAGE_ID, Auto_Submitted="auto-replied")
    await mailroom.keep(content, "")
    assert (await one(database, "correspondence"))["kind"] == "automatic"
    assert await database.fetchval("SELECT count(*) FROM tasks") == 0


@pytest.mark.parametrize(
    ("sender", "tasks"),
    [
        ("ana@client-1.example", ["client_wrote"]),
        ("ana@elsewhere.example", ["read_report"]),
    ],
)
async def test_a_subject_that_names_the_incident_counts_from_the_clients_own_domain_only(
    database: Pool, sender: str, tasks: list[str]
) -> None:
    mailroom = await a_mailroom(database)
    await database.execute("UPDATE clients SET contacts = '{abuse@client-1.example}'")
    content = a_mail("Hello", sender=sender, subject=f"Your letter [{INCIDENT}]")
    await mailroom.keep(content, sender)
    assert [row["kind"] for row in await database.fetch("SELECT kind FROM tasks")] == tasks


async def test_a_letter_that_is_not_ours_changes_nothing(database: Pool) -> None:
    mailroom = await a_mailroom(database)
    stranger = "Message-ID: <ffffffffffffffffffffffffffffffff@provider.example>\r\n"
    await mailroom.keep(a_dsn(original=stranger), "")
    assert (await one(database, "deliveries"))["failed_at"] is None
    assert await database.fetchval("SELECT count(*) FROM correspondence") == 0
    assert (await one(database, "tasks"))["kind"] == "read_report"


async def test_words_that_no_database_takes_are_kept_all_the_same(database: Pool) -> None:
    mailroom = await a_mailroom(database)
    head = (
        b"In-Reply-To: " + MESSAGE_ID.encode() + b"\r\nFrom: a@b.example\r\nSubject: \xff\x00\r\n"
    )
    accepted = await mailroom.keep(head + b"\r\n\x00\xff\x00 hello", "a@b.example")
    assert accepted.incidents == (INCIDENT,)
    assert "hello" in (await one(database, "correspondence"))["said"]
