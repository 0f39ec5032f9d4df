"""What a machine tells of itself, and in which words it says why it changed."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest
from solo_machine import CONFIG, LINK, VIP4, Solo

from vipd.core.actions import ReportTransition
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
from vipd.core.model import Heard, LinkFacts, State
from vipd.core.status import InstanceStatus

MS = 1_000_000
SECOND = 1_000_000_000
TAKEOVER = 3_609_375_000


def started(config: InstanceConfig = CONFIG) -> Solo:
    solo = Solo(config)
    solo.start()
    return solo


def master() -> Solo:
    solo = started()
    solo.pass_time(TAKEOVER)
    return solo


def why(solo: Solo) -> tuple[CauseCode, str]:
    """The cause of the last transition; the status has to give the same."""
    cause = [action.cause for _, action in solo.done if isinstance(action, ReportTransition)][-1]
    assert solo.machine.status(solo.now).cause == cause
    return cause.code, str(cause)


def test_the_status_of_a_machine_that_was_never_started() -> None:
    status = Machine(CONFIG).status(7)
    assert status == InstanceStatus(
        config=CONFIG,
        state=State.INIT,
        since=7,
        cause=status.cause,
        leaving=None,
        effective_priority=100,
        master=None,
        master_down_interval=3_609_375_000,
        held=False,
        warnings=(),
    )
    assert (status.cause.code, status.cause.text) == (CauseCode.STOPPED, "not started")


def test_the_status_of_a_backup_names_the_master_and_times_by_it() -> None:
    solo = started()
    solo.pass_time(500 * MS)
    solo.hear(150, interval=100 * MS)
    status = solo.machine.status(solo.now + 10 * MS)
    assert (status.state, status.since, status.held) == (State.BACKUP, 0, False)
    assert status.master == Heard(address=ip_address("192.0.2.51"), priority=150, at=500 * MS)
    assert status.master_down_interval == 360_937_500
    assert status.config.advert_interval == SECOND


def test_a_released_master_is_nobodys_master() -> None:
    solo = started()
    solo.hear(150)
    solo.hear(0)
    assert solo.machine.status(solo.now).master is None


def test_a_peer_of_both_families_is_called_by_its_first_address() -> None:
    solo = started()
    solo.hear(150, source="192.0.2.51")
    solo.hear(150, source="fe80::51")
    status = solo.machine.status(solo.now)
    assert status.master is not None
    assert str(status.master.address) == "192.0.2.51"


@pytest.mark.parametrize(("priority", "later"), [(160, 1), (150, 2_000)])
def test_a_peer_that_only_the_second_family_hears_is_called_by_that(
    priority: int, later: int
) -> None:
    solo = started()
    solo.hear(150, source="192.0.2.51")
    solo.pass_time(later * MS)
    solo.hear(priority, source="fe80::51")
    status = solo.machine.status(solo.now)
    assert status.master is not None
    assert str(status.master.address) == "fe80::51"


def test_a_master_names_itself_by_its_last_advert() -> None:
    solo = master()
    solo.pass_time(2_500 * MS)
    status = solo.machine.status(solo.now)
    assert (status.state, status.since, status.held) == (State.MASTER, TAKEOVER, True)
    own = ip_address("192.0.2.50")
    assert status.master == Heard(address=own, priority=100, at=TAKEOVER + 2 * SECOND)


def test_a_master_that_still_claims_serves_nothing_not_even_from_an_earlier_time() -> None:
    machine = Machine(CONFIG)
    machine.step(LinkChanged(LINK), 0)
    machine.step(Started(), 0)
    machine.step(TimePassed(), TAKEOVER)
    assert machine.status(TAKEOVER).master is None
    machine.step(AddressesClaimed(), TAKEOVER)
    assert machine.status(TAKEOVER).master is not None
    machine.step(Stopped(at_once=True), TAKEOVER)
    machine.step(Started(), TAKEOVER)
    machine.step(TimePassed(), 2 * TAKEOVER)
    status = machine.status(2 * TAKEOVER)
    assert (status.state, status.held, status.master) == (State.MASTER, False, None)


def test_an_advert_of_a_family_that_the_instance_lacks_is_not_taken_note_of() -> None:
    solo = started(replace(CONFIG, addresses=(VIP4,)))
    solo.hear(254, source="fe80::51")
    assert solo.machine.status(0).master is None


def test_the_accessors_follow_a_reload() -> None:
    solo = started()
    reloaded = replace(CONFIG, priority=120)
    solo.step(ConfigChanged(reloaded))
    assert solo.machine.config is reloaded
    assert solo.machine.priority == 120


# -- why ------------------------------------------------------------------------------------


def test_why_started() -> None:
    assert why(started()) == (CauseCode.STARTED, "started")


def test_why_an_owner_is_master() -> None:
    solo = started(replace(CONFIG, priority=255))
    assert why(solo) == (CauseCode.OWNER, "started; priority 255 owns the addresses")


def test_why_nobody_heard() -> None:
    text = "nobody advertised for 3.609 s"
    assert why(master()) == (CauseCode.MASTER_SILENT, text)


def test_why_silent() -> None:
    solo = started()
    solo.hear(150)
    solo.pass_time(TAKEOVER)
    text = "no advert from 192.0.2.51 (last priority 150) for 3.609 s"
    assert why(solo) == (CauseCode.MASTER_SILENT, text)


def test_why_released() -> None:
    solo = started()
    solo.hear(150)
    solo.hear(0)
    solo.pass_time(SECOND)
    assert why(solo) == (CauseCode.MASTER_RELEASED, "192.0.2.51 released the addresses")


def test_why_preempts() -> None:
    solo = started()
    for _ in range(4):
        solo.hear(50)
        solo.pass_time(SECOND)
    assert why(solo) == (CauseCode.PREEMPTS, "192.0.2.51 has priority 50, ours is 100")


def test_why_outranked() -> None:
    solo = master()
    solo.hear(150)
    text = "192.0.2.51 advertises priority 150, ours is 100"
    assert why(solo) == (CauseCode.OUTRANKED, text)


def test_why_outranked_by_the_greater_address() -> None:
    solo = master()
    solo.hear(100)
    text = "192.0.2.51 advertises priority 100, ours is 100"
    text += "; the greater address wins, ours is 192.0.2.50"
    assert why(solo) == (CauseCode.OUTRANKED, text)


def test_why_the_interface_is_missing_at_start() -> None:
    solo = Solo(link=LinkFacts(name="eth7", exists=False))
    solo.start()
    assert why(solo) == (CauseCode.INTERFACE_MISSING, "eth7 does not exist")


def test_why_it_is_back() -> None:
    solo = master()
    solo.step(LinkChanged(replace(LINK, carrier=False)))
    assert why(solo) == (CauseCode.NO_CARRIER, "eth0 has no carrier")
    solo.step(LinkChanged(LINK))
    assert why(solo) == (CauseCode.RECOVERED, "eth0 is usable")


def test_why_a_claim_failed_and_is_tried_again() -> None:
    solo = started()
    solo.refusal = "192.0.2.100/24: Permission denied"
    solo.pass_time(TAKEOVER)
    assert why(solo) == (CauseCode.CLAIM_FAILED, "192.0.2.100/24: Permission denied")
    solo.pass_time(SECOND)
    assert why(solo) == (CauseCode.RECOVERED, "tries its addresses again")


def test_why_stopped() -> None:
    """A planned stop hands over first: only then is the transition reported."""
    solo = master()
    solo.step(Stopped())
    assert why(solo) == (CauseCode.MASTER_SILENT, "nobody advertised for 3.609 s")
    assert str(solo.machine.status(solo.now).leaving) == "stopped"
    solo.pass_time(2 * SECOND)
    assert why(solo) == (CauseCode.STOPPED, "stopped")
    assert solo.machine.status(solo.now).leaving is None
