"""The table that a benchmark prints."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from rich.console import Console
from rich.table import Table as Drawn


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure, as it came out in each round.

    `required` is what the project asks of it, with the comparison (`>= 0.8`), and `held` whether
    the median meets it; None where nothing is asked.
    """

    what: str
    unit: str
    rounds: tuple[float, ...]
    required: str = ""
    held: bool | None = None


def row(
    what: str,
    unit: str,
    rounds: float | Sequence[float],
    *,
    at_least: float | None = None,
    at_most: float | None = None,
) -> Row:
    """A row, held against what is required of its median."""
    found = tuple(rounds) if isinstance(rounds, Sequence) else (float(rounds),)
    middle = median(found)
    if at_least is not None:
        required, held = f">= {at_least:g}", middle >= at_least
        return Row(what=what, unit=unit, rounds=found, required=required, held=held)
    if at_most is not None:
        required, held = f"<= {at_most:g}", middle <= at_most
        return Row(what=what, unit=unit, rounds=found, required=required, held=held)
    return Row(what=what, unit=unit, rounds=found)


@dataclass(frozen=True, kw_only=True)
class Table:
    """What one benchmark found, with the sentences that are needed to read it."""

    title: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def held(self) -> bool:
        """Whether everything that is required was met."""
        return all(each.held is not False for each in self.rows)


def draw(table: Table, console: Console) -> None:
    """Print a table; a figure of one round has no minimum and maximum."""
    drawn = Drawn(title=table.title, title_justify="left", title_style="bold")
    drawn.add_column("what")
    for name in ("min", "median", "max"):
        drawn.add_column(name, justify="right")
    drawn.add_column("unit")
    drawn.add_column("required")
    for each in table.rows:
        several = len(each.rounds) > 1
        drawn.add_row(
            each.what,
            _number(min(each.rounds)) if several else "",
            _number(median(each.rounds)),
            _number(max(each.rounds)) if several else "",
            each.unit,
            f"{each.required} {_verdict(each.held)}".strip(),
        )
    console.print(drawn)
    for note in table.notes:
        console.print(f"  {note}")
    console.print()


def _number(value: float) -> str:
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _verdict(held: bool | None) -> str:
    return {None: "", True: "yes", False: "NOT MET"}[held]
