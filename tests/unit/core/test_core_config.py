"""What an instance's configuration says of itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
from solo_machine import CONFIG, VIP4, VIP6

from vipd.core.config import InstanceConfig
from vipd.core.model import Family


def test_the_families_of_the_addresses_ipv4_first() -> None:
    assert replace(CONFIG, addresses=(VIP6, VIP4)).families == (Family.IPV4, Family.IPV6)
    assert replace(CONFIG, addresses=(VIP6,)).families == (Family.IPV6,)


def test_priority_255_owns_the_addresses_and_always_preempts() -> None:
    assert not replace(CONFIG, priority=254).owner
    owner = replace(CONFIG, priority=255, preempt=False)
    assert owner.owner
    assert owner.preempts
    assert not replace(CONFIG, preempt=False).preempts


@pytest.mark.parametrize(
    ("change", "same"),
    [
        (replace(CONFIG, priority=254), True),
        (replace(CONFIG, addresses=(VIP4,)), True),
        (replace(CONFIG, priority=255), False),
        (replace(CONFIG, interface="eth1"), False),
        (replace(CONFIG, vrid=52), False),
        (replace(CONFIG, name="mail"), False),
        (replace(CONFIG, version=2), False),
    ],
)
def test_what_a_running_instance_can_change(change: InstanceConfig, *, same: bool) -> None:
    assert (change.identity == CONFIG.identity) is same
