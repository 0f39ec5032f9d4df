"""One machine by itself, driven by hand: what readable tests and transcripts stand on."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_address

from vipd.core.actions import Action, ClaimAddresses, ReportIncident
from vipd.core.config import DEFAULT_LINGER, InstanceConfig, TakeoverProbe
from vipd.core.events import (
    AddressesClaimed,
    AdvertReceived,
    ClaimFailed,
    Event,
    LinkChanged,
    Started,
    TimePassed,
)
from vipd.core.incident import IncidentCode
from vipd.core.machine import Machine
from vipd.core.model import Advert, ChecksumForm, LinkFacts, State, family_of
from vipd.core.units import SECOND, Duration, Instant, to_centiseconds
from vipd.sim.story import describe_action, describe_event
from vipd.wire.vrrp import advertised

VIP4 = IPv4Interface("192.0.2.100/24")
VIP6 = IPv6Interface("2001:db8::100/64")

CONFIG = InstanceConfig(
    name="web",
    interface="eth0",
    vrid=51,
    addresses=(VIP4, VIP6),
    lease=0,
    linger=0,
    takeover_probe=TakeoverProbe.OFF,
)
"""Priority 100, an advert every second, IPv4 and IPv6; and of what vipd adds to the RFC as little
as can be: no lease, no linger, no probe."""

FULL = replace(CONFIG, lease=None, linger=DEFAULT_LINGER, takeover_probe=TakeoverProbe.WARN)
"""The same with all that vipd adds by default: a lease of 3 s, a linger of 20 ms, the probe."""

LINK = LinkFacts(
    name="eth0",
    exists=True,
    up=True,
    carrier=True,
    mtu=1500,
    ipv4=IPv4Address("192.0.2.50"),
    ipv6=IPv6Address("fe80::50"),
)


class Solo:
    """A machine, its time, and all that it has done so far.

    `refusal` is what the kernel says to a claim; None lets every claim succeed at once. A claim
    has no answer at all while it is not `answering`.
    """

    def __init__(self, config: InstanceConfig = CONFIG, link: LinkFacts = LINK) -> None:
        self.machine = Machine(config)
        self.link = link
        self.now: Instant = 0
        self.refusal: str | None = None
        self.answering = True
        self.done: list[tuple[Instant, Action]] = []
        self.transcript: list[str] = []

    @classmethod
    def master(
        cls, config: InstanceConfig = FULL, *, after: Duration = 0, answering: bool = True
    ) -> Solo:
        """A MASTER that nobody opposed, at its takeover or some time later."""
        solo = cls(config)
        solo.answering = answering
        solo.start()
        while not solo.is_now(State.MASTER):
            due = solo.machine.next_deadline()
            assert due is not None, "whoever is not MASTER waits to be"
            solo.pass_time(due - solo.now)
        solo.pass_time(after)
        return solo

    def is_now(self, state: State) -> bool:
        """Whether this is the machine's state. Why: a call, which mypy does not take as lasting."""
        return self.machine.state is state

    def start(self) -> tuple[Action, ...]:
        """Tell the machine of its link, then start it."""
        self.step(LinkChanged(self.link))
        return self.step(Started())

    def hear(
        self,
        priority: int,
        *,
        source: str = "192.0.2.51",
        interval: Duration | None = None,
        checksum: ChecksumForm = ChecksumForm.PSEUDO_HEADER,
    ) -> tuple[Action, ...]:
        """Let an advert of a peer arrive; its interval is ours unless it is given."""
        config = self.machine.config
        address = ip_address(source)
        advert = Advert(
            version=config.version,
            vrid=config.vrid,
            priority=priority,
            interval_cs=to_centiseconds(interval or config.advert_interval),
            addresses=advertised(config.addresses, family_of(address)),
            checksum=checksum,
        )
        return self.step(AdvertReceived(advert=advert, source=address))

    def step(self, event: Event) -> tuple[Action, ...]:
        """Let something happen now; return what was done, the answer to a claim included."""
        actions = self.machine.step(event, self.now)
        self.done += [(self.now, action) for action in actions]
        self._write(event, actions)
        if self.answering and any(isinstance(action, ClaimAddresses) for action in actions):
            refused = None if self.refusal is None else ClaimFailed(self.refusal)
            actions += self.step(refused or AddressesClaimed())
        return actions

    def pass_time(self, duration: Duration) -> tuple[Action, ...]:
        """Let time pass; the machine is woken at each of its deadlines, on time. What was done."""
        end, before = self.now + duration, len(self.done)
        while (due := self.machine.next_deadline()) is not None and due <= end:
            self.now = max(self.now, due)
            self.step(TimePassed())
        self.now = end
        return tuple(action for _, action in self.done[before:])

    def wake_late(self, duration: Duration) -> tuple[Action, ...]:
        """Let time pass without waking the machine before it is over."""
        self.now += duration
        return self.step(TimePassed())

    def incidents(self) -> list[tuple[Instant, IncidentCode, str]]:
        """What was reported so far besides the transitions, and when."""
        return [
            (at, action.code, action.text)
            for at, action in self.done
            if isinstance(action, ReportIncident)
        ]

    def when(self, kind: type[Action]) -> list[Instant]:
        """The moments at which one kind of action was done so far."""
        return [at for at, action in self.done if isinstance(action, kind)]

    def _write(self, event: Event, actions: tuple[Action, ...]) -> None:
        head = f"{self.now / SECOND:>10.6f} s  {self.machine.state.value:<6}"
        self.transcript.append(f"{head}  {describe_event(event)}")
        self.transcript += [f"{'':<24}{describe_action(action)}" for action in actions]
