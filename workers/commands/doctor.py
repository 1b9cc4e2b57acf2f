"""What is misconfigured, and how to mend it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import fields

import aiosmtplib
from temporalio.service import RPCError

from activities.billing import port as billing
from activities.blocklists.dnsbl import Blocklists
from book import schema
from book.intake.inbox import Backlog, backlog
from domain.money.billing import LEDGER
from gateway.mail.box import LOST, Box
from workers import engine
from workers.commands import reach
from workers.commands.say import line, table
from workers.identity import identity
from workers.leave import Refused
from workers.mailbox import MailboxSettings
from workers.settings.provider import Settings
from workers.settings.reading import BadSettings

_SECONDS = 10.0
"""For each look."""

_READ_WITHIN = 60
"""Seconds. In a storm reports wait; when the oldest has waited for so long, too few read them."""

Look = Callable[[Settings, Mapping[str, str]], Awaitable[str]]


def doctor() -> None:
    """Check the settings, then every server that they name; exits 1 when something is wrong."""
    env = reach.surroundings()
    # What both have is one setting.
    known = {each.metadata["name"]: each.metadata for each in
             (*fields(Settings), *fields(MailboxSettings))}  # fmt: skip
    table(
        ("Setting", "Now", "What it is"),
        [(name, _shown(each, env), each["doc"]) for name, each in known.items()],
    )
    line()
    settings = Settings.read(env)
    looks = {**_LOOKS, **(_LOOKS_IF_SET if env.get("PLAZO_IMAP_URL") else {})}
    wrong = asyncio.run(_look(settings, env, looks))
    if wrong:
        raise Refused(f"{wrong} of {len(looks)} checks found something to mend")


def _shown(metadata: Mapping[str, object], env: Mapping[str, str]) -> str:
    given = env.get(str(metadata["name"]))
    if not given:
        return "(not set)"
    return "(set)" if metadata["secret"] or "@" in given else given


async def _look(settings: Settings, env: Mapping[str, str], looks: Mapping[str, Look]) -> int:
    wrong = 0
    for name, look in looks.items():
        try:
            async with asyncio.timeout(_SECONDS):
                line(f"ok     {name}: {await look(settings, env)}")
        except TimeoutError:
            wrong += 1
            line(f"WRONG  {name}: no answer within {_SECONDS:.0f} s")
        except (Refused, BadSettings, OSError, aiosmtplib.SMTPException) as error:
            wrong += 1
            line(f"WRONG  {name}: {error}")
    return wrong


async def _database(settings: Settings, env: Mapping[str, str]) -> str:
    pool = await engine.database(settings.database_url)
    try:
        missing = await asyncio.to_thread(schema.missing, settings.database_url)
        if missing:
            raise Refused(f"the schema lacks {', '.join(missing)}; run `plazo migrate`")
        async with pool.acquire() as connection:
            return f"answers, and its schema is current; {_read(await backlog(connection))}"
    finally:
        await pool.close()


def _read(waiting: Backlog) -> str:
    """How far reports that were accepted have been read. Raises Refused if that is too far back."""
    if waiting.oldest is None:
        return "every report that was accepted has been read"
    seconds = round(waiting.oldest.total_seconds())
    said = f"reports that wait to be read: {waiting.reports}, the oldest for {seconds} s"
    if seconds > _READ_WITHIN:
        raise Refused(f"{said}; run `plazo worker`, or more of them, and see its log")
    return said


async def _temporal(settings: Settings, env: Mapping[str, str]) -> str:
    client = await engine.temporal(env, identity=identity())
    try:
        missing = await engine.missing_search_attributes(client)
    except RPCError as error:
        raise Refused(
            f"{error.message}; see TEMPORAL_NAMESPACE, or make it with "
            f"`temporal operator namespace create --namespace {client.namespace}`"
        ) from error
    if missing:
        raise Refused(
            f"the namespace {client.namespace} lacks the search attributes {', '.join(missing)}; "
            "add each with `temporal operator search-attribute create --name … --type …`"
        )
    return f"answers, namespace {client.namespace}"


async def _mail_server(settings: Settings, env: Mapping[str, str]) -> str:
    server = settings.mail_server
    try:
        words = await server.greeting()
    except OSError as error:
        raise Refused(
            f"{server.host}:{server.port} cannot be reached ({error}); see PLAZO_SMTP_URL"
        ) from error
    return f"{server.host}:{server.port} says {words}"


async def _blocklists(settings: Settings, env: Mapping[str, str]) -> str:
    checked = await Blocklists(settings.blocklists, resolver=settings.dns).check(["127.0.0.2"])
    if checked.unanswered:
        silent = "; ".join(map(str, checked.unanswered))
        raise Refused(
            f"{silent}. See PLAZO_BLOCKLISTS and PLAZO_DNS (public resolvers are refused)"
        )
    return f"{len(checked.zones)} lists answer"


async def _billing(settings: Settings, env: Mapping[str, str]) -> str:
    async with billing.opened(settings.billing_access) as backends:
        if backends.half:
            raise Refused("; ".join(backends.half.values()))
        named = {name for name in backends.ready if name != LEDGER} | {settings.billing}
        try:
            said = [await backends.ready[name].check() for name in sorted(named)]
        except (billing.Refused, billing.Away) as error:
            raise Refused(str(error)) from error
    return "; ".join(said)


async def _imap(settings: Settings, env: Mapping[str, str]) -> str:
    known = MailboxSettings.read(env)
    assert known.imap is not None
    assert known.imap_password is not None
    try:
        box = await asyncio.to_thread(Box.open, known.imap, known.imap_password, known.imap_taken)
        waiting = await asyncio.to_thread(box.count)
        await asyncio.to_thread(box.close)
    except LOST as error:
        raise Refused(f"{known.imap}: {error}; see PLAZO_IMAP_URL, PLAZO_IMAP_PASSWORD") from error
    return f"{known.imap} has {waiting} messages"


_LOOKS: dict[str, Look] = {
    "PostgreSQL": _database,
    "Temporal": _temporal,
    "mail server": _mail_server,
    "blocklists": _blocklists,
    "billing": _billing,
}

_LOOKS_IF_SET: dict[str, Look] = {"IMAP mailbox": _imap}
