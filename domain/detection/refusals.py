"""Large receivers that refuse an address by a list of their own, which no DNS shows.

What the delivery log quotes of the receiver's answer says who refuses, why, and where one asks to
be let in again. Only refusals of the address are here: an unknown mailbox, a full one, a message
that fails DMARC or is too large says nothing of the address's reputation.
"""

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address


class Receiver(StrEnum):
    """Who refuses. The value is a pseudo-zone: it stands where a blocklist's zone does."""

    MICROSOFT = "microsoft-mail"
    """Outlook.com, Hotmail and the like, which keep a list of their own."""
    EXCHANGE_ONLINE = "exchange-online"
    """Microsoft's business customers, of whatever domain."""
    GOOGLE = "google-mail"
    YAHOO = "yahoo-mail"


_HOSTS = {
    "olc.protection.outlook.com": Receiver.MICROSOFT,
    "hotmail.com": Receiver.MICROSOFT,
    "mail.protection.outlook.com": Receiver.EXCHANGE_ONLINE,
    "mx.microsoft": Receiver.EXCHANGE_ONLINE,
    "google.com": Receiver.GOOGLE,
    "googlemail.com": Receiver.GOOGLE,
    "smtp.goog": Receiver.GOOGLE,
    "yahoodns.net": Receiver.YAHOO,
    "yahoo.com": Receiver.YAHOO,
}
"""Below which domain the names of a receiver's mail servers are."""

_MICROSOFTS = {Receiver.MICROSOFT, Receiver.EXCHANGE_ONLINE}
"""They say the same things, and take an address off their lists apart from each other."""


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A receiver that refuses mail from an address, or takes it slowly."""

    receiver: Receiver
    code: str
    """By which it is known: `S3150`, `TSS04`, or the enhanced status code."""
    meaning: str
    page: str
    """Where a person asks, or reads what to do."""
    lasting: bool
    """Until somebody acts; else the receiver tries the address again by itself."""
    address: str | None = None
    """That is refused, where the answer names it."""


@dataclass(frozen=True)
class _Pattern:
    receiver: Receiver
    found: re.Pattern[str]
    """Its group `code`, where it has one, is the receiver's own code."""
    code: str
    meaning: str
    page: str
    lasting: bool = True


