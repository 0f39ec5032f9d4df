"""The broadcast: what the viewers of the page are told, as server-sent events.

Theory of operation. While anybody views, the agent is looked at once a second, and at once when
something has happened. What is new goes to every viewer, the same bytes to each; when nothing is,
they are told that, so that a page which hears nothing for a few seconds knows that it is out of
date. A new viewer is told everything first. Who takes nothing in is let go.

    {"type": "full", "status": ..., "events": [...]}   all there is
    {"type": "news", "status": ...}                    what of it has changed; often nothing
    {"type": "event", "event": ...}                    something has happened
    {"type": "away", "since": ..., "problem": ...}     nobody answers

Each has `now`, the moment that it tells of. Units: ms since the Unix epoch.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path
from typing import Final

from vipd.control.report import EventReport
from vipd.web.chronicle import Chronicle
from vipd.web.digest import Digest, event, full, news
from vipd.web.tally import Tally
from vipd.web.window import Sight, Window

MOST_VIEWERS: Final = 8
EVERY_S: Final = 1.0
MOST_WAITING: Final = 64
"""How many messages wait for one viewer before it is let go."""

STRIP_S: Final = 3600.0
"""How far back the page looks."""

ON_THE_LIST: Final = 60
"""How many events are told besides the transitions within the time of the strip."""

_MS: Final = 1000


class Broadcast:
    """All viewers of the page."""

    def __init__(self, window: Window, control_socket: Path, tally: Tally) -> None:
        self._window = window
        self._tally = tally
        self._chronicle = Chronicle(control_socket, self._hear)
        self._viewers: set[asyncio.Queue[bytes]] = set()
        self._status: Digest | None = None
        self._away: Digest | None = None
        self._nudge = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def crowded(self) -> bool:
        """Whether there is no room for one more."""
        return len(self._viewers) >= MOST_VIEWERS

    async def view(self) -> AsyncGenerator[bytes, None]:
        """What one viewer is told, from the beginning until it is let go."""
        queue: asyncio.Queue[bytes] = asyncio.Queue(MOST_WAITING)
        self._join(queue)
        try:
            yield b"retry: 2000\n\n"
            if self._status is not None or self._away is not None:
                yield _message(self._everything())
            while queue in self._viewers:
                yield await queue.get()
        finally:
            await self._leave(queue)

    def _join(self, queue: asyncio.Queue[bytes]) -> None:
        self._viewers.add(queue)
        self._tally.viewers = len(self._viewers)
        if not self._tasks:
            self._status = self._away = None
            self._tasks = [
                asyncio.create_task(self._chronicle.follow()),
                asyncio.create_task(self._look_on()),
            ]

    async def _leave(self, queue: asyncio.Queue[bytes]) -> None:
        """Order: the last one to leave ends what is done for all."""
        self._viewers.discard(queue)
        self._tally.viewers = len(self._viewers)
        if self._viewers:
            return
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task

    # -- what is told -----------------------------------------------------------------------

    async def _look_on(self) -> None:
        """Look once a second, and when something has happened."""
        while True:
            self._nudge.clear()
            self._take(await self._window.look())
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY_S):
                    await self._nudge.wait()

    def _take(self, sight: Sight) -> None:
        """Tell what is new."""
        if sight.report is None:
            since = round((sight.away_since or time.time()) * _MS)
            self._status = None
            self._away = {"type": "away", "since": since, "problem": sight.problem}
            self._tell(self._away)
            return
        before, self._status, self._away = self._status, full(sight.report), None
        if before is None:
            self._tell(self._everything())
        else:
            self._tell({"type": "news", "status": news(before, self._status)})

    def _hear(self, happened: EventReport | None) -> None:
        """Something has happened, or it is known anew what has."""
        if happened is not None:
            self._tell({"type": "event", "event": event(happened)})
            self._nudge.set()
        elif self._status is not None:
            self._tell(self._everything())

    def _everything(self) -> Digest:
        if self._away is not None:
            return self._away
        return {"type": "full", "status": self._status, "events": self._events()}

    def _events(self) -> list[Digest]:
        """What the page shows of the past: the transitions of the strip, and the latest of all."""
        events = [event(one) for one in self._chronicle.events]
        begin = (time.time() - STRIP_S) * _MS
        recent = events[-ON_THE_LIST:]
        shown = {one["seq"] for one in recent}
        return [
            one
            for one in events
            if one["seq"] in shown or (one["kind"] == "transition" and one["at"] >= begin)
        ]

    def _tell(self, digest: Digest) -> None:
        data = _message(digest)
        for queue in tuple(self._viewers):
            try:
                queue.put_nowait(data)
            except asyncio.QueueFull:
                self._viewers.discard(queue)
                self._tally.dropped += 1


def _message(digest: Digest) -> bytes:
    """One server-sent event; JSON has no line breaks of its own."""
    said = json.dumps({**digest, "now": round(time.time() * _MS)}, ensure_ascii=False)
    return f"data: {said}\n\n".encode(errors="replace")
