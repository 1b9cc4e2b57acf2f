"""The host agent as a process on a mail host, with its own few settings and nothing else."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from agents.detection.detector import Caps
from agents.detection.watch import Watch
from agents.host import HostAgent
from agents.link import Link
from agents.mta.port import mail_host
from agents.mta.traffic import traffic_log
from domain.hosts import MOST_COPIES
from domain.intake.complaints import canonical_address
from workers.credentials import with_credentials
from workers.leave import Refused
from workers.settings.reading import environment, read_fields, setting
from workers.settings.values import secret, text, web_address


def _copies(given: str) -> int:
    if not re.fullmatch("[0-9]{1,10}", given) or not 0 < int(given) <= MOST_COPIES:
        raise ValueError(f'"{given[:20]}" is not a number of copies; write it as 1000')
    return int(given)


def _address(given: str) -> str:
    found = canonical_address(given)
    if found is None:
        raise ValueError(f'"{given[:60]}" is not an IP address')
    return found


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
    domain_cap: int = setting(
        "PLAZO_DOMAIN_CAP", "copies that one domain may send within an hour, whatever is usual",
        _copies, 1_000,
    )  # fmt: skip
    host_cap: int = setting(
        "PLAZO_HOST_CAP", "copies that this host may send within an hour, whatever is usual",
        _copies, 5_000,
    )  # fmt: skip
    address: str | None = setting(
        "PLAZO_ADDRESS", "the IP address that this host's mail leaves from, if it cannot be found",
        _address, None,
    )  # fmt: skip

    @classmethod
    def read(cls, env: Mapping[str, str] | None = None) -> Self:
        """From `env`, or the process's own. Raises BadSettings with every problem at once."""
        given = environment() if env is None else env
        return cls(**read_fields(cls, with_credentials(given)))


async def serve(stopping: asyncio.Event) -> None:
    """The process: as its own settings say. Raises BadSettings."""
    await work(AgentSettings.read(), stopping)


async def work(settings: AgentSettings, stopping: asyncio.Event) -> None:
    """Keep this host as the gateway wants it until `stopping` is set; measures stay in force."""
    prepared(settings.state)
    async with Link(settings.gateway, settings.host_key) as link:
        server = mail_host(settings.mta, settings.state)
        agent = HostAgent(link, server, settings.state, watch=_watch(settings, link))
        await agent.run(stopping)


def _watch(settings: AgentSettings, link: Link) -> Watch | None:
    traffic = traffic_log(settings.mta)
    if traffic is None:
        return None
    caps = Caps(domain=settings.domain_cap, host=settings.host_cap)
    return Watch(link, traffic, settings.state, caps=caps, address=settings.address)


def prepared(state: Path) -> Path:
    """The folder where an agent remembers, made where it is missing. Raises Refused."""
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise Refused(
            f"{state} cannot be made ({error.strerror}); set PLAZO_AGENT_STATE"
        ) from error
    return state
