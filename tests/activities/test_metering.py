"""Metering as its steps do it: what is due is read, days are compared, late figures are billed."""

from datetime import datetime, timedelta
from itertools import pairwise

from asyncpg import Pool
from temporalio.testing import ActivityEnvironment

from activities.books import Books
from activities.metering import Metering
from activities.smarthosts.port import Figure, NoFigures
from domain.incident import Outcome
from domain.money.metering import Tolerance
from domain.money.usage import BilledLate, BillLate, Reconcile, Reconciled, Taken, TakeReadings
from domain.news import Observed
from domain.steps import Bill, Impose, Lift
from tests.book.metering import SOURCE, due, ended, redirected, used
from tests.book.provider import HOST, INCIDENT, REDIRECT, an_incident, closed, seen

DAYS = timedelta(days=1)


class Smarthost:
    """A smarthost's own figures: so many messages for each time that it is asked about."""

    kind = SOURCE

    def __init__(self, messages: int | None = 1_000) -> None:
        self.messages = messages
        self.asked: list[tuple[str, datetime, datetime]] = []

    async def sent(self, host: str, since: datetime, until: datetime) -> Figure:
        self.asked.append((host, since, until))
        if self.messages is None:
            raise NoFigures("not now")
        return Figure(messages=self.messages, raw={"answer": {"processed": self.messages}})


def metering(pool: Pool, smarthost: Smarthost | None) -> Metering:
    return Metering(pool=pool, meter=smarthost, tolerance=Tolerance(percent=2.0, messages=50))


async def take(pool: Pool, smarthost: Smarthost | None) -> Taken:
    step = metering(pool, smarthost).take_readings
    return await ActivityEnvironment().run(step, TakeReadings())


async def reconcile(pool: Pool, smarthost: Smarthost | None) -> Reconciled:
    step = metering(pool, smarthost).reconcile_usage
    return await ActivityEnvironment().run(step, Reconcile())


async def bill_late(pool: Pool, smarthost: Smarthost | None) -> BilledLate:
    step = metering(pool, smarthost).bill_late_usage
    return await ActivityEnvironment().run(step, BillLate())


async def bill(pool: Pool, smarthost: Smarthost | None) -> tuple[str, ...]:
    books = Books(pool=pool, smarthost=f"{SOURCE}:smtp.example:587", meter=smarthost)
    done = await ActivityEnvironment().run(books.record_charges, Bill(incident=INCIDENT))
    return tuple(done.charges)


async def tasks(pool: Pool) -> list[str]:
    rows = await pool.fetch("SELECT detail FROM tasks WHERE kind = 'usage_differs' ORDER BY key")
    return [row["detail"] for row in rows]


async def test_a_pass_reads_what_is_due_and_the_next_one_only_what_can_have_changed(
    database: Pool,
) -> None:
    await an_incident(database)
    await redirected(database, ago=5 * DAYS)
    await ended(database, ago=3 * DAYS)
    smarthost = Smarthost()
    first = await take(database, smarthost)
    assert first.readings == len(smarthost.asked) > 1
    assert (await take(database, smarthost)).readings == 0
    assert (await used(database)).quantity == 1_000 * first.readings


async def test_the_times_that_are_asked_about_follow_one_another(database: Pool) -> None:
    await an_incident(database)
    await redirected(database, ago=2 * DAYS)
    smarthost = Smarthost()
    await take(database, smarthost)
    times = [(since, until) for _, since, until in smarthost.asked]
    assert all(one[1] == other[0] for one, other in pairwise(times))
    assert all(not moment.microsecond for both in times for moment in both)


async def test_a_smarthost_that_is_away_is_asked_again_and_nothing_is_lost(database: Pool) -> None:
    await an_incident(database)
    await redirected(database)
    away = await take(database, Smarthost(None))
    assert (away.readings, away.untold) == (0, {HOST: "not now"})
    assert (await used(database)).quantity == 0
    await take(database, Smarthost())
    assert ((await used(database)).quantity or 0) >= 1_000


async def test_without_a_smarthosts_figures_a_pass_has_nothing_to_ask(database: Pool) -> None:
    await an_incident(database)
    await redirected(database, meter=None, counted=7)
    assert await take(database, None) == Taken()
    assert await reconcile(database, None) == Reconciled()
    assert "7 messages relayed" in (await bill(database, None))[0]


