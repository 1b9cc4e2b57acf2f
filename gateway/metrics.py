"""What Prometheus is told. Each application has a registry of its own."""

from prometheus_client import CollectorRegistry, Counter, generate_latest


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
        self.reports = Counter(
            "plazo_reports",
            "Reports that were posted, by what became of them.",
            ("outcome",),
            registry=self._registry,
        )

    def text(self) -> bytes:
        """All of them in Prometheus' text format 0.0.4."""
        return generate_latest(self._registry)
