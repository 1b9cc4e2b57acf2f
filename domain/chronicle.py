"""What rides along with each step of an incident into the book of record."""

from dataclasses import dataclass

from domain.steps import Decision, View

HEADER = "plazo-chronicle"
"""The activity header that carries a `Chronicle`."""


@dataclass(frozen=True, kw_only=True)
class Chronicle:
    """The decisions that are not on the audit chain yet, and how the incident looks now."""

    incident: str
    view: View
    decisions: tuple[Decision, ...] = ()
