"""Whether a TCP server takes connections, and says what it should.

Theory of operation. A connection by itself shows that somebody listens: the kernel accepts for a
program that is stuck, until its queue is full. `expect` shows that the program works; `send` alone
asks for any answer at all.
"""

from __future__ import annotations

import socket
from typing import Final

from vipd.core.config import TrackerConfig
from vipd.track.connection import Dialogue, Finding, printable
from vipd.track.outcome import Tracker
from vipd.track.pattern import Pattern
from vipd.track.polling import Polling
from vipd.track.target import Target

CONNECTED: Final = Finding(ok=True, text="connected", timed=True)

ANSWER_MAX: Final = 4096
"""How much of an answer is searched, each time that more of it comes."""


class Greeting:
    """What is said and what must come back; neither is needed."""

    __slots__ = ("_answer", "_expect", "_send")

    def __init__(self, send: bytes, expect: Pattern | None) -> None:
        self._send = send
        self._expect = expect
        self._answer = b""

    def begin(self) -> bytes | Finding:
        """Greet, or be content."""
        if self._expect is not None and self._expect.trouble:
            return Finding(ok=False, text=self._expect.trouble)
        if self._send or self._expect is not None:
            return self._send
        return CONNECTED

    def take(self, data: bytes) -> bytes | Finding:
        """Look for what must come."""
        self._answer = (self._answer + data)[:ANSWER_MAX]
        if self._expect is None or self._expect.found_in(self._answer):
            return Finding(ok=True, text=f"answered '{printable(self._answer)}'", timed=True)
        return b"" if len(self._answer) < ANSWER_MAX else Finding(ok=False, text=self._missing())

    def end(self) -> Finding:
        """It has not come, and will not."""
        return Finding(ok=False, text=f"{self._missing()}; then the connection was closed")

    def stuck(self) -> str:
        """What has not come."""
        return self._missing() if self._answer else "no answer"

    def _missing(self) -> str:
        if not self._answer:
            return "no answer"
        wanted = f", without /{self._expect.written}/" if self._expect is not None else ""
        return f"answered '{printable(self._answer)}'{wanted}"


def make(config: TrackerConfig) -> Tracker:
    """A tracker of the kind `tcp`."""
    options = config.options
    target = Target(options["address"], options["port"], socket.SOCK_STREAM)
    send = (options.get("send") or "").encode()
    expect = Pattern(options["expect"]) if options.get("expect") else None
    return Polling(config, Dialogue(config, target, lambda: Greeting(send, expect)))
