"""The process tracker: whether a program runs, told by the kernel.

Theory of operation. The process table is walked once, at the start. From then on the kernel tells
of every process that begins, runs something else, or ends (`vipd.track.procevent`).

Where the kernel does not tell, in a container or without CAP_NET_ADMIN, a pidfd on each process
that was found tells of its end; then the table is walked, for who may have taken its place. Nothing
tells of a beginning there, so while too few processes are known the table is walked every interval:
a program that runs costs nothing.

A systemd unit is tracked by its control group instead: see `vipd.track.unit`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from functools import partial

from vipd.core.config import TrackerConfig
from vipd.core.units import SECOND
from vipd.track import unit
from vipd.track.ending import describe_ending
from vipd.track.outcome import Outcome, Report, Tracker
from vipd.track.procevent import subscribe
from vipd.track.proctable import Process, Program, Scan


def make(config: TrackerConfig) -> Tracker:
    """A tracker of an `executable` or of a `unit`."""
    return unit.make(config) if config.options.get("unit") else ProcessTracker(config)


class ProcessTracker:
    """Counts the processes that run one program."""

    __slots__ = (
        "_alarm", "_found", "_interval", "_last_end", "_loop", "_minimum", "_program", "_report",
        "_scan", "_settled", "_told", "_unsubscribe", "_watched",
    )  # fmt: skip

    def __init__(self, config: TrackerConfig) -> None:
        self._program = Program(config.options["executable"])
        self._minimum: int = config.options.get("minimum", 1)
        self._interval = config.interval / SECOND
        self._report: Report | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self._scan: Scan | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._watched: dict[int, int] = {}
        self._found: dict[int, None] = {}
        self._last_end = ""
        self._settled = False
        self._told: Outcome | None = None

    def start(self, report: Report) -> None:
        """Listen, then look. Order: what begins during the look is told, too."""
        self.stop()
        self._loop = asyncio.get_running_loop()
        self._report = report
        try:
            self._unsubscribe = subscribe(self)
        except OSError:
            self._unsubscribe = None
        self.lost()

    def stop(self) -> None:
        """Listen no more."""
        self._report = None
        self._rest()
        if self._unsubscribe:
            self._unsubscribe()
        self._unsubscribe = None
        for pid in tuple(self._watched):
            self._unwatch(pid)
        self._found.clear()
        self._told = None

    # -- what the kernel tells ---------------------------------------------------------------

    def runs(self, process: Process) -> None:
        """Count a process, or count it no more."""
        known = process.pid in self._found
        if self._program.is_run_by(process):
            self._find(process)
        elif known:
            del self._found[process.pid]
        if known is not (process.pid in self._found):
            self._tell()

    def forked(self, parent: int, child: int) -> None:
        """Count the child of a process that counts."""
        if parent in self._found:
            self._found[child] = None
            self._tell()

    def ended(self, pid: int, status: int) -> None:
        """Count a process no more."""
        if pid in self._found:
            del self._found[pid]
            self._last_end = f"pid {pid}: {describe_ending(os.waitstatus_to_exitcode(status))}"
            self._tell()

    def lost(self) -> None:
        """Walk the table anew, and tell nothing until that is done.

        What has a pidfd is known to live; all else must be found again.
        """
        self._rest()
        self._settled = False
        self._found = dict.fromkeys(pid for pid in self._found if pid in self._watched)
        self._scan = Scan(self._find, self._scanned)

    # -- looking ----------------------------------------------------------------------------

    def _find(self, process: Process) -> None:
        if process.pid not in self._found and self._program.is_run_by(process):
            self._found[process.pid] = None
            if self._unsubscribe is None:
                self._watch(process.pid)

    def _scanned(self) -> None:
        self._scan = None
        self._settled = True
        self._tell()
        short = len(self._found) < self._minimum or len(self._watched) < len(self._found)
        if self._report and self._unsubscribe is None and short:
            self._alarm = self._loop.call_later(self._interval, self.lost)

    def _watch(self, pid: int) -> None:
        try:
            pidfd = os.pidfd_open(pid)
        except OSError:  # It has ended, or the kernel is older than 5.3: the next walk tells.
            return
        self._watched[pid] = pidfd
        self._loop.add_reader(pidfd, partial(self._gone, pid))

    def _gone(self, pid: int) -> None:
        """A watched process has ended; another may have taken its place."""
        self._unwatch(pid)
        self._found.pop(pid, None)
        self._last_end = f"pid {pid} has ended"
        self.lost()

    def _unwatch(self, pid: int) -> None:
        pidfd = self._watched.pop(pid)
        self._loop.remove_reader(pidfd)
        os.close(pidfd)

    def _rest(self) -> None:
        if self._scan:
            self._scan.cancel()
        if self._alarm:
            self._alarm.cancel()
        self._scan = self._alarm = None

    # -- telling ----------------------------------------------------------------------------

    def _tell(self) -> None:
        """Report what is known, once all is known and if it is new."""
        outcome = self._outcome()
        if self._report and self._settled and outcome != self._told:
            self._told = outcome
            self._report(outcome)

    def _outcome(self) -> Outcome:
        """Why the first pid only: the others of a forking server come and go all the time."""
        count = len(self._found)
        if count >= self._minimum:
            return Outcome(ok=True, text=f"runs, pid {next(iter(self._found), '?')}")
        text = f"{count} run, {self._minimum} are wanted" if count else "does not run"
        last = f": {self._last_end}" if self._last_end else ""
        return Outcome(ok=False, text=f"{self._program.wanted} {text}{last}")
