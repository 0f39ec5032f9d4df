"""The rounds: hellos on a loop, spoken in time and heard with rests."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise
from typing import Any

from hello_bench import Host, Link
from stepped_loop import SteppedLoop, run_stepped

from vipd.agent.fellow_rounds import Rounds
from vipd.agent.hello import Hellos
from vipd.agent.instance import Instance
from vipd.core.units import SECOND

Play = Callable[["Stage"], Awaitable[None]]


class Hearing(Hellos):
    """Hellos that note when they were asked to hear."""

    def __init__(self, stage: Stage) -> None:
        log: Any = stage.host.log
        super().__init__(stage.host.port, stage.clock, log)
        self._stage = stage
        self.heard_at: list[float] = []

    def hear(self) -> None:
        self.heard_at.append(round(self._stage.loop.time(), 3))
        super().hear()


class Stage:
    """One agent on a loop whose time is stepped; what it hears from is a pipe."""

    def __init__(self, loop: SteppedLoop) -> None:
        self.loop = loop
        self.host = Host(Link(), 11)
        self.descriptor, self.bell = os.pipe()
        self.hellos = Hearing(self)
        self.maintenance = False
        self.rounds = Rounds(self.hellos, self.descriptor, self.instances, lambda: self.maintenance)

    def clock(self) -> int:
        return round(self.loop.time() * SECOND)

    def instances(self) -> Sequence[Instance]:
        return self.host.instances

    def ring(self) -> None:
        """Something arrives, and stays unread."""
        os.write(self.bell, b"!")

    def sent(self) -> int:
        return len(self.host.port.take_sent())

    def close(self) -> None:
        self.rounds.end()
        os.close(self.descriptor)
        os.close(self.bell)


def play(act: Play) -> None:
    async def on(loop: SteppedLoop) -> None:
        stage = Stage(loop)
        try:
            await act(stage)
        finally:
            stage.close()

    run_stepped(on)


async def until(loop: asyncio.AbstractEventLoop, moment: float) -> None:
    """Let the time of the loop pass."""
    reached = loop.create_future()
    loop.call_at(moment, reached.set_result, None)
    await reached


def test_it_speaks_at_once_and_every_second() -> None:
    async def act(stage: Stage) -> None:
        stage.rounds.begin()
        assert stage.sent() == 1
        await until(stage.loop, 10.5)
        assert stage.sent() == 10

    play(act)


def test_news_is_spoken_soon_once_and_the_second_goes_on() -> None:
    async def act(stage: Stage) -> None:
        stage.rounds.begin()
        await until(stage.loop, 0.5)
        stage.sent()
        stage.host.fail()
        for _ in range(255):
            stage.rounds.soon()
        assert stage.sent() == 0
        await until(stage.loop, 0.51)
        assert stage.sent() == 1
        stage.maintenance = True
        stage.rounds.soon()
        await until(stage.loop, 0.59)
        assert stage.sent() == 0
        await until(stage.loop, 0.61)
        assert stage.sent() == 1
        await until(stage.loop, 3.65)
        assert stage.sent() == 3

    play(act)


def test_who_is_flooded_listens_twenty_times_a_second() -> None:
    async def act(stage: Stage) -> None:
        stage.rounds.begin()
        await until(stage.loop, 0.2)
        assert stage.hellos.heard_at == []
        stage.ring()
        for millisecond in range(200, 1200):
            await until(stage.loop, millisecond / 1000)
        heard = stage.hellos.heard_at
        assert 18 <= len(heard) <= 20
        assert min(later - sooner for sooner, later in pairwise(heard)) >= 0.049

    play(act)


def test_in_the_end_it_says_farewell_and_does_nothing_any_more() -> None:
    async def act(stage: Stage) -> None:
        stage.rounds.begin()
        stage.ring()
        await until(stage.loop, 0.01)
        stage.sent()
        stage.rounds.end()
        assert stage.sent() == 1
        stage.rounds.end()
        stage.rounds.soon()
        heard = len(stage.hellos.heard_at)
        await until(stage.loop, 5)
        assert stage.sent() == 0
        assert len(stage.hellos.heard_at) == heard

    play(act)


def test_before_it_begins_it_does_nothing() -> None:
    async def act(stage: Stage) -> None:
        stage.rounds.soon()
        stage.ring()
        await until(stage.loop, 5)
        assert stage.sent() == 0
        assert stage.hellos.heard_at == []

    play(act)
