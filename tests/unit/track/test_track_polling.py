"""When looks are made, how long they may take, and that each has one outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from stepped_loop import SteppedLoop, run_stepped
from tracked import tracker_config

from vipd.core.units import MILLISECOND, SECOND, Duration
from vipd.track.outcome import Outcome, Report
from vipd.track.polling import Polling

GOOD = Outcome(ok=True, text="good")


class Look:
    """A checker whose looks take as long as it is told; None is for ever."""

    def __init__(self, takes: float | None = 0.0, words: str | None = None) -> None:
        self.takes = takes
        self.words = words
        self.begun: list[float] = []
        self.under_way = 0
        self.cancelled = 0

    def check(self, done: Report) -> Callable[[], None]:
        loop = asyncio.get_running_loop()
        self.begun.append(loop.time())
        self.under_way += 1
        assert self.under_way == 1, "two at once"
        handle = None if self.takes is None else loop.call_later(self.takes, self.end, done)

        def cancel() -> None:
            self.cancelled += 1
            self.under_way -= 1
            if handle:
                handle.cancel()
            if self.words:
                done(Outcome(ok=False, text=self.words))
                done(GOOD)  # It has said what it had to say.

        return cancel

    def end(self, done: Report) -> None:
        self.under_way -= 1
        done(GOOD)
        done(Outcome(ok=False, text="said twice"))


class Stillborn:
    """A checker that cannot even begin, or knows at once."""

    def __init__(self, error: OSError | None) -> None:
        self._error = error

    def check(self, done: Report) -> Callable[[], None]:
        if self._error:
            raise self._error
        done(GOOD)
        return lambda: pytest.fail("cancelled, though it was over")


def played(
    checker: Look | Stillborn,
    seconds: float,
    interval: Duration = SECOND,
    timeout: Duration = 500 * MILLISECOND,
) -> list[tuple[float, Outcome]]:
    """What is reported within so many seconds, and when."""
    seen: list[tuple[float, Outcome]] = []

    async def play(loop: SteppedLoop) -> None:
        polling = Polling(tracker_config("x", interval=interval, timeout=timeout), checker)
        polling.start(lambda outcome: seen.append((loop.time(), outcome)))
        over = asyncio.Event()
        loop.call_at(seconds, over.set)
        await over.wait()
        assert polling.next_look is not None
        assert polling.next_look >= loop.time() * SECOND
        polling.stop()
        polling.stop()
        await asyncio.sleep(0)
        told = len(seen)
        over.clear()
        loop.call_later(10, over.set)
        await over.wait()
        assert len(seen) == told

    run_stepped(play)
    return seen


def test_looks_keep_a_rhythm_and_begin_within_a_second() -> None:
    look = Look(0.25)
    seen = played(look, 5.99, interval=2 * SECOND)
    assert 0 <= look.begun[0] < 1
    assert look.begun == pytest.approx([look.begun[0], look.begun[0] + 2, look.begun[0] + 4])
    assert [round(moment % 0.01, 6) % 0.01 for moment in look.begun] == [0, 0, 0]
    assert [outcome.text for _, outcome in seen] == ["good"] * 3
    assert [outcome.took for _, outcome in seen] == pytest.approx([250 * MILLISECOND] * 3)


def test_a_look_that_never_ends_is_cancelled_and_is_a_failure() -> None:
    look = Look(None)
    seen = played(look, 3.4)
    assert {(o.ok, o.text) for _, o in seen} == {(False, "no answer within 500 ms")}
    assert seen[0][1].took == pytest.approx(500 * MILLISECOND)
    assert len(seen) in (look.cancelled, look.cancelled - 1)  # The last one by the stop, perhaps.
    assert look.under_way == 0


def test_who_is_cancelled_may_say_why_and_otherwise_it_is_said_for_it() -> None:
    seen = played(Look(None, words="the server said nothing"), 5.0)
    assert {(o.ok, o.text) for _, o in seen} == {(False, "the server said nothing")}
    assert len(seen) >= 4


def test_a_look_ends_within_a_hundredth_of_its_timeout_and_never_before_it() -> None:
    for timeout in (123 * MILLISECOND, 20 * MILLISECOND, 777_777_777):
        for _, outcome in played(Look(None), 5.0, timeout=timeout):
            assert timeout - 1 <= outcome.took <= 1.01 * timeout + 1


def test_what_hangs_is_looked_at_no_less_often() -> None:
    """With a timeout as long as the interval, too: the moment at which a look ends is not lost."""
    look = Look(None)
    played(look, 9.99, timeout=SECOND)
    gaps = [b - a for a, b in zip(look.begun, look.begun[1:], strict=False)]
    assert gaps == pytest.approx([1.0] * len(gaps), abs=0.011)
    assert len(gaps) >= 8


def test_a_look_that_outlasts_its_interval_lets_moments_pass() -> None:
    look = Look(2.5)
    played(look, 9.99, timeout=10 * SECOND)
    gaps = [b - a for a, b in zip(look.begun, look.begun[1:], strict=False)]
    assert gaps == pytest.approx([3.0] * len(gaps))
    assert len(gaps) >= 2


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, (True, "good")),
        (OSError(24, "Too many open files"), (False, "Too many open files")),
        (OSError("there is no user x"), (False, "there is no user x")),
    ],
)
def test_what_is_known_at_once(error: OSError | None, outcome: tuple[bool, str]) -> None:
    seen = played(Stillborn(error), 2.99)
    assert [(o.ok, o.text) for _, o in seen] == [outcome] * 3


def test_a_stop_cancels_the_look_under_way() -> None:
    look = Look(None)

    async def play(loop: SteppedLoop) -> None:
        polling = Polling(tracker_config("x", interval=SECOND), look)
        assert polling.next_look is None
        polling.start(lambda _: pytest.fail("reported, though it was stopped"))
        over = asyncio.Event()
        loop.call_at(1.0, over.set)
        await over.wait()
        polling.stop()

    run_stepped(play)
    assert look.cancelled == 1


def test_a_report_may_stop_its_tracker() -> None:
    look = Look(0)

    async def play(loop: SteppedLoop) -> int:
        polling = Polling(tracker_config("x", interval=SECOND), look)
        polling.start(lambda _: polling.stop())
        over = asyncio.Event()
        loop.call_at(5.0, over.set)
        await over.wait()
        return len(look.begun)

    assert run_stepped(play) == 1


def test_five_hundred_trackers_do_not_look_at_once() -> None:
    """Of 500 in a second, no tenth gets more than half as much again as its share."""
    looks = [Look(0) for _ in range(500)]

    async def play(loop: SteppedLoop) -> None:
        pollings = [
            Polling(tracker_config("x", name=f"web-{n}", interval=SECOND), look)
            for n, look in enumerate(looks)
        ]
        for polling in pollings:
            polling.start(lambda _: None)
        over = asyncio.Event()
        loop.call_at(1.0, over.set)
        await over.wait()
        for polling in pollings:
            polling.stop()

    run_stepped(play)
    slots = [round(look.begun[0] * 10) for look in looks]
    assert max(slots.count(slot) for slot in range(11)) <= 75
