"""What blocklists say about a service's addresses, and about domains."""

from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, ip_address

from domain.blocklists.blocklist import Keeps
from domain.intake.complaints import canonical_domain

Subject = IPv4Address | IPv6Address | str
"""What a list is asked about; a string is a domain in lower-case A-labels."""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """A list's answer as it came. `raw` is the DNS message in base64, a secret key left out."""

    asked: str
    resolver: str
    at: datetime
    raw: str


@dataclass(frozen=True, kw_only=True)
class Found:
    """A listing of an address or a domain."""

    address: str
    zone: str
    answer: str
    """Such as `127.0.0.4 (XBL: compromised machine)`; several are joined by ", "."""
    reason: str
    """What the list says about it, mostly a link; may be empty."""
    reproach: bool
    """Whether it speaks against who has the address; not of a policy, nor of its neighbours."""
    proof: Proof


@dataclass(frozen=True, kw_only=True)
class Unanswered:
    """A list that gave no usable answer about one address at least."""

    zone: str
    why: str
    refused: bool = False
    """It will not answer us, until a person sees to it."""

    def __str__(self) -> str:
        return f"{self.zone}: {self.why}"


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What the lists said. Absence from `found` means little: ask `is_off`."""

    addresses: tuple[str, ...]
    """Asked about, in canonical form."""
    zones: tuple[str, ...]
    found: tuple[Found, ...]
    unanswered: tuple[Unanswered, ...] = ()
    not_kept: tuple[tuple[str, Keeps], ...] = ()
    """Zones that are no lists of such things, so were not asked about them."""
    left_out: tuple[tuple[str, str], ...] = ()
    """`(address, zone)` that was not asked this time."""
    questions: tuple[tuple[str, int], ...] = ()
    """How many went out to each zone since the last check that ended, test points and repetitions
    among them: added up over all checks, each counts once."""

    def is_off(self, address: str, zone: str) -> bool:
        """Whether this check shows that the address is not on the list."""
        known = subject(address)
        asked = str(known) in self.addresses and zone in self.zones
        silent = any(each.zone == zone for each in self.unanswered)
        silent = silent or (zone, kind_of(known)) in self.not_kept
        listed = any((each.address, each.zone) == (str(known), zone) for each in self.found)
        left_out = (str(known), zone) in self.left_out
        return asked and not silent and not listed and not left_out


def subject(text: str) -> Subject:
    """What to ask about: an address, of IPv4 if it is one in IPv6's clothes, or a domain.

    Raises ValueError.
    """
    try:
        known = ip_address(text)
    except ValueError:
        domain = canonical_domain(text)
        if domain is None:
            raise ValueError(f'"{text}" is neither an IP address nor a domain') from None
        return domain
    mapped = known.ipv4_mapped if isinstance(known, IPv6Address) else None
    return mapped or known


def kind_of(asked: Subject) -> Keeps:
    """What kind of list can hold it."""
    if isinstance(asked, str):
        return Keeps.DOMAIN
    return Keeps.IP4 if isinstance(asked, IPv4Address) else Keeps.IP6
