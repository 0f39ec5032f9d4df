"""The clock: nothing is decided by it, but people compare the logs of several hosts."""

from __future__ import annotations

from collections.abc import Iterator

from vipd.doctor.facts import Facts
from vipd.doctor.finding import Finding, note, ok


def judge(facts: Facts) -> Iterator[Finding]:
    """Whether somebody keeps it."""
    if facts.clock_is_set is False:
        yield note(
            code="clock-not-set",
            what="nobody keeps the clock of this host",
            why="failover counts by a clock that cannot be set, so only the times in logs mislead",
            commands=("timedatectl set-ntp true",),
        )
    elif facts.clock_is_set:
        yield ok(code="clock-set", what="the clock is synchronised")
