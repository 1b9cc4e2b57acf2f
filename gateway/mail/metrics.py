"""What Prometheus is told of the abuse mailbox. No address, no sender and no subject is in it."""

import math
import time

from prometheus_client import CollectorRegistry, Counter, Gauge

from book.intake.intake import Accepted
from gateway.mail.arrival import Keep


class MailMetrics:
    """Counters of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._messages = Counter(
            "plazo_mail_messages",
            "Messages by way (smtp, imap) and outcome: accepted, put_off (4xx, or left in the "
            "mailbox), refused (5xx).",
            ("way", "outcome"),
            registry=self.registry,
        )
        for way in ("smtp", "imap"):
            for outcome in ("accepted", "put_off", "refused"):
                self._messages.labels(way, outcome)  # so that a rate has a zero to begin with
        age = Gauge(
            "plazo_mail_imap_age_seconds",
            "Since the IMAP mailbox was last gone through, mail in it or not; NaN until it is.",
            registry=self.registry,
        )
        self._through_at = math.nan
        age.set_function(lambda: time.monotonic() - self._through_at)

    def counting(self, keep: Keep, way: str) -> Keep:
        """`keep`, counted."""

        async def counted(content: bytes, sender: str) -> Accepted:
            try:
                accepted = await keep(content, sender)
            except Exception:
                self._messages.labels(way, "put_off").inc()
                raise
            self._messages.labels(way, "accepted").inc()
            return accepted

        return counted

    def answered(self, answer: str) -> None:
        """A message was answered in SMTP before anybody looked into it: 4xx or 5xx."""
        self._messages.labels("smtp", "put_off" if answer[:1] == "4" else "refused").inc()

    def gone_through(self) -> None:
        """The IMAP mailbox was looked into, to its end."""
        self._through_at = time.monotonic()
