"""The listener: what arrives is read at once, and what follows soon after is read together."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing
from dataclasses import dataclass, field

import pytest

from vipd.agent.listener import Listener, rest
from vipd.core.units import MILLISECOND, SECOND, Duration

PATIENCE_S = 5.0


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        (10 * MILLISECOND, 1_000_000),
        (32 * MILLISECOND, 1_000_000),
        (100 * MILLISECOND, 3_125_000),
        (128 * MILLISECOND, 4_000_000),
        (40_950 * MILLISECOND, 4_000_000),
    ],
)
def test_it_rests_for_less_than_anybody_minds(interval: Duration, expected: Duration) -> None:
    assert rest(interval) == expected


@dataclass
class Reader:
    """Reads one packet at each call, and is sent two more during the first."""

    here: socket.socket
    there: socket.socket
    shortest_interval: Duration = SECOND
    read: list[bytes] = field(default_factory=list)
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        self.read.append(self.here.recv(100))
        if len(self.read) == 1:
            self.there.send(b"second")
            self.there.send(b"third")
        self.woken.set()


def test_what_follows_is_read_later() -> None:
    async def listen(reader: Reader) -> float:
        loop = asyncio.get_running_loop()
        with closing(Listener(loop, reader.here.fileno(), reader)):
            began = loop.time()
            reader.there.send(b"first")
            while len(reader.read) < 3:
                reader.woken.clear()
                await asyncio.wait_for(reader.woken.wait(), PATIENCE_S)
            return loop.time() - began

    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with here, there:
        reader = Reader(here, there)
        took_s = asyncio.run(listen(reader))
    assert reader.read == [b"first", b"second", b"third"]
    assert took_s >= 2 * rest(SECOND) / SECOND, "it rests in between"
