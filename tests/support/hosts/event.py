"""What an event does to the client and to the hosts, and whether the protocol allows it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from hosts.machine import Machine
from hosts.rack import DOWN_S, INTERVAL_S, Rack

NOTHING_LOST: Final = 0.0
"""What is planned, and what is over within three intervals, costs no probe."""

UNTIL_DOWN_MS: Final = DOWN_S * 1000
"""A MASTER that falls silent is missed for so long."""

ONE_INTERVAL_MS: Final = INTERVAL_S * 1000
"""An address that somebody has removed is back within an advert interval."""

SLACK_MS: Final = 500.0
"""What a busy machine may add to what the protocol allows."""

DECIDED_S: Final = 0.5
"""Longer than a probe waits for an answer: after it every request of an event is decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table. An outage of None has not ended; a host that is off has no count."""

    event: str
    outage_ms: float | None
    lost: int
    allowed_ms: float
    transitions: Mapping[str, int | None]
    owner: str | None

    @property
    def kept(self) -> bool:
        """Whether the client has missed no more than is allowed."""
        if self.allowed_ms == NOTHING_LOST:
            return self.lost == 0
        return self.outage_ms is not None and self.outage_ms <= self.allowed_ms + SLACK_MS


Watch: TypeAlias = Callable[[str, float], AbstractContextManager["Seen"]]
"""Watches an event, which has a name, during which the client may miss so many milliseconds."""


class Seen:
    """An event as it was seen; `row` is there when it is over."""

    row: Row

    @property
    def quiet(self) -> bool:
        """Whether no instance on any host has changed its state."""
        return not any(self.row.transitions.values())


@contextmanager
def watched(rack: Rack, event: str, allowed_ms: float) -> Iterator[Seen]:
    """Watch an event, which happens in the block, until the client is served again."""
    seen = Seen()
    start_ns, start_usec = time.monotonic_ns(), time.time_ns() // 1_000
    yield seen
    rack.lab.pause(DECIDED_S)
    record = rack.probe.record().since(start_ns)
    seen.row = Row(
        event=event,
        outage_ms=record.longest_outage_ms(),
        lost=record.lost,
        allowed_ms=allowed_ms,
        transitions={one.name: _transitions(one, start_usec) for one in rack.machines},
        owner=record.owner,
    )


def _transitions(machine: Machine, since_usec: int) -> int | None:
    """How often the instance has changed its state, by the journal; None for a host that is off.

    Why: the first step of a new life is not counted, for the instance then is what it was.
    """
    if not machine.running:
        return None
    records = machine.journal("INSTANCE=web", "EVENT=transition")
    return sum(_counts(one, since_usec) for one in records)


def _counts(record: Mapping[str, Any], since_usec: int) -> bool:
    return int(record["__REALTIME_TIMESTAMP"]) >= since_usec and record["OLD"] != "INIT"


HEAD: Final = ("event", "outage ms", "lost", "allowed", "transitions", "owner", "")
WORDS: Final = {0, 4, 5, 6}
"""The columns of words; the others are of numbers."""


def table(rows: list[Row]) -> Iterator[str]:
    """One line for each event, for a person."""
    lines = [HEAD, *map(_line, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    for line in lines:
        cells = (
            f"{cell:{'<' if column in WORDS else '>'}{widths[column]}}"
            for column, cell in enumerate(line)
        )
        yield "  ".join(cells).rstrip()


def _line(row: Row) -> tuple[str, ...]:
    changes = (
        f"{name} {'off' if count is None else count}" for name, count in row.transitions.items()
    )
    return (
        row.event,
        "never ends" if row.outage_ms is None else f"{row.outage_ms:.0f}",
        str(row.lost),
        f"{row.allowed_ms:.0f} ms" if row.allowed_ms else "0 lost",
        ", ".join(changes),
        row.owner or "nobody",
        "ok" if row.kept else "MISSED",
    )
