"""Reminding the desk of tasks that are due: one mail for all, at most one a day for each."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

from asyncpg import Pool
from temporalio import activity

from activities.smtp import MailServer
from book.incident import tasks
from book.letters.notices import Sender
from domain.steps import Remind, Reminded
from domain.tasks import Task

_SHOWN = 300
"""Characters of a task's detail: what a client wrote may be long."""


@dataclass(frozen=True)
class Reminding:
    """The verb on `pool` and `mail_server`. `desk` is the address that reminders go to."""

    pool: Pool
    mail_server: MailServer
    sender: Sender
    desk: str

    @activity.defn(name="remind_of_tasks")
    async def remind_of_tasks(self, what: Remind) -> Reminded:
        """Write to the desk about what is due; twice, if we die before that is on record."""
        async with self.pool.acquire() as connection:
            due = await tasks.to_remind_of(connection)
        if due:
            message = reminder(due, self.sender, self.desk, datetime.now(UTC))
            await self.mail_server.hand_over(message, self.sender.reply_to, self.desk)
            async with self.pool.acquire() as connection:
                await tasks.reminded(connection, [task.key for task in due])
        return Reminded(tasks=len(due))


def reminder(due: Sequence[Task], sender: Sender, desk: str, now: datetime) -> EmailMessage:
    """The mail, the longest due first, with the command that puts an outcome on record."""
    message = EmailMessage()
    message["From"] = Address(sender.provider, addr_spec=sender.reply_to)
    message["To"] = Address(addr_spec=desk)
    owners = Counter(task.owner or "nobody" for task in due)
    many = "1 task is" if len(due) == 1 else f"{len(due)} tasks are"
    message["Subject"] = f"{many} due: {', '.join(f'{n} of {who}' for who, n in owners.items())}"
    message["Date"] = format_datetime(now)
    seed = " ".join((now.isoformat(), *(task.key for task in due)))
    digest = hashlib.sha256(seed.encode()).hexdigest()[:32]
    message["Message-ID"] = f"<task-{digest}@{sender.reply_to.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\n".join(_told(task, now) for task in due) + _HOW)
    return message


def _told(task: Task, now: datetime) -> str:
    late = now - task.due
    hours, minutes = divmod(int(late.total_seconds()) // 60, 60)
    detail = " ".join(task.detail.split())
    detail = detail if len(detail) <= _SHOWN else f"{detail[: _SHOWN - 1]}…"
    about = f" of {task.incident}" if task.incident else ""
    return (
        f"{task.kind}{about}, {task.owner or 'nobody has taken it'}, "
        f"due for {hours} h {minutes:02d} min\n  {detail}\n  {task.key}\n"
    )


_HOW = """
plazo task take KEY                  it is yours
plazo task done KEY --outcome "…"    what came of it
"""
