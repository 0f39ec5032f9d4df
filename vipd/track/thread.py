"""A thread for what could block: it has no name, is joined by nobody, and has the loop's rank.

Why the rank: a loop in real time has ordinary threads. One that holds the interpreter's lock when
an ordinary program takes its processor away holds the loop up, too: 14 ms at worst beside six busy
programs on two cores, where 4 ms was measured with the rank. Where it is not permitted the thread
stays ordinary.
"""

from __future__ import annotations

import _thread
import os
from collections.abc import Callable
from contextlib import suppress


def begin_thread(run: Callable[[], None]) -> None:
    """Run something beside the loop; it must not raise. What it starts is ordinary again.

    Raises: OSError, when there can be no thread.
    """
    rank = os.sched_getscheduler(0) | os.SCHED_RESET_ON_FORK, os.sched_getparam(0)

    def ranked() -> None:
        with suppress(OSError):
            os.sched_setscheduler(0, *rank)
        run()

    try:
        _thread.start_new_thread(ranked, ())
    except RuntimeError as error:
        raise OSError(str(error)) from error
