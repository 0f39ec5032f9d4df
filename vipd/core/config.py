"""What one instance is told to be. Checked at the edge (`vipd.config`); believed here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from vipd.core.model import OWNER_PRIORITY, ChecksumForm, Family, IPAddress, Vip, family_of
from vipd.core.units import MILLISECOND, SECOND, Duration

DEFAULT_PRIORITY = 100
"""RFC: 9568 §6.1."""

DEFAULT_ADVERT_INTERVAL: Duration = SECOND
"""RFC: 9568 §6.1 (100 centiseconds)."""

DEFAULT_LINGER: Duration = 20 * MILLISECOND
"""Longer than a successor takes from its first advert to its first announcement, on a LAN."""

DEFAULT_PROBE_HOLD_MAX: Duration = 60 * SECOND
"""Long enough to be woken up; what answers the probe serves the clients meanwhile."""

DEFAULT_ANNOUNCE_REFRESH: Duration = 60 * SECOND
"""Shorter than the five minutes after which common switches forget a MAC address."""

ANNOUNCE_BURST: tuple[Duration, ...] = tuple(
    delay * MILLISECOND for delay in (0, 100, 500, 1_000, 2_000, 5_000)
)
"""When the addresses are announced after a claim: at once for the living, then again for what
was lost, and once more after the slowest spanning tree port has begun to forward."""


HIGHEST_TTL = 255
"""The TTL, or hop limit, of what no router has touched. RFC: 5082."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unicast:
    """The hosts that adverts go to and come from, where the link carries no multicast.

    `sources` has at most one address in each family; what is not there is looked up in the routing
    table, towards the first peer. `min_ttl` is the least that an advert may arrive with; None asks
    for what no router has touched, which peers behind a router cannot send.
    """

    peers: tuple[IPAddress, ...]
    sources: tuple[IPAddress, ...] = ()
    ttl: int = HIGHEST_TTL
    min_ttl: int | None = None

    def peers_of(self, family: Family) -> tuple[IPAddress, ...]:
        """The peers in one family."""
        return tuple(peer for peer in self.peers if family_of(peer) is family)

    def source_of(self, family: Family) -> IPAddress | None:
        """The configured source in one family."""
        return next((source for source in self.sources if family_of(source) is family), None)


