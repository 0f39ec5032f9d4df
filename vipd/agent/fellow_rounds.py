"""Rounds: when the agent tells the others what it is, and when it listens to them.

Why it rests after each time that it has listened: the descriptor of a socket that somebody floods
is always ready, and a loop that runs in real time would do nothing else. So what strangers can have
of it is bounded: what one `hear` takes, twenty times a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from vipd.agent.hello import Hellos
from vipd.agent.instance import Instance
from vipd.core.units import MILLISECOND, SECOND, Duration

REST: Duration = 50 * MILLISECOND
"""No person notices it, and the hellos that come together are heard together."""


class Rounds:
    """Lets the hellos speak and hear on the loop, from `begin` to `end`.

    `descriptor` is readable when there is something to hear; `instances` and `maintenance` are
    asked each time.
    """

    def __init__(
        self,
        hellos: Hellos,
        descriptor: int,
        instances: Callable[[], Sequence[Instance]],
        maintenance: Callable[[], bool],
    ) -> None:
        self._hellos = hellos
        self._descriptor = descriptor
        self._instances = instances
        self._maintenance = maintenance
        self._loop = asyncio.get_running_loop()
        self._speaks: asyncio.Handle | None = None
        self._rests: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Speak and hear from now on."""
        self._listen()
        self._speak()

    def soon(self) -> None:
        """Something may have changed: look, and tell the others, once this is done."""
        if self._speaks:
            self._speaks.cancel()
            self._speaks = self._loop.call_soon(self._speak)

    def end(self) -> None:
        """Say farewell, and be silent and deaf from now on; harmless when it is so already."""
        if self._speaks is None:
            return
        self._speaks.cancel()
        self._speaks = None
        if self._rests:
            self._rests.cancel()
        self._loop.remove_reader(self._descriptor)
        self._hellos.leave()

    def _speak(self) -> None:
        wait = self._hellos.speak(self._instances(), maintenance=self._maintenance())
        self._speaks = self._loop.call_later(wait / SECOND, self._speak)

    def _listen(self) -> None:
        self._loop.add_reader(self._descriptor, self._hear)

    def _hear(self) -> None:
        self._loop.remove_reader(self._descriptor)
        self._rests = self._loop.call_later(REST / SECOND, self._listen)
        self._hellos.hear()
