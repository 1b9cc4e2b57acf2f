"""The process that tells the stories: workflows, activities, dispatcher and reader of the inbox."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial
from math import ceil

from asyncpg import Pool
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import Worker, WorkerDeploymentConfig

from activities.billing import port as billing_port
from activities.billing.port import NOWHERE, Backends
from activities.blocklists.dnsbl import Blocklists
from activities.books import Books
from activities.channels import Channels
from activities.charging import Charging
from activities.delisting.mail import ByMail
from activities.delisting.requesting import Requesting
from activities.delisting.visit import ByVisit
from activities.feeds import Feeds
from activities.looking import Looking
from activities.metering import Metering
from activities.notices import Notices
from activities.record import RecordAttempts
from activities.reminding import Reminding
from activities.smarthosts.port import meter
from activities.watching import Watching
from book.beside import beside
from book.letters.notices import Sender
from domain.blocklists.blocklist import By
from domain.letters.links import Link, portal_token
from gateway.reading import Reader
from workers import charging as charging_schedule
from workers import metering as metering_schedule
from workers import reminding as reminding_schedule
from workers.billing import BillingDispatcher, deliveries
from workers.dispatcher import Dispatcher
from workers.engine import TASK_QUEUE
from workers.identity import identity
from workers.listing_watch import keep_schedule
from workers.settings.provider import Settings
from workflows.billing import BillingDelivery
from workflows.charging import Charging as ChargingWorkflow
from workflows.incident import IncidentWorkflow
from workflows.metering import Metering as MeteringWorkflow
from workflows.record import CarryDecisions
from workflows.reminding import TaskReminders
from workflows.runner import in_production
from workflows.watch import ListingWatch

_DRAIN = timedelta(seconds=30)
"""Steps that are under way may end; what does not is begun again by another worker."""


def build_worker(
    settings: Settings, pool: Pool, client: Client, backends: Backends = NOWHERE
) -> Worker:
    """The worker, not started yet. `backends` are where clients are billed."""
    books = Books(
        pool=pool,
        smarthost=settings.smarthost,
        meter=meter(settings.smarthost, settings.smarthost_key),
    )
    charging = Charging(pool=pool)
    metering = Metering(pool=pool, meter=books.meter, tolerance=settings.usage_difference)
    blocklists = Blocklists(settings.blocklists, resolver=settings.dns)
    watching = Watching(pool=pool, blocklists=blocklists)
    feeds = Feeds(pool=pool, feed=settings.snds)
    requesting = Requesting(
        pool=pool,
        ways={
            By.MAIL: ByMail(settings.mail_server, settings.provider, settings.reply_to),
            By.VISIT: ByVisit(),
        },
        provider=settings.provider,
        contact=settings.reply_to,
        resolvers=settings.dns,
    )
    looking = Looking(
        pool=pool,
        blocklists=blocklists,
        confirm_seconds=ceil(settings.confirm),
        verify_seconds=ceil(settings.verify),
        look_again_seconds=ceil(settings.look_again),
    )
    sender = Sender(
        provider=settings.provider, reply_to=settings.reply_to, secret=settings.portal_secret
    )
    notices = Notices(
        pool=pool,
        mail_server=settings.mail_server,
        sender=sender,
        portal_url=partial(portal_url, settings),
        bounces=settings.bounces,
    )
    channels = Channels(pool=pool)
    reminding = Reminding(
        pool=pool, mail_server=settings.mail_server, sender=sender, desk=settings.desk or ""
    )
    billing = deliveries(settings, pool, backends, identity())
    return Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=[
            IncidentWorkflow,
            ListingWatch,
            TaskReminders,
            ChargingWorkflow,
            MeteringWorkflow,
            BillingDelivery,
        ],
        workflow_runner=in_production(),
        activities=[
            books.impose_measure,
            books.lift_measures,
            books.set_right,
            books.ask_person,
            books.complete_tasks,
            books.reckon_deadline,
            books.verify_remedy,
            books.record_charges,
            books.waive_charge,
            books.credit_charge,
            books.dispute_charge,
            books.settle_dispute,
            books.keep_record,
            books.close_incident,
            looking.assess,
            looking.check_blocklists,
            requesting.request_delisting,
            feeds.read_feeds,
            notices.send_notice,
            channels.send_to_channels,
            reminding.remind_of_tasks,
            watching.plan_watch,
            watching.watch_slice,
            watching.end_watch,
            charging.look_at_caps,
            charging.charge_months,
            billing.deliver_entry,
            metering.take_readings,
            metering.reconcile_usage,
            metering.bill_late_usage,
        ],
        interceptors=[CarryDecisions(), RecordAttempts(pool, identity())],
        graceful_shutdown_timeout=_DRAIN,
        deployment_config=_deployment(settings.build_id),
    )


def _deployment(build_id: str | None) -> WorkerDeploymentConfig | None:
    """Deployed by version, a waiting incident goes on with whatever version is current.

    Which one that is is said to Temporal (`temporal worker deployment set-current-version`), so
    new code takes over when a person, or the deployment, wants it to.
    """
    if build_id is None:
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(deployment_name=TASK_QUEUE, build_id=build_id),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.AUTO_UPGRADE,
    )


def portal_url(settings: Settings, incident: str, issue: int) -> str:
    """The link that an incident's client gets in a letter of now."""
    link = Link.lasting(
        incident, issue, timedelta(seconds=settings.portal_lasts), datetime.now(UTC)
    )
    return f"{settings.public_url}/c/{portal_token(settings.portal_secret, link)}"


async def work(settings: Settings, pool: Pool, client: Client, stopping: asyncio.Event) -> None:
    """Run worker, dispatcher and reader until `stopping` is set, and end them in order."""
    dispatcher = Dispatcher(pool, client, settings.news_interval)
    await keep_schedule(client, settings.watch)
    await reminding_schedule.keep_schedule(client, settings.desk)
    await charging_schedule.keep_schedule(client)
    await metering_schedule.keep_schedule(client)
    billing = BillingDispatcher(pool, client, settings.billing)
    async with (
        billing_port.opened(settings.billing_access) as backends,
        build_worker(settings, pool, client, backends),
        beside(billing.run(), Reader(pool).run()),
    ):
        await dispatcher.run(stopping)
