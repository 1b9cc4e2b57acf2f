"""Exim 4, as Debian and cPanel run it: `exim:/etc/exim4` is the instance configured there.

The detector may be given its log in place of the folder, `exim:/var/log/exim4/mainlog`.
"""

from pathlib import Path

from agents.holding import Holding
from agents.mta.exim.log import MainLog
from agents.mta.exim.server import Exim
from agents.mta.port import MailHost, register
from agents.mta.traffic import TrafficLog, register_log

_FOLDERS = (Path("/etc/exim4"), Path("/etc/exim"), Path("/etc"))
"""Debian's, Red Hat's and cPanel's."""


@register("exim")
def exim(config_dir: str, state_dir: Path) -> MailHost:
    """The instance whose configuration is in `config_dir`, beside it a folder of ours."""
    given = Path(config_dir) if config_dir and not Path(config_dir).is_file() else None
    here = given or next(each for each in _FOLDERS if each.is_dir())
    return Holding(Exim(here, state_dir), state_dir)


@register_log("exim")
def main_log(address: str) -> TrafficLog:
    """The main log in that file; else that of the instance configured in that folder."""
    if address and not Path(address).is_dir():
        return MainLog(Path(address))
    folder = Path(address) if address else next(each for each in _FOLDERS if each.is_dir())
    return MainLog(config_dir=folder)
