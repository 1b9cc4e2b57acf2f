"""By one HTTP request that comes from the listed address itself, which is all that proves it.

It can be made from here only where this machine has that address, as a provider's own mail server
may. Elsewhere whoever is on the machine makes it; the text for a person has the command.
"""

import errno
import re
from dataclasses import dataclass

import httpx

from activities.delisting.port import NotTaken
from book.blocklists.delisting import Asked
from domain.blocklists.blocklist import By

_SECONDS = 20.0
_LONGEST = 500
_TAGS = re.compile(r"<[^>]*>|\s+")
_NOT_OURS = (errno.EADDRNOTAVAIL, errno.EINVAL, errno.EAFNOSUPPORT)


@dataclass(frozen=True)
class ByVisit:
    """A GET of the list's page from the address. It proves itself: no text is sent."""

    by: By = By.VISIT

    def written(self, asked: Asked) -> str:
        [address] = asked.subjects
        return f"GET {asked.sent_to} from {address}"

    async def file(self, asked: Asked) -> str:
        """What the list answered; a status from 400 to 499 is NotTaken."""
        [address] = asked.subjects
        transport = httpx.AsyncHTTPTransport(local_address=address)
        try:
            async with httpx.AsyncClient(
                transport=transport, timeout=_SECONDS, follow_redirects=True
            ) as client:
                answer = await client.get(asked.sent_to)
        except httpx.ConnectError as error:
            if _not_ours(error):
                raise NotTaken(f"this machine does not have {address}") from error
            raise
        words = _TAGS.sub(" ", answer.text[: 8 * _LONGEST])
        said = f"HTTP {answer.status_code} {' '.join(words.split())[:_LONGEST]}"
        if answer.status_code >= 500:
            answer.raise_for_status()  # it may be well again soon
        if answer.status_code >= 400:
            raise NotTaken(f"the list refused: {said}")
        return said


def _not_ours(error: BaseException | None) -> bool:
    """Whether the address could not be bound to, which the first error of the chain says."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _NOT_OURS:
            return True
        error = error.__cause__ or error.__context__
    return False
