"""The wheel: who has a turn, when, in which order, and that the loop has its own between them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from stepped_loop import SteppedLoop, run_stepped

from vipd.track.wheel import TURN_S, wheel


class Guest:
    """Somebody who waits, and tells when its turn was."""

    def __init__(self, told: Callable[[Guest, float], None]) -> None:
        self.awaits: float | None = None
        self._told = told

    def turn(self, now: float) -> None:
        self._told(self, now)


class Table:
    """Guests, who write down their turns: their number, and the moment by the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, count: int) -> None:
        self.loop = loop
        self.turns: list[tuple[int, float]] = []
        self.guests = [Guest(self._note) for _ in range(count)]

    def _note(self, guest: Guest, now: float) -> None:
        assert now == self.loop.time()
        self.turns.append((self.guests.index(guest), round(now, 6)))


async def until(loop: asyncio.AbstractEventLoop, moment: float) -> None:
    over = asyncio.Event()
    loop.call_at(moment, over.set)
    await over.wait()


def test_each_has_its_turn_at_its_moment_and_in_the_order_of_coming() -> None:
    async def play(loop: SteppedLoop) -> list[tuple[int, float]]:
        table = Table(loop, 4)
        for guest, moment in zip(table.guests, (0.2, 0.1, 0.2, 0.15), strict=True):
            wheel().set(guest, moment)
        await until(loop, 1.0)
        return table.turns

    assert run_stepped(play) == [(1, 0.1), (3, 0.15), (0, 0.2), (2, 0.2)]


def test_only_the_last_moment_that_was_set_counts_and_none_after_it_is_taken_back() -> None:
    async def play(loop: SteppedLoop) -> list[tuple[int, float]]:
        table = Table(loop, 3)
        for moment in (0.1, 0.3, 0.2, 0.3):
            for guest in table.guests:
                wheel().set(guest, moment)
        table.guests[1].awaits = None
        await until(loop, 1.0)
        return table.turns

    assert run_stepped(play) == [(0, 0.3), (2, 0.3)]


def test_a_moment_that_is_past_comes_at_once_and_an_earlier_one_wakes_earlier() -> None:
    async def play(loop: SteppedLoop) -> list[tuple[int, float]]:
        table = Table(loop, 3)
        await until(loop, 0.5)
        for guest, moment in zip(table.guests, (0.9, 0.7, 0.1), strict=True):
            wheel().set(guest, moment)
        await until(loop, 1.0)
        return table.turns

    assert run_stepped(play) == [(2, 0.5), (1, 0.7), (0, 0.9)]


def test_who_has_its_turn_may_wait_again_and_take_others_out() -> None:
    async def play(loop: SteppedLoop) -> list[tuple[str, float]]:
        turns = []

        def first(guest: Guest, now: float) -> None:
            turns.append(("first", round(now, 6)))
            second.awaits = None
            if len(turns) < 4:
                wheel().set(guest, 0.1 if len(turns) < 3 else 0.4)

        one, second = Guest(first), Guest(lambda _, now: turns.append(("second", now)))
        wheel().set(one, 0.1)
        wheel().set(second, 0.1)
        await until(loop, 0.5)
        return turns

    assert run_stepped(play) == [("first", each) for each in (0.1, 0.1, 0.1, 0.4)]


def test_a_slot_that_nobody_waits_for_any_more_wakes_nobody() -> None:
    async def play(loop: SteppedLoop) -> list[float]:
        alarms: list[float] = []
        gone, stays = Guest(lambda *_: None), Guest(lambda *_: alarms.append(loop.time()))
        wheel().set(stays, 0.1)
        for number in range(100):
            wheel().set(gone, 0.2 + number / 1000)
        gone.awaits = None
        await until(loop, 0.15)
        assert wheel()._alarm is None
        assert not wheel()._slots
        return alarms

    assert run_stepped(play) == [0.1]


def test_the_loop_has_its_turn_after_each_millisecond() -> None:
    """Whoever is due in between, an advert, waits for what has begun and for no more."""

    def busy(_guest: Guest, _now: float) -> None:
        end = time.thread_time() + 0.6 * TURN_S
        while time.thread_time() < end:
            pass
        served.append(turn)

    served: list[int] = []
    turn = 0

    async def play() -> None:
        nonlocal turn
        moment = wheel().now()
        guests = [Guest(busy) for _ in range(10)]
        for guest in guests:
            wheel().set(guest, moment)
        while len(served) < len(guests):
            turn += 1
            assert turn < 1000
            await asyncio.sleep(0)

    asyncio.run(play())
    assert max(map(served.count, served)) <= 2


def test_each_loop_has_its_own() -> None:
    async def own() -> object:
        assert wheel() is wheel()
        return wheel()

    first, second = asyncio.run(own()), asyncio.run(own())
    assert first is not second
