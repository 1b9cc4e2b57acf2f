"""What a way of asking a list has to do.

Which list takes which way, and where, is in `activities/blocklists/catalogue.toml`. A new way is a
new file here, a member of `domain.blocklists.By`, and a line where the worker is put together.
"""

from typing import Protocol

from book.blocklists.delisting import Asked
from domain.blocklists.blocklist import By


class NotTaken(Exception):
    """The list refused, or cannot be asked from here; the message says why. A person has to ask."""


class Way(Protocol):
    """Files requests in one way."""

    @property
    def by(self) -> By:
        """Which."""

    def written(self, asked: Asked) -> str:
        """Word for word what is to be sent, of a request whose `sent` is the text."""

    async def file(self, asked: Asked) -> str:
        """Send what was written; what came back. Raises NotTaken; another error is tried again."""
