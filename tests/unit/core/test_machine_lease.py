"""The lease of the addresses: what is asked of the kernel, and when, by literal numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from solo_machine import CONFIG, LINK, Solo

from vipd.core.actions import ClaimAddresses, RenewAddresses, SendAdvert
from vipd.core.config import InstanceConfig
from vipd.core.events import ClaimFailed, ConfigChanged
from vipd.core.model import State
from vipd.core.units import MILLISECOND, SECOND, Duration

AUTO = replace(CONFIG, lease=None)


def master(config: InstanceConfig) -> Solo:
    """A MASTER that has just been confirmed; its time begins then."""
    one = Solo(config, LINK)
    one.start()
    due = one.machine.next_deadline()
    assert due is not None
    one.pass_time(due)
    assert one.is_now(State.MASTER)
    return one


def renewals(one: Solo, began: int) -> list[int]:
    """When the lease was renewed, in milliseconds since then."""
    return [(at - began) // MILLISECOND for at in one.when(RenewAddresses)]


@pytest.mark.parametrize(
    ("interval", "lease"),
    [
        (10 * MILLISECOND, 1 * SECOND),
        (100 * MILLISECOND, 1 * SECOND),
        (333 * MILLISECOND + 330_000, 1 * SECOND),
        (400 * MILLISECOND, 1 * SECOND),
        (1 * SECOND, 3 * SECOND),
        (2 * SECOND, 6 * SECOND),
        (40_950 * MILLISECOND, 122 * SECOND),
    ],
)
def test_what_fits_the_interval_ends_before_the_strongest_peer_may_take_over(
    interval: Duration, lease: Duration
) -> None:
    assert replace(AUTO, advert_interval=interval).address_lease == lease


def test_a_lease_can_be_given_or_turned_off() -> None:
    assert replace(CONFIG, lease=7 * SECOND).address_lease == 7 * SECOND
    assert replace(CONFIG, lease=0).address_lease == 0


def test_it_is_claimed_with_the_lease_and_renewed_with_every_advert() -> None:
    one = master(AUTO)
    began = one.now
    assert [at for at, action in one.done if isinstance(action, ClaimAddresses)] == [began]
    one.pass_time(3 * SECOND)
    assert renewals(one, began) == [1_000, 2_000, 3_000]
    assert one.when(SendAdvert)[1:] == one.when(RenewAddresses)


def test_short_intervals_do_not_renew_with_each_advert() -> None:
    """A lease of 1 s: every 250 ms with an advert, and at the latest after 333 ms."""
    one = master(replace(AUTO, advert_interval=100 * MILLISECOND))
    began = one.now
    one.pass_time(SECOND)
    assert renewals(one, began) == [300, 600, 900]


def test_after_exactly_a_quarter_the_advert_renews() -> None:
    one = master(replace(AUTO, advert_interval=250 * MILLISECOND))
    began = one.now
    one.pass_time(SECOND)
    assert renewals(one, began) == [250, 500, 750, 1_000]


def test_long_intervals_renew_between_the_adverts() -> None:
    one = master(replace(CONFIG, lease=3 * SECOND, advert_interval=10 * SECOND))
    began = one.now
    one.pass_time(5 * SECOND)
    assert renewals(one, began) == [1_000, 2_000, 3_000, 4_000, 5_000]


def test_a_renewal_that_is_refused_is_a_fault_with_the_reason() -> None:
    one = master(AUTO)
    one.step(ClaimFailed("the kernel does not renew 192.0.2.100/24 on eth0: No such device"))
    assert one.is_now(State.FAULT)
    assert "does not renew" in str(one.machine.status(one.now).cause)


def test_a_reload_can_end_the_lease_or_begin_one() -> None:
    one = master(AUTO)
    (forever,) = one.step(ConfigChanged(replace(AUTO, lease=0)))
    assert forever == RenewAddresses(AUTO.addresses, 0)
    before = len(one.when(RenewAddresses))
    one.pass_time(5 * SECOND)
    assert len(one.when(RenewAddresses)) == before
    (again,) = one.step(ConfigChanged(AUTO))
    assert again == RenewAddresses(AUTO.addresses, 3 * SECOND)


def test_a_backup_renews_nothing() -> None:
    one = master(AUTO)
    one.hear(200)
    before = len(one.when(RenewAddresses))
    one.pass_time(2 * SECOND)
    assert one.is_now(State.BACKUP)
    assert len(one.when(RenewAddresses)) == before


@pytest.mark.parametrize(
    ("interval_ms", "moments"),
    [
        (100, [300, 600, 900]),
        (200, [200, 400, 600, 800, 1000]),
        (250, [250, 500, 750, 1000]),
        (300, [300, 600, 900]),
    ],
)
def test_a_lease_is_never_renewed_between_two_adverts_that_can_do_it(
    interval_ms: int, moments: list[int]
) -> None:
    """Seed 425 of the simulation: it outlived what the peers had heard by a third of an advert."""
    one = master(replace(AUTO, advert_interval=interval_ms * MILLISECOND))
    began = one.now
    one.pass_time(SECOND)
    assert renewals(one, began) == moments
