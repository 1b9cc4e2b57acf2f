"""The commands that stay up: the whole stack on one machine, or one process at a time.

What runs in them is in `processes.py`, which is read when one is run.
"""

import asyncio

from workers.leave import run, until_told


def up() -> None:
    """The embedded stack, staying up: Temporal and its UI, PostgreSQL, worker, gateway, mailbox.

    State is kept in $PLAZO_HOME (/var/lib/plazo for root). Stop it with Ctrl-C or SIGTERM; killed
    or stopped, incidents go on where they were when it is started again.
    """
    from workers.commands import processes

    # Not on uvloop, which cannot start PostgreSQL as another user.
    asyncio.run(until_told(processes.up))


def worker() -> None:
    """The workflows and their steps. Run as many as the load needs."""
    from workers.commands import processes

    run(processes.worker)


def gateway() -> None:
    """HTTP in: reports, agents, the client portal, the console. Run as many as the load needs."""
    from workers.commands import processes

    run(processes.gateway)


def mailbox() -> None:
    """Mail in: the abuse mailbox over LMTP and SMTP, and an IMAP mailbox if one is set."""
    from workers.commands import processes

    run(processes.mailbox)


def host_agent() -> None:
    """The agent on a mail host: keeps it as the gateway wants it. Knows its own key only."""
    from workers import host_agent as agent

    run(agent.serve)


def edge_agent() -> None:
    """The agent on a firewall at the edge: blocks port 25 of addresses. Knows its own key only."""
    from workers import edge_agent as edge

    run(edge.serve)
