"""The link to an incident's portal page: its token names the incident and proves where it is from.

The token is the client's whole credential, sent to the contract's own contacts. It opens one
incident, until the day that it names, or until all links of its issue are revoked. Nothing of it is
kept in the database but the number of the issue.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

AFTER_THE_END = timedelta(days=30)
"""For which a closed incident can still be looked at."""

_PURPOSE = b"plazo portal link 2\n"
"""Keeps a signature made for anything else under the same secret from passing for a link."""

_LINK = re.compile(r"/c/[^\s<>\"']+")
_TERMS = re.compile(r"([1-9][0-9]{0,8})-([0-9]{8})")


@dataclass(frozen=True, kw_only=True)
class Link:
    """What a token says. `until` is the last day, in UTC, on which it opens anything."""

    incident: str
    issue: int
    until: date

    @classmethod
    def lasting(cls, incident: str, issue: int, lasts: timedelta, now: datetime) -> "Link":
        """A link from now on."""
        return cls(incident=incident, issue=issue, until=(now + lasts).astimezone(UTC).date())

    def open_at(self, now: datetime) -> bool:
        """Whether its day has not passed."""
        return now.astimezone(UTC).date() <= self.until


def portal_token(secret: str, link: Link) -> str:
    """`<incident>.<issue>-<yyyymmdd>.<signature>`, fit for a URL's path; the same at every call."""
    signed = f"{link.incident}.{link.issue}-{link.until:%Y%m%d}"
    return f"{signed}.{_signature(secret, signed)}"


def link_of(secret: str, token: str) -> Link | None:
    """What a token says; None unless we have signed it. In constant time."""
    signed, _, signature = token.rpartition(".")
    incident, _, terms = signed.rpartition(".")
    found = _TERMS.fullmatch(terms)
    if not incident or found is None or not token.isascii():
        return None
    if not hmac.compare_digest(signature, _signature(secret, signed)):
        return None
    until = date.fromisoformat(found[2])
    return Link(incident=incident, issue=int(found[1]), until=until)


def without_links(text: str) -> str:
    """The text with the token of every link left out: who only looks must not come to act."""
    return _LINK.sub("/c/…", text)


def _signature(secret: str, signed: str) -> str:
    """HMAC-SHA256 (RFC 2104) in base64url without padding (RFC 4648 §5)."""
    digest = hmac.digest(secret.encode(), _PURPOSE + signed.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
