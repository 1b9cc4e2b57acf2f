"""What Prometheus is told. Each application has a registry of its own."""

from datetime import timedelta
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from book.intake.inbox import Backlog


class Metrics:
    """Counters of one application. Labels are from closed sets: no address, no name, no token."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "plazo_http_requests",
            "Requests answered, by route and status.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._requests = cache(self.requests.labels)  # a lock and more, each time
        self.reports = Counter(
            "plazo_reports",
            "Reports that were posted, by what became of them.",
            ("outcome",),
            registry=self._registry,
        )
        # Of the book of record, and so apart: unknown while PostgreSQL is away, and left out then.
        self._of_the_book = CollectorRegistry()
        self._inbox = Gauge(
            "plazo_inbox_reports",
            "Reports that were accepted and are still to be read.",
            registry=self._of_the_book,
        )
        self._oldest = Gauge(
            "plazo_inbox_oldest_seconds",
            "How long the oldest of them has waited; 0 if there is none.",
            registry=self._of_the_book,
        )

    def answered(self, method: str, route: str, status: int | None) -> None:
        """Count a request; `status` is None if it got no answer."""
        self._requests(method, route, str(status or "none")).inc()

    def text(self, inbox: Backlog | None) -> bytes:
        """All of them in Prometheus' text format 0.0.4; `inbox` is None if it is not known."""
        counted = generate_latest(self._registry)
        if inbox is None:
            return counted
        self._inbox.set(inbox.reports)
        self._oldest.set((inbox.oldest or timedelta()).total_seconds())
        return counted + generate_latest(self._of_the_book)
