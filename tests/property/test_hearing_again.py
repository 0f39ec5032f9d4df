"""A machine that hears the same again, and one that is stepped by it each time, agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, ip_address

from hypothesis import given, settings
from hypothesis import strategies as st
from solo_machine import CONFIG, LINK, VIP4, VIP6

from vipd.core.config import InstanceConfig, TakeoverProbe, TrackUse
from vipd.core.events import (
    AdvertReceived,
    ConfigChanged,
    Event,
    LinkChanged,
    NeighborHeard,
    OrdersGiven,
    Started,
    TimePassed,
    TrackReported,
    WokeLate,
)
from vipd.core.machine import Machine
from vipd.core.model import Advert, ChecksumForm, State
from vipd.core.orders import Orders

MS = 1_000_000
SECOND = 1_000_000_000


def heard(priority: int, source: str, interval_cs: int = 100) -> AdvertReceived:
    address = ip_address(source)
    advert = Advert(
        version=3,
        vrid=51,
        priority=priority,
        interval_cs=interval_cs,
        addresses=(address,),
        checksum=ChecksumForm.PSEUDO_HEADER,
    )
    return AdvertReceived(advert=advert, source=address)


STRONG = heard(200, "192.0.2.51")
"""Said again and again by a MASTER."""

ADVERTS = (
    STRONG,
    heard(200, "fe80::51"),
    heard(200, "192.0.2.49", interval_cs=10),
    heard(100, "192.0.2.51"),
    heard(50, "192.0.2.51"),
    heard(0, "192.0.2.51"),
)
CONFIGS = st.builds(
    InstanceConfig,
    name=st.just("web"),
    interface=st.just("eth0"),
    vrid=st.just(51),
    addresses=st.sampled_from([(VIP4,), (VIP4,), (VIP4, VIP6)]),
    priority=st.sampled_from([99, 100, 250]),
    advert_interval=st.sampled_from([100 * MS, SECOND]),
    preempt=st.booleans(),
    preempt_delay=st.sampled_from([0, 3 * SECOND]),
    startup_delay=st.sampled_from([0, 5 * SECOND]),
    takeover_probe=st.sampled_from(TakeoverProbe),
    track=st.just((TrackUse(name="uplink", weight=-50),)),
    version=st.sampled_from([3, 3, 2]),
)
OTHERS = st.one_of(
    st.sampled_from(ADVERTS),
    st.just(TimePassed()),
    st.just(WokeLate(SECOND)),
    st.just(NeighborHeard(address=IPv4Address("192.0.2.100"), mac=b"\x02\x00\x00\x00\x00\x51")),
    st.builds(TrackReported, name=st.just("uplink"), up=st.booleans(), text=st.just("seen")),
    st.builds(ConfigChanged, CONFIGS),
    st.builds(OrdersGiven, st.sampled_from([Orders(), Orders(priority=210)])),
)
MOMENTS = st.tuples(
    st.sampled_from([0, MS, 90 * MS, SECOND]), st.one_of(st.just(STRONG), st.just(STRONG), OTHERS)
)


@dataclass
class Twins:
    """The same machine twice: the second one hears again what it can."""

    stepped: Machine
    hearing: Machine
    now: int = 0
    again: int = 0

    def take(self, event: Event) -> None:
        actions = self.stepped.step(event, self.now)
        if isinstance(event, AdvertReceived) and self.hearing.hears_again(event, self.now):
            self.again += 1
            assert actions == ()
        else:
            assert self.hearing.step(event, self.now) == actions
        assert self.hearing.next_deadline() == self.stepped.next_deadline()
        assert self.hearing.standing == self.stepped.standing


def twins(config: InstanceConfig) -> Twins:
    both = Twins(Machine(config), Machine(config))
    both.take(LinkChanged(LINK))
    both.take(Started())
    return both


@given(config=CONFIGS, moments=st.lists(MOMENTS, min_size=3, max_size=30))
@settings(max_examples=300, derandomize=True, deadline=None, database=None)
def test_it_makes_no_difference(
    config: InstanceConfig, moments: Sequence[tuple[int, Event]]
) -> None:
    both = twins(config)
    for wait, event in moments:
        due = both.stepped.next_deadline()
        if due is not None and due < both.now + wait:
            both.now = max(both.now, due)
            both.take(TimePassed())
        else:
            both.now += wait
        both.take(event)
    assert both.hearing.status(both.now) == both.stepped.status(both.now)


def test_a_backup_that_hears_its_master_hears_it_again() -> None:
    both = twins(CONFIG)
    for _ in range(100):
        both.now += 900 * MS
        both.take(STRONG)
    assert both.stepped.state is State.BACKUP
    assert both.again == 99


def test_who_was_asked_what_it_knows_is_stepped_next() -> None:
    both = twins(CONFIG)
    for _ in range(2):
        both.take(STRONG)
    both.hearing.status(both.now)
    both.take(STRONG)
    both.take(STRONG)
    assert both.again == 2


def test_who_doubts_no_more_is_not_due_for_it() -> None:
    both = twins(replace(CONFIG, takeover_probe=TakeoverProbe.WARN))
    both.take(STRONG)
    both.take(ConfigChanged(replace(CONFIG, takeover_probe=TakeoverProbe.OFF)))
    both.now += 100 * MS
    for _ in range(2):
        both.take(STRONG)
        assert both.hearing.next_deadline() == both.now + both.hearing.master_down_interval
