"""How a client is known where it is billed."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Account:
    """A backend by its name, and the client's id there."""

    backend: str
    id: str | None = None
    """None where the backend has no ids of its own."""
