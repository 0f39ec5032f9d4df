"""Before it takes over a BACKUP asks the link; a MASTER that met somebody asks again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from solo_machine import CONFIG, LINK, VIP4, VIP6, Solo

from vipd.core.actions import DoubtFirewall, ProbeAddresses
from vipd.core.config import InstanceConfig, TakeoverProbe
from vipd.core.events import ConfigChanged, LinkChanged, NeighborHeard, Stopped
from vipd.core.incident import IncidentCode
from vipd.core.model import State

MS = 1_000_000
SECOND = 1_000_000_000
TAKEOVER = 3_609_375_000
ASKED = 3_559_375_000

WARN = replace(CONFIG, takeover_probe=TakeoverProbe.WARN)
HOLD = replace(CONFIG, takeover_probe=TakeoverProbe.HOLD)
ANSWER = NeighborHeard(address=VIP4.ip, mac=bytes.fromhex("aabbccddeeff"))
ALIVE = "192.0.2.100 is alive at aa:bb:cc:dd:ee:ff, but no adverts: is IP protocol 112 blocked?"
HOLDS = f"{ALIVE} Holds back for 60 s at most"
SHARED = "192.0.2.100 is claimed by aa:bb:cc:dd:ee:ff as well"


def started(config: InstanceConfig) -> Solo:
    solo = Solo(config)
    solo.start()
    return solo


def answered(config: InstanceConfig) -> Solo:
    """A BACKUP whose question was answered 10 ms ago, 40 ms before the takeover."""
    solo = started(config)
    solo.pass_time(ASKED)
    solo.step(ANSWER)
    solo.pass_time(10 * MS)
    return solo


def warnings(solo: Solo) -> tuple[str, ...]:
    return solo.machine.status(solo.now).warnings


# -- when it asks ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("priority", "interval", "asked", "takeover"),
    [
        (100, SECOND, 3_559_375_000, 3_609_375_000),
        (254, SECOND, 3_000_000_000, 3_007_812_500),
        (100, 100 * MS, 310_937_500, 360_937_500),
        (150, 100 * MS, 300_000_000, 341_406_250),
        (1, 10 * MS, 30_000_000, 39_960_937),
    ],
)
def test_it_asks_50_ms_before_the_takeover_or_the_skew_if_that_is_less(
    priority: int, interval: int, asked: int, takeover: int
) -> None:
    solo = started(replace(WARN, priority=priority, advert_interval=interval))
    solo.hear(254)
    solo.pass_time(takeover - 1)
    assert solo.when(ProbeAddresses) == [asked]
    assert [a for _, a in solo.done if isinstance(a, ProbeAddresses)] == [
        ProbeAddresses((VIP4, VIP6))
    ]
    assert solo.is_now(State.BACKUP)
    solo.pass_time(1)
    assert solo.is_now(State.MASTER)


def test_it_asks_at_start_up_when_nobody_was_ever_heard() -> None:
    solo = started(WARN)
    solo.pass_time(10 * SECOND)
    assert solo.when(ProbeAddresses) == [ASKED]


def test_it_does_not_ask_when_the_addresses_were_released() -> None:
    solo = started(WARN)
    solo.hear(150)
    solo.hear(0)
    assert solo.machine.next_deadline() == 609_375_000
    solo.step(ConfigChanged(replace(WARN, priority=101)))
    solo.pass_time(SECOND)
    assert solo.is_now(State.MASTER)
    assert solo.when(ProbeAddresses) == []


def test_it_does_not_ask_when_it_preempts_a_weaker_master_that_lives() -> None:
    solo = started(WARN)
    for _ in range(4):
        solo.hear(50)
        solo.pass_time(SECOND)
    assert solo.is_now(State.MASTER)
    assert solo.when(ProbeAddresses) == []


def test_it_asks_when_a_weaker_master_has_fallen_silent_meanwhile() -> None:
    solo = started(WARN)
    solo.hear(50)
    solo.pass_time(10 * SECOND)
    assert solo.when(ProbeAddresses) == [ASKED]


def test_it_never_asks_when_that_is_off() -> None:
    solo = started(CONFIG)
    solo.step(ANSWER)
    solo.pass_time(10 * SECOND)
    assert solo.when(ProbeAddresses) == []
    assert solo.incidents() == []


def test_a_reload_turns_it_on_and_off() -> None:
    solo = started(WARN)
    solo.step(ConfigChanged(CONFIG))
    assert solo.machine.next_deadline() == TAKEOVER
    solo.step(ConfigChanged(WARN))
    assert solo.machine.next_deadline() == ASKED
    solo.pass_time(ASKED)
    assert solo.when(ProbeAddresses) == [ASKED]


def test_whoever_stops_to_be_backup_does_not_ask() -> None:
    for end in (Stopped(), LinkChanged(replace(LINK, carrier=False))):
        solo = started(WARN)
        solo.step(end)
        solo.pass_time(10 * SECOND)
        assert solo.when(ProbeAddresses) == []


@pytest.mark.parametrize(
    ("late", "takeover"),
    [(1, TAKEOVER + 1), (40 * MS, TAKEOVER + 40 * MS), (SECOND, ASKED + 1_050 * MS)],
)
def test_whoever_asks_late_waits_for_the_answer_all_the_same(late: int, takeover: int) -> None:
    solo = started(HOLD)
    solo.pass_time(ASKED - 1)
    assert solo.wake_late(1 + late) == (ProbeAddresses((VIP4, VIP6)),)
    assert solo.machine.next_deadline() == takeover
    solo.step(ANSWER)
    solo.pass_time(50 * MS)
    assert solo.is_now(State.BACKUP)
    assert [code for _, code, _ in solo.incidents()] == [IncidentCode.MASTER_SILENT_BUT_ALIVE]


def test_a_reload_between_question_and_takeover_asks_again() -> None:
    solo = answered(HOLD)
    solo.step(ConfigChanged(replace(HOLD, priority=254)))
    solo.pass_time(0)
    assert solo.when(ProbeAddresses) == [ASKED, ASKED + 10 * MS]
    assert solo.is_now(State.BACKUP)
    solo.step(ANSWER)
    solo.pass_time(100 * MS)
    assert solo.is_now(State.BACKUP)


# -- what an answer means -------------------------------------------------------------------


def test_an_answer_is_told_once_at_the_takeover_and_is_a_warning_from_then_on() -> None:
    solo = answered(WARN)
    solo.step(ANSWER)
    assert solo.incidents() == []
    assert warnings(solo) == ()
    solo.pass_time(5 * SECOND)
    assert solo.is_now(State.MASTER)
    assert solo.incidents() == [(TAKEOVER, IncidentCode.MASTER_SILENT_BUT_ALIVE, ALIVE)]
    assert warnings(solo) == (ALIVE,)


def test_no_answer_means_nothing_to_tell() -> None:
    solo = started(WARN)
    solo.pass_time(100 * SECOND)
    assert solo.incidents() == []
    assert warnings(solo) == ()
    assert solo.when(ProbeAddresses) == [ASKED]


def test_what_nobody_asked_for_is_no_answer() -> None:
    """A BACKUP sees the announcements of its MASTER, too."""
    solo = started(WARN)
    solo.pass_time(ASKED - 1)
    solo.step(ANSWER)
    solo.pass_time(SECOND)
    assert solo.is_now(State.MASTER)
    assert solo.incidents() == []


def test_an_advert_makes_the_answer_meaningless() -> None:
    solo = answered(WARN)
    solo.hear(150)
    heard = solo.now
    solo.pass_time(SECOND)
    solo.step(ANSWER)
    solo.pass_time(TAKEOVER)
    assert solo.is_now(State.MASTER)
    assert solo.when(ProbeAddresses) == [ASKED, heard + ASKED]
    assert solo.incidents() == []


# -- holding back ---------------------------------------------------------------------------


def test_it_holds_back_for_an_interval_and_asks_again_each_time() -> None:
    solo = answered(HOLD)
    solo.pass_time(40 * MS)
    assert solo.now == TAKEOVER
    assert solo.is_now(State.BACKUP)
    assert solo.incidents() == [(TAKEOVER, IncidentCode.MASTER_SILENT_BUT_ALIVE, HOLDS)]
    assert warnings(solo) == (HOLDS,)
    for _ in range(9):
        solo.pass_time(950 * MS)
        solo.step(ANSWER)
        solo.pass_time(50 * MS)
    assert solo.is_now(State.BACKUP)
    assert solo.when(ProbeAddresses) == [ASKED + beat * SECOND for beat in range(10)]
    assert len(solo.incidents()) == 1


@pytest.mark.parametrize(
    ("longest", "held"),
    [
        (0, 0),
        (1, 50 * MS),
        (500 * MS, 500 * MS),
        (2_500 * MS, 2_500 * MS),
        (3 * SECOND, 3 * SECOND),
        (60 * SECOND, 60 * SECOND),
    ],
)
def test_it_holds_back_no_longer_than_it_may_and_its_last_question_takes(
    longest: int, held: int
) -> None:
    solo = answered(replace(HOLD, probe_hold_max=longest))
    while not solo.is_now(State.MASTER):
        due = solo.machine.next_deadline()
        assert due is not None
        solo.pass_time(due - solo.now)
        solo.step(ANSWER)
    assert solo.now == TAKEOVER + held
    assert solo.incidents()[0][:2] == (TAKEOVER, IncidentCode.MASTER_SILENT_BUT_ALIVE)


def test_having_held_back_as_long_as_it_may_it_still_warns() -> None:
    solo = answered(HOLD)
    solo.pass_time(40 * MS)
    for _ in range(60):
        solo.pass_time(950 * MS)
        solo.step(ANSWER)
        solo.pass_time(50 * MS)
    assert solo.is_now(State.MASTER)
    assert solo.now == TAKEOVER + 60 * SECOND
    assert len(solo.incidents()) == 1
    assert warnings(solo) == (ALIVE,)


def test_it_takes_over_when_the_other_one_does_not_answer_any_more() -> None:
    solo = answered(HOLD)
    solo.pass_time(40 * MS + SECOND)
    assert solo.is_now(State.MASTER)
    assert warnings(solo) == ()
    solo.pass_time(100 * SECOND)
    assert len(solo.when(ProbeAddresses)) == 2


def test_an_advert_ends_the_hold_and_a_new_silence_is_told_anew() -> None:
    solo = answered(HOLD)
    solo.pass_time(40 * MS)
    solo.hear(150)
    heard = solo.now
    assert warnings(solo) == ()
    solo.pass_time(ASKED)
    solo.step(ANSWER)
    solo.pass_time(50 * MS)
    assert solo.is_now(State.BACKUP)
    assert [at for at, _, _ in solo.incidents()] == [TAKEOVER, heard + TAKEOVER]


def test_a_release_ends_the_hold() -> None:
    solo = answered(HOLD)
    solo.pass_time(40 * MS)
    solo.hear(0)
    assert solo.machine.next_deadline() == solo.now + 609_375_000
    solo.pass_time(609_375_000)
    assert solo.is_now(State.MASTER)
    assert warnings(solo) == ()


def test_it_holds_back_by_the_interval_of_its_master() -> None:
    solo = started(HOLD)
    solo.hear(150, interval=100 * MS)
    solo.pass_time(310_937_500)
    solo.step(ANSWER)
    solo.pass_time(50 * MS)
    assert solo.is_now(State.BACKUP)
    solo.pass_time(100 * MS)
    assert solo.is_now(State.MASTER)


def test_a_reload_ends_the_hold_with_the_next_question() -> None:
    solo = answered(HOLD)
    solo.pass_time(40 * MS)
    solo.step(ConfigChanged(WARN))
    solo.pass_time(950 * MS)
    solo.step(ANSWER)
    solo.pass_time(50 * MS)
    assert solo.is_now(State.MASTER)
    assert warnings(solo) == (ALIVE,)


# -- a MASTER that is not alone -------------------------------------------------------------


def test_a_master_that_met_somebody_asks_every_30_s_until_nobody_answers() -> None:
    solo = answered(WARN)
    solo.pass_time(40 * MS)
    for _ in range(3):
        solo.pass_time(30 * SECOND)
        solo.step(ANSWER)
        assert warnings(solo) == (SHARED,)
    asked = solo.when(ProbeAddresses)
    assert asked == [ASKED, *(TAKEOVER + beat * 30 * SECOND for beat in (1, 2, 3))]
    solo.pass_time(30 * SECOND)
    assert warnings(solo) == (SHARED,)
    assert solo.when(ProbeAddresses)[-1] == solo.now
    solo.pass_time(30 * SECOND - 1)
    assert warnings(solo) == (SHARED,)
    solo.pass_time(1)
    assert warnings(solo) == ()
    solo.pass_time(100 * SECOND)
    assert len(solo.when(ProbeAddresses)) == 5


def test_a_conflict_is_asked_about_after_30_s_too() -> None:
    solo = Solo.master(WARN, after=10 * SECOND)
    began = solo.now
    solo.step(ANSWER)
    assert warnings(solo) == (SHARED,)
    solo.pass_time(5 * SECOND)
    solo.step(ANSWER)
    solo.pass_time(55 * SECOND - 1)
    assert warnings(solo) == (SHARED,)
    solo.pass_time(1)
    assert warnings(solo) == ()
    assert solo.when(ProbeAddresses)[1:] == [began + 30 * SECOND]


def test_an_answer_counts_also_when_it_has_just_announced() -> None:
    solo = Solo.master(WARN, after=10 * SECOND)
    solo.step(ANSWER)
    for _ in range(5):
        solo.pass_time(30 * SECOND - MS)
        solo.hear(50)
        solo.pass_time(MS)
        solo.step(ANSWER)
        assert warnings(solo) == (SHARED,)
    assert len(solo.when(ProbeAddresses)) == 6


def test_without_questions_the_warning_of_a_conflict_ends_by_itself() -> None:
    solo = Solo.master(CONFIG, after=10 * SECOND)
    solo.step(ANSWER)
    solo.pass_time(60 * SECOND - 1)
    assert warnings(solo) == (SHARED,)
    solo.pass_time(1)
    assert warnings(solo) == ()
    assert solo.when(ProbeAddresses) == []


def test_whoever_is_master_no_more_has_forgotten_it() -> None:
    solo = Solo.master(WARN, after=10 * SECOND)
    solo.step(ANSWER)
    solo.hear(150)
    solo.pass_time(20 * MS)
    assert solo.is_now(State.BACKUP)
    assert warnings(solo) == ()


# -- an advert that is overdue --------------------------------------------------------------


def test_an_advert_that_is_a_quarter_of_an_interval_late_is_doubted_once() -> None:
    solo = started(WARN)
    solo.hear(150)
    solo.pass_time(3 * SECOND)
    assert solo.when(DoubtFirewall) == [1_250 * MS]


def test_the_master_is_timed_by_its_own_interval() -> None:
    solo = started(WARN)
    solo.hear(150, interval=100 * MS)
    solo.pass_time(200 * MS)
    assert solo.when(DoubtFirewall) == [125 * MS]


def test_adverts_in_time_raise_no_doubt() -> None:
    solo = started(WARN)
    for _ in range(5):
        solo.hear(150)
        solo.pass_time(SECOND)
    assert solo.when(DoubtFirewall) == []


@pytest.mark.parametrize("probe", TakeoverProbe)
def test_doubt_goes_with_the_probe(probe: TakeoverProbe) -> None:
    solo = started(replace(CONFIG, takeover_probe=probe))
    solo.hear(150)
    solo.pass_time(2 * SECOND)
    assert bool(solo.when(DoubtFirewall)) == (probe is not TakeoverProbe.OFF)
