"""The table of all figures, for a person. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf

from bench.figure import KEEPALIVED, VIPD, Figure

HEAD = ("", "", VIPD, KEEPALIVED, "ratio")
NUMBERS = 2
"""From which column on cells are of numbers, and so stand to the right."""


def table(figures: Sequence[Figure]) -> Iterator[str]:
    """One line for each figure, below its topic."""
    lines = [HEAD, *map(_line, figures)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    topic = ""
    yield _row(HEAD, widths)
    for figure, line in zip(figures, lines[1:], strict=True):
        if figure.topic != topic:
            topic = figure.topic
            yield topic
        yield _row(line, widths)
    yield ""
    yield "Median, and the worst of several after a slash. The ratio is that of the medians."
    yield "Where there were transitions, the CPU per advert is of a pair that changed roles."


def _line(figure: Figure) -> tuple[str, ...]:
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
    pairs = (_pair(figure, daemon) for daemon in (VIPD, KEEPALIVED))
    return (f"  {figure.what}", figure.unit, *pairs, ratio)


def _pair(figure: Figure, daemon: str) -> str:
    middle, worst = figure.median(daemon), figure.worst(daemon)
    if middle is None or worst is None:
        return "-"
    several = len(figure.values[daemon]) > 1
    return f"{number(middle)} / {number(worst)}" if several else number(middle)


def number(value: float) -> str:
    """A value with as many digits as mean something."""
    if value == inf:
        return "never"
    return f"{value:.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(
        f"{cell:{'>' if column >= NUMBERS else '<'}{width}}"
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ).rstrip()
