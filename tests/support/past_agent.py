"""An agent as far as its past goes: a journal behind a real control server, in another thread."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from fake_world import FakeLog

from vipd.agent.journal import Journal
from vipd.agent.journal_file import journal_beside
from vipd.control.access import Caller
from vipd.control.handler import Feed, Respond
from vipd.control.messages import (
    ErrorReply,
    FollowRequest,
    HistoryRequest,
    Request,
    StatusRequest,
    answer_status,
)
from vipd.control.report import AgentReport, EventReport
from vipd.control.server import ControlServer

LONG = 10.0
"""Units: seconds. What a test waits before it counts as failed; never what it takes."""

Result = TypeVar("Result")


def wall(iso: str) -> int:
    """A moment in nanoseconds since the epoch."""
    return round(datetime.fromisoformat(iso).timestamp() * 1000) * 1_000_000


@contextmanager
def in_zone(name: str) -> Iterator[None]:
    """Be where clocks show the time of this zone."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = name
    time.tzset()
    try:
        yield
    finally:
        del os.environ["TZ"]
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()


@dataclass
class PastAgent:
    """One agent; it may live several times, one after the other."""

    directory: Path
    report: AgentReport
    now: str = "2026-01-02T03:14:07.000Z"
    log: FakeLog = field(default_factory=FakeLog)

    @property
    def socket(self) -> Path:
        return self.directory / "control.sock"

    def answer(self, request: Request, _: Caller, respond: Respond) -> Feed | None:
        node, names = self.report.node, [one.name for one in self.report.instances]
        match request:
            case StatusRequest():
                respond(answer_status(request, self.report))
            case HistoryRequest():
                respond(self.journal.reply(request, node, names))
            case FollowRequest():
                return self.journal.feed(request)
            case _:
                respond(ErrorReply(error="this agent does not do that"))
        return None

    def note(self, kind: str, code: str, text: str, **more: Any) -> EventReport:  # noqa: ANN401
        """Have something happen, and written."""

        async def happen() -> EventReport:
            return self.journal.note(kind, code, text, **more)

        return self._on_loop(happen)

    @contextmanager
    def running(self) -> Iterator[None]:
        self._loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self._loop.run_forever)
        thread.start()
        try:
            self._on_loop(self._start)
            yield
        finally:
            self._on_loop(self._end)
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join(LONG)
            self._loop.close()

    async def _start(self) -> None:
        file, log = journal_beside(self.socket), self.log
        self.journal = Journal(file, time.monotonic_ns, log, lambda: wall(self.now))  # type: ignore[arg-type]
        self._server = ControlServer(self.socket, self.answer)
        await self._server.start()

    async def _end(self) -> None:
        self.journal.close()
        await self._server.close()

    def _on_loop(self, what: Callable[[], Awaitable[Result]]) -> Result:
        async def do() -> Result:
            return await what()

        return asyncio.run_coroutine_threadsafe(do(), self._loop).result(LONG)
