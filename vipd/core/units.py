"""Time as the core counts it: whole nanoseconds. Centiseconds exist on the wire only."""

from __future__ import annotations

from typing import TypeAlias

Instant: TypeAlias = int
"""A moment on a monotonic clock, in nanoseconds. Only differences mean anything."""

Duration: TypeAlias = int
"""A length of time, in nanoseconds."""

MILLISECOND: Duration = 1_000_000
SECOND: Duration = 1_000 * MILLISECOND
CENTISECOND: Duration = 10 * MILLISECOND


def to_centiseconds(duration: Duration) -> int:
    """Express a duration as the wire does, rounded down.

    RFC: 9568 §5.2.7 (Max Advertise Interval counts centiseconds).
    """
    return duration // CENTISECOND


def from_centiseconds(count: int) -> Duration:
    """Take a duration from the wire."""
    return count * CENTISECOND


MINUTE: Duration = 60 * SECOND
HOUR: Duration = 60 * MINUTE
DAY: Duration = 24 * HOUR

_COARSE: tuple[tuple[Duration, Duration, str, Duration, str], ...] = (
    (DAY, DAY, "d", HOUR, "h"),
    (HOUR, HOUR, "h", MINUTE, "min"),
    (2 * MINUTE, MINUTE, "min", SECOND, "s"),
)
"""From what on a duration is told in which two units."""


def format_duration(duration: Duration) -> str:
    """Write a duration for a person: `20 ms`, `3.414 s`, `12 min 5 s`, `3 h`, `2 d 4 h`."""
    if duration < SECOND:
        return f"{duration / MILLISECOND:.3g} ms"
    for least, unit, name, part, part_name in _COARSE:
        if duration >= least:
            count, rest = divmod(duration, unit)
            parts = rest // part
            return f"{count} {name} {parts} {part_name}" if parts else f"{count} {name}"
    return f"{round(duration / SECOND, 3):g} s"
