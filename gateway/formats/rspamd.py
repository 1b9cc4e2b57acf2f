"""What Rspamd posts of mail that it scanned on its way out: `metadata_exporter` with
`formatter = "json"` (https://rspamd.com/doc/modules/metadata_exporter.html).

`reject`, `add header` and `rewrite subject` mean spam, as Rspamd's own selector `is_spam` has it;
other actions complain about nothing. Nothing else is needed in the rule but an authenticated URL.

`ip` is who handed the message in. On a relay that is the server it came from. Of a user who logged
in it is where that person is: such a complaint names no address of ours, unless the way in adds it.
"""

from datetime import datetime

from domain.intake.complaints import Complaint, canonical_address, canonical_domain, credible
from gateway.formats import original, received
from gateway.formats.fingerprint import fingerprint
from gateway.formats.headers import Fields
from gateway.formats.json_text import a_list, a_text, an_object, looks_like, read_json
from gateway.formats.port import NotUnderstood, register
from gateway.formats.redaction import sample

_SPAM = frozenset({"reject", "add header", "rewrite subject"})
_MOST_SIGNERS = 10
_UNKNOWN = "unknown"
"""What Rspamd writes where it has nothing."""


@register
class Rspamd:
    """The format's reader."""

    name = "rspamd"
    expects = 'Rspamd\'s metadata as JSON: an object with "action", "score" and "qid"'

    def recognises(self, content: bytes, media_type: str) -> bool:
        return looks_like(content, b"{", b"action", b"score", b"qid")

    def read(self, content: bytes, received_at: datetime) -> tuple[Complaint, ...]:
        data = an_object(read_json(content))
        action = _known(data.get("action"))
        if not action:
            raise NotUnderstood(f"no action; expected {self.expects}")
        if action not in _SPAM:
            return ()
        user = _known(data.get("user"))
        sender = original.envelope_sender(_known(data.get("from")))
        offending = _header(data, user)
        message_id = original.message_id(offending)
        return (
            Complaint(
                format=self.name,
                # It posts while it scans.
                sent_at=credible(None, received_at),
                address=None if user else received.outside(_address(data.get("ip"))),
                domain=original.offending_domain(sender, offending, [])
                or next(iter(_signers(data)), None),
                sender=sender,
                message_id=message_id,
                fingerprint=fingerprint(
                    message_id=message_id,
                    sender=sender,
                    feedback_id=_known(data.get("qid")) or None,
                ),
                feedback_type="abuse",
                headers=sample(offending),
            ),
        )


def _header(data: dict[str, object], user: str) -> Fields:
    """The fields that it posts, as the header that they were in."""
    name = _known(data.get("message_id")).strip("<> ")
    found = {
        "from": _first(data.get("header_from")),
        "subject": _known(data.get("subject")),
        "date": _first(data.get("header_date")),
        "message-id": f"<{name}>" if name else "",
        "x-authenticated-sender": user,
    }
    recipients = [
        _known(each)
        for key in ("rcpt", "header_to")
        for each in (a_list(data.get(key)) or [data.get(key)])[:20]
    ]
    return Fields(items=(*found.items(), *(("to", each) for each in recipients if each)))


def _signers(data: dict[str, object]) -> list[str]:
    """Whose DKIM signatures were right: options of `DKIM_TRACE`, such as `shop.example:+`.

    The signatures themselves are not among the fields that it posts.
    """
    symbols = [each for each in a_list(data.get("symbols")) if isinstance(each, dict)]
    options = [
        _known(option)
        for each in symbols
        if each.get("name") == "DKIM_TRACE"
        for option in a_list(each.get("options"))[:_MOST_SIGNERS]
    ]
    known = (canonical_domain(each[:-2]) for each in options if each.endswith(":+"))
    return [domain for domain in known if domain is not None]


def _first(value: object) -> str:
    """Header fields come as lists, of all that the message has."""
    items = a_list(value)
    return _known(items[0] if items else value)


def _address(value: object) -> str | None:
    return canonical_address(_known(value))


def _known(value: object) -> str:
    text = a_text(value)
    return "" if text == _UNKNOWN else text
