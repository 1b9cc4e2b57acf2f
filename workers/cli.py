"""`plazo`: the front door. Exit codes: 0 done, 1 refused with a reason, 2 wrong usage."""

import logging
import sys
from collections.abc import Sequence
from importlib import import_module

import typer

from workers import logs
from workers.embedded import NotStarted
from workers.leave import REFUSED, Refused, leave
from workers.settings.reading import BadSettings

log = logging.getLogger("plazo")

GROUPS = (
    "host", "incident", "task", "client", "clients", "campaign", "billing", "blocklist", "audit",
    "user", "token",
)  # fmt: skip
"""Each is `app` of its module in `workers/commands/`."""

ALONE = {
    "demo": "show",
    "up": "serve",
    "worker": "serve",
    "gateway": "serve",
    "mailbox": "serve",
    "host-agent": "serve",
    "edge-agent": "serve",
    "migrate": "books",
    "doctor": "doctor",
    "import": "books:import_file",
    "report": "report",
}
"""Each is the function of its name in its module there, or the one that is said."""


def build(words: Sequence[str] = ()) -> typer.Typer:
    """The command line. Where words ask for one of its commands, only that one is read: reading
    all of them takes as long as most of them run."""
    app = typer.Typer(
        name="plazo",
        help="One durable workflow per outbound-spam incident, from report to close, with proof.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    app.callback()(_nothing)  # else a single command would need no name
    asked = words[0] if words else ""
    for name, place in ALONE.items():
        if asked == name or asked not in (*ALONE, *GROUPS):
            module, _, function = place.partition(":")
            function = function or name.replace("-", "_")
            app.command(name)(getattr(import_module(f"workers.commands.{module}"), function))
    for name in GROUPS:
        if asked == name or asked not in (*ALONE, *GROUPS):
            app.add_typer(import_module(f"workers.commands.{name}").app, name=name)
    return app


def _nothing() -> None:
    pass


def main() -> None:
    """Run the command line, and leave with its true exit code."""
    logs.to_stderr()
    code = REFUSED
    try:
        build(sys.argv[1:])(prog_name="plazo")
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
