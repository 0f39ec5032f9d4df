"""What a live view shows, asked for in threads: the status again and again, events as they come.

Theory of operation. Whoever watches must not be a burden to who is watched. So the next question
comes a tenth of a second after the answer, and later when the answer took long; and only when the
last answer has been shown: a terminal that is stopped, or a slow connection, makes nothing pile
up. Where nobody answers, it is asked twice a second whether somebody does.
"""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from vipd.control.client import NoAgent, ask, follow
from vipd.control.messages import ErrorReply, FollowRequest, HistoryRequest, StatusRequest
from vipd.control.report import AgentReport, EventReport
from vipd.errors import VipdError

EVERY_S: Final = 0.1
RESTS: Final = 4
"""How many times as long as an answer has taken nothing is asked after it."""

LOOKS_AGAIN_S: Final = 0.5
"""How often it is asked whether an agent is back."""

EVENTS_KEPT: Final = 500
"""More than anybody scrolls through; `vipd events` has them all."""


@dataclass(frozen=True, slots=True)
class Absence:
    """Nobody answers; the text says why."""

    why: str


@dataclass(frozen=True, slots=True)
class Events:
    """What has happened, after what was told before."""

    events: Sequence[EventReport]


@dataclass(frozen=True, slots=True)
class NoEvents:
    """The agent does not tell what happened; the text says why."""

    why: str


News: TypeAlias = AgentReport | Absence | Events | NoEvents


class Mailbox:
    """Hands news from threads to whoever waits for its file to become readable."""

    def __init__(self) -> None:
        self._news: queue.SimpleQueue[News] = queue.SimpleQueue()
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    def fileno(self) -> int:
        """What becomes readable."""
        return self._reader.fileno()

    def post(self, news: News) -> None:
        """Put something in. Why: a box that is full wakes its reader anyway, and one that is closed
        has none."""
        self._news.put(news)
        with suppress(OSError):
            self._writer.send(b"\0")

    def empty(self) -> bool:
        """Whether all of it was taken."""
        return self._news.empty()

    def take(self) -> Iterator[News]:
        """Take all of it out."""
        with suppress(BlockingIOError):
            self._reader.recv(4096)
        with suppress(queue.Empty):
            while True:
                yield self._news.get_nowait()

    def close(self) -> None:
        """Nobody waits any more."""
        self._reader.close()
        self._writer.close()


class Feed:
    """Asks an agent until it is stopped."""

    def __init__(self, place: Path, mailbox: Mailbox) -> None:
        self._place = place
        self._mailbox = mailbox
        self._stopped = threading.Event()
        self._following: threading.Thread | None = None
        self.paused = False

    def start(self) -> None:
        """Begin. Why: nobody waits for a thread that waits for an agent."""
        threading.Thread(target=self._look_on, name="status", daemon=True).start()

    def follow(self) -> None:
        """Tell of events from now on, too, and of those that were."""
        if self._following is None:
            self._following = threading.Thread(target=self._follow_on, name="events", daemon=True)
            self._following.start()

    def stop(self) -> None:
        """Ask nothing any more."""
        self._stopped.set()

    # -- the status -------------------------------------------------------------------------

    def _look_on(self) -> None:
        rest = 0.0
        while not self._stopped.wait(rest):
            rest = self.look()

    def look(self) -> float:
        """Ask once, unless nobody wants to know; how long to rest then. Units: seconds."""
        if self.paused or not self._mailbox.empty():
            return EVERY_S
        began = time.monotonic()
        news = answer_of(self._place)
        took = time.monotonic() - began
        self._mailbox.post(news)
        return LOOKS_AGAIN_S if isinstance(news, Absence) else max(EVERY_S, RESTS * took)

    # -- events -----------------------------------------------------------------------------

    def _follow_on(self) -> None:
        """Go on where the last event was, over as many lives of the agent as there are."""
        last: int | None = None
        while not self._stopped.is_set():
            try:
                for events in events_after(self._place, last):
                    last = events[-1].seq if events else 0
                    self._mailbox.post(Events(events))
            except NoAgent:
                pass
            except VipdError as error:
                self._mailbox.post(NoEvents(str(error)))
            self._stopped.wait(LOOKS_AGAIN_S)


def answer_of(place: Path) -> AgentReport | Absence:
    """Ask once."""
    try:
        reply = ask(place, StatusRequest())
    except NoAgent as error:
        return Absence(str(error))
    return Absence(reply.error) if isinstance(reply, ErrorReply) else reply.status


def events_after(place: Path, last: int | None) -> Iterator[Sequence[EventReport]]:
    """Yield what happens after an event, until the agent ends; without one, first what happened.

    Raises: NoAgent; VipdError, when the agent refuses.
    """
    if last is None:
        reply = ask(place, HistoryRequest(limit=EVENTS_KEPT))
        if isinstance(reply, ErrorReply):
            raise VipdError(reply.error)
        yield reply.events
        last = reply.events[-1].seq if reply.events else 0
    for event in follow(place, FollowRequest(after=last)):
        yield (event,)
