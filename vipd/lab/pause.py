"""Waiting with a deadline, and being asked to stop while waiting.

Theory of operation. A signal that raises an exception wherever the program happens to be can hit
between the making of a thing and the noting that it was made; then the thing stays behind. While
`StopSignals` is entered a signal only leaves a note, and the note is read where nothing is half
done: in the pauses of a wait. Everything else that the lab does takes milliseconds.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self, TypeAlias

from vipd.errors import VipdError

Pause: TypeAlias = Callable[[float], None]
"""Sleeps for so many seconds; may raise to say that the waiting is over."""

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LOOK_EVERY_S = 0.01


class StopRequested(Exception):
    """A signal asked the program to stop."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"stopped by {signal.Signals(number).name}")


class StopSignals:
    """While entered, SIGINT, SIGTERM and SIGHUP end the next pause; further ones change nothing."""

    def __init__(self) -> None:
        self._caught: int | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        for number in STOPPING:
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def pause(self, seconds: float) -> None:
        """Sleep, unless a signal has come. Raises: StopRequested."""
        self._heed()
        time.sleep(seconds)
        self._heed()

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._caught = self._caught or number

    def _heed(self) -> None:
        if self._caught:
            raise StopRequested(self._caught)


def wait_until(
    condition: Callable[[], bool], timeout_s: float, what: str, pause: Pause = time.sleep
) -> None:
    """Look again and again until the condition holds.

    Raises: VipdError, naming what was waited for, when it does not hold in time.
    """
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise VipdError(f"{what}: not within {timeout_s:g} s")
        pause(LOOK_EVERY_S)
