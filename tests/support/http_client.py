"""A client that requests a page again and again, and what it has seen: who answered, and when not.

It runs as a program of its own on a host of the lab. Requests are independent: each is begun when
it is due, whatever became of those before it, on a connection of its own, and waits for its answer
for so long as a person would who is in a hurry.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from client_program import ClientProgram, tell

from vipd.lab.lab import Host, Lab

EVERY_S = 0.010
PATIENCE_S = 0.3
MILLISECONDS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request: when it was begun, who answered it, or what was wrong. Units: seconds."""

    at: float
    who: str | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests in the order in which they were begun."""

    all: tuple[Request, ...]

    @property
    def failed(self) -> tuple[Request, ...]:
        """Those that were not answered."""
        return tuple(one for one in self.all if one.who is None)

    @property
    def outage_ms(self) -> float:
        """The longest time from one that was answered to the next, less what is usual."""
        answered = [one.at for one in self.all if one.who is not None]
        longest = max((later - earlier for earlier, later in pairwise(answered)), default=0.0)
        return max(0.0, longest - EVERY_S) * MILLISECONDS

    def between(self, begin: float, end: float) -> Requests:
        """Those that were begun between two moments of the monotonic clock."""
        return Requests(tuple(one for one in self.all if begin <= one.at <= end))

    def __str__(self) -> str:
        return f"{len(self.failed)} of {len(self.all)} requests failed, {self.outage_ms:.0f} ms out"


class HttpClient(ClientProgram):
    """Requests http://ADDRESS/ from a host of the lab, from `with` to the end of the block."""

    def __init__(self, lab: Lab, host: Host, address: str) -> None:
        super().__init__(lab, host, __file__, address)
        self._address = address

    def requests(self) -> Requests:
        """All that are decided."""
        seen = [Request(**line) for line in self.lines()]
        return Requests(tuple(sorted(seen, key=lambda one: one.at)))

    def wait_who(self, name: str, timeout_s: float = 10) -> None:
        """Wait until a host answers."""

        def answers() -> bool:
            seen = self.requests().all
            return bool(seen) and seen[-1].who == name

        self.lab.wait_until(answers, timeout_s, f"{name} serves HTTP on {self._address}")

    def during(self, act: Callable[[], None]) -> Requests:
        """What becomes of the requests while something is done, from shortly before it."""
        began = time.monotonic()
        act()
        ended = time.monotonic()

        def decided() -> bool:
            return any(one.at > ended + PATIENCE_S for one in self.requests().all)

        self.lab.wait_until(decided, 10, "the client goes on")
        return self.requests().between(began - 5 * EVERY_S, ended)


# -- the program ------------------------------------------------------------------------------


async def _ask(address: str) -> str:
    """Who answers. Raises: OSError, TimeoutError."""
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection(address, 80)
        try:
            writer.write(f"GET / HTTP/1.0\r\nHost: {address}\r\n\r\n".encode())
            answer = await reader.read()
        finally:
            writer.close()
    head, _, body = answer.decode().partition("\r\n\r\n")
    if " 200 " not in head.splitlines()[0]:
        raise OSError(f"the answer begins with {head[:40]!r}")
    return body.strip()


async def _request(address: str) -> None:
    at, who, error = time.monotonic(), None, None
    try:
        who = await _ask(address)
    except (OSError, IndexError) as problem:
        error = f"{type(problem).__name__}: {problem}"
    tell(at=at, who=who, error=error)


async def _play(address: str) -> None:
    """Request until the process is ended."""
    loop = asyncio.get_running_loop()
    under_way: set[asyncio.Task[None]] = set()

    def begin(due: float) -> None:
        loop.call_at(due + EVERY_S, begin, due + EVERY_S)
        task = loop.create_task(_request(address))
        under_way.add(task)
        task.add_done_callback(under_way.discard)

    begin(loop.time())
    await loop.create_future()


if __name__ == "__main__":
    asyncio.run(_play(sys.argv[1]))
