"""RFC 9568 §6.4.1: an instance that does not run yet. One test per line of the checklist."""

from __future__ import annotations

from dataclasses import replace

from solo_machine import CONFIG, LINK, VIP4, VIP6, Solo

from vipd.core.actions import AnnounceAddresses, ClaimAddresses, ReportTransition, SendAdvert
from vipd.core.events import AddressesClaimed, ClaimFailed, LinkChanged, TimePassed
from vipd.core.model import State

BOTH = (VIP4, VIP6)
SECOND = 1_000_000_000


def test_an_owner_starts_as_master_and_speaks_before_it_announces() -> None:
    """56, §6.4.1 (105)-(140): advert, then gratuitous ARP or NA, Adver_Timer, Active.

    vipd claims the addresses first, because the host does not hold them by itself.
    """
    solo = Solo(replace(CONFIG, priority=255))
    report, claim, advert, announcement = solo.start()
    assert isinstance(report, ReportTransition)
    assert (report.old, report.new) == (State.INIT, State.MASTER)
    assert claim == ClaimAddresses(BOTH)
    assert isinstance(advert, SendAdvert)
    assert advert.priority == 255
    assert announcement == AnnounceAddresses(BOTH)
    solo.pass_time(SECOND)
    assert solo.when(SendAdvert) == [0, SECOND]


def test_everybody_else_starts_as_backup_without_a_packet() -> None:
    """57, §6.4.1 (145)-(160): interval := own, Active_Down_Timer := Active_Down_Interval."""
    solo = Solo()
    (report,) = solo.start()
    assert isinstance(report, ReportTransition)
    assert (report.old, report.new) == (State.INIT, State.BACKUP)
    assert solo.machine.next_deadline() == 3_609_375_000
    assert solo.machine.master_down_interval == 3_609_375_000


def test_packets_and_timers_before_startup_have_no_effect() -> None:
    """58, §6.4.1: Initialize only waits for Startup."""
    solo = Solo()
    events = (LinkChanged(LINK), TimePassed(), AddressesClaimed(), ClaimFailed("no"))
    for event in events:
        assert solo.step(event) == ()
    for priority in (0, 1, 100, 254, 255):
        assert solo.hear(priority) == ()
    assert solo.machine.next_deadline() is None
    solo.start()
    assert solo.machine.next_deadline() == 3_609_375_000
