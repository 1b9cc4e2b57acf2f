"""Pictures of one incident as SVG, drawn on the server: no script, no style but the sheet's.

Text and shapes have classes that `style.css` colours, in light and dark. Each picture says in a
title and a description what it shows, and every mark has a `title` that pointing at it shows.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from math import ceil
from typing import Protocol
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

from domain.console.views import Picture, Span

WIDTH = 960
_LEFT, _RIGHT, _TOP = 60, 12, 26
_HEIGHT = 150
"""Of the plot of messages and held mail, without its axes."""
_LINE = 22
"""Of one measure, or one line of the grid."""
_LABELS = 300
"""Width of the grid's labels."""
_TICKS = 6


class Over(Protocol):
    """What is drawn over time."""

    @property
    def begin(self) -> datetime: ...
    @property
    def end(self) -> datetime: ...


class Listed(Over, Protocol):
    """A `Picture`, or a page of listings."""

    @property
    def listings(self) -> tuple[tuple[str, tuple[Span, ...]], ...]: ...


def volume_plot(picture: Picture, zone: str) -> Markup:
    """Messages reported and held mail over time, with the deadline and the measures marked."""
    across = _Across(picture, _LEFT, WIDTH - _RIGHT)
    most = max((*picture.messages, *picture.held, 1))
    top = _nice(most)
    bottom = _TOP + _HEIGHT
    height = bottom + 26 + _LINE * len(picture.measures) + 4
    total, held = sum(picture.messages), max(picture.held, default=0)
    said = f"{total:,} messages reported, at most {held:,} held at once"

    def parts() -> Iterator[str]:
        for level in (top / 2, top):
            y = bottom - _HEIGHT * level / top
            yield _level(y, "rule")
            yield _text(_LEFT - 6, y + 4, f"{level:g}", "end")
        width = max((WIDTH - _RIGHT - _LEFT) / len(picture.messages) - 1, 1)
        for n, count in enumerate(picture.messages):
            if count:
                at = picture.begin + timedelta(seconds=n * picture.step)
                tall = max(_HEIGHT * count / top, 1)
                yield (
                    f'<rect class="messages" x="{across(at):.1f}" y="{bottom - tall:.1f}"'
                    f' width="{width:.1f}" height="{tall:.1f}">'
                    f"<title>{_stamp(at, zone)}: {count:,} messages reported</title></rect>"
                )
        if held:
            yield f'<path class="held" d="{_steps(picture, across, bottom, top)}"/>'
        yield _level(bottom, "base")
        yield from _ticks(across, bottom, zone)
        for n, measure in enumerate(picture.measures):
            yield _bar(measure, across, bottom + 30 + n * _LINE, "measure", zone, label=True)
        if picture.deadline is not None:
            yield _mark(across(picture.deadline), _TOP, bottom, "deadline")
            said_so = f"deadline {_stamp(picture.deadline, zone)[11:]}"
            yield _text(across(picture.deadline), _TOP - 10, said_so, "middle", "mark")

    return _svg(height, "Reported messages, held mail, deadline and measures", said, parts())


def listing_grid(picture: Listed, zone: str) -> Markup:
    """One line for each address and list, dark where and when it was listed."""
    across = _Across(picture, _LABELS, WIDTH - _RIGHT)
    bottom = 6 + _LINE * len(picture.listings)
    standing = sum(1 for _, spans in picture.listings if spans and spans[-1].end is None)
    said = f"{len(picture.listings)} listings, {standing} of them stand now"

    def parts() -> Iterator[str]:
        for n, (cell, spans) in enumerate(picture.listings):
            y = 6 + n * _LINE
            yield (
                f'<rect class="row" x="{_LABELS}" y="{y}" width="{WIDTH - _RIGHT - _LABELS}"'
                f' height="{_LINE - 6}"/>'
            )
            yield _text(_LABELS - 8, y + 13, cell, "end")
            for span in spans:
                yield _bar(span, across, y, "listed", zone, label=False)
        yield from _ticks(across, bottom, zone)

    return _svg(bottom + 22, "Listings over time", said, parts())


class _Across:
    """From a moment to its place on the horizontal axis."""

    def __init__(self, picture: Over, left: float, right: float) -> None:
        self.begin, self.end = picture.begin, picture.end
        self._left, self._right = left, right
        self._seconds = (picture.end - picture.begin).total_seconds()

    def __call__(self, when: datetime) -> float:
        part = (when - self.begin).total_seconds() / self._seconds
        return self._left + (self._right - self._left) * min(max(part, 0.0), 1.0)


def _bar(span: Span, across: _Across, y: float, kind: str, zone: str, *, label: bool) -> str:
    x = across(span.begin)
    width = max(across(span.end or across.end) - x, 3)
    until = _stamp(span.end, zone) if span.end else "now"
    title = escape(f"{span.label} ({span.detail}): {_stamp(span.begin, zone)} until {until}")
    open_ended = "" if span.end else " stands"
    drawn = (
        f'<rect class="{kind}{open_ended}" x="{x:.1f}" y="{y}" width="{width:.1f}"'
        f' height="{_LINE - 6}" rx="2"><title>{title}</title></rect>'
    )
    if not label:
        return drawn
    # Beside the bar where there is room, else before it.
    beyond = x + width + 6
    place, anchor = (beyond, "start") if beyond < WIDTH * 0.6 else (x - 6, "end")
    return drawn + _text(place, y + 13, f"{span.label} ({span.detail})", anchor)


def _steps(picture: Picture, across: _Across, bottom: float, top: float) -> str:
    path = [f"M{across(picture.begin):.1f} {bottom:.1f}"]
    for n, count in enumerate(picture.held):
        end = picture.begin + timedelta(seconds=(n + 1) * picture.step)
        path.append(f"V{bottom - _HEIGHT * count / top:.1f}H{across(end):.1f}")
    return "".join(path)


def _ticks(across: _Across, bottom: float, zone: str) -> Iterator[str]:
    span = across.end - across.begin
    long = span > timedelta(days=2)
    for n in range(_TICKS + 1):
        when = across.begin + span * n / _TICKS
        local = when.astimezone(ZoneInfo(zone))
        words = f"{local:%d %b}" if long else f"{local:%H:%M}"
        anchor = "start" if n == 0 else "end" if n == _TICKS else "middle"
        yield _text(across(when), bottom + 16, words, anchor)


def _mark(x: float, top: float, bottom: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{top - 6}" y2="{bottom}"/>'


def _level(y: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'


def _text(x: float, y: float, words: str, anchor: str, kind: str = "axis") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text class="{kind}" {place}>{escape(words)}</text>'


def _svg(height: float, title: str, said: str, parts: Iterator[str]) -> Markup:
    """The whole picture. Everything in it that is not ours has been escaped."""
    inner = "\n".join(parts)
    return Markup(  # noqa: S704
        f'<svg class="plot" viewBox="0 0 {WIDTH} {height:.0f}" role="img"'
        f' aria-label="{escape(f"{title}: {said}")}">\n'
        f"<desc>{escape(said)}</desc>\n{inner}\n</svg>"
    )


def _stamp(when: datetime, zone: str) -> str:
    return f"{when.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"


def _nice(most: float) -> float:
    """The top of the axis: 1, 2 or 5 times a power of ten, even numbers of messages below."""
    size = 10 ** (len(str(ceil(most))) - 1)
    return next(float(factor * size) for factor in (1, 2, 5, 10) if factor * size >= most)
