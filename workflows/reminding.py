"""Reminding people of tasks that are due. A pass has no memory: what it told is in the book."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.steps import Remind, Reminded
    from workflows.steps import MAIL, Step

REMIND = Step("remind_of_tasks", Remind, Reminded, MAIL)


@workflow.defn(name="TaskReminders")
class TaskReminders:
    """One pass: one mail to the desk, if anything is due."""

    @workflow.run
    async def run(self, what: Remind) -> Reminded:
        reminded: Reminded = await workflow.execute_activity(
            REMIND.name,
            what,
            result_type=REMIND.gives,
            start_to_close_timeout=REMIND.effort.attempt,
            schedule_to_close_timeout=REMIND.effort.altogether,
            retry_policy=REMIND.effort.retry,
            summary="write to the desk about what is due",
        )
        return reminded
