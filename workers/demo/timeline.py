"""What the demo says, as it happens: one line an event, in colour where there is a terminal."""

import time
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape


class NotSeen(Exception):
    """An effect that should have been visible from outside was not; the demo fails."""


@dataclass
class Timeline:
    """Tells the story. Times are seconds since the report came in."""

    console: Console = field(default_factory=lambda: Console(highlight=False, soft_wrap=True))
    began: float = field(default_factory=time.monotonic)
    seen: int = 0

    def begin(self) -> None:
        self.began = time.monotonic()

    def title(self, text: str) -> None:
        self.console.print(f"\n[bold]{escape(text)}[/]")

    def plain(self, text: str) -> None:
        self.console.print(escape(text))

    def tells(self, what: str, *reasons: str) -> None:
        """A decision of the incident, as it stands on the audit chain."""
        self._line("cyan", "decides", what)
        for reason in reasons:
            self.console.print(f"{'':20}[dim]{escape(reason)}[/]")

    def does(self, what: str) -> None:
        """Something that the world does: the spammer, a client, a blocklist."""
        self._line("yellow", "world", what)

    def saw(self, what: str) -> None:
        """An effect that was seen from outside."""
        self.seen += 1
        self._line("green", "seen", what)

    def letter(self, text: str) -> None:
        """A letter as it lies in the client's inbox."""
        for line in text.rstrip().splitlines():
            self.console.print(f"{'':22}[dim]{escape(line)}[/]")

    def _line(self, colour: str, who: str, what: str) -> None:
        at = time.monotonic() - self.began
        self.console.print(f"[dim]{at:7.1f} s[/]  [{colour}]{who:8}[/]  {escape(what)}")
