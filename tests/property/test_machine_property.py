"""The machine under arbitrary events at arbitrary times: what must hold whatever happens."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, ip_address

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from solo_machine import CONFIG, LINK, VIP4, VIP6

from vipd.core.actions import (
    Action,
    AnnounceAddresses,
    AskHooks,
    CallOffHooks,
    ClaimAddresses,
    DoubtFirewall,
    ProbeAddresses,
    ReleaseAddresses,
    RenewAddresses,
    ReportIncident,
    ReportTransition,
    SendAdvert,
)
from vipd.core.config import (
    Hook,
    HookMoment,
    HooksConfig,
    InstanceConfig,
    TakeoverProbe,
    TrackUse,
)
from vipd.core.events import (
    AddressesClaimed,
    AddressesDrifted,
    AdvertReceived,
    ClaimFailed,
    ConfigChanged,
    Event,
    GroupAgreed,
    GroupFailed,
    GroupLost,
    GroupRecovered,
    HooksAnswered,
    LinkChanged,
    NeighborHeard,
    Started,
    Stopped,
    TimePassed,
    TrackReported,
    WokeLate,
)
from vipd.core.machine import Machine
from vipd.core.model import Advert, ChecksumForm, IPAddress, LinkFacts, State, Vip
from vipd.core.timers import Timer

MS = 1_000_000
SECOND = 1_000_000_000
VIP4B = IPv4Interface("192.0.2.101/24")
LONGEST_LINGER = 2 * SECOND

ADDRESSES = st.sampled_from([(VIP4,), (VIP6,), (VIP4, VIP6), (VIP6, VIP4, VIP4B)])
PRIORITIES = st.sampled_from([1, 99, 100, 101, 254])
INTERVALS = st.sampled_from([10 * MS, SECOND, 40_950 * MS])
SOURCES = st.sampled_from(["192.0.2.49", "192.0.2.51", "fe80::4f", "fe80::51"]).map(ip_address)
WAITS = st.sampled_from([0, 1, MS, 10 * MS, 100 * MS, SECOND, 4 * SECOND, 200 * SECOND])

HOOK = Hook(argv=("/usr/bin/promote",))
BEFORE_MASTER = HooksConfig(hooks=((HookMoment.BEFORE_MASTER, HOOK),))
ALWAYS = HooksConfig(hooks=(*BEFORE_MASTER.hooks, (HookMoment.BEFORE_RELEASE, HOOK)))
SERVICE = (TrackUse(name="nginx"),)
WEIGHTS = (TrackUse(name="uplink", weight=-50), TrackUse(name="cache", weight=200))
TRACKERS = st.sampled_from(["nginx", "uplink", "cache"])

CONFIGS = st.builds(
    InstanceConfig,
    name=st.just("web"),
    interface=st.just("eth0"),
    vrid=st.just(51),
    addresses=ADDRESSES,
    priority=PRIORITIES,
    advert_interval=INTERVALS,
    preempt=st.booleans(),
    checksum=st.sampled_from([None, *ChecksumForm]),
    announce_refresh=st.sampled_from([0, 60 * SECOND]),
    lease=st.sampled_from([None, 0, 7 * SECOND]),
    linger=st.sampled_from([0, 20 * MS, LONGEST_LINGER]),
    takeover_probe=st.sampled_from(TakeoverProbe),
    probe_hold_max=st.sampled_from([0, SECOND, 60 * SECOND]),
    preempt_delay=st.sampled_from([0, 0, SECOND, 60 * SECOND]),
    startup_delay=st.sampled_from([0, 0, 5 * SECOND]),
    track=st.sampled_from([(), (), SERVICE, WEIGHTS, SERVICE + WEIGHTS]),
    group=st.sampled_from([None, None, "edge"]),
    leads=st.booleans(),
    hooks=st.sampled_from([HooksConfig(), HooksConfig(), BEFORE_MASTER, ALWAYS]),
)

LINKS = st.builds(
    LinkFacts,
    name=st.just("eth0"),
    exists=st.booleans(),
    up=st.booleans(),
    carrier=st.booleans(),
    mtu=st.sampled_from([50, 1500]),
    ipv4=st.sampled_from([None, IPv4Address("192.0.2.50")]),
    ipv6=st.sampled_from([None, IPv6Address("fe80::50")]),
    obstacle=st.sampled_from([None, None, "no memory"]),
    mac=st.sampled_from([b"", b"\x02\x00\x00\x00\x00\x50"]),
    carriers=st.integers(0, 2),
)


class AnyLife(RuleBasedStateMachine):
    """One machine, its kernel as its actions leave it, and the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.machine = Machine(CONFIG)
        self.now = 0
        self.asked: tuple[Vip, ...] = ()
        self.confirmed = False
        self.answered = True
        self.ends_by: int | None = None

    @initialize(config=CONFIGS, owner=st.booleans())
    def begin(self, config: InstanceConfig, *, owner: bool) -> None:
        self.machine = Machine(replace(config, priority=255) if owner else config)
        self.step(LinkChanged(LINK))
        self.step(Started())

    # -- what may happen --------------------------------------------------------------------

    @rule(wait=WAITS)
    def time_passes(self, wait: int) -> None:
        self.now += wait
        self.step(TimePassed())
        due = self.machine.next_deadline()
        assert due is None or due > self.now
        assert self.ends_by is None or self.now < self.ends_by, "it was told to stop long ago"

    @rule(wait=WAITS)
    def it_wakes_late(self, wait: int) -> None:
        self.now += wait
        before = self.machine.spoke
        self.step(WokeLate(wait))
        if before is not None and self.now - before >= 3 * self.machine.config.advert_interval:
            assert self.machine.state is not State.MASTER

    @rule()
    def the_next_deadline_comes(self) -> None:
        due = self.machine.next_deadline()
        if due is not None:
            self.now = max(self.now, due)
            self.step(TimePassed())

    @rule(priority=st.sampled_from([0, 255]) | PRIORITIES, interval=INTERVALS, source=SOURCES)
    def an_advert_arrives(self, priority: int, interval: int, source: IPAddress) -> None:
        advert = Advert(
            version=3,
            vrid=51,
            priority=priority,
            interval_cs=interval // (10 * MS),
            addresses=(source,),
            checksum=ChecksumForm.MESSAGE,
        )
        self.step(AdvertReceived(advert=advert, source=source))

    @rule(address=ADDRESSES)
    def a_neighbor_is_heard(self, address: tuple[Vip, ...]) -> None:
        self.step(NeighborHeard(address=address[0].ip, mac=b"\x02\x00\x00\x00\x00\x51"))

    @rule(times=st.sampled_from([1, 1, 6]))
    def the_addresses_drift(self, times: int) -> None:
        for _ in range(times):
            self.step(AddressesDrifted("192.0.2.100/24 was removed from eth0"))

    @rule(link=LINKS)
    def the_link_changes(self, link: LinkFacts) -> None:
        self.step(LinkChanged(link))

    @rule()
    def the_link_is_good(self) -> None:
        self.step(LinkChanged(LINK))

    @rule(success=st.booleans())
    def the_kernel_answers(self, *, success: bool) -> None:
        if not self.answered:
            self.answered = True
            self.confirmed = self.confirmed or success
            self.step(AddressesClaimed() if success else ClaimFailed("Permission denied"))

    @rule(success=st.booleans())
    def the_kernel_answers_too_late(self, *, success: bool) -> None:
        if self.machine.state is not State.MASTER:
            assert not self.step(AddressesClaimed() if success else ClaimFailed("too late"))

    @rule(config=CONFIGS)
    def a_reload(self, config: InstanceConfig) -> None:
        owner = self.machine.config.owner
        self.step(ConfigChanged(replace(config, priority=255) if owner else config))

    @rule(ago=st.sampled_from([None, 0, SECOND, 4 * SECOND]))
    def a_start(self, ago: int | None) -> None:
        self.step(Started(None if ago is None else self.now - ago))

    @rule(at_once=st.booleans())
    def a_stop(self, *, at_once: bool) -> None:
        interval = self.machine.config.advert_interval
        self.step(Stopped(at_once))
        if at_once:
            assert self.machine.state is State.INIT
        leaves = self.machine.status(self.now).leaving
        if leaves and self.ends_by is None and self.machine.state is not State.INIT:
            self.ends_by = self.now + interval * 255 // 256 + 100 * MS + LONGEST_LINGER

    @rule(name=TRACKERS, up=st.booleans(), weight=st.sampled_from([None, None, -400, 7]))
    def a_tracker_reports(self, name: str, *, up: bool, weight: int | None) -> None:
        self.step(TrackReported(name=name, up=up, text="as seen", weight=weight))

    @rule()
    def all_trackers_are_up(self) -> None:
        for name in ("nginx", "uplink", "cache"):
            self.step(TrackReported(name=name, up=True, text="well"))

    @rule()
    def the_group_agrees(self) -> None:
        ready, before = self.machine.standing.ready, self.machine.state
        waits = self.machine.config.hooks.at(HookMoment.BEFORE_MASTER)
        self.step(GroupAgreed())
        assert self.machine.state is (State.MASTER if ready and not waits else before)

    @rule()
    def another_of_the_group_yields(self) -> None:
        self.step(GroupLost("another has yielded"))
        standing = self.machine.standing
        assert standing.state is not State.MASTER or standing.leaving

    @rule(
        moment=st.sampled_from([HookMoment.BEFORE_MASTER, HookMoment.BEFORE_RELEASE]),
        fault=st.sampled_from([None, None, "exit code 1"]),
    )
    def the_hooks_answer(self, moment: HookMoment, fault: str | None) -> None:
        self.step(HooksAnswered(moment=moment, fault=fault))

    @rule(why=st.sampled_from(["no carrier", "nginx: gone"]))
    def another_of_the_group_fails(self, why: str) -> None:
        self.step(GroupFailed(why))
        assert self.machine.standing.group_fault == why

    @rule()
    def the_group_recovers(self) -> None:
        self.step(GroupRecovered())
        assert self.machine.standing.group_fault is None

    # -- what must hold ---------------------------------------------------------------------

    def step(self, event: Event) -> bool:
        """Step the machine; check the actions in their order; say whether there were any."""
        before, left = self.machine.state, self.machine.status(self.now).leaving
        actions = self.machine.step(event, self.now)
        leaves = self.machine.status(self.now).leaving
        resigns = left is None and (
            leaves is not None or self.machine.state not in {State.MASTER, State.BACKUP}
        )
        reports = [action for action in actions if isinstance(action, ReportTransition)]
        self.check_reports(reports, before)
        if self.machine.state is State.INIT:
            self.ends_by = None
        for action in actions:
            assert left is None or not isinstance(action, SendAdvert | AnnounceAddresses)
            self.check_action(action, resigns=resigns)
        return bool(actions)

    def check_action(self, action: Action, *, resigns: bool) -> None:  # noqa: C901  (one case each)
        """An action is in its place; the kernel is as it leaves it."""
        match action:
            case SendAdvert(priority=0):
                assert self.confirmed, "a host that never spoke has nothing to resign from"
                assert resigns, "priority 0 is said once, on resigning"
            case SendAdvert(priority=priority):
                assert self.confirmed, "it speaks before its addresses are claimed"
                assert priority == self.machine.priority
            case AnnounceAddresses(addresses):
                assert self.answered, "it announces while a claim is under way"
                assert addresses == self.asked
            case ClaimAddresses(addresses):
                assert addresses == self.machine.config.addresses
                self.asked, self.answered = addresses, False
            case ProbeAddresses(addresses):
                assert self.machine.state in {State.BACKUP, State.MASTER}
                assert self.machine.config.takeover_probe is not TakeoverProbe.OFF
                assert addresses == self.machine.config.addresses
            case DoubtFirewall():
                # It may have been BACKUP until a moment ago, where time has passed unnoticed.
                assert self.machine.state in {State.BACKUP, State.MASTER}
            case RenewAddresses(addresses):
                assert self.confirmed, "it renews what it does not have yet"
                assert addresses == self.asked
            case ReleaseAddresses(addresses):
                assert addresses, "it releases what it has released"
                assert set(addresses) <= set(self.asked), "it releases what it never asked for"
                self.asked = tuple(vip for vip in self.asked if vip not in addresses)
            case ReportTransition(new=new):
                assert new is State.MASTER or not self.asked, "it moves before it has let go"
                self.confirmed, self.answered = False, True
            case ReportIncident(text=text):
                assert text
            case AskHooks(moment=moment, report=report):
                assert report.old is self.machine.state, "it asks before it moves, not after"
                assert self.machine.config.hooks.at(moment)
            case CallOffHooks():
                assert self.machine.state is State.BACKUP

    def check_reports(self, reports: list[ReportTransition], before: State) -> None:
        """A change of state is reported once, and so is a FAULT that gets another cause."""
        assert len(reports) <= 1, "two transitions in one step"
        after = self.machine.state
        moved = [report for report in reports if report.old is not report.new]
        assert [(report.old, report.new) for report in moved] == (
            [(before, after)] if before is not after else []
        )
        assert all(report.new is State.FAULT for report in reports if report not in moved)
        if reports:
            assert reports[-1].cause == self.machine.status(self.now).cause

    @invariant()
    def addresses_are_asked_for_as_master_alone(self) -> None:
        expected = self.machine.config.addresses if self.machine.state is State.MASTER else ()
        assert self.asked == expected

    @invariant()
    def whoever_waits_has_a_deadline(self) -> None:
        armed = {timer for timer in Timer if self.machine._deadlines.at(timer) is not None}
        match self.machine.state:
            case State.INIT:
                assert armed == set()
            case State.BACKUP:
                waits = {Timer.MASTER_DOWN, Timer.PROBE, Timer.OVERDUE}
                assert {Timer.MASTER_DOWN} <= armed <= waits
            case State.MASTER if self.machine.status(self.now).leaving:
                assert {Timer.HANDOVER} <= armed
                assert armed <= {Timer.HANDOVER, Timer.RENEW, Timer.PROBE}
            case State.MASTER:
                assert armed <= {Timer.ADVERT, Timer.ANNOUNCE, Timer.RENEW, Timer.PROBE}
                assert (Timer.ADVERT in armed) is self.confirmed
            case State.FAULT:
                assert armed <= {Timer.CLAIM_RETRY}

    @invariant()
    def the_priority_is_one_that_may_be_sent(self) -> None:
        priority = self.machine.priority
        assert (priority == 255) is self.machine.config.owner
        assert priority >= 1

    @invariant()
    def the_standing_agrees(self) -> None:
        standing = self.machine.standing
        assert standing.state is self.machine.state
        assert not (standing.ready and standing.follows)
        assert standing.state is State.BACKUP or not (standing.ready or standing.follows)
        assert standing.leaving or self.machine.status(self.now).leaving is None
        idle = standing.state in {State.INIT, State.BACKUP}
        assert standing.fault is None or not idle, "what stands for election has no fault"
        serves = standing.state in {State.MASTER, State.BACKUP} and not standing.leaving
        assert standing.group_fault is None or not serves, "it serves beside one that cannot"

    @invariant()
    def the_status_agrees(self) -> None:
        status = self.machine.status(self.now)
        assert status.held is self.confirmed
        assert status.since <= self.now
        assert status.leaving is None or self.confirmed, "it hands over what it does not have"
        assert not status.warnings or status.state in {State.BACKUP, State.MASTER}
        assert (self.machine.spoke is None) is (not self.confirmed or status.leaving is not None)
        assert self.machine.held == (self.asked if self.confirmed else ())
        assert status.master_down_interval >= 3 * 10 * MS


TestAnyLife = AnyLife.TestCase
TestAnyLife.settings = settings(
    max_examples=200,
    stateful_step_count=40,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
