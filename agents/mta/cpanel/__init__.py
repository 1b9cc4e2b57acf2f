"""cPanel & WHM: `cpanel:[USER@]HOST[:PORT]`, root and 2087 unless it says others.

The API token lies in the agent's state directory as `whm-token`, mode 0600; the certificate to
trust, where WHM's own is from no public authority, beside it as `whm-authority.pem`.
"""

import re
from pathlib import Path

from agents.mta.cpanel.server import CPanel
from agents.mta.cpanel.whm import Whm
from agents.mta.port import MailHost, UnknownMailHost, register

_ADDRESS = re.compile(
    r"((?P<user>[a-z][a-z0-9_-]{0,31})@)?(?P<host>[A-Za-z0-9][A-Za-z0-9.-]{0,252})(:(?P<port>\d{1,5}))?"
)


@register("cpanel")
def cpanel(address: str, state_dir: Path) -> MailHost:
    """The server with WHM at `address`. Raises UnknownMailHost where that is none."""
    match = _ADDRESS.fullmatch(address)
    if match is None or not 0 < int(match["port"] or 2087) < 65_536:
        raise UnknownMailHost(f'"cpanel:{address}": expected cpanel:[USER@]HOST[:PORT]')
    whm = Whm(
        host=match["host"],
        port=int(match["port"] or 2087),
        user=match["user"] or "root",
        token=state_dir / "whm-token",
        authority=state_dir / "whm-authority.pem",
    )
    return CPanel(whm, state_dir)
