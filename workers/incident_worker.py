"""The process that tells the stories: workflows, activities, and the dispatcher beside them."""

import asyncio
import os
import socket
from datetime import timedelta
from functools import partial
from math import ceil

from asyncpg import Pool
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import Worker, WorkerDeploymentConfig

from activities.blocklists.dnsbl import Blocklists
from activities.books import Books
from activities.looking import Looking
from activities.notices import Notices
from activities.record import RecordAttempts
from activities.smarthosts.port import meter
from activities.watching import Watching
from book.notices import Sender
from domain.links import portal_token
from workers.dispatcher import Dispatcher
from workers.engine import TASK_QUEUE
from workers.listing_watch import keep_schedule
from workers.settings import Settings
from workflows.incident import IncidentWorkflow
from workflows.record import CarryDecisions
from workflows.runner import in_production
from workflows.watch import ListingWatch

_DRAIN = timedelta(seconds=30)
"""Steps that are under way may end; what does not is begun again by another worker."""


def identity() -> str:
    """How this process is named in Temporal and on the audit chain."""
    return f"{os.getpid()}@{socket.gethostname()}"


def build_worker(settings: Settings, pool: Pool, client: Client) -> Worker:
    """The worker, not started yet."""
    books = Books(
        pool=pool,
        smarthost=settings.smarthost,
        meter=meter(settings.smarthost, settings.smarthost_key),
    )
    blocklists = Blocklists(settings.blocklists, resolver=settings.dns)
    watching = Watching(pool=pool, blocklists=blocklists)
    looking = Looking(
        pool=pool,
        blocklists=blocklists,
        confirm_seconds=ceil(settings.confirm),
        verify_seconds=ceil(settings.verify),
        look_again_seconds=ceil(settings.look_again),
    )
    notices = Notices(
        pool=pool,
        mail_server=settings.mail_server,
        sender=Sender(provider=settings.provider, reply_to=settings.reply_to),
        portal_url=partial(portal_url, settings),
    )
    return Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=[IncidentWorkflow, ListingWatch],
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
            books.keep_record,
            books.close_incident,
            looking.assess,
            looking.check_blocklists,
            notices.send_notice,
            watching.plan_watch,
            watching.watch_slice,
            watching.end_watch,
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


def portal_url(settings: Settings, incident: str) -> str:
    """The link that an incident's client gets."""
    return f"{settings.public_url}/c/{portal_token(settings.portal_secret, incident)}"


async def work(settings: Settings, pool: Pool, client: Client, stopping: asyncio.Event) -> None:
    """Run worker and dispatcher until `stopping` is set, and end both in order."""
    dispatcher = Dispatcher(pool, client, settings.news_interval)
    await keep_schedule(client, settings.watch)
    async with build_worker(settings, pool, client):
        await dispatcher.run(stopping)
