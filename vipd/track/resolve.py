"""Names to addresses, off the loop: the resolver of the C library may take half a minute.

Theory of operation. A name is asked for in a thread of its own, a few at a time; whoever asks for
one that is being asked for waits with the others. An answer is good for half a minute. After that
it is still given out, at once, while the name is asked for again: name servers that are away must
not make a server that is here look dead. Only a name of which nothing is known is waited for.

The threads touch nothing of ours: they hand their answer to the loop. They are daemons, so that one
which hangs in the C library does not keep the agent from ending.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

THREADS: Final = 4
FRESH_S: Final = 30.0
ADDRESSES: Final = 4
"""How many addresses of one name are tried in a look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An address as a socket takes it, but for the port: the host; for IPv6, flow and scope."""

    family: int
    socket_address: tuple[Any, ...]


Answer: TypeAlias = tuple[Address, ...] | str
"""Addresses, at least one; or why there are none."""

Lookup: TypeAlias = Callable[[str], Answer]


def numeric(host: str) -> Address | None:
    """The address that a text is; None when it is a name."""
    answer = _ask(host, socket.AI_NUMERICHOST)
    return None if isinstance(answer, str) else answer[0]


def look_up(host: str) -> Answer:
    """Ask the C library; it may take its time."""
    return _ask(host, 0)


def _ask(host: str, flags: int) -> Answer:
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM, flags=flags)
    except (OSError, UnicodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is no name"
        return f"no address for the name {host}: {said}"
    addresses = dict.fromkeys(_address(family, where) for family, *_, where in found)
    return tuple(addresses)[:ADDRESSES] or f"no address for the name {host}"


def _address(family: int, where: tuple[Any, ...]) -> Address:
    host, _, *rest = where
    return Address(family=family, socket_address=(host, *rest))


class Names:
    """The names that the trackers on one loop look up."""

    def __init__(self, look_up: Lookup = look_up) -> None:
        self._look_up = look_up
        self._loop = asyncio.get_running_loop()
        self._known: dict[str, tuple[float, tuple[Address, ...]]] = {}
        self._waiting: dict[str, list[Callable[[Answer], None]]] = {}
        self._queue: deque[str] = deque()
        self._busy = 0

    def belongs_to(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether answers come back on this loop."""
        return self._loop is loop

    def find(self, host: str, found: Callable[[Answer], None]) -> Callable[[], None]:
        """Give the addresses of a name, at once if they are known; what is returned forgets it."""
        until, addresses = self._known.get(host, (0.0, ()))
        if self._loop.time() >= until:
            self._begin(host)
        if addresses:
            found(addresses)
            return lambda: None
        waiting = self._waiting[host]
        waiting.append(found)

        def forget() -> None:
            if found in waiting:
                waiting.remove(found)

        return forget

    def _begin(self, host: str) -> None:
        if host not in self._waiting:
            self._waiting[host] = []
            self._queue.append(host)
            self._start_next()

    def _start_next(self) -> None:
        if self._queue and self._busy < THREADS:
            self._busy += 1
            host = self._queue.popleft()
            threading.Thread(target=self._run, args=(host,), name="names", daemon=True).start()

    def _run(self, host: str) -> None:
        """In a thread."""
        answer = self._look_up(host)
        with suppress(RuntimeError):  # The loop has ended, and nobody wants to know any more.
            self._loop.call_soon_threadsafe(self._take, host, answer)

    def _take(self, host: str, answer: Answer) -> None:
        self._busy -= 1
        self._start_next()
        if not isinstance(answer, str):
            self._known[host] = (self._loop.time() + FRESH_S, answer)
        for found in self._waiting.pop(host):
            found(answer)


_of_last_loop: list[Names] = []


def names() -> Names:
    """Those of the running loop."""
    if not _of_last_loop or not _of_last_loop[0].belongs_to(asyncio.get_running_loop()):
        _of_last_loop[:] = [Names()]
    return _of_last_loop[0]
