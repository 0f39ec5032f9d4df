"""What was measured: readings of one daemon, and figures that compare both. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from statistics import median
from typing import Any

VIPD, KEEPALIVED = "vipd", "keepalived"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Values of one kind, less of which is better; infinite is what never came."""

    topic: str
    what: str
    unit: str
    values: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table: all values of each daemon that was measured."""

    topic: str
    what: str
    unit: str
    values: Mapping[str, Sequence[float]]

    def median(self, daemon: str) -> float | None:
        """The median of a daemon; None where it was not measured."""
        values = self.values.get(daemon)
        return median(values) if values else None

    def worst(self, daemon: str) -> float | None:
        """The greatest value of a daemon; None where it was not measured."""
        return max(self.values.get(daemon, ()), default=None)

    @property
    def ratio(self) -> float | None:
        """vipd's median by keepalived's; None where one of them is missing or means nothing."""
        ours, theirs = self.median(VIPD), self.median(KEEPALIVED)
        if ours is None or theirs is None or inf in (ours, theirs) or theirs <= 0 or ours < 0:
            return None
        return ours / theirs

    def as_json(self) -> dict[str, Any]:
        """The figure for a script; what never came is null."""
        return {
            "topic": self.topic,
            "what": self.what,
            "unit": self.unit,
            "ratio": self.ratio,
            **{daemon: self._of(daemon) for daemon in self.values},
        }

    def _of(self, daemon: str) -> dict[str, Any]:
        values = [_finite(value) for value in self.values[daemon]]
        summary = {"median": self.median(daemon), "worst": self.worst(daemon)}
        return {name: _finite(value) for name, value in summary.items()} | {"values": values}


def figures(readings: Iterable[tuple[str, Reading]]) -> list[Figure]:
    """Put the readings of all daemons together, in the order in which they first came."""
    found: dict[tuple[str, str, str], dict[str, list[float]]] = {}
    for daemon, one in readings:
        by_daemon = found.setdefault((one.topic, one.what, one.unit), {})
        by_daemon.setdefault(daemon, []).extend(one.values)
    return [
        Figure(topic=topic, what=what, unit=unit, values=values)
        for (topic, what, unit), values in _together(found)
    ]


def _together(
    found: Mapping[tuple[str, str, str], dict[str, list[float]]],
) -> Iterator[tuple[tuple[str, str, str], dict[str, list[float]]]]:
    """Keep what is of one topic together, though it was read at different times."""
    for topic in dict.fromkeys(key[0] for key in found):
        yield from ((key, values) for key, values in found.items() if key[0] == topic)


def _finite(value: float | None) -> float | None:
    return None if value in (inf, -inf) else value
