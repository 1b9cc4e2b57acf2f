"""The smarthosts' logins, where Exim's authenticators look them up by host.

Our own authenticators read our own file. Debian has authenticators for the same mechanisms, of
which Exim takes one each: there the logins are lines in front of `passwd.client`, between two
comments, and what an administrator wrote there stays.
"""

from pathlib import Path

from agents.mta.exim.files import replace_for_group
from agents.mta.exim.fragments import LOGINS
from agents.mta.exim.setup import NotSetUp, Setup
from agents.mta.exim.tables import login_lines
from agents.smarthosts.port import Login

_BEGIN = "# Written by the Plazo host agent; changes are undone."
_END = "# End of what the Plazo host agent wrote."


def put(setup: Setup, by_host: dict[str, Login]) -> None:
    """Have Exim know exactly these, beside the administrator's own. Raises NotSetUp."""
    setup.write(setup.folder / LOGINS, None if setup.others_log_in else login_lines(by_host))
    if not setup.others_log_in:
        return
    if setup.passwd_client is not None:
        _put_in_front(setup.passwd_client, by_host, setup.group)
    elif by_host:
        raise NotSetUp(
            "Exim has client authenticators for PLAIN or LOGIN that look no passwd.client up;"
            " remove them, so that ours can be there"
        )


def _put_in_front(file: Path, by_host: dict[str, Login], group: int) -> None:
    text = file.read_text() if file.exists() else ""
    before, _, rest = text.partition(f"{_BEGIN}\n")
    _, end, after = rest.partition(f"{_END}\n")
    after = after if end else rest  # Somebody cut into it: rather a line too many than theirs.
    keys = {host: f'"{host}"' if ":" in host else host for host in by_host}
    lines = [f"{keys[host]}:{each.user}:{each.secret}\n" for host, each in by_host.items()]
    ours = "".join([f"{_BEGIN}\n", *lines, f"{_END}\n"]) if lines else ""
    if (whole := f"{ours}{before}{after}") != text:
        replace_for_group(file, whole, group)
