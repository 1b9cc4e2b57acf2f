"""A mail host's log, its clock, and the detector that reads it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from agents.detection.detector import Caps, Detector
from agents.mta.postfix.outgoing import Outgoing
from domain.hosts import Campaign, Detection

START = int(datetime(2026, 11, 24, 9, 0, tzinfo=UTC).timestamp())
DAY = 86_400
SHOP = "shop.example"
CAPS = Caps(domain=200, host=500)


class Host:
    """A mail host's log, its clock, and the detector that reads it."""

    def __init__(
        self, folder: Path, caps: Caps = CAPS, *, traffic: Outgoing | None = None,
        address: str | None = "192.0.2.7",
    ) -> None:  # fmt: skip
        self.log = folder / "mail.log"
        self.log.touch()
        self.state = folder / "state"
        self.state.mkdir()
        self.now = START
        self.number = 0
        self.caps = caps
        self.traffic = traffic or Outgoing(Path("/etc/postfix"))
        self.address = address
        self.campaigns: tuple[Campaign, ...] = ()
        self.detector = self.start()

    def start(self) -> Detector:
        """The detector of an agent that starts now."""
        self.detector = Detector(
            self.traffic, self.log, self.state, self.now, self.caps, self.address
        )
        return self.detector

    def write(self, program: str, words: str) -> None:
        stamp = datetime.fromtimestamp(self.now, UTC).isoformat()
        with self.log.open("a") as opened:
            opened.write(f"{stamp} mx postfix/{program}[6236]: {words}\n")

    def queued(self, domain: str, queue_id: str = "") -> str:
        self.number += 1
        queue_id = queue_id or f"4fX{self.number:09}"
        self.write("qmgr", f"{queue_id}: from=<info@{domain}>, size=9, nrcpt=1 (queue active)")
        return queue_id

    def tried(
        self, queue_id: str, to: str, status: str = "sent", dsn: str = "2.0.0", why: str = "250 ok",
        relay: str = "mx.far.example",
    ) -> None:  # fmt: skip
        self.write(
            "smtp",
            f"{queue_id}: to=<{to}>, relay={relay}[198.51.100.7]:25, delay=1, "
            f"delays=1/0/0/0, dsn={dsn}, status={status} ({why})",
        )

    def send(self, copies: int = 1, domain: str = SHOP, **how: str) -> None:
        """Messages to one recipient each."""
        for _ in range(copies):
            queue_id = self.queued(domain)
            self.tried(queue_id, f"r{self.number}@far.example", **how)
            self.write("qmgr", f"{queue_id}: removed")

    def reject(self, copies: int) -> None:
        self.send(copies, status="bounced", dsn="5.1.1", why="host mx said: 550 unknown")

    def look(self, after: int = 0) -> tuple[Detection, ...]:
        """What it finds, so many seconds later; it is saved."""
        self.now += after
        self.detector.announced(self.campaigns)
        found = self.detector.look(self.now)
        self.detector.tell(found)
        return found

    def days(self, how_many: int, copies: int) -> None:
        """Days with so many copies at once, each."""
        for _ in range(how_many):
            self.send(copies)
            assert self.look(DAY // 2) == ()
            assert self.look(DAY // 2) == ()

    def announce(self, messages: int, *, hours: int = 1, domain: str | None = SHOP) -> None:
        begins_at = datetime.fromtimestamp(self.now, UTC)
        self.campaigns = (
            Campaign(
                id="1", begins_at=begins_at, ends_at=begins_at + timedelta(hours=hours),
                messages=messages, domain=domain,
            ),
        )  # fmt: skip
