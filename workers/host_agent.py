"""The host agent as a process on a mail host, with its own few settings and nothing else."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from agents.host import HostAgent
from agents.link import Link
from agents.mta.port import mail_host
from workers.leave import Refused
from workers.settings import environment, read_fields, secret, setting, text, web_address


@dataclass(frozen=True, kw_only=True)
class AgentSettings:
    """What an agent knows: where the gateway is, its host's key, and its mail server."""

    gateway: str = setting("PLAZO_GATEWAY", "where the gateway is, https://HOST", web_address)
    host_key: str = setting(
        "PLAZO_HOST_KEY", "this host's key, as `plazo host enrol` printed it", secret, secret=True
    )
    mta: str = setting("PLAZO_MTA", "the mail server on this machine", text, "postfix:/etc/postfix")
    state: Path = setting(
        "PLAZO_AGENT_STATE", "where the agent remembers", Path, Path("/var/lib/plazo-agent")
    )

    @classmethod
    def read(cls, env: Mapping[str, str] | None = None) -> Self:
        """From `env`, or the process's own. Raises BadSettings with every problem at once."""
        return cls(**read_fields(cls, environment() if env is None else env))


async def work(settings: AgentSettings, stopping: asyncio.Event) -> None:
    """Keep this host as the gateway wants it until `stopping` is set; measures stay in force."""
    try:
        settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise Refused(
            f"{settings.state} cannot be made ({error.strerror}); set PLAZO_AGENT_STATE"
        ) from error
    async with Link(settings.gateway, settings.host_key) as link:
        agent = HostAgent(link, mail_host(settings.mta, settings.state), settings.state)
        await agent.run(stopping)
