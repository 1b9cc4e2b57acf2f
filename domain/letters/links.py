"""The link to an incident's portal page: its token names the incident and proves where it is from.

The token is the client's whole credential, sent to the contract's own contacts. It opens one
incident, and nothing once that is closed.
"""

import base64
import hashlib
import hmac

_PURPOSE = b"plazo portal link 1\n"
"""Keeps a signature made for anything else under the same secret from passing for a link."""


def portal_token(secret: str, incident: str) -> str:
    """`<incident>.<signature>`, fit for a URL's path; the same at every call."""
    return f"{incident}.{_signature(secret, incident)}"


def incident_of(secret: str, token: str) -> str | None:
    """The incident that a token opens; None unless we have signed it. In constant time."""
    incident, _, signature = token.rpartition(".")
    if not incident or not token.isascii():
        return None
    if not hmac.compare_digest(signature, _signature(secret, incident)):
        return None
    return incident


def _signature(secret: str, incident: str) -> str:
    """HMAC-SHA256 (RFC 2104) in base64url without padding (RFC 4648 §5)."""
    digest = hmac.digest(secret.encode(), _PURPOSE + incident.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
