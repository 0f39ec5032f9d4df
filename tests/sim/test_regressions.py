"""What the simulation has found, as it was shrunken: each story is to end well from now on."""

from __future__ import annotations

import pytest

from vipd.core.config import TakeoverProbe
from vipd.core.units import MILLISECOND, SECOND
from vipd.sim.cluster import live
from vipd.sim.fault import Fault, FaultKind
from vipd.sim.network import Storm
from vipd.sim.scenario import Host, Scenario

BOTH_WAYS = ((0, 1), (1, 0))

STORIES = {
    # The stronger one spoke first, the weaker one yielded in silence, and nobody announced again:
    # the clients sent to the weaker one until the refresh, a minute later.
    "a partition heals and the loser of it was never heard": Scenario(
        hosts=(Host(priority=150), Host(priority=100)),
        faults=(
            Fault(kind=FaultKind.CUT, begin=4 * SECOND, end=16_100 * MILLISECOND, paths=BOTH_WAYS),
        ),
        healed=16_100 * MILLISECOND,
    ),
    # It handed over without the address that had been taken from it the last time.
    "an address is removed once too often": Scenario(
        hosts=(Host(advert_interval=500 * MILLISECOND),),
        faults=(
            Fault(
                kind=FaultKind.DELETE,
                begin=15_900 * MILLISECOND,
                end=16 * SECOND,
                count=6,
            ),
        ),
        healed=16 * SECOND,
    ),
    # It counted the silence from the first advert that it heard while it lingered, not the last.
    "what is heard while lingering counts": Scenario(
        hosts=(
            Host(advert_interval=100 * MILLISECOND),
            Host(
                priority=200,
                advert_interval=100 * MILLISECOND,
                start=247_071_153,
            ),
            Host(
                priority=150,
                advert_interval=100 * MILLISECOND,
                takeover_probe=TakeoverProbe.OFF,
            ),
        ),
        healed=1600 * MILLISECOND,
        faults=(
            Fault(kind=FaultKind.DELETE, begin=680 * MILLISECOND, end=1600 * MILLISECOND, node=1),
        ),
        storm=Storm(loss=0.5, end=1600 * MILLISECOND),
        families=(4, 6),
        chance=3_000_532_318,
    ),
    # It asked and took over in the same moment: nothing could answer in time.
    "a BACKUP that holds back wakes late": Scenario(
        hosts=(Host(priority=150), Host(priority=100, takeover_probe=TakeoverProbe.HOLD)),
        faults=(
            Fault(
                kind=FaultKind.DEAF_PAUSE,
                begin=12_910 * MILLISECOND,
                end=16 * SECOND,
                node=1,
            ),
        ),
        healed=16 * SECOND,
    ),
    # The renewal was due at a third of the lease, between two adverts: the lease outlived the
    # patience of whoever heard the adverts by half a second.
    "a lease that is no multiple of the interval": Scenario(
        hosts=(
            Host(priority=254, advert_interval=700 * MILLISECOND, last4=9),
            Host(priority=254, advert_interval=700 * MILLISECOND, last4=2),
        ),
        faults=(Fault(kind=FaultKind.CRASH, begin=4120 * MILLISECOND, end=16 * SECOND),),
        healed=16 * SECOND,
    ),
    # At an interval of 200 ms it renewed at a third of the lease, 333 ms, between two adverts.
    "a lease that begins between two adverts": Scenario(
        hosts=(
            Host(priority=254, advert_interval=200 * MILLISECOND),
            Host(priority=100, advert_interval=200 * MILLISECOND),
        ),
        faults=(Fault(kind=FaultKind.CRASH, begin=1 * SECOND, end=3 * SECOND),),
        healed=3 * SECOND,
        families=(6,),
    ),
}


@pytest.mark.parametrize("story", STORIES)
def test_it_ends_well(story: str) -> None:
    live(STORIES[story])
