"""A letter as a message: what mail programs, their filters, and abuse systems go by."""

import hashlib
import hmac
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

from book.letters.deliveries import Delivery
from book.letters.notices import Sender, Written


def message_id(key: str, sender: Sender) -> str:
    """Of a step's key: the same at every try, and nobody else's guess. With angle brackets."""
    digest = hmac.digest(sender.secret.encode(), key.encode(), hashlib.sha256).hex()[:32]
    return f"<{digest}@{_domain(sender)}>"


def message(incident: str, letter: Written, delivery: Delivery, sender: Sender) -> EmailMessage:
    """The letter for one contact, the same to the byte however often it is made."""
    made = EmailMessage()
    made["From"] = Address(sender.provider, addr_spec=sender.reply_to)
    made["To"] = Address(addr_spec=delivery.contact)
    made["Subject"] = letter.subject
    made["Date"] = format_datetime(letter.written_at)
    made["Message-ID"] = delivery.message_id
    # One thread per incident, whichever letter of it was lost (RFC 5322 §3.6.4).
    made["References"] = " ".join(filter(None, (message_id(incident, sender), letter.in_reply_to)))
    if letter.in_reply_to is not None:
        made["In-Reply-To"] = letter.in_reply_to
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834 §5
    made["List-Id"] = f"<abuse-notices.{_domain(sender)}>"  # RFC 2919: filters go by it
    made.set_content(letter.text)
    made.add_alternative(letter.html, subtype="html")
    if letter.xarf is not None:
        made.add_attachment(
            letter.xarf.encode(), maintype="application", subtype="json", filename="xarf.json"
        )
    # Not by chance, as they would be: a letter that is handed over again is the same to the byte.
    multiparts = [part for part in made.walk() if part.is_multipart()]
    for number, part in enumerate(multiparts):
        seed = f"{delivery.message_id} {number}"
        part.set_boundary(hashlib.sha256(seed.encode()).hexdigest()[:32])
    return made


def _domain(sender: Sender) -> str:
    return sender.reply_to.rpartition("@")[2]
