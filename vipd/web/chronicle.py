"""The chronicle: what has happened lately, and what happens now, as the agent tells it.

While somebody looks, it follows the agent's events. Whenever it begins to, it asks for what was
before: the transitions of the last hour, and the latest events of any kind. An agent that is away,
or that tells no events, is asked again after a while.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

from vipd.control.client import ask
from vipd.control.messages import (
    MOST_EVENTS,
    ErrorReply,
    FollowRequest,
    HistoryRequest,
    decode_event,
    encode,
)
from vipd.control.report import EventReport
from vipd.errors import VipdError

AGAIN_AFTER_S: Final = 2.0
"""How long an agent is left alone that tells nothing."""

LATEST: Final = 100
"""How many events of any kind are kept besides the transitions."""

LONGEST_LINE: Final = 1024 * 1024
"""Units: bytes."""

_WITHIN_S: Final = 2.0


class Chronicle:
    """Keeps what happens; `when_news` is called with each event, and with None for all anew."""

    def __init__(
        self, control_socket: Path, when_news: Callable[[EventReport | None], None]
    ) -> None:
        self._control_socket = control_socket
        self._when_news = when_news
        self._transitions: list[EventReport] = []
        self._latest: list[EventReport] = []

    @property
    def events(self) -> list[EventReport]:
        """All that is kept, in order."""
        by_number = {event.seq: event for event in (*self._transitions, *self._latest)}
        return [by_number[number] for number in sorted(by_number)]

    async def follow(self) -> None:
        """Follow the agent, and whichever comes after it, until this is cancelled."""
        self._transitions, self._latest = [], []
        while True:
            try:
                await asyncio.to_thread(self._recall)
                self._when_news(None)
                async for event in self._stream():
                    self._note(event)
                    self._when_news(event)
            except (OSError, VipdError, ValueError):
                pass  # That nobody answers is said by the window.
            await asyncio.sleep(AGAIN_AFTER_S)

    def _recall(self) -> None:
        """Ask for what was before. Raises: VipdError, when that is not told."""
        self._transitions = self._ask(HistoryRequest(kind="transition", limit=MOST_EVENTS))
        self._latest = self._ask(HistoryRequest(limit=LATEST))

    def _ask(self, request: HistoryRequest) -> list[EventReport]:
        reply = ask(self._control_socket, request, timeout_s=_WITHIN_S)
        if isinstance(reply, ErrorReply):
            raise VipdError(reply.error)
        return list(reply.events)

    def _note(self, event: EventReport) -> None:
        self._latest = [*self._latest, event][-LATEST:]
        if event.kind == "transition":
            self._transitions = [*self._transitions, event][-MOST_EVENTS:]

    async def _stream(self) -> AsyncIterator[EventReport]:
        """What happens from the last event that is known on. Raises: OSError, VipdError."""
        events = self.events
        reader, writer = await asyncio.open_unix_connection(
            os.fspath(self._control_socket), limit=LONGEST_LINE
        )
        try:
            writer.write(encode(FollowRequest(after=events[-1].seq if events else None)))
            await writer.drain()
            while line := await reader.readline():
                yield decode_event(line)
        finally:
            writer.transport.abort()
