"""`plazo`: the front door. Exit codes: 0 done, 1 refused with a reason, 2 wrong usage."""

import logging
import sys

import typer

from workers import logs
from workers.commands import (
    audit,
    billing,
    blocklist,
    books,
    campaign,
    client,
    clients,
    doctor,
    host,
    incident,
    report,
    serve,
    show,
    task,
    token,
    user,
)
from workers.embedded import NotStarted
from workers.leave import REFUSED, Refused, leave
from workers.settings import BadSettings

app = typer.Typer(
    name="plazo",
    help="One durable workflow per outbound-spam incident, from report to close, with proof.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
log = logging.getLogger("plazo")

app.command("demo")(show.demo)
app.command("up")(serve.up)
app.command("worker")(serve.worker)
app.command("gateway")(serve.gateway)
app.command("mailbox")(serve.mailbox)
app.command("host-agent")(serve.host_agent)
app.command("edge-agent")(serve.edge_agent)
app.command("migrate")(books.migrate)
app.command("doctor")(doctor.doctor)
app.command("import")(books.import_file)
app.command("report")(report.report)
app.add_typer(host.app, name="host")
app.add_typer(incident.app, name="incident")
app.add_typer(billing.app, name="billing")
app.add_typer(task.app, name="task")
app.add_typer(client.app, name="client")
app.add_typer(clients.app, name="clients")
app.add_typer(campaign.app, name="campaign")
app.add_typer(blocklist.app, name="blocklist")
app.add_typer(audit.app, name="audit")
app.add_typer(user.app, name="user")
app.add_typer(token.app, name="token")


def main() -> None:
    """Run the command line, and leave with its true exit code."""
    logs.to_stderr()
    code = REFUSED
    try:
        app(prog_name="plazo")
    except SystemExit as ended:  # how Typer ends: 0, or 2 once it has explained the usage
        code = ended.code if isinstance(ended.code, int) else REFUSED
    except KeyboardInterrupt:
        pass
    except (Refused, NotStarted, BadSettings) as refused:
        print(f"plazo: {refused}", file=sys.stderr)  # noqa: T201
    except Exception:
        log.exception("failed in a way that nobody has foreseen")
    leave(code)


if __name__ == "__main__":
    main()
