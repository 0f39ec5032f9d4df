"""Only the monotonic clock decides: whoever sets the wall's clock changes nothing.

The wall's clock is read where a person is told a moment, and to date a packet; nowhere else.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "vipd"
WALL = re.compile(r"\btime\.(time|time_ns|localtime)\(|\bdatetime\.(utc)?now\(|\bCLOCK_REALTIME\b")
TELLS = {"agent/reload.py", "agent/report.py", "track/tls.py"}
"""Moments for a person: of a reload, of a report, and of a certificate's end."""

DATES = {"net/advert.py"}
"""The kernel dates a packet by no other clock. Whoever sets it in the few milliseconds between
its arrival and its reading changes a deadline by no more than that."""

DECIDES = ("agent", "config", "core", "net", "track", "wire")


@pytest.mark.parametrize("room", DECIDES)
def test_nothing_that_decides_reads_the_clock_of_the_wall(room: str) -> None:
    readers = {
        str(file.relative_to(PACKAGE))
        for file in (PACKAGE / room).rglob("*.py")
        if WALL.search(file.read_text())
    }
    assert readers <= TELLS | DATES


def test_what_tells_a_moment_is_found() -> None:
    assert WALL.search((PACKAGE / "agent/report.py").read_text())
