"""The edge agent as a process on a firewall, with its own few settings and nothing else."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from agents.edge.firewall import Edge
from agents.host import HostAgent
from agents.link import Link
from workers.credentials import with_credentials
from workers.host_agent import prepared
from workers.settings.reading import environment, read_fields, setting
from workers.settings.values import secret, web_address


@dataclass(frozen=True, kw_only=True)
class EdgeSettings:
    """What an edge agent knows: where the gateway is, and the firewall's own key."""

    gateway: str = setting("PLAZO_GATEWAY", "where the gateway is, https://HOST", web_address)
    host_key: str = setting(
        "PLAZO_HOST_KEY",
        "this firewall's key, as `plazo host enrol` printed it",
        secret,
        secret=True,
    )
    state: Path = setting(
        "PLAZO_AGENT_STATE", "where the agent remembers", Path, Path("/var/lib/plazo-edge")
    )

    @classmethod
    def read(cls, env: Mapping[str, str] | None = None) -> Self:
        """From `env`, or the process's own. Raises BadSettings with every problem at once."""
        given = environment() if env is None else env
        return cls(**read_fields(cls, with_credentials(given)))


async def serve(stopping: asyncio.Event) -> None:
    """The process: as its own settings say. Raises BadSettings."""
    await work(EdgeSettings.read(), stopping)


async def work(settings: EdgeSettings, stopping: asyncio.Event) -> None:
    """Keep this firewall as the gateway wants it until `stopping` is set; measures stay."""
    state = prepared(settings.state)
    async with Link(settings.gateway, settings.host_key) as link:
        await HostAgent(link, Edge(state), state).run(stopping)
