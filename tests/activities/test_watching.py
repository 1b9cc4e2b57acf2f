"""The listing watch's steps, against a real list and a real book."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from asyncpg import Pool
from temporalio.testing import ActivityEnvironment

from activities.blocklists.dnsbl import Blocklists
from activities.looking import Looking
from activities.watching import Watching
from book.blocklists import periods
from book.clientele import clients
from book.incident import news
from domain.blocklists.blocklist import Blocklist, Catalogue, Keeps
from domain.blocklists.watching import (
    EndWatch,
    PlanWatch,
    SliceWatched,
    Tally,
    WatchPlan,
    WatchSlice,
)
from domain.incident import Outcome
from domain.steps import CheckLists
from tests.book.provider import (
    ADDRESS,
    INCIDENT,
    a_clientele,
    a_provider,
    an_incident,
    closed,
    reported,
)
from tests.domain.builders import a_service
from workers.demo.blocklist import BlocklistServer

pytestmark = pytest.mark.real

ZEN, BL, POLICY = "zen.spamhaus.org", "bl.example", "policy.example"


@pytest_asyncio.fixture
async def lists() -> AsyncIterator[BlocklistServer]:
    async with BlocklistServer(BL, ZEN) as lists:
        yield lists


def watching(pool: Pool, lists: BlocklistServer, known: Catalogue | None = None) -> Watching:
    return Watching(
        pool=pool, blocklists=Blocklists(lists.zones, lists.address, answer_within=1, known=known)
    )


async def watch(at: Watching, *details: Any, **given: Any) -> SliceWatched:
    """One slice, as the first attempt or as one that goes on from a heartbeat."""
    what = WatchSlice(**{"number": 0, "turns": {}, "after": None, **given})
    environment = ActivityEnvironment()
    environment.info = environment.default_info()
    if details:
        environment.info = environment.info.__class__(
            **{**vars(environment.info), "heartbeat_details": details}
        )
    went = await environment.run(at.watch_slice, what)
    assert isinstance(went, SliceWatched)
    return went


async def tasks(pool: Pool) -> list[tuple[str, str, str]]:
    rows = await pool.fetch("SELECT kind, about, detail FROM tasks ORDER BY opened_at, key")
    return [(row["kind"], row["about"], row["detail"]) for row in rows]


async def standing(pool: Pool) -> list[tuple[str, bool]]:
    rows = await pool.fetch("SELECT zone, cleared_at IS NULL AS stands FROM listings")
    return [(row["zone"], row["stands"]) for row in rows]


async def listed_in_news(pool: Pool, incident: str) -> tuple[str, ...]:
    async with news.taken(pool, incident) as stirred:
        assert stirred is not None
        return stirred.news.listed


async def test_a_new_listing_opens_an_incident_that_knows_of_it(
    database: Pool, lists: BlocklistServer
) -> None:
    await a_provider(database)
    lists.list(ADDRESS, "https://bl.example/why")
    went = await watch(watching(database, lists))
    assert (went.after, went.tally.addresses, went.tally.found) == (None, 1, 1)
    [report] = await database.fetch("SELECT * FROM reports JOIN evidence ON sha256 = evidence")
    assert (report["incident"], report["format"], report["reporter"]) == (
        INCIDENT, "listing", "listing-watch",
    )  # fmt: skip
    evidence = json.loads(report["body"])
    assert evidence["asked"] == "7.2.0.192.bl.example"
    assert evidence["resolver"] == lists.address
    assert evidence["answer"] == "127.0.0.2"
    assert evidence["reply"]
    assert await listed_in_news(database, INCIDENT) == (f"{ADDRESS} {BL}",)


async def test_a_listing_counts_once_however_often_it_is_seen(
    database: Pool, lists: BlocklistServer
) -> None:
    await a_provider(database)
    lists.list(ADDRESS, "spam")
    for _ in range(3):
        await watch(watching(database, lists))
    assert await database.fetchval("SELECT count(*) FROM reports") == 1
    assert await database.fetchval("SELECT count(*) FROM listing_periods") == 1


async def test_a_listing_joins_the_open_incident_and_is_its_news(
    database: Pool, lists: BlocklistServer
) -> None:
    await an_incident(database)
    await listed_in_news(database, INCIDENT)
    lists.list(ADDRESS, "spam")
    await watch(watching(database, lists))
    assert await listed_in_news(database, INCIDENT) == (f"{ADDRESS} {BL}",)
    assert await database.fetchval("SELECT count(*) FROM incidents") == 1


async def test_a_listing_that_is_gone_is_cleared_and_the_incident_told(
    database: Pool, lists: BlocklistServer
) -> None:
    await a_provider(database)
    lists.list(ADDRESS, "spam")
    await watch(watching(database, lists))
    await listed_in_news(database, INCIDENT)
    lists.unlist(ADDRESS)
    went = await watch(watching(database, lists))
    assert went.tally.gone == 1
    assert await standing(database) == [(BL, False)]
    assert await listed_in_news(database, INCIDENT) == ()


async def test_a_list_that_says_nothing_clears_nothing(
    database: Pool, lists: BlocklistServer
) -> None:
    await a_provider(database)
    lists.list(ADDRESS, "spam")
    await watch(watching(database, lists))
    lists.unlist(ADDRESS)
    lists.unlist("127.0.0.2")
    went = await watch(watching(database, lists))
    assert went.tally.gone == 0
    assert "test point" in went.tally.unanswered[BL]
    assert await standing(database) == [(BL, True)]


@pytest.mark.parametrize("answer", ["127.0.0.10", "127.0.0.11"])
async def test_a_policy_listing_opens_no_incident_and_is_on_record(
    database: Pool, lists: BlocklistServer, answer: str
) -> None:
    await a_provider(database)
    lists.list(ADDRESS, "", zone=ZEN, answer=answer)
    await watch(watching(database, lists))
    assert await database.fetchval("SELECT count(*) FROM incidents") == 0
    async with database.acquire() as connection:
        [period] = await periods.history(connection, ADDRESS)
    assert (period.zone, period.incident) == (ZEN, None)
    assert period.answer.startswith(f"{answer} (PBL")


async def test_a_policy_listing_that_becomes_a_reproach_is_reported(
    database: Pool, lists: BlocklistServer
) -> None:
    await a_provider(database)
    lists.list(ADDRESS, "", zone=ZEN, answer="127.0.0.10")
    await watch(watching(database, lists))
    lists.list(ADDRESS, "", zone=ZEN, answer="127.0.0.4")
    await watch(watching(database, lists))
    assert await database.fetchval("SELECT count(*) FROM incidents") == 1
    assert await database.fetchval("SELECT count(*) FROM listing_periods") == 1


async def test_a_list_of_no_weight_opens_no_incident(
    database: Pool, lists: BlocklistServer
) -> None:
    await a_provider(database)
    lists.list(ADDRESS, "spam")
    known = Catalogue(lists={BL: Blocklist(zone=BL, weight=0)}, keyed={})
    await watch(watching(database, lists, known))
    assert await database.fetchval("SELECT count(*) FROM incidents") == 0


async def test_a_standing_listing_does_not_open_a_closed_incident_again(
    database: Pool, lists: BlocklistServer
) -> None:
    await a_provider(database)
    lists.list(ADDRESS, "spam")
    await watch(watching(database, lists))
    assert await closed(database, INCIDENT, Outcome.FALSE_POSITIVE)
    await watch(watching(database, lists))
    assert await database.fetchval("SELECT count(*) FROM incidents") == 1


async def test_a_relisting_is_a_new_listing(database: Pool, lists: BlocklistServer) -> None:
    await a_provider(database)
    for _ in range(2):
        lists.list(ADDRESS, "spam")
        await watch(watching(database, lists))
        lists.unlist(ADDRESS)
        await watch(watching(database, lists))
    async with database.acquire() as connection:
        found = await periods.history(connection, ADDRESS)
    assert [period.incident for period in found] == [INCIDENT, INCIDENT]
    assert all(period.cleared_at for period in found)
    assert await database.fetchval("SELECT count(*) FROM reports") == 2


async def test_what_an_incident_has_found_itself_is_not_reported_to_it(
    database: Pool, lists: BlocklistServer
) -> None:
    await an_incident(database)
    lists.list(ADDRESS, "spam")
    at = watching(database, lists)
    looking = Looking(
        pool=database, blocklists=at.blocklists, confirm_seconds=1, verify_seconds=1,
        look_again_seconds=1,
    )  # fmt: skip
    await ActivityEnvironment().run(looking.check_blocklists, CheckLists(incident=INCIDENT))
    await watch(at)
    assert await database.fetchval("SELECT count(*) FROM reports") == 1


async def test_a_report_that_broke_off_is_made_by_the_next_attempt(
    database: Pool, lists: BlocklistServer
) -> None:
    await a_provider(database)
    lists.list(ADDRESS, "spam")
    await watch(watching(database, lists))
    # As if the worker had died between the report and its note.
    await database.execute("UPDATE listing_periods SET reported_at = NULL, incident = NULL")
    await watch(watching(database, lists))
    assert await database.fetchval("SELECT count(*) FROM reports") == 1
    assert await database.fetchval("SELECT incident FROM listing_periods") == INCIDENT


async def test_a_slice_that_is_tried_again_goes_on_where_it_was(
    database: Pool, lists: BlocklistServer
) -> None:
    await clients.keep(database, a_clientele(a_service(addresses=("192.0.2.0/28",))))
    went = await watch(watching(database, lists), "192.0.2.11", 12, 30, 0, 0)
    assert went.tally.addresses == 12 + 4
    asked = {question.name for question in lists.questions}
    assert "12.2.0.192.bl.example" in asked
    assert "11.2.0.192.bl.example" not in asked


async def test_a_slice_ends_in_the_middle_of_a_prefix_and_the_next_goes_on(
    database: Pool, lists: BlocklistServer
) -> None:
    services = (
        a_service(addresses=("198.18.0.0/20", "2001:db8::/32")),
        a_service(id="vps-2", addresses=("2001:db9::5/128",)),
    )
    await clients.keep(database, a_clientele(*services))
    quick = {zone: Blocklist(zone=zone, per_second=1_000_000) for zone in lists.zones}
    at = watching(database, lists, Catalogue(lists=quick, keyed={}))
    plan = await ActivityEnvironment().run(at.plan_watch, PlanWatch(window_seconds=3_600))
    first = await watch(at)
    second = await watch(at, after=first.after)
    third = await watch(at, after=second.after)
    assert (first.after, second.after, third.after) == ("198.18.7.255", "198.18.15.255", None)
    assert third.tally.addresses == 257
    assert plan.addresses == 4_096 + 256 + 1


async def test_a_list_that_takes_two_passes_is_asked_about_half_of_them(
    database: Pool, lists: BlocklistServer
) -> None:
    await clients.keep(database, a_clientele(a_service(addresses=("192.0.2.0/28",))))
    went = await watch(watching(database, lists), turns={BL: 2})
    asked = [q.name for q in lists.questions if q.name.endswith(".2.0.192.bl.example")]
    assert len(asked) == 8
    assert went.tally.gone == 0


async def test_a_list_that_was_asked_enough_today_is_asked_no_more(
    database: Pool, lists: BlocklistServer
) -> None:
    await a_provider(database)
    known = Catalogue(lists={BL: Blocklist(zone=BL, per_day=10)}, keyed={})
    await database.execute("INSERT INTO blocklist_questions VALUES ($1, current_date, 10)", BL)
    went = await watch(watching(database, lists, known))
    assert went.tally.short == (BL,)
    assert not [question for question in lists.questions if question.name.endswith(BL)]


async def test_questions_are_counted_by_list(database: Pool, lists: BlocklistServer) -> None:
    await a_provider(database)
    await watch(watching(database, lists))
    rows = await database.fetch("SELECT zone, asked FROM blocklist_questions")
    counted = {row["zone"]: row["asked"] for row in rows}
    assert counted == {
        zone: len([each for each in lists.questions if each.name.endswith(zone)])
        for zone in lists.zones
    }


async def test_a_list_that_refuses_is_a_task_once_a_day(
    database: Pool, lists: BlocklistServer
) -> None:
    await a_provider(database)
    lists.list(ADDRESS, "", zone=ZEN, answer="127.255.255.254")
    for _ in range(2):
        await watch(watching(database, lists))
    await database.execute("UPDATE tasks SET done_at = now()")
    await watch(watching(database, lists))
    [(kind, about, detail)] = await tasks(database)
    assert (kind, about) == ("blocklist_refuses", ZEN)
    assert "refused to answer (127.255.255.254)" in detail
    assert "https://check.spamhaus.org/" in detail


async def test_what_could_not_be_done_is_a_task(database: Pool, lists: BlocklistServer) -> None:
    at = watching(database, lists)
    end = EndWatch(
        window_seconds=3_600, seconds=4_000, tally=Tally(addresses=65_536),
        plan=WatchPlan(addresses=65_536, turns={ZEN: 7, BL: 1}),
    )  # fmt: skip
    for _ in range(2):
        await ActivityEnvironment().run(at.end_watch, end)
    assert sorted((kind, about) for kind, about, _ in await tasks(database)) == [
        ("blocklist_limit", ZEN),
        ("watch_late", "listing-watch"),
    ]


async def test_an_address_without_a_contract_waits_for_a_person(
    database: Pool, lists: BlocklistServer
) -> None:
    await a_provider(database)
    await database.execute("UPDATE contracts SET valid = tstzrange(NULL, '2020-01-01')")
    lists.list(ADDRESS, "spam")
    await watch(watching(database, lists))
    assert [kind for kind, *_ in await tasks(database)] == ["place_report"]
    assert await reported_at(database)


async def reported_at(pool: Pool) -> bool:
    return bool(await pool.fetchval("SELECT reported_at IS NOT NULL FROM listing_periods"))


# --- domains -----------------------------------------------------------------------------------

DBL, SHOP = "dbl.example", "shop.example"
OF_DOMAINS = Catalogue(
    lists={
        BL: Blocklist(zone=BL, keeps=frozenset({Keeps.IP4})),
        DBL: Blocklist(zone=DBL, keeps=frozenset({Keeps.DOMAIN}), listed="test.example",
                       clean="clean.example"),
    },
    keyed={},
)  # fmt: skip


@pytest_asyncio.fixture
async def with_domains() -> AsyncIterator[BlocklistServer]:
    async with BlocklistServer(BL, DBL) as lists:
        lists.list("test.example", "the test point", zone=DBL)
        yield lists


def about(lists: BlocklistServer, zone: str) -> list[str]:
    """What a list was asked about, test points aside."""
    asked = (each.name for each in lists.questions if each.kind == "A")
    return [
        name.removesuffix(f".{zone}")
        for name in asked
        if name.endswith(f".{zone}") and "test" not in name and "clean" not in name
    ]


async def test_a_domain_that_reports_name_is_watched_on_lists_of_domains_only(
    database: Pool, with_domains: BlocklistServer
) -> None:
    await an_incident(database)
    await reported(database, "r-2", domain=SHOP)
    at = watching(database, with_domains, OF_DOMAINS)
    plan = await ActivityEnvironment().run(at.plan_watch, PlanWatch(window_seconds=3_600))
    went = await watch(at)
    assert (plan.addresses, plan.domains) == (1, 1)
    assert (went.after, went.tally.addresses, went.tally.domains) == (None, 1, 1)
    assert about(with_domains, DBL) == [SHOP]
    assert SHOP not in about(with_domains, BL)


async def test_a_listed_domain_opens_the_incident_of_the_service_that_it_sends_from(
    database: Pool, with_domains: BlocklistServer
) -> None:
    await an_incident(database)
    await reported(database, "r-2", domain=SHOP)
    await closed(database, INCIDENT)
    with_domains.list(SHOP, "https://dbl.example/why", zone=DBL)
    at = watching(database, with_domains, OF_DOMAINS)
    for _ in range(2):
        await watch(at)
    again = "incident-vps-1-2"
    assert await listed_in_news(database, again) == (f"{SHOP} {DBL}",)
    [report] = await database.fetch("SELECT * FROM reports WHERE incident = $1", again)
    assert (report["format"], report["domain"], str(report["address"])) == (
        "listing", SHOP, f"{ADDRESS}",
    )  # fmt: skip
    with_domains.unlist(SHOP, zone=DBL)
    assert (await watch(at)).tally.gone == 1
    assert await listed_in_news(database, again) == ()


async def test_an_incident_looks_up_the_domains_that_its_reports_name(
    database: Pool, with_domains: BlocklistServer
) -> None:
    await an_incident(database)
    await reported(database, "r-2", domain=SHOP)
    with_domains.list(SHOP, "why", zone=DBL)
    at = watching(database, with_domains, OF_DOMAINS)
    looking = Looking(
        pool=database, blocklists=at.blocklists, confirm_seconds=1, verify_seconds=1,
        look_again_seconds=1,
    )  # fmt: skip
    found = await ActivityEnvironment().run(looking.check_blocklists, CheckLists(incident=INCIDENT))
    assert found.listed == (f"{SHOP} {DBL}",)
    await watch(at)
    assert await database.fetchval("SELECT count(*) FROM reports") == 2


async def test_a_domain_with_a_campaign_is_watched_and_one_of_a_false_positive_is_not(
    database: Pool, with_domains: BlocklistServer
) -> None:
    await an_incident(database)
    await reported(database, "r-2", domain="wrong.example")
    await closed(database, INCIDENT, Outcome.FALSE_POSITIVE)
    await database.execute(
        "INSERT INTO campaigns (service, domain, begins_at, ends_at, messages, announced_by,"
        " recorded_by, reason) VALUES ('vps-1', 'news.example', now(), now() + '1 h', 9, 'a', 'b',"
        " 'c')"
    )
    await watch(watching(database, with_domains, OF_DOMAINS))
    assert about(with_domains, DBL) == ["news.example"]


async def test_a_domain_that_nobody_has_named_for_long_is_watched_no_more(
    database: Pool, with_domains: BlocklistServer
) -> None:
    await an_incident(database)
    await reported(database, "r-2", domain=SHOP)
    await database.execute("UPDATE reports SET received_at = now() - interval '91 days'")
    await watch(watching(database, with_domains, OF_DOMAINS))
    assert about(with_domains, DBL) == []


async def test_a_slice_of_domains_goes_on_after_the_last_one(
    database: Pool, with_domains: BlocklistServer
) -> None:
    await an_incident(database)
    for number in range(3):
        await reported(database, f"more-{number}", domain=f"shop{number}.example")
    at = watching(database, with_domains, OF_DOMAINS)
    went = await watch(at, after="shop0.example")
    assert (went.tally.addresses, went.tally.domains) == (0, 2)
    assert about(with_domains, DBL) == ["shop1.example", "shop2.example"]


async def test_a_list_of_domains_has_its_limits(
    database: Pool, with_domains: BlocklistServer
) -> None:
    await an_incident(database)
    await reported(database, "r-2", domain=SHOP)
    scarce = replace(OF_DOMAINS.lists[DBL], per_day=10)
    known = Catalogue(lists={**OF_DOMAINS.lists, DBL: scarce}, keyed={})
    await database.execute("INSERT INTO blocklist_questions VALUES ($1, current_date, 10)", DBL)
    went = await watch(watching(database, with_domains, known))
    assert went.tally.short == (DBL,)
    assert about(with_domains, DBL) == []
