"""Real time: the loop goes before ordinary programs, and cannot take the host when it runs away.

Theory of operation. Where it is permitted, the thread of the loop is scheduled before all that is
ordinary (SCHED_RR), and memory that was touched once stays in memory (mlockall).

- The priority is the lowest there is: whatever else is real-time goes first. It is for this thread
  alone: threads and children are ordinary again (SCHED_RESET_ON_FORK).
- MCL_ONFAULT: only what is touched is locked. Without it every thread's stack of 8 MB would be made
  resident, 40 MB for five threads; with it nothing becomes larger. But all that is mapped, a stack
  that is not touched included, counts against RLIMIT_MEMLOCK, and what goes over a limit is refused
  as if memory were short. So memory is locked where there is no limit, and else not at all.
- RLIMIT_RTTIME counts the processor time of a real-time thread since it last waited for anything.
  At the soft limit the kernel sends SIGXCPU, which ends the process here, with a trace; whatever
  does not even get to its signal handlers is killed at the hard limit. Meanwhile the kernel leaves
  ordinary programs a twentieth of each second (kernel.sched_rt_runtime_us).

Children inherit the limit, which means nothing to who is not real-time, but not the locked memory.
Sources: sched(7), mlockall(2), getrlimit(2); measured with Linux 6.18 and Python 3.11.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import resource
import signal
from types import FrameType
from typing import Final

from vipd import log
from vipd.agent.capability import Capability
from vipd.core.units import SECOND, Duration

PRIORITY: Final = 1
"""The lowest of real time."""

RUNAWAY_AFTER: Duration = 8 * SECOND
"""The longest that the loop may run without a pause. To claim 5,100 addresses at once, as 255
instances of 20, was measured to take over 3 s on a machine that others use, too; the watchdog of
the service, which would not tell where the loop was, ends it after 10 s."""

KILLED_AFTER: Duration = SECOND
"""How much later the kernel ends what does not end itself."""

_EXTENT: Final = (
    "runs as an ordinary program",
    "runs in real time only in part",
    "runs in real time",
)
"""What is said when none, one or both of its wishes were granted."""

_MICROSECOND: Duration = 1_000
_STDERR: Final = 2

_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4


def enter(logger: log.Logger, runaway_after: Duration = RUNAWAY_AFTER) -> None:
    """Put the calling thread into real time, as far as that is permitted, and say how far.

    Order: after the configuration was read, which may take long, and before the first advert.
    """
    refusals = (_schedule(runaway_after), _lock_memory())
    unscheduled, unlocked = refusals
    logger.info(
        _EXTENT[refusals.count(None)],
        scheduling=unscheduled or f"SCHED_RR {PRIORITY}",
        memory=unlocked or "locked",
    )


def leave(logger: log.Logger) -> None:
    """Be an ordinary program, whatever was granted; if that is not permitted, say who grants it."""
    try:
        if _granted():
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    except OSError as error:
        logger.warning(
            "runs in real time, though realtime = false: the service grants it",
            refused=_words(error),
            way_out="the drop-in realtime-off.conf (CPUSchedulingPolicy=other)",
        )


# -- the processor --------------------------------------------------------------------------


def _schedule(runaway_after: Duration) -> str | None:
    """Go before ordinary programs: why not, if so. Order: no step of it without the limit."""
    try:
        _limit(runaway_after)
        if _granted():
            return None
        policy = os.SCHED_RR | os.SCHED_RESET_ON_FORK
        os.sched_setscheduler(0, policy, os.sched_param(PRIORITY))
    except (OSError, ValueError) as error:
        return f"{_words(error)}: {_way_to_real_time()}"
    return None


def _granted() -> bool:
    """Whether who has started this process has put it into real time, and it alone.

    Why: the sandbox of the service forbids to ask for it; CPUSchedulingPolicy= has done it before.
    """
    policy = os.sched_getscheduler(0)
    alone = bool(policy & os.SCHED_RESET_ON_FORK)
    return alone and policy & ~os.SCHED_RESET_ON_FORK in (os.SCHED_FIFO, os.SCHED_RR)


def _limit(runaway_after: Duration) -> None:
    """Bound how long this thread may run. Raises: OSError, ValueError.

    Why: a limit that somebody has set before is never raised.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_RTTIME)
    soft = _lesser(runaway_after // _MICROSECOND, soft)
    hard = _lesser((runaway_after + KILLED_AFTER) // _MICROSECOND, hard)
    signal.signal(signal.SIGXCPU, _give_up)
    # It tells where even C code was that never returns to Python; then `_give_up` has its turn.
    faulthandler.register(signal.SIGXCPU, file=_STDERR, all_threads=False, chain=True)
    resource.setrlimit(resource.RLIMIT_RTTIME, (soft, hard))


def _give_up(number: int, frame: FrameType | None) -> None:
    """Say where the loop was and let the signal end the process, so that its supervisor sees it."""
    place = f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else "unknown"
    text = "the loop ran away: it took the processor and did not pause; ended by SIGXCPU"
    try:
        log.get().critical(text, where=place)
    finally:  # The log itself may be what was interrupted.
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)


def _way_to_real_time() -> str:
    if Capability.CAP_SYS_NICE.held_on_the_host:
        return "the control group has no real-time budget (cpu.rt_runtime_us)"
    return f"grant CAP_SYS_NICE, or a limit RTPRIO of {PRIORITY}"


# -- memory ---------------------------------------------------------------------------------


def _lock_memory() -> str | None:
    """Keep what was touched in memory: why not, if so."""
    limit, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if limit != resource.RLIM_INFINITY and not Capability.CAP_IPC_LOCK.held_on_the_host:
        return "limited: grant CAP_IPC_LOCK, or an unlimited MEMLOCK"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) != 0:
        return os.strerror(ctypes.get_errno())
    return None


# -- words and numbers ----------------------------------------------------------------------


def _lesser(wanted: int, limit: int) -> int:
    return wanted if limit == resource.RLIM_INFINITY else min(wanted, limit)


def _words(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
