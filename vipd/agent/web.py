"""The keeper of the web process: starts it, starts it again when it ends, and ends it.

Theory of operation. Metrics and the status page are served by a child, `python -m vipd.web`, which
asks for what it shows over the control socket, as everybody does. So nothing that a browser does
can hold up an advert: what it costs this loop is a few reports a second at most. The child is an
ordinary process however the agent is scheduled, it inherits nothing but its output, and it ends
when the other end of that is closed: by `stop`, or by the kernel when the agent is killed.

A child that ends is told of once in the log, and in the status for as long as it is away; it is
started again after a while, which doubles each time that it does not stay.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Final

from vipd.core.units import MILLISECOND, SECOND, Duration
from vipd.log import Logger
from vipd.track.child import Child, Ended

FIRST_WAIT: Duration = 500 * MILLISECOND
LONGEST_WAIT: Duration = 30 * SECOND
STAYS_AFTER: Duration = 10 * SECOND
"""A child that has run for so long has begun well: what was wrong is over."""

KEY: Final = "agent.metrics"

_GREETING: Final = "listening on "
"""How the child begins what it prints when all is well."""

_SEARCH_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PASSED_ON: Final = ("HOME", "PYTHONPATH")
"""What of our environment Python needs to find the same code again."""


class WebKeeper:
    """Has the web process run, from `start` to `stop`, on the loop that is running."""

    def __init__(self, control_socket: Path, listen: str, log: Logger) -> None:
        self._listen = listen
        self._log = log
        # -P: whatever lies in the directory that we were started in is not ours to run.
        options = ("--socket", str(control_socket), "--listen", listen)
        self._argv = (sys.executable, "-P", "-m", "vipd.web", *options)
        self._child: Child | None = None
        self._again: asyncio.TimerHandle | None = None
        self._wait = FIRST_WAIT
        self._trouble: str | None = None
        self._kept = False

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is wrong, for a person, as long as it is so."""
        if self._trouble is None:
            return ()
        return (f"nobody serves the metrics and the status page ({KEY}): {self._trouble}",)

    def start(self) -> None:
        """Have it run from now on."""
        self._kept = True
        self._log.info("serves metrics and the status page", listen=self._listen)
        self._begin()

    def stop(self) -> None:
        """End it. Once more changes nothing."""
        self._kept = False
        if self._again:
            self._again.cancel()
            self._again = None
        if self._child:
            self._child.end()

    def _begin(self) -> None:
        self._again = None
        try:
            self._child = Child(self._argv, _environment(), self._end)
        except OSError as error:
            self._end(error)
            return
        loop = asyncio.get_running_loop()
        self._again = loop.call_later(STAYS_AFTER / SECOND, self._settle)

    def _settle(self) -> None:
        """It stays."""
        self._again, self._trouble, self._wait = None, None, FIRST_WAIT

    def _end(self, result: Ended | OSError) -> None:
        """It has ended, or could not be started."""
        self._child = None
        if self._again:
            self._again.cancel()
            self._again = None
        if not self._kept:
            return
        trouble = _describe(result)
        if trouble != self._trouble:
            self._trouble = trouble
            text = "the web process has ended and is started again"
            self._log.warning(text, key=KEY, listen=self._listen, why=trouble)
        loop = asyncio.get_running_loop()
        self._again = loop.call_later(self._wait / SECOND, self._begin)
        self._wait = min(2 * self._wait, LONGEST_WAIT)


def _describe(result: Ended | OSError) -> str:
    if isinstance(result, OSError):
        return f"it cannot be started: {result.strerror or result}"
    if result.line.startswith("cannot listen"):
        return result.line
    way = f"exit {result.code}" if result.code >= 0 else f"ended by {_signal(-result.code)}"
    said = bool(result.line) and not result.line.startswith(_GREETING)
    return f"{way}: {result.line}" if said else way


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # A real-time signal has no name of its own.
        return f"signal {number}"


def _environment() -> dict[str, str]:
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {"PATH": _SEARCH_PATH, "LANG": "C.UTF-8", **passed_on}
