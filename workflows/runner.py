"""The sandbox that the worker runs incidents in: what enters it once instead of at every start."""

from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

PASSED_THROUGH = ("domain", "holidays", "dateutil")
"""Pure, and so the same for every incident: imported once for the process. `holidays` comes with
`domain.calendar` and would cost each start far more than the rest. The workflows themselves stay
inside, where the clock, chance and the network are out of reach."""


def sandbox() -> SandboxedWorkflowRunner:
    """The runner for `temporalio.worker.Worker` and `Replayer`."""
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)
    return SandboxedWorkflowRunner(restrictions=restrictions)
