"""How often a MASTER answers those who lose against it."""

from __future__ import annotations

from solo_machine import Solo

from vipd.core.actions import SendAdvert
from vipd.core.speaking import ANSWERS_PER_BEAT
from vipd.core.units import SECOND


def test_two_masters_that_each_count_the_other_as_the_loser_do_not_fill_the_wire() -> None:
    one = Solo()
    one.start()
    one.pass_time(4 * SECOND)
    answers = [one.hear(50) for _ in range(100)]
    assert sum(map(bool, answers)) == ANSWERS_PER_BEAT == 8
    assert all(isinstance(action, SendAdvert) for answer in answers for action in answer)
    one.pass_time(SECOND)
    assert one.hear(50) != ()
