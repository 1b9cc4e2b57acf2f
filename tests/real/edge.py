"""What the tests of the edge ask for, and how they look at its firewall."""

from pathlib import Path

from agents.edge.firewall import Edge
from domain.hosts import Desired, Observation, Wanted
from domain.measures import Measure, Restriction, Scope
from tests.real.namespaces import SMARTHOST, Network, until

OTHERS = """
table inet filter {
    set vip { type ipv4_addr; elements = { 192.0.2.9 } }
    chain forward {
        type filter hook forward priority filter; policy accept;
        ip saddr @vip counter accept
    }
}
"""
"""What an administrator has set up."""


def administrated(network: Network) -> Network:
    """With the rules of an administrator, and no others."""
    network.edge.run("nft", "flush", "ruleset")
    network.edge.run("nft", "-f", "-", given=OTHERS)
    return network


def an_edge(network: Network, state_dir: Path) -> Edge:
    return Edge(state_dir, nft=(*network.edge.prefix, "nft"))


def a_block(*addresses: str, key: str = "block") -> Desired:
    restriction = Restriction(
        measure=Measure.BLOCK_PORT25, scope=Scope.ADDRESS, targets=addresses or ("192.0.2.7",)
    )
    return Desired(key=key, restriction=restriction, wanted=Wanted.APPLIED)


def a_redirect(*addresses: str, smarthost: str = f"{SMARTHOST}:2525") -> Desired:
    restriction = Restriction(
        measure=Measure.SMARTHOST_REDIRECT, scope=Scope.ADDRESS, targets=addresses or ("192.0.2.8",)
    )
    return Desired(
        key="redirect", restriction=restriction, wanted=Wanted.APPLIED, smarthost=smarthost
    )


def figures(seen: Observation) -> tuple[int, int]:
    """Packets and bytes that an observation speaks of."""
    words = seen.detail.split("; ")[1].split()
    return int(words[0]), int(words[2].strip("("))


async def counted(edge: Edge, measure: Desired, packets: int = 1) -> None:
    """Wait until the firewall has counted so many packets."""

    async def enough() -> bool:
        return figures(await edge.observe(measure))[0] >= packets

    await until(enough)


def rules(network: Network, *table: str) -> str:
    return network.edge.run("nft", "--stateless", "--handle", "list", *(table or ("ruleset",)))


def table(network: Network) -> str:
    """Ours, as it reads, wherever it was made; "" where there is none."""
    whole = network.edge.run("nft", "--stateless", "list", "ruleset")
    _, _, ours = whole.partition("table inet plazo")
    return ours
