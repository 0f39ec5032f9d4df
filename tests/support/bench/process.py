"""What a daemon's processes take, as the kernel counts it: CPU, memory, and the time to start."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from chaos.daemon import Daemon

from vipd.errors import VipdError
from vipd.lab.lab import Host, Lab

TICK_NS: Final = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
SCHEDULER_CLOCK: Final = 2
"""CPUCLOCK_SCHED of linux/posix-timers.h: what utime and stime add up to, but in nanoseconds."""

REAPED_USER, REAPED_SYSTEM = 13, 14
"""cutime and cstime in /proc/PID/stat, counted behind the command. Source: proc(5)."""

VRRP_GROUP: Final = "120000E0"
"""224.0.0.18 as /proc/net/igmp writes it, on a little-endian machine. RFC: 9568 §5.1.1.2."""

START_TIMEOUT_S = 20.0
LOOK_EVERY_S = 0.0005


def cpu_ns(pids: Iterable[int]) -> int:
    """The CPU that processes have used, all their threads and the children that ended included.

    Why: utime and stime come in ticks of ten milliseconds, a hundred adverts each. Source:
    clock_getcpuclockid(3), which Python has for threads only.
    """
    return sum(
        time.clock_gettime_ns(~pid << 3 | SCHEDULER_CLOCK) + _reaped_ticks(pid) * TICK_NS
        for pid in pids
    )


def _reaped_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[REAPED_USER]) + int(fields[REAPED_SYSTEM])


def memory_kb(pids: Iterable[int], what: str) -> int:
    """`Rss` or `Pss` of processes together. Units: kibibytes."""
    said = "".join(Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids)
    return sum(map(int, re.findall(rf"^{what}:\s+(\d+) kB", said, re.MULTILINE)))


def time_start(lab: Lab, daemon: Daemon, command: str) -> Callable[[Callable[[], bool]], float]:
    """Start a daemon; the result waits for a condition and says how long after exec it held.

    Why: before that come the programs that enter the namespace, which are not the daemon's.
    Units: milliseconds. Raises: VipdError, also from the result, when it takes too long.
    """
    daemon.start()
    comm = Path(f"/proc/{daemon.pids()[0]}/comm")
    _look(lab, lambda: comm.read_text().strip() == command, f"{command} is executed")
    begun = time.monotonic_ns()

    def after(condition: Callable[[], bool]) -> float:
        _look(lab, condition, f"{daemon.version} is started")
        return (time.monotonic_ns() - begun) / 1_000_000

    return after


def listens(host: Host) -> bool:
    """Whether somebody on the host has joined the group of VRRP."""
    return VRRP_GROUP in Path(f"/proc/{host.namespace.pid}/net/igmp").read_text()


def _look(lab: Lab, condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not condition():
        if time.monotonic() > deadline:
            raise VipdError(f"{what}: not within {START_TIMEOUT_S:g} s")
        lab.pause(LOOK_EVERY_S)
