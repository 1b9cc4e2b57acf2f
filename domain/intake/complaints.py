"""What somebody reported: one complaint about mail that left one of the provider's addresses."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv6Address, ip_address

MOST_MESSAGES = 1_000_000
"""What one complaint can stand for. More is a slip or a lie, and must not overflow the book."""

_FIRST = datetime(2010, 8, 1, tzinfo=UTC)
"""RFC 5965 came out: a complaint about earlier mail was dated by a clock that was never set."""

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_LOCAL = re.compile(r"[^\s<>@]{1,64}")


@dataclass(frozen=True, kw_only=True)
class Complaint:
    """What a report says, whatever format it came in. Only `volume`, `sent_at`, `format` are sure.

    `sender` may hold a recipient's address in disguise (VERP). It is there to compare with, and
    is not shown to anybody; `headers` are.
    """

    format: str
    sent_at: datetime
    """When the offending mail was sent, as far as can be believed: see `credible`."""
    address: str | None = None
    """The source IP in its canonical form."""
    domain: str | None = None
    """The offending domain, in lower-case A-labels; never from `From`, which anyone forges."""
    sender: str | None = None
    """Envelope sender; None for a bounce too."""
    message_id: str | None = None
    fingerprint: str | None = None
    """The same in every complaint about the same message: of its Message-ID, or else of the
    feedback's own id or of its body. None if nothing tells it from others."""
    volume: int = 1
    """How many messages it stands for."""
    feedback_type: str | None = None
    """Such as `abuse` or `fraud` (RFC 5965 §7.3)."""
    headers: tuple[str, ...] = ()
    """`Name: value` of the offending message, recipients' personal data redacted (RFC 6590)."""

    def __post_init__(self) -> None:
        if self.sent_at.utcoffset() is None:
            raise ValueError(f"sent_at: {self.sent_at.isoformat()} has no offset from UTC")
        if not 1 <= self.volume <= MOST_MESSAGES:
            raise ValueError(f"volume: {self.volume} is not from 1 to {MOST_MESSAGES}")
        if self.address is not None and self.address != canonical_address(self.address):
            raise ValueError(f'address: "{self.address}" is not an IP address in canonical form')
        if self.domain is not None and self.domain != canonical_domain(self.domain):
            raise ValueError(f'domain: "{self.domain}" is not a domain in lower-case A-labels')


def credible(claimed: datetime | None, received_at: datetime) -> datetime:
    """When the mail was sent, in UTC: as claimed, if that can be, or else when the report came.

    An old date stands, however old: a late report of old spam must not look new, neither to a
    verification that asks what came since the client said "fixed" nor to a probation, and the
    complaint belongs to whoever had the address then. A date in the future is brought back to the
    receipt, so that no forged one outlives a "fixed" that comes after it. No date, or one of a
    clock that was never set (1970), is as good as the receipt.
    """
    try:
        moment = received_at if claimed is None else claimed.astimezone(UTC)
    except OverflowError:  # within a day of year 1 or of year 9999
        moment = received_at
    if not _FIRST <= moment <= received_at:
        moment = received_at
    return moment.astimezone(UTC)


def canonical_address(text: str) -> str | None:
    """An IPv4 or IPv6 address in canonical form; None for anything else.

    An IPv4 address in IPv6's clothes (`::ffff:192.0.2.7`) is that IPv4 address.
    """
    if "%" in text:  # a zone index has no meaning on another machine
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)


def canonical_domain(text: str) -> str | None:
    """A domain of two labels or more in lower-case A-labels; None for anything else."""
    if len(text) > 253:  # before anything that takes longer on longer text
        return None
    try:
        ascii_form = text.removesuffix(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None
    labels = ascii_form.split(".")
    if len(labels) < 2 or labels[-1].isdigit() or len(ascii_form) > 253:
        return None
    return ascii_form if all(_LABEL.fullmatch(label) for label in labels) else None


def canonical_mailbox(text: str) -> str | None:
    """`local@domain` with its domain in canonical form; None for anything else."""
    local, at, domain = text.rpartition("@")
    known = canonical_domain(domain)
    if not at or known is None or not (_LOCAL.fullmatch(local) and local.isprintable()):
        return None
    return f"{local}@{known}"