def _words(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


_MICROSOFT_FORM = "https://olcsupport.office.com/"
_BULK = "https://support.google.com/mail/answer/81126"
_YAHOO = "https://senders.yahooinc.com/smtp-error-codes/"

_PATTERNS = (
    # https://sendersupport.olc.protection.outlook.com/pm/troubleshooting.aspx
    _Pattern(
        Receiver.MICROSOFT, _words(r"\bis on our block list \((?P<code>S\d{3,4})\)"), "S3150",
        "the address, or its network, is on Microsoft's own block list", _MICROSOFT_FORM,
    ),
    _Pattern(
        Receiver.MICROSOFT,
        _words(r"temporarily rate limited due to IP reputation(?:.*\((?P<code>S\d{3,4})\))?"),
        "4.7.650", "Microsoft takes mail slowly: the address has a bad reputation",
        _MICROSOFT_FORM, lasting=False,
    ),
    _Pattern(
        Receiver.MICROSOFT, _words(r"\b(?P<code>RP-00\d) \(.*messages from"), "RP-001",
        "Microsoft takes mail slowly: the address has a bad reputation", _MICROSOFT_FORM,
        lasting=False,
    ),
    _Pattern(
        Receiver.MICROSOFT, _words(r"\b(?P<code>(?:SC|OU)-00\d) \(.*messages from"), "SC-001",
        "Microsoft refuses by the address's reputation", _MICROSOFT_FORM,
    ),
    # https://learn.microsoft.com/exchange/mail-flow-best-practices/non-delivery-reports-in-exchange-online
    _Pattern(
        Receiver.EXCHANGE_ONLINE,
        _words(r"\b(?P<code>5\.7\.6\d\d)\b.*\bbanned sending IP"), "5.7.606",
        "Exchange Online has banned the address", "https://sender.office.com/",
    ),
    _Pattern(
        Receiver.EXCHANGE_ONLINE,
        _words(r"\b(?P<code>5\.7\.51\d)\b.*\bbanned sender"), "5.7.511",
        "Exchange Online has banned the address; write to delist@messaging.microsoft.com",
        "https://sender.office.com/",
    ),
    # https://support.google.com/a/answer/3726730
    _Pattern(
        Receiver.GOOGLE, _words(r"very low reputation of the sending IP address.*has been blocked"),
        "5.7.1", "Gmail refuses: the address has a very low reputation", _BULK,
    ),
    _Pattern(
        Receiver.GOOGLE, _words(r"very low reputation of the sending IP address"), "4.7.0",
        "Gmail takes mail slowly: the address has a very low reputation", _BULK, lasting=False,
    ),
    _Pattern(
        Receiver.GOOGLE,
        _words(r"unusual rate of unsolicited mail originating from your IP (?:address|netblock)"),
        "4.7.28", "Gmail takes mail slowly: much unsolicited mail comes from the address", _BULK,
        lasting=False,
    ),
    _Pattern(
        Receiver.YAHOO, _words(r"\[(?P<code>TSS?\d\d)\].*temporarily deferred"), "TSS04",
        "Yahoo takes mail slowly: unexpected volume, or its users complain", _YAHOO, lasting=False,
    ),
    _Pattern(
        Receiver.YAHOO, _words(r"\[(?P<code>TSS?\d\d)\].*permanently deferred"), "TS03",
        "Yahoo takes no mail from the address until somebody asks",
        "https://senders.yahooinc.com/contact/",
    ),
    _Pattern(
        Receiver.YAHOO, _words(r"\[(?P<code>BL\d\d)\].*\bSpamhaus"), "BL21",
        "Yahoo refuses: the address is on a list of Spamhaus", "https://check.spamhaus.org/",
    ),
)  # fmt: skip

_LONGEST = 4_000
"""Characters of a log line that are looked at: receivers say less."""

_CODE = re.compile(r"\b[45]\d\d[- ][45]\.\d{1,3}\.\d{1,3}\s")
"""In front of each line of an answer."""

_BRACKETED = re.compile(r"[\[(]([0-9a-fA-F:.]{3,45})(?:\s+\d+)?[\])]")
_NAMED = _words(r"\b(?:messages from|mail server|sending IP|accepted from) \[?([0-9a-f:.]{3,45})\b")


def receiver_of(host: str) -> Receiver | None:
    """Whose mail server has this name, as the delivery log has it; None for all others."""
    name = host.lower().rstrip(".")
    while name:
        if (known := _HOSTS.get(name)) is not None:
            return known
        name = name.partition(".")[2]
    return None


def refusal_by(host: str, answer: str) -> Refusal | None:
    """What a receiver's own mail server says against the address.

    Anybody's server can say the same words: those of one that is not the receiver's mean nothing.
    """
    who = receiver_of(host)
    found = refusal_in(answer) if who is not None else None
    if who is None or found is None:
        return None
    if found.receiver is not who and not {found.receiver, who} <= _MICROSOFTS:
        return None
    return replace(found, receiver=who)


def refusal_in(answer: str) -> Refusal | None:
    """What a receiver's answer, as a delivery log quotes it, says against the address.

    `answer` is the text after `said:` (Postfix) or `host …:` (Exim), with or without the rest of
    the line, its lines joined. None for what is no refusal of an address.
    """
    first = _CODE.search(answer)
    begun = first.end() if first is not None else 0
    text = answer[:begun] + _CODE.sub(" ", answer[begun:_LONGEST])
    plain = " ".join(text.split())
    for pattern in _PATTERNS:
        if (match := pattern.found.search(plain)) is not None:
            return Refusal(
                receiver=pattern.receiver,
                code=match.groupdict().get("code") or pattern.code,
                meaning=pattern.meaning,
                page=pattern.page,
                lasting=pattern.lasting,
                address=_address(plain),
            )
    return None


def _address(text: str) -> str | None:
    """The sender's address; the receiver's own stands in front of `said:`."""
    told = text.partition(" said: ")[2] or text
    for found in (*_NAMED.finditer(told), *_BRACKETED.finditer(told)):
        known = _known(found[1].rstrip("."))
        if known is not None:
            return str(known)
    return None


def _known(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