async def test_by_whom_a_redirect_is_metered_is_settled_as_it_begins(database: Pool) -> None:
    await an_incident(database)
    books = Books(pool=database, smarthost=f"{SOURCE}:smtp.example:587", meter=Smarthost())
    what = Impose(incident=INCIDENT, key="m-1", restriction=REDIRECT)
    assert (await ActivityEnvironment().run(books.impose_measure, what)).accepted
    await seen(database, relayed=500, counter="a")
    assert (await used(database)).redirects[0].source == SOURCE


async def test_a_bill_reads_first(database: Pool) -> None:
    await an_incident(database)
    await redirected(database)
    number = len(await due(database))
    assert f"{9_500 * number} messages relayed" in (await bill(database, Smarthost(9_500)))[0]
    row = await database.fetchrow("SELECT evidence FROM ledger WHERE kind = 'smarthost'")
    assert row is not None
    readings = await database.fetch("SELECT id FROM usage_readings ORDER BY id")
    assert row["evidence"] == [{"what": "meter", "ref": str(each["id"])} for each in readings]


async def test_the_same_bill_twice_is_charged_once_and_more_mail_the_difference(
    database: Pool,
) -> None:
    await an_incident(database)
    await redirected(database, ago=timedelta(minutes=30))
    smarthost = Smarthost(9_500)
    first = await bill(database, smarthost)
    assert await bill(database, smarthost) == first
    smarthost.messages = 20_000
    await bill(database, smarthost)
    quantity = (await used(database)).quantity
    assert quantity is not None
    assert await database.fetchval("SELECT sum(quantity) FROM ledger") == -(-quantity // 1_000)


async def test_a_figure_that_comes_after_the_end_is_billed_late_once(database: Pool) -> None:
    await an_incident(database)
    await redirected(database, ago=timedelta(minutes=30))
    books = Books(pool=database)
    await ActivityEnvironment().run(books.lift_measures, Lift(incident=INCIDENT, keys=("m-1",)))
    await seen(database, observed=Observed.LIFTED)
    await database.execute("UPDATE measures SET ended_at = now() - interval '10 minutes'")
    await bill(database, Smarthost(None))
    assert await database.fetchval("SELECT sum(amount) FROM ledger") == 5  # the minimum
    assert await closed(database, INCIDENT, Outcome.REMEDIATED)
    smarthost = Smarthost(100_000)
    await take(database, smarthost)
    first = await bill_late(database, smarthost)
    assert (first.incidents, len(first.charges)) == (1, 1)
    assert (await bill_late(database, smarthost)).charges == ()
    assert (
        await database.fetchval("SELECT sum(quantity) FROM ledger WHERE unit = 'thousand'") >= 100
    )


async def test_a_false_positive_is_billed_nothing_late(database: Pool) -> None:
    await an_incident(database)
    await redirected(database, ago=timedelta(minutes=30))
    await bill(database, Smarthost(None))
    assert await closed(database, INCIDENT, Outcome.FALSE_POSITIVE)
    await take(database, Smarthost(100_000))
    assert await bill_late(database, Smarthost()) == BilledLate()


async def test_a_day_that_was_counted_differently_becomes_a_task_with_both_figures(
    database: Pool,
) -> None:
    await an_incident(database)
    await redirected(database, ago=6 * DAYS)
    await ended(database, ago=4 * DAYS)
    smarthost = Smarthost(2_000)
    await take(database, smarthost)
    compared = await reconcile(database, smarthost)
    assert compared.days == compared.differ > 1
    assert await reconcile(database, smarthost) == compared
    found = await tasks(database)
    assert len(found) == compared.days
    assert "mailchannels counted 2,000 messages from mx1.provider.example" in found[-1]
    assert "the host's own log 0 (m-1): more than 2 % and 50 messages apart" in found[-1]


async def test_days_that_are_counted_alike_are_no_task(database: Pool) -> None:
    await an_incident(database)
    await redirected(database, ago=6 * DAYS)
    await ended(database, ago=4 * DAYS)
    smarthost = Smarthost(50)
    await take(database, smarthost)
    compared = await reconcile(database, smarthost)
    assert (compared.differ, await tasks(database)) == (0, [])


async def test_a_day_whose_figure_is_never_told_becomes_a_task(database: Pool) -> None:
    await an_incident(database)
    await redirected(database, ago=6 * DAYS)
    await ended(database, ago=5 * DAYS)
    compared = await reconcile(database, Smarthost(None))
    assert compared.differ == compared.days > 0
    assert "has told no final figure" in (await tasks(database))[0]
    assert "PLAZO_SMARTHOST_KEY" in (await tasks(database))[0]
