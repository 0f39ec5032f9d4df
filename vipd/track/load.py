"""The load tracker: for how much of the time work has waited for the processor, memory or a disk.

The kernel counts it as pressure: a share of the last ten seconds in which at least one task stood
still. Unlike the load average it needs no knowledge of how many processors there are. Sources:
Documentation/accounting/psi.rst of Linux.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from vipd.core.config import TrackerConfig
from vipd.track.outcome import Outcome, Report, Tracker
from vipd.track.polling import Polling, nothing

PRESSURE: Final = Path("/proc/pressure")
RESOURCES: Final = ("cpu", "memory", "io")

NO_PRESSURE: Final = (
    "this kernel does not tell pressure: it needs CONFIG_PSI, and psi=1 on its command line"
)


def make(config: TrackerConfig) -> Tracker:
    """A tracker that compares pressure with its limits."""
    return Polling(config, LoadCheck(config))


class LoadCheck:
    """Reads the pressure once."""

    __slots__ = ("_directory", "_limits")

    def __init__(self, config: TrackerConfig, directory: Path = PRESSURE) -> None:
        self._directory = directory
        limits = ((name, config.options.get(f"{name}_some_avg10_max")) for name in RESOURCES)
        self._limits: Mapping[str, float] = {name: top for name, top in limits if top is not None}

    def check(self, done: Report) -> Callable[[], None]:
        """Read it at once: the kernel has the numbers ready."""
        done(self._look())
        return nothing

    def _look(self) -> Outcome:
        try:
            found = {name: _some_avg10(self._directory / name) for name in self._limits}
        except (OSError, ValueError, StopIteration):
            return Outcome(ok=False, text=NO_PRESSURE)
        over = ", ".join(self._excess(found))
        seen = ", ".join(f"{name} {share:g} %" for name, share in found.items())
        return Outcome(ok=not over, text=over or f"pressure: {seen}")

    def _excess(self, found: Mapping[str, float]) -> Iterator[str]:
        for name, share in found.items():
            if share > self._limits[name]:
                yield f"{name} pressure {share:g} % is above {self._limits[name]:g} %"


def _some_avg10(file: Path) -> float:
    """Units: percent. Raises: OSError, ValueError, StopIteration, where it is not told."""
    words = file.read_text(encoding="ascii").split()
    return float(next(word for word in words if word.startswith("avg10=")).removeprefix("avg10="))
