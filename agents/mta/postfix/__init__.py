"""Postfix, 3.0 or newer: `postfix:/etc/postfix` is the instance with that configuration."""

from pathlib import Path

from agents.holding import Holding
from agents.mta.port import MailHost, register
from agents.mta.postfix.server import Postfix


@register("postfix")
def postfix(config_dir: str, state_dir: Path) -> MailHost:
    """The instance whose main.cf is in `config_dir`; /etc/postfix unless it says another."""
    return Holding(Postfix(Path(config_dir or "/etc/postfix"), state_dir), state_dir)
