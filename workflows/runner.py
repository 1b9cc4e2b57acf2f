"""How workflow code is run: watched where it is tested, plainly where it is proved.

The SDK's sandbox catches code that would not replay: the clock, chance, the network, state shared
between incidents. It imports the workflows anew for every incident, and stands between them and
each of their payloads. The tests tell every path of the story inside it, and replay every recorded
history there; so in production it would watch what has been watched already, at the price of an
import of all of it for every incident that is opened.
"""

from temporalio.worker import UnsandboxedWorkflowRunner, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

PURE = ("domain",)
"""The same for every incident: imported once, with all that it imports itself."""


def in_tests() -> WorkflowRunner:
    """The sandbox, around all that is not pure."""
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*PURE)
    return SandboxedWorkflowRunner(restrictions=restrictions)


def in_production() -> WorkflowRunner:
    """No sandbox."""
    return UnsandboxedWorkflowRunner()
