"""Waiting with a deadline, and signals that end a pause and nothing else."""

from __future__ import annotations

import os
import signal

import pytest

from vipd.errors import VipdError
from vipd.lab.pause import STOPPING, StopRequested, StopSignals, wait_until


class Doorbell:
    """Counts the pauses; true after so many."""

    def __init__(self, rings_after: int) -> None:
        self.pauses: list[float] = []
        self._rings_after = rings_after

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def rang(self) -> bool:
        return len(self.pauses) >= self._rings_after


def test_what_holds_is_not_waited_for() -> None:
    bell = Doorbell(rings_after=0)
    wait_until(bell.rang, 0, "the bell", bell.pause)
    assert bell.pauses == []


def test_it_looks_again_after_every_pause() -> None:
    bell = Doorbell(rings_after=3)
    wait_until(bell.rang, 60, "the bell", bell.pause)
    assert bell.pauses == [0.01, 0.01, 0.01]


def test_what_was_waited_for_is_named() -> None:
    with pytest.raises(VipdError, match=r"^the bell: not within 0\.02 s$"):
        wait_until(lambda: False, 0.02, "the bell")


@pytest.mark.parametrize("number", STOPPING)
def test_a_signal_ends_the_next_pause_and_nothing_before(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with StopSignals() as signals:
        os.kill(os.getpid(), number)
        done = "what is half done is finished"
        with pytest.raises(StopRequested, match=f"stopped by {number.name}") as caught:
            signals.pause(60)
    assert done
    assert caught.value.number == number
    assert signal.getsignal(number) is before


def test_a_second_signal_changes_nothing() -> None:
    with StopSignals() as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(StopRequested, match="SIGTERM"):
            signals.pause(60)


def test_a_pause_without_a_signal_is_a_sleep() -> None:
    with StopSignals() as signals:
        signals.pause(0)
