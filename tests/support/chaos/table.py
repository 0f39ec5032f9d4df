"""The table of all rows, for a person: what each daemon has reached, and what vipd has missed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf

from chaos.bound import bound, misses
from chaos.play import KEEPALIVED, VIPD
from chaos.seen import DESCRIPTORS, MISLED_ONCE_HEALED, NAMED, RESIDENT, TWO_ONCE_HEALED, Row

WORDS = {
    NAMED: "reason after {} s",
    TWO_ONCE_HEALED: "two once healed {} s",
    MISLED_ONCE_HEALED: "ARP wrong once healed {} s",
    DESCRIPTORS: "{} descriptors more",
    RESIDENT: "{} kB more",
}
COUNTED = (DESCRIPTORS, RESIDENT)
HEAD = (
    "scenario",
    "interval",
    "daemon",
    "n",
    "outage ms",
    "two owners s",
    "no owner s",
    "ARP wrong s",
    "transitions",
    "",
    "",
)
LEFT = {0, 2, 9, 10}
"""The columns of words; the others are of numbers."""


def table(rows: Sequence[Row]) -> Iterator[str]:
    """One line for each row, the same scenario of both daemons together."""
    ordered = sorted(rows, key=lambda row: (_place(rows, row.scenario), -row.interval_ms))
    lines = [HEAD, *(_line(row, judged(row, rows)) for row in ordered)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    for line in lines:
        cells = (
            f"{cell:{'<' if column in LEFT else '>'}{widths[column]}}"
            for column, cell in enumerate(line)
        )
        yield "  ".join(cells).rstrip()
    yield ""
    yield "Median / worst of n. Two owners: the address was in two kernels; + had no end by itself."
    yield "ARP wrong: the client's entry led to a host that did not have the address."


def told(row: Row) -> str:
    """A row in one line of its own."""
    cells = zip(HEAD, _line(row, None), strict=True)
    return ", ".join(f"{head} {cell}".strip() for head, cell in cells if cell)


def judged(row: Row, rows: Sequence[Row], loosened_ms: float = 0.0) -> list[str] | None:
    """What vipd has missed in a row; None for a row of keepalived, of which nothing is asked."""
    if not row.daemon.startswith(VIPD):
        return None
    found = [
        one
        for one in rows
        if one.daemon.startswith(KEEPALIVED)
        and (one.scenario, one.interval_ms) == (row.scenario, row.interval_ms)
    ]
    rival = found[0] if found else None
    return misses(row, bound(row.scenario, row.interval_ms, rival).loosened(loosened_ms))


def _place(rows: Sequence[Row], scenario: str) -> int:
    return next(place for place, row in enumerate(rows) if row.scenario == scenario)


def _line(row: Row, missed: list[str] | None) -> tuple[str, ...]:
    endless = "+" if any(one.for_ever for one in row.seen) else ""
    hosts = sorted({host for one in row.seen for host in one.transitions})
    changes = [f"{host} {max(one.transitions[host] for one in row.seen)}" for host in hosts]
    return (
        row.scenario,
        f"{row.interval_ms / 1000:g} s",
        row.daemon,
        str(len(row.seen)),
        _pair(row, "outage", 1, ".0f"),
        _pair(row, "two", 1000, ".2f") + endless,
        _pair(row, "none", 1000, ".2f"),
        _pair(row, "misled", 1000, ".2f"),
        ", ".join(changes),
        "; ".join(_also(row)),
        _verdict(row, missed),
    )


def _pair(row: Row, measure: str, unit: float, form: str) -> str:
    if not row.seen:
        return "-"
    values = (row.median(measure), row.worst(measure))
    return " / ".join("never" if value == inf else f"{value / unit:{form}}" for value in values)


def _also(row: Row) -> Iterator[str]:
    """What only this scenario measures, at its worst."""
    for measure, words in WORDS.items():
        if values := row.values(measure):
            worst = max(values)
            number = f"{worst:.0f}" if measure in COUNTED else f"{worst / 1000:.2f}"
            yield words.format("never" if worst == inf else number).replace("never s", "never")


def _verdict(row: Row, missed: list[str] | None) -> str:
    if missed is None:
        return f"broken: {row.broken}" if row.broken else ""
    return f"MISSED: {'; '.join(missed)}" if missed else "ok"
