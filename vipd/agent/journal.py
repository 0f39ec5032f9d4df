"""The journal: what happened on this agent, for `vipd why`, `vipd events` and whoever listens.

Theory of operation. The last events are kept in memory and, line by line, in a file of the runtime
directory, so that a restart forgets nothing. To note an event only puts it into the ring, because
that happens while addresses move. Those who listen are told, and the file is written, a little
later on the loop, in slices of bounded length between which everything else has its turn. A thread
would hold Python's interpreter lock at the wrong moment; see `vipd.agent.memory`.

A file that cannot be read or written costs one line of the log, and never the agent.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

from vipd.agent.journal_feed import Follower, Listener
from vipd.agent.journal_file import JournalFile, NoJournal, read_journal
from vipd.agent.journal_ring import RING, Ring
from vipd.agent.ports import Clock
from vipd.control.handler import Feed
from vipd.control.messages import (
    MOST_EVENTS,
    ErrorReply,
    FollowRequest,
    HistoryReply,
    HistoryRequest,
    Reply,
    encode,
    no_such_instance,
)
from vipd.control.report import EventReport, timestamp
from vipd.core.model import State
from vipd.core.units import MILLISECOND, SECOND, Duration, Instant
from vipd.log import Logger

TOLD_AFTER_S: Final = 0.01
"""How long an event waits, so that those which come together are written together."""

SLICE: Duration = MILLISECOND
"""How long others wait while events are told and written: far less than any advert interval."""

REST: Duration = 10 * SECOND
"""How long the file is left alone after it could not be written; the ring has it all meanwhile."""

LONGEST_TEXT: Final = 500
"""Units: characters, of a text and of each piece of evidence."""

MOST_EVIDENCE: Final = 12


class Journal:
    """What happened, in order. The control socket's lock keeps others away from its file."""

    def __init__(
        self, file: Path, clock: Clock, log: Logger, wall: Callable[[], int] = time.time_ns
    ) -> None:
        self._path = file
        self._file = JournalFile(file)
        self._clock = clock
        self._log = log
        self._wall = wall
        self._ring = self._recall() or Ring(max(1, wall() // MILLISECOND))
        self._fresh: deque[EventReport] = deque(maxlen=RING)
        self._listeners: dict[object, Listener] = {}
        self._waiting: asyncio.Handle | None = None
        self._refused_at: Instant | None = None
        self._complained = False

    def note(
        self,
        kind: str,
        code: str,
        text: str,
        *,
        instance: str | None = None,
        old: State | None = None,
        new: State | None = None,
        evidence: Sequence[str] = (),
        timings_ms: Mapping[str, float] | None = None,
    ) -> EventReport:
        """Something has happened: keep it now; listeners and the file have it soon.

        The words of `kind`, and what belongs to it, are in `EventReport`.
        """
        event = EventReport(
            seq=self._ring.last + 1,
            at=timestamp(self._wall()),
            kind=kind,
            code=code,
            text=_plain(text),
            instance=instance,
            old=old,
            new=new,
            evidence=tuple(map(_plain, evidence[:MOST_EVIDENCE])),
            timings_ms=dict(timings_ms or {}),
        )
        self._ring.add(event)
        self._fresh.append(event)
        if self._waiting is None:
            loop = asyncio.get_running_loop()
            self._waiting = loop.call_later(TOLD_AFTER_S, self._tell_some)
        return event

    def close(self) -> None:
        """Tell and write all that waits. Order: after the last event."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        while self._fresh:
            self._tell_slice()
        self._file.close()

    # -- who asks ---------------------------------------------------------------------------

    def recent(
        self, name: str | None = None, kind: str | None = None, limit: int = MOST_EVENTS
    ) -> tuple[EventReport, ...]:
        """The last events of an instance, of a kind, or of all, in order."""
        return self._ring.recent(name, kind, limit)

    def after(
        self,
        seq: int,
        name: str | None = None,
        kind: str | None = None,
        limit: int = MOST_EVENTS,
    ) -> tuple[tuple[EventReport, ...], int]:
        """The first events after the one with this number, and how many are forgotten since."""
        return self._ring.after(seq, name, kind, limit)

    def refusal(self, name: str | None, names: Collection[str]) -> ErrorReply | None:
        """What to say to who asks for an instance that is none of `names`, and never was one."""
        if name is None or name in names or name in self._ring.names:
            return None
        return no_such_instance(name, tuple(names))

    def reply(self, request: HistoryRequest, node: str, names: Collection[str]) -> Reply:
        """Answer; `names` are the instances of the configuration."""
        if refused := self.refusal(request.name, names):
            return refused
        name, kind, limit = request.name, request.kind, request.limit
        if request.after is None:
            return HistoryReply(node=node, events=self.recent(name, kind, limit))
        events, missed = self.after(request.after, name, kind, limit)
        return HistoryReply(node=node, events=events, missed=missed)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call with each event that is noted from now on, soon after; what it returns ends that."""
        already, key = self._ring.last, object()

        def hear(event: EventReport) -> None:
            if event.seq > already:
                listener(event)

        self._listeners[key] = hear

        def leave() -> None:
            self._listeners.pop(key, None)

        return leave

    def feed(self, request: FollowRequest) -> Feed:
        """The events that a request asks for: those after its number, then each as it comes."""
        return Feed(lambda listener: Follower(self._ring, self.subscribe, request, listener).end)

    # -- what is done later -----------------------------------------------------------------

    def _tell_some(self) -> None:
        """Do as much as fits a slice; the rest when others have had their turn."""
        self._tell_slice()
        loop = asyncio.get_running_loop()
        self._waiting = loop.call_soon(self._tell_some) if self._fresh else None

    def _tell_slice(self) -> None:
        began, lines, last = self._clock(), list[bytes](), 0
        while self._fresh and (not lines or self._clock() - began < SLICE):
            event = self._fresh.popleft()
            for listener in tuple(self._listeners.values()):
                listener(event)
            lines.append(encode(event))
            last = event.seq
        if lines:
            self._write(lines, last)

    def _write(self, lines: Sequence[bytes], last: int) -> None:
        """Write these lines, or the whole file up to them, unless that was refused just now."""
        if self._refused_at is not None and self._clock() - self._refused_at < REST:
            return
        try:
            if not self._file.append(lines):
                known = [encode(one) for one in self._ring if one.seq <= last]
                self._file.rewrite(self._ring.born, known)
        except OSError as error:
            self._refused_at = self._clock()
            self._complain(error)

    def _complain(self, error: OSError) -> None:
        """Say once that the next life may know nothing of this one."""
        if not self._complained:
            self._complained = True
            text = "cannot write the journal; what happens is forgotten when the agent ends"
            self._log.warning(text, file=str(self._path), error=str(error.strerror))

    def _recall(self) -> Ring | None:
        """What earlier lives have noted; None when nothing of it is left."""
        try:
            found = read_journal(self._path, os.geteuid())
        except FileNotFoundError:
            return None
        except OSError as error:
            reason = f"it cannot be read: {error.strerror}"
        except NoJournal as error:
            reason = str(error)
        else:
            if found.odd:
                text = "left out odd lines of the journal"
                self._log.warning(text, file=str(self._path), lines=found.odd)
            return found.ring
        self._log.warning("ignored the journal", file=str(self._path), reason=reason)
        return None


def _plain(text: str) -> str:
    """Text of one line that no terminal obeys, and of bounded length.

    Why: what others have written, such as the output of a script, is part of it.
    """
    text = text[:LONGEST_TEXT]
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else " " for char in text)
