"""The engine on one machine: Temporal's own single-process server, its state in an SQLite file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Self

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    ListSearchAttributesRequest,
)
from temporalio.api.workflowservice.v1 import CountWorkflowExecutionsRequest
from temporalio.client import Client
from temporalio.service import RPCError

from workers.embedded import programs
from workers.embedded.home import Home
from workers.embedded.ports import LOOPBACK, port_for
from workers.embedded.process import Child

SEARCH_ATTRIBUTES: Mapping[str, str] = MappingProxyType(
    {
        "PlazoClient": "Keyword",
        "PlazoService": "Keyword",
        "PlazoStage": "Keyword",
        "PlazoOutcome": "Keyword",
        "PlazoDeadline": "Datetime",
    }
)
"""What incidents can be found by: name and Temporal's type of each."""

NAMESPACE = "default"
"""The one that the server makes by itself."""

_READY_PATIENCE = 60.0
"""Seconds; the first start, which makes its tables, takes about half of one."""

_ONE_ANSWER = timedelta(seconds=5)
"""For each question while it starts; then it is asked again."""

_QUIET = (
    "--disable-config-file", "--disable-config-env",  # a client's profile is no server's business
    "--ui-disable-news-fetch",
    "--dynamic-config-value", "frontend.enableServerVersionCheck=false",
)  # fmt: skip
"""Without these it would ask hosts on the internet for news and for its newest version."""


@dataclass(frozen=True, kw_only=True)
class Temporal:
    """A running server. `address` is `host:port` for clients; `ui` is the web interface's URL."""

    address: str
    ui: str | None
    child: Child = field(repr=False)

    @classmethod
    async def start(
        cls,
        home: Home,
        *,
        port: int | None = None,
        ui_port: int | None = None,
        headless: bool = False,
        search_attributes: Mapping[str, str] = SEARCH_ATTRIBUTES,
    ) -> Self:
        """Start it, and wait until its frontend can search by each of the attributes.

        `headless` leaves out the web interface. Needs the claim of `home`. Raises a NotStarted
        that says what to do.
        """
        port = port_for(home, "temporal", port)
        address = f"{LOOPBACK}:{port}"
        if headless:
            ui, interface = None, ["--headless"]
        else:
            ui_port = port_for(home, "temporal-ui", ui_port)
            ui, interface = f"http://{LOOPBACK}:{ui_port}", [f"--ui-port={ui_port}"]
        child = await Child.start(
            home, "temporal",
            programs.temporal(), "server", "start-dev",
            f"--ip={LOOPBACK}", f"--port={port}", *interface,
            f"--db-filename={home.path / 'temporal.sqlite'}",
            "--sqlite-pragma=journal_mode=WAL", "--sqlite-pragma=synchronous=NORMAL",
            "--log-level=warn", *_QUIET,
            *(f"--search-attribute={name}={kind}" for name, kind in search_attributes.items()),
        )  # fmt: skip
        server = cls(address=address, ui=ui, child=child)
        try:
            await server._open(search_attributes)
        except BaseException:
            await server.stop()
            raise
        return server

    async def stop(self) -> None:
        """Stop it in order: about a second."""
        await self.child.stop()

    async def _open(self, search_attributes: Mapping[str, str]) -> None:
        by_each = CountWorkflowExecutionsRequest(
            namespace=NAMESPACE, query=" AND ".join(f"{name} IS NULL" for name in search_attributes)
        )

        async def answers() -> bool:
            try:
                client = await Client.connect(self.address, namespace=NAMESPACE)
                await _add_missing(client, search_attributes)
                # Not `client.count_workflows`: that goes on asking a server that has died.
                await client.workflow_service.count_workflow_executions(
                    by_each, timeout=_ONE_ANSWER
                )
            except (RuntimeError, RPCError):
                return False
            return True

        await self.child.wait_until(answers, _READY_PATIENCE, "ready")


async def _add_missing(client: Client, search_attributes: Mapping[str, str]) -> None:
    """The server's own flag counts when its file is made; a later version's are added here."""
    listed = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=NAMESPACE), timeout=_ONE_ANSWER
    )
    missing = {
        name: IndexedValueType.Value(f"INDEXED_VALUE_TYPE_{kind.upper()}")
        for name, kind in search_attributes.items()
        if name not in listed.custom_attributes
    }
    if missing:
        await client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(namespace=NAMESPACE, search_attributes=missing),
            timeout=_ONE_ANSWER,
        )
