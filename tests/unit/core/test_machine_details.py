"""What the table cannot show in one step: checksums, reloads under way, the order of facts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from solo_machine import CONFIG, LINK, VIP4, VIP6, Solo

from vipd.core.actions import AnnounceAddresses, ReportTransition, SendAdvert
from vipd.core.cause import CauseCode
from vipd.core.config import InstanceConfig
from vipd.core.events import (
    AddressesClaimed,
    ConfigChanged,
    LinkChanged,
    Started,
    Stopped,
    TimePassed,
)
from vipd.core.machine import Machine
from vipd.core.model import ChecksumForm, State

MS = 1_000_000
SECOND = 1_000_000_000
TAKEOVER = 3_609_375_000


def started(config: InstanceConfig = CONFIG) -> Solo:
    solo = Solo(config)
    solo.start()
    return solo


def last_form(solo: Solo) -> ChecksumForm:
    return [action.checksum for _, action in solo.done if isinstance(action, SendAdvert)][-1]


def test_a_machine_that_was_told_of_no_link_has_none() -> None:
    (report,) = Machine(CONFIG).step(Started(), 0)
    assert isinstance(report, ReportTransition)
    assert (report.new, report.cause.code) == (State.FAULT, CauseCode.INTERFACE_MISSING)
    assert str(report.cause) == "eth0 does not exist"


def test_the_first_advert_has_the_checksum_that_deployed_peers_accept() -> None:
    solo = started()
    solo.pass_time(TAKEOVER)
    assert last_form(solo) is ChecksumForm.PSEUDO_HEADER


def test_the_checksum_follows_what_ipv4_peers_use() -> None:
    solo = started()
    solo.hear(200, checksum=ChecksumForm.MESSAGE)
    solo.hear(200, source="fe80::51", checksum=ChecksumForm.PSEUDO_HEADER)
    solo.pass_time(TAKEOVER)
    assert last_form(solo) is ChecksumForm.MESSAGE
    solo.hear(50, checksum=ChecksumForm.PSEUDO_HEADER)
    assert last_form(solo) is ChecksumForm.PSEUDO_HEADER


@pytest.mark.parametrize("pinned", list(ChecksumForm))
def test_a_pinned_checksum_follows_nobody(pinned: ChecksumForm) -> None:
    solo = started(replace(CONFIG, checksum=pinned))
    for heard in ChecksumForm:
        solo.hear(200, checksum=heard)
        solo.pass_time(TAKEOVER)
        assert last_form(solo) is pinned


def test_a_checksum_that_is_pinned_by_a_reload_goes_out_with_the_next_advert() -> None:
    solo = started()
    solo.pass_time(TAKEOVER)
    solo.step(ConfigChanged(replace(CONFIG, checksum=ChecksumForm.MESSAGE)))
    solo.pass_time(SECOND)
    assert last_form(solo) is ChecksumForm.MESSAGE


def test_nothing_is_announced_while_reloaded_addresses_are_being_claimed() -> None:
    machine = Machine(CONFIG)
    machine.step(LinkChanged(LINK), 0)
    machine.step(Started(), 0)
    machine.step(TimePassed(), TAKEOVER)
    machine.step(AddressesClaimed(), TAKEOVER)
    machine.step(ConfigChanged(replace(CONFIG, addresses=(VIP4,))), TAKEOVER)
    (advert,) = machine.step(TimePassed(), TAKEOVER + SECOND)
    assert isinstance(advert, SendAdvert)
    _, announcement = machine.step(AddressesClaimed(), TAKEOVER + SECOND)
    assert announcement == AnnounceAddresses((VIP4,))


def test_a_master_forgets_the_interval_of_the_one_before_it() -> None:
    solo = started()
    solo.hear(150, interval=100 * MS)
    solo.pass_time(SECOND)
    assert solo.is_now(State.MASTER)
    assert solo.machine.master_down_interval == TAKEOVER


def test_a_stall_of_exactly_one_interval_sends_one_advert() -> None:
    solo = started(replace(CONFIG, announce_refresh=0))
    solo.pass_time(TAKEOVER + 10 * SECOND)
    sent = len(solo.when(SendAdvert))
    solo.wake_late(2 * SECOND)
    assert len(solo.when(SendAdvert)) == sent + 1
    assert solo.machine.next_deadline() == solo.now + SECOND


def test_a_reload_that_the_link_cannot_carry_is_a_fault_and_its_undoing_a_recovery() -> None:
    solo = Solo(replace(CONFIG, addresses=(VIP4,)), replace(LINK, ipv6=None))
    solo.start()
    solo.pass_time(TAKEOVER)
    solo.step(ConfigChanged(replace(CONFIG, addresses=(VIP4, VIP6))))
    assert solo.is_now(State.FAULT)
    assert solo.machine.next_deadline() is None
    solo.step(ConfigChanged(replace(CONFIG, addresses=(VIP4,))))
    assert solo.is_now(State.BACKUP)


def test_a_link_fault_replaces_the_wait_after_a_refused_claim() -> None:
    solo = started()
    solo.refusal = "Permission denied"
    solo.pass_time(TAKEOVER)
    solo.step(LinkChanged(replace(LINK, carrier=False)))
    assert solo.machine.next_deadline() is None
    solo.step(LinkChanged(LINK))
    assert solo.is_now(State.BACKUP)


def test_a_stopped_instance_can_be_started_again() -> None:
    solo = started()
    solo.hear(200, interval=100 * MS)
    solo.step(Stopped())
    solo.pass_time(SECOND)
    solo.step(Started())
    assert solo.is_now(State.BACKUP)
    assert solo.machine.next_deadline() == SECOND + TAKEOVER


def test_it_is_known_when_a_backup_takes_over_unless_it_hears_of_a_master() -> None:
    solo = Solo()
    known = [solo.machine.takes_over_at]
    solo.start()
    known.append(solo.machine.takes_over_at)
    solo.pass_time(SECOND)
    solo.hear(150)
    known.append(solo.machine.takes_over_at)
    solo.pass_time(TAKEOVER)
    assert solo.is_now(State.MASTER)
    known.append(solo.machine.takes_over_at)
    assert known == [None, TAKEOVER, SECOND + TAKEOVER, None]
