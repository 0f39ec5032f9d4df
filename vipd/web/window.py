"""The window: what the agent says of itself at this moment, or why it says nothing.

However many look, the agent is asked at most a few times a second, and never twice at once: who
asks meanwhile gets the same answer. A report costs the loop of the agent milliseconds, and those
are the adverts'.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vipd.control.client import NoAgent, ask
from vipd.control.messages import ErrorReply, StatusRequest
from vipd.control.report import AgentReport

ANSWERS_WITHIN_S: Final = 1.0
"""An agent that takes longer than this to say how it is, is not well."""

FRESH_S: Final = 0.25
"""For how long an answer is good for others, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What was seen: a report, or the reason why there is none, and since when that is so.

    Units: `away_since` is in seconds since the Unix epoch.
    """

    report: AgentReport | None
    problem: str = ""
    away_since: float | None = None


class Window:
    """Looks at one agent through its control socket."""

    def __init__(self, control_socket: Path) -> None:
        self._control_socket = control_socket
        self._asking: asyncio.Task[Sight] | None = None
        self._seen: Sight | None = None
        self._seen_at = 0.0
        self._last_answer = time.time()

    async def look(self) -> Sight:
        """What the agent says, no older than `FRESH_S`; it takes `ANSWERS_WITHIN_S` at most."""
        if self._seen and time.monotonic() - self._seen_at < FRESH_S:
            return self._seen
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        return await asyncio.shield(self._asking)

    async def _ask(self) -> Sight:
        try:
            self._seen = await asyncio.to_thread(self._exchange)
        finally:
            self._seen_at, self._asking = time.monotonic(), None
        return self._seen

    def _exchange(self) -> Sight:
        try:
            reply = ask(self._control_socket, StatusRequest(), timeout_s=ANSWERS_WITHIN_S)
        except NoAgent as error:
            return Sight(report=None, problem=str(error), away_since=self._last_answer)
        if isinstance(reply, ErrorReply):
            return Sight(report=None, problem=reply.error, away_since=self._last_answer)
        self._last_answer = time.time()
        return Sight(report=reply.status)