class TakeoverProbe(Enum):
    """What a BACKUP does about an address that still answers when its MASTER is silent."""

    WARN = "warn"
    HOLD = "hold"
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackerConfig:
    """One thing that is watched on this host: `kind` says how, `options` are what that kind takes.

    A tracker is up after `rise` good results in a row and down after `fall` bad ones; before that
    it is what `initially_up` says. One that changes more than `flaps` times in `flap_window` is
    held down for that long; 0 turns that off.
    """

    name: str
    kind: str
    interval: Duration
    timeout: Duration
    rise: int = 1
    fall: int = 1
    initially_up: bool = False
    flaps: int = 0
    flap_window: Duration = 60 * SECOND
    options: Mapping[str, Any] = field(default_factory=dict, hash=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackUse:
    """What a tracker means to an instance or a group.

    Without `weight` its failure is FAULT. A weight above 0 counts while it is up, one below while
    it is down.
    """

    name: str
    weight: int | None = None


class HookMoment(Enum):
    """When hooks run. The first two may hold up what follows; the others follow what was."""

    BEFORE_MASTER = "before_master"
    BEFORE_RELEASE = "before_release"
    ON_MASTER = "on_master"
    ON_BACKUP = "on_backup"
    ON_FAULT = "on_fault"
    ON_STOP = "on_stop"
    ON_ANY = "on_any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One program to run at a moment; `keepalived_style` gives it keepalived's four arguments.

    `required` makes its failure a FAULT, where it runs before MASTER.
    """

    argv: tuple[str, ...]
    timeout: Duration = 10 * SECOND
    user: str | None = None
    keepalived_style: bool = False
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HooksConfig:
    """The hooks of an instance or a group, in the order in which they run; `fifo` gets a line in
    keepalived's format for each transition."""

    hooks: tuple[tuple[HookMoment, Hook], ...] = ()
    fifo: str | None = None

    def at(self, moment: HookMoment) -> tuple[Hook, ...]:
        """What runs at a moment."""
        return tuple(hook for when, hook in self.hooks if when is moment)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupConfig:
    """Instances that are MASTER together or not at all."""

    name: str
    members: tuple[str, ...]
    track: tuple[TrackUse, ...] = ()
    hooks: HooksConfig = HooksConfig()


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceConfig:
    """One virtual router on this host.

    `checksum` pins the form that is sent over IPv4; None begins with the form that the deployed
    peers accept and follows what they use. `announce_refresh` of 0 turns the refresh off.
    `lease` is for how long the kernel keeps an address that nobody renews: None for what fits the
    interval, 0 for ever. `password` is the simple text of VRRPv2; it is never shown. Without
    `unicast` the adverts go to the multicast group of their family. `virtual_mac` puts the
    addresses behind the MAC address of the virtual router, whoever serves. RFC: 9568 §7.3.
    `linger` is how long a MASTER that yields serves on after its successor's first advert, until
    the clients have learned where the addresses are now. `takeover_probe` says what a BACKUP does
    when the MASTER is silent and an address answers; it holds back for `probe_hold_max` at most.
    `preempt_delay` is how long it lets a weaker MASTER serve, from when it hears it and from when
    it is in health; `startup_delay` is how long it only listens after the start of the agent.
    `peer_priorities` is what is known of the others, for `vipd check` alone. `leads` says that of a
    group this instance decides between equal priorities; it must be the same one on all hosts.
    """

    name: str
    interface: str
    vrid: int
    addresses: tuple[Vip, ...]
    priority: int = DEFAULT_PRIORITY
    advert_interval: Duration = DEFAULT_ADVERT_INTERVAL
    version: int = 3
    preempt: bool = True
    checksum: ChecksumForm | None = None
    announce_refresh: Duration = DEFAULT_ANNOUNCE_REFRESH
    password: bytes | None = field(default=None, repr=False)
    unicast: Unicast | None = None
    lease: Duration | None = None
    virtual_mac: bool = False
    linger: Duration = DEFAULT_LINGER
    takeover_probe: TakeoverProbe = TakeoverProbe.WARN
    probe_hold_max: Duration = DEFAULT_PROBE_HOLD_MAX
    preempt_delay: Duration = 0
    startup_delay: Duration = 0
    track: tuple[TrackUse, ...] = ()
    hooks: HooksConfig = HooksConfig()
    peer_priorities: tuple[int, ...] = ()
    group: str | None = None
    leads: bool = True
    families: tuple[Family, ...] = field(init=False, compare=False, repr=False)
    """The families that have an address here: one wire group each, IPv4 first."""

    def __post_init__(self) -> None:
        """Why once: every advert asks for the families."""
        families = tuple(sorted({family_of(address) for address in self.addresses}))
        object.__setattr__(self, "families", families)

    @property
    def owner(self) -> bool:
        """Whether this host owns the addresses. RFC: 9568 §5.2.4."""
        return self.priority == OWNER_PRIORITY

    @property
    def address_lease(self) -> Duration:
        """For how long the kernel keeps our addresses by itself; 0 for ever.

        Why: what fits the interval ends, if it can, before the strongest peer may take over. Linux
        counts lifetimes in seconds, so it is never less than one.
        """
        if self.lease is not None:
            return self.lease
        return max(3 * self.advert_interval // SECOND, 1) * SECOND

    @property
    def preempts(self) -> bool:
        """Whether this host takes over from a weaker MASTER. RFC: 9568 §6.1 (an owner always)."""
        return self.preempt or self.owner

    def announce_wait(self, count: int) -> Duration:
        """The time from the `count`-th announcement to the next; 0 when there is no next one."""
        if count + 1 < len(ANNOUNCE_BURST):
            return ANNOUNCE_BURST[count + 1] - ANNOUNCE_BURST[count]
        return self.announce_refresh

    @property
    def identity(self) -> tuple[str, str, int, int, bool, bool]:
        """What a running instance cannot change without starting anew.

        A change of ownership is among it: an owner begins as MASTER.
        """
        place = (self.name, self.interface, self.vrid, self.version)
        return (*place, self.owner, self.virtual_mac)
