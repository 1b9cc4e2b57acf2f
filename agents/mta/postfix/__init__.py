"""Postfix, 3.0 or newer: `postfix:/etc/postfix` is the instance with that configuration."""

from pathlib import Path

from agents.mta.port import MailHost, register
from agents.mta.postfix.limiting import LimitedHolding
from agents.mta.postfix.outgoing import Outgoing
from agents.mta.postfix.server import Postfix
from agents.mta.traffic import TrafficLog, register_log


@register("postfix")
def postfix(config_dir: str, state_dir: Path) -> MailHost:
    """The instance whose main.cf is in `config_dir`; /etc/postfix unless it says another."""
    return LimitedHolding(Postfix(Path(config_dir or "/etc/postfix"), state_dir), state_dir)


@register_log("postfix")
def outgoing(config_dir: str) -> TrafficLog:
    """What that instance sends to the outside."""
    return Outgoing(Path(config_dir or "/etc/postfix"))
