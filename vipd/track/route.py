"""The route tracker: whether the main table has a route.

Theory of operation. The table may hold a million routes that change all the time. So the kernel
tells only of those to our destination: a filter drops all others before they reach this process.
It does not tell of routes that it drops with their interface, address or nexthop, so changes of
those that the route leads by are heard, too. What is told is not believed: after any of it the
table is read, a part at a time so that the loop is not held up, until a good route is found or, as
IPv4 is in order, its place has passed. After that there is a rest, of a second where the table is
long. Once something has happened nobody listens until the next reading, which has it all.

A long table of IPv6 may be read while it changes, and then something may be overlooked: so a route
that was there is looked for once more before it is said to be gone.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from vipd.core.config import TrackerConfig
from vipd.core.units import MILLISECOND, SECOND, Duration
from vipd.track import bpf
from vipd.track.outcome import Outcome, Report, Tracker
from vipd.track.route_message import Route, Wanted, is_beyond, route_of
from vipd.track.rtnetlink import (
    ALL,
    DEL_ADDRESS,
    DEL_LINK,
    DEL_NEXTHOP,
    DEL_ROUTE,
    DONE,
    ERROR,
    GET_ROUTE,
    IPV4_ADDRESSES,
    IPV4_ROUTES,
    IPV6_ROUTES,
    LINKS,
    NEW_LINK,
    NEW_NEXTHOP,
    NEW_ROUTE,
    NEXTHOPS,
    Message,
    Rtnetlink,
    attributes,
    messages,
    number,
)

SETTLE: Duration = 10 * MILLISECOND
"""From a change to the look: what changes together is seen together."""

SHORTEST_REST: Duration = 100 * MILLISECOND
LONGEST_REST: Duration = SECOND
REST_TO_WORK: Final = 50
"""From one reading of the table to the next: short ones cost 2 % of the time at most, and of long
ones there is one a second at most."""

_INDEX: Final = struct.Struct("=4xI")
"""Where struct ifinfomsg has the index."""

_NEXTHOP_BYTES: Final = 8
_NEXTHOP_ID: Final = 1


def make(config: TrackerConfig) -> Tracker:
    """A tracker of a route to `destination`."""
    return RouteTracker(Wanted.of(config.options))


class RouteTracker:
    """Reads the table whenever something has changed."""

    __slots__ = (
        "_alarm", "_began", "_doubtful", "_events", "_found", "_loop", "_parts", "_reading",
        "_report", "_rested", "_told", "_wanted",
    )  # fmt: skip

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._report: Report | None = None
        self._told: Outcome | None = None
        self._events: Rtnetlink | None = None
        self._reading: Rtnetlink | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._found: list[Route] = []
        self._parts = 0
        self._doubtful = False
        self._began = self._rested = 0.0

    def start(self, report: Report) -> None:
        """Look now, and whenever something has changed."""
        self.stop()
        self._loop = asyncio.get_running_loop()
        self._report = report
        self._alarm = self._loop.call_later(0, self._look)

    def stop(self) -> None:
        """Look no more."""
        self._report = self._told = None
        self._rest()
        self._doubtful = False
        self._found = []

    # -- listening --------------------------------------------------------------------------

    def _heard(self, data: bytes) -> None:
        if any(map(self._concerns, messages(data))):
            self._stir()

    def _concerns(self, message: Message) -> bool:
        kind, body = message
        if kind in (NEW_ROUTE, DEL_ROUTE):
            return route_of(body, self._wanted) is not None
        if kind in (NEW_LINK, DEL_LINK) and len(body) >= _INDEX.size:
            return any(_INDEX.unpack_from(body)[0] in route.indices for route in self._found)
        if kind in (NEW_NEXTHOP, DEL_NEXTHOP):
            nexthop = number(attributes(body[_NEXTHOP_BYTES:]).get(_NEXTHOP_ID))
            return any(route.nexthop == nexthop for route in self._found)
        return kind == DEL_ADDRESS

    def _stir(self, _lost: OSError | None = None) -> None:
        """Look soon; a reading is brought to its end first, or a long one might never be."""
        if self._events:
            self._events.close()
        self._events = None
        if self._reading is None:
            self._look_soon()

    def _begin_anew(self, _lost: OSError | None = None) -> None:
        """Give up what has begun."""
        self._rest()
        self._look_soon()

    def _look_soon(self) -> None:
        moment = max(self._loop.time() + SETTLE / SECOND, self._rested)
        self._alarm = self._loop.call_at(moment, self._look)

    def _rest(self) -> None:
        if self._alarm:
            self._alarm.cancel()
        for kernel in (self._events, self._reading):
            if kernel:
                kernel.close()
        self._alarm = self._events = self._reading = None

    # -- looking ----------------------------------------------------------------------------

    def _look(self) -> None:
        """Read the table. Order: listen first, so that nothing is missed."""
        self._alarm = None
        self._began = self._loop.time()
        self._rested = self._began + LONGEST_REST / SECOND
        self._found, self._parts = [], 0
        routes = IPV4_ROUTES if self._wanted.family == socket.AF_INET else IPV6_ROUTES
        groups = (routes, LINKS, IPV4_ADDRESSES, NEXTHOPS)
        try:
            self._events = Rtnetlink(self._heard, self._stir, groups, self._filter)
            self._reading = Rtnetlink(self._read, self._begin_anew)
            self._reading.ask(GET_ROUTE, self._wanted.question(), ALL)
        except OSError as error:
            self._begin_anew()
            self._tell(Outcome(ok=False, text=f"the kernel cannot be asked: {error.strerror}"))

    def _filter(self, sock: socket.socket) -> None:
        """Drop what is about other routes. Why tolerant: without a filter it is just slower."""
        with suppress(OSError):
            bpf.attach(sock, routes_to(self._wanted))

    def _read(self, data: bytes) -> None:
        self._parts += 1
        body = b""
        for kind, body in messages(data):
            if kind in (ERROR, DONE):
                self._finish(None)
                return
            if kind == NEW_ROUTE and (route := route_of(body, self._wanted)):
                self._found.append(route)
                if self._wanted.is_met_by(route):
                    self._finish(route)
                    return
        if is_beyond(body, self._wanted):
            self._finish(None)

    def _finish(self, route: Route | None) -> None:
        """Tell what was found. Why an error is none: no table is a table without routes."""
        assert self._reading, "it has been read"
        self._reading.close()
        self._reading = None
        self._rested = rested(self._began, self._loop.time())
        unsure = route is None and self._parts > 1 and bool(self._told and self._told.ok)
        if unsure and not self._doubtful:
            self._doubtful = True
            self._begin_anew()
            return
        self._doubtful = False
        if self._events is None:
            self._look_soon()
        self._tell(self._wanted.judge(route, self._found))

    def _tell(self, outcome: Outcome) -> None:
        if self._report and outcome != self._told:
            self._told = outcome
            self._report(outcome)


def rested(began: float, ended: float) -> float:
    """When the table may be read again. Units: seconds, of the loop."""
    rest = min(max(REST_TO_WORK * (ended - began), SHORTEST_REST / SECOND), LONGEST_REST / SECOND)
    return ended + rest


# -- what the kernel hands up -------------------------------------------------------------------

_KIND_AT, _PREFIX_AT, _TABLE_AT, _ATTRIBUTES_AT = 4, 17, 20, 28
_DESTINATION: Final = 1


def routes_to(wanted: Wanted) -> Iterator[bpf.Line]:
    """A filter that drops what is about routes, but not about those that are wanted.

    Why htons: the kernel loads what is in its own byte order as if it were in the network's.
    """
    tests = [*_tests(wanted)]
    to_drop = sum(len(before) + 1 for before, _ in tests)
    yield bpf.LOAD_HALF, 0, 0, _KIND_AT
    yield bpf.IF_EQUAL, 1, 0, socket.htons(NEW_ROUTE)
    yield bpf.IF_EQUAL, 0, to_drop, socket.htons(DEL_ROUTE)
    for before, value in tests:
        to_drop -= len(before) + 1
        yield from before
        yield bpf.IF_EQUAL, 0, to_drop + 1, value
    yield bpf.RETURN, 0, 0, bpf.KEEP
    yield bpf.RETURN, 0, 0, bpf.DROP


def _tests(wanted: Wanted) -> Iterator[tuple[list[bpf.Line], int]]:
    """What to load, and what it must be."""
    yield [(bpf.LOAD_BYTE, 0, 0, _PREFIX_AT)], wanted.network.prefixlen
    yield [(bpf.LOAD_BYTE, 0, 0, _TABLE_AT)], wanted.table
    if wanted.network.prefixlen:
        find: list[bpf.Line] = [
            (bpf.LOAD_NUMBER, 0, 0, _ATTRIBUTES_AT),
            (bpf.LOAD_X_NUMBER, 0, 0, _DESTINATION),
            (bpf.LOAD_WORD, 0, 0, bpf.FIND_ATTRIBUTE),
            (bpf.COPY_TO_X, 0, 0, 0),
        ]
        packed = wanted.network.network_address.packed
        for at in range(0, len(packed), 4):
            word = int.from_bytes(packed[at : at + 4])
            yield [*find, (bpf.LOAD_WORD_AT_X, 0, 0, 4 + at)], word
            find = []
