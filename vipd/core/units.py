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


def format_duration(duration: Duration) -> str:
    """Write a duration for a person, to the millisecond: `3.414 s`, `20 ms`."""
    if duration < SECOND:
        return f"{duration / MILLISECOND:.3g} ms"
    return f"{round(duration / SECOND, 3):g} s"
