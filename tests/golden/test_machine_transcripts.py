"""Transcripts of one machine, `machine_*.txt`, for a person to read.

A transcript shows each event with its time and the state that it led to, and below it the actions
in their order. `VIPD_GOLDEN=write pytest tests/golden` writes them anew: read the difference.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from solo_machine import CONFIG, FULL, LINK, VIP4, Solo

from vipd.core.config import TakeoverProbe, TrackUse
from vipd.core.events import (
    AddressesDrifted,
    ConfigChanged,
    GroupAgreed,
    GroupFailed,
    GroupLost,
    GroupRecovered,
    LinkChanged,
    NeighborHeard,
    Stopped,
    TrackReported,
    WokeLate,
)
from vipd.core.model import ChecksumForm, LinkFacts

HERE = Path(__file__).parent
MS = 1_000_000
SECOND = 1_000_000_000


def takeover_and_return() -> Solo:
    """A BACKUP of priority 100; the MASTER of priority 150 falls silent, and comes back."""
    solo = Solo()
    solo.start()
    solo.pass_time(SECOND // 2)
    for _ in range(2):
        solo.hear(150, source="192.0.2.51")
        solo.hear(150, source="fe80::51")
        solo.pass_time(SECOND)
    solo.pass_time(5 * SECOND)
    solo.hear(150, source="192.0.2.51")
    solo.hear(150, source="fe80::51")
    solo.pass_time(SECOND)
    solo.hear(0, source="192.0.2.51")
    solo.hear(0, source="fe80::51")
    solo.pass_time(SECOND)
    return solo


def cable_and_refusal() -> Solo:
    """A MASTER whose cable is cut and whose kernel refuses the address for a while after."""
    solo = Solo(replace(CONFIG, addresses=(VIP4,), priority=200))
    solo.start()
    solo.pass_time(4 * SECOND)
    solo.step(LinkChanged(replace(LINK, carrier=False)))
    solo.pass_time(2 * SECOND)
    solo.step(LinkChanged(LinkFacts(name="eth0", exists=False)))
    solo.pass_time(2 * SECOND)
    solo.refusal = "192.0.2.100/24: Permission denied"
    solo.step(LinkChanged(LINK))
    solo.pass_time(8 * SECOND)
    solo.refusal = None
    solo.pass_time(6 * SECOND)
    solo.step(Stopped(at_once=True))
    return solo


def reload_and_rivals() -> Solo:
    """An owner that is reloaded, hears weaker and equal rivals, and follows a peer's checksum."""
    solo = Solo(replace(CONFIG, priority=255))
    solo.start()
    solo.hear(100, source="192.0.2.51", checksum=ChecksumForm.MESSAGE)
    solo.pass_time(SECOND)
    solo.step(ConfigChanged(replace(solo.machine.config, addresses=(VIP4,))))
    solo.hear(0, source="192.0.2.51", checksum=ChecksumForm.MESSAGE)
    solo.hear(255, source="192.0.2.49")
    solo.hear(255, source="192.0.2.52")
    solo.pass_time(SECOND)
    solo.step(Stopped())
    return solo


def planned_stop() -> Solo:
    """A MASTER that is outranked, takes over again, is told to stop, and is followed."""
    solo = Solo(replace(FULL, addresses=(VIP4,)))
    solo.start()
    solo.pass_time(4 * SECOND)
    solo.hear(150)
    solo.pass_time(SECOND)
    solo.hear(0)
    solo.pass_time(SECOND)
    solo.step(Stopped())
    solo.pass_time(300 * MS)
    solo.hear(50)
    solo.pass_time(SECOND)
    return solo


def silent_but_alive() -> Solo:
    """A BACKUP that holds back for an address that answers, then shares it, and is frozen."""
    hold = replace(FULL, takeover_probe=TakeoverProbe.HOLD, probe_hold_max=1_500 * MS)
    solo = Solo(replace(hold, addresses=(VIP4,)))
    answer = NeighborHeard(address=VIP4.ip, mac=bytes.fromhex("aabbccddeeff"))
    solo.start()
    solo.hear(150)
    solo.pass_time(3_560 * MS)
    for wait in (1_000, 500, 2_000):
        solo.step(answer)
        solo.pass_time(wait * MS)
    solo.step(answer)
    solo.step(AddressesDrifted("192.0.2.100/24 was removed from eth0"))
    solo.now += 4 * SECOND
    solo.step(WokeLate(3 * SECOND))
    solo.pass_time(SECOND)
    solo.step(Stopped())
    return solo


def group_and_service() -> Solo:
    """One of a group whose service is gone for a while, and which then yields with the others."""
    tracked = (TrackUse(name="nginx"), TrackUse(name="uplink", weight=-50))
    config = replace(FULL, addresses=(VIP4,), group="edge", track=tracked, preempt_delay=SECOND)
    solo = Solo(config)
    solo.start()
    for use in tracked:
        solo.step(TrackReported(name=use.name, up=True, text="well"))
    solo.pass_time(5 * SECOND)
    solo.step(GroupAgreed())
    solo.pass_time(SECOND)
    solo.step(TrackReported(name="nginx", up=False, text="connection refused"))
    solo.pass_time(600 * MS)
    solo.hear(90)
    solo.pass_time(400 * MS)
    solo.step(TrackReported(name="nginx", up=True, text="200 OK"))
    solo.step(TrackReported(name="uplink", up=False, text="192.0.2.1 does not answer"))
    solo.pass_time(600 * MS)
    solo.hear(90)
    solo.step(TrackReported(name="uplink", up=True, text="192.0.2.1 answers"))
    for _ in range(3):
        solo.pass_time(SECOND)
        solo.hear(90)
    solo.step(GroupFailed("inner, of the group edge: eth1 has no carrier"))
    solo.pass_time(SECOND)
    solo.step(GroupRecovered())
    solo.pass_time(4 * SECOND)
    solo.step(GroupAgreed())
    solo.pass_time(SECOND)
    solo.step(GroupLost("inner, of the group edge, has yielded"))
    solo.pass_time(10 * MS)
    solo.hear(150)
    solo.pass_time(SECOND)
    return solo


SCENARIOS = (
    group_and_service,
    takeover_and_return,
    cable_and_refusal,
    reload_and_rivals,
    planned_stop,
    silent_but_alive,
)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_transcript(scenario: Callable[[], Solo]) -> None:
    file = HERE / f"machine_{scenario.__name__}.txt"
    text = "\n".join([scenario.__doc__ or "", "", *scenario().transcript, ""])
    if os.environ.get("VIPD_GOLDEN") == "write":
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


def test_no_transcript_is_left_over() -> None:
    expected = {f"machine_{scenario.__name__}.txt" for scenario in SCENARIOS}
    assert {file.name for file in HERE.glob("machine_*.txt")} == expected
