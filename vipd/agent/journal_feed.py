"""A follower: it is told what it has missed, in portions, and then each event as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeAlias

from vipd.agent.journal_ring import Ring, concerns
from vipd.control.messages import FollowRequest
from vipd.control.report import EventReport

PORTION: Final = 100
"""How many events are told at once; then everything else on the loop has its turn."""

Listener: TypeAlias = Callable[[EventReport], None]
Subscribe: TypeAlias = Callable[[Listener], Callable[[], None]]


class Follower:
    """One who follows the journal, from where he was."""

    def __init__(
        self, ring: Ring, subscribe: Subscribe, request: FollowRequest, listener: Listener
    ) -> None:
        self._ring = ring
        self._subscribe = subscribe
        self._request = request
        self._listener = listener
        self._told = ring.last if request.after is None else request.after
        self._end: Callable[[], object] = lambda: None
        self._catch_up()

    def end(self) -> None:
        """Tell no more."""
        self._end()

    def _catch_up(self) -> None:
        """Tell a portion. Order: who has caught up subscribes before anything else can happen."""
        events, _ = self._ring.after(self._told, limit=PORTION)
        for event in events:
            self._told = event.seq
            self._hear(event)
        if events:
            self._end = asyncio.get_running_loop().call_soon(self._catch_up).cancel
        else:
            self._end = self._subscribe(self._hear)

    def _hear(self, event: EventReport) -> None:
        if concerns(event, self._request.name, self._request.kind):
            self._listener(event)
