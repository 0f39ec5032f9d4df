"""A systemd unit as a tracked process: whether its control group has a process in it.

Theory of operation. systemd puts every process of a unit into one control group, and removes the
group when the unit has stopped. The kernel writes into the group's `cgroup.events` whether there is
a live process in it, and inotify tells when that changes (`vipd.track.following`): a service that
crashes is seen at once, and systemd is never asked. A frozen group still has processes in it.

A unit in a slice of its own is looked for below all slices. That it has more than one process is
not told by the kernel: with a `minimum` above 1 they are counted every interval. Sources:
Documentation/admin-guide/cgroup-v2.rst of Linux.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from vipd.core.config import TrackerConfig
from vipd.track.following import BACKSTOP, Following
from vipd.track.outcome import Outcome, Report, Tracker

CONTROL_GROUPS: Final = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"))
"""Where control groups of version 2 are: alone, or beside those of version 1."""

DEEPEST_SLICE: Final = 6

_SUFFIXES: Final = (".service", ".scope", ".slice", ".socket", ".mount", ".swap")


def make(config: TrackerConfig) -> Tracker:
    """A tracker of the control group of `unit`."""
    root = next((r for r in CONTROL_GROUPS if (r / "cgroup.procs").exists()), CONTROL_GROUPS[0])
    return UnitTracker(config, root)


class UnitTracker:
    """Follows a control group, wherever it is at the start."""

    __slots__ = ("_following", "_group", "_minimum", "_name", "_root")

    def __init__(self, config: TrackerConfig, root: Path) -> None:
        name: str = config.options["unit"]
        self._name = name if name.endswith(_SUFFIXES) else f"{name}.service"
        self._minimum: int = config.options.get("minimum", 1)
        self._root = root
        self._group = _usual_place(root, self._name)
        backstop = config.interval if self._minimum > 1 else BACKSTOP
        events = self._group / "cgroup.events"
        self._following = Following(events, self._look, config.interval, backstop)

    def start(self, report: Report) -> None:
        """Look now, and whenever the group gets its first process or loses its last."""
        self._following.start(report)

    def stop(self) -> None:
        """Follow no more."""
        self._following.stop()

    def _look(self) -> Outcome:
        """Look at the group; one that is not where it was may have begun in another slice."""
        if not self._group.is_dir():
            self._group = _find(self._root, self._name) or self._group
            self._following.follow(self._group / "cgroup.events")
        try:
            populated = "populated 1" in (self._group / "cgroup.events").read_text()
            pids = (self._group / "cgroup.procs").read_text().split() if populated else []
        except OSError:
            return Outcome(ok=False, text=self._reason())
        if not populated:
            return Outcome(ok=False, text=f"{self._name} has no process left")
        if len(pids) < self._minimum and self._minimum > 1:
            text = f"{self._name}: {len(pids)} run, {self._minimum} are wanted"
            return Outcome(ok=False, text=text)
        # A unit that divides its group further has its processes in groups below it.
        return Outcome(ok=True, text=f"runs, pid {pids[0]}" if pids else "runs")

    def _reason(self) -> str:
        if not (self._root / "cgroup.procs").exists():
            return f"no control groups of version 2 at {self._root}: use `executable`"
        return f"{self._name} is not active"


def _usual_place(root: Path, name: str) -> Path:
    """Where systemd puts a unit that says nothing of a slice; an instance has one by its name."""
    template, at, _ = name.partition("@")
    system = root / "system.slice"
    if not at:
        return system / name
    return system / f"system-{template.replace('-', chr(92) + 'x2d')}.slice" / name


def _find(root: Path, name: str) -> Path | None:
    """The control group of a unit, below any slice; None while there is none."""
    for slice_ in (root, *_slices(root, DEEPEST_SLICE)):
        if (group := slice_ / name).is_dir():
            return group
    return None


def _slices(place: Path, depth: int) -> Iterator[Path]:
    with suppress(OSError):
        for below in place.glob("*.slice") if depth else ():
            yield below
            yield from _slices(below, depth - 1)
