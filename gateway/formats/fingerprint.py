"""What tells one offending message from another, so that many complaints about it are one message.

A spammer writes the Message-ID and the envelope sender. By giving all messages the same ones it can
make them count as one: that is why only the volume goes by fingerprints, and the number of
complaints and of those who complain does not.
"""

import hashlib

_LONGEST_BODY = 64 * 1024
"""Bytes of the body that are hashed. What follows differs where a report was cut off."""


def fingerprint(
    *, message_id: str | None, sender: str | None, feedback_id: str | None = None, body: bytes = b""
) -> str | None:
    """SHA-256 in hex of what is known of a message: the first of these that tells it.

    Its Message-ID together with its envelope sender, the feedback's own id, or the body without
    its white space (line endings change on the way). None if nothing does.
    """
    if message_id is not None:
        # The domain in it is not case-sensitive, and servers on the way add or drop the brackets.
        local, _, domain = message_id.strip("<> ").rpartition("@")
        told = f"message\0{local}@{domain.lower()}\0{(sender or '').lower()}"
    elif feedback_id is not None:
        told = f"feedback\0{feedback_id}"
    elif words := b" ".join(body[:_LONGEST_BODY].split()):
        return hashlib.sha256(b"body\0" + words).hexdigest()
    else:
        return None
    return hashlib.sha256(told.encode("utf-8", "backslashreplace")).hexdigest()
