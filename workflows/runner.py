"""The sandbox that the worker runs incidents in: what enters it once instead of at every start."""

from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

PASSED_THROUGH = ("domain",)
"""Pure, and so the same for every incident: imported once for the process, with all that it
imports itself. The workflows stay inside, where the clock, chance and the network are out of
reach; letting them through too would make a start somewhat cheaper, at the price of that check."""


def sandbox() -> SandboxedWorkflowRunner:
    """The runner for `temporalio.worker.Worker` and `Replayer`."""
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)
    return SandboxedWorkflowRunner(restrictions=restrictions)
