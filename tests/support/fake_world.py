"""A world without a kernel: fakes behind the agent's ports, a clock that a test turns."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_interface

from vipd.agent.ports import Ports
from vipd.agent.runtime import Runtime
from vipd.core.config import InstanceConfig, TakeoverProbe
from vipd.core.model import (
    Advert,
    Channel,
    ChecksumForm,
    Claim,
    IPAddress,
    LinkFacts,
    State,
    Vip,
    family_of,
)
from vipd.core.units import SECOND, Duration, Instant, to_centiseconds
from vipd.wire.vrrp import GROUP, Datagram, Rules, decode, encode

PEER = ip_address("192.0.2.12")
PEER6 = ip_address("fe80::12")
PASSWORD = b"s3cret"
ANY = (Rules(), Rules(version=2), Rules(version=2, password=PASSWORD))
"""Together they accept whatever a test's agent may send."""

VIP4 = ip_interface("192.0.2.100/24")
VIP6 = ip_interface("2001:db8::100/64")
OWN_MAC = bytes.fromhex("020000000011")
PEER_MAC = bytes.fromhex("020000000012")


def good_link(name: str = "eth0") -> LinkFacts:
    """An interface on which everything works."""
    ipv4, ipv6 = ip_address("192.0.2.11"), ip_address("fe80::11")
    assert ipv4.version == 4
    assert ipv6.version == 6
    return LinkFacts(name=name, exists=True, up=True, carrier=True, mtu=1500, ipv4=ipv4, ipv6=ipv6)


def instance(name: str = "web", **changes: object) -> InstanceConfig:
    """A configuration with one IPv4 address, unless the test wants another.

    It neither lingers nor probes by itself: those are tests of their own.
    """
    keys: dict[str, object] = {
        "interface": "eth0",
        "vrid": 51,
        "addresses": (VIP4,),
        "linger": 0,
        "takeover_probe": TakeoverProbe.OFF,
    }
    return InstanceConfig(name=name, **(keys | changes))  # type: ignore[arg-type]


def packet(
    config: InstanceConfig,
    priority: int,
    source: IPAddress = PEER,
    *,
    ttl: int = 255,
    destination: IPAddress | None = None,
    interval_cs: int | None = None,
    addresses: Sequence[IPAddress] | None = None,
) -> Datagram:
    """An advert of a peer for an instance, as a socket would deliver it."""
    family = family_of(source)
    own = tuple(vip.ip for vip in config.addresses if family_of(vip) is family)
    advert = Advert(
        version=config.version,
        vrid=config.vrid,
        priority=priority,
        interval_cs=interval_cs or to_centiseconds(config.advert_interval),
        addresses=own if addresses is None else tuple(addresses),
        checksum=ChecksumForm.PSEUDO_HEADER,
    )
    to = destination or GROUP[family]
    payload = encode(advert, source=source, destination=to, password=config.password)
    return Datagram(payload=payload, source=source, destination=to, ttl=ttl)


@dataclass
class FakeLog:
    """Keeps what is logged."""

    lines: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def info(self, event: str, **fields: object) -> None:
        self.lines.append((event, fields))

    warning = info
    error = info

    def called(self, event: str) -> list[dict[str, object]]:
        """The fields of every line of this name."""
        return [fields for line, fields in self.lines if line == event]


@dataclass
class World:
    """All ports of the agent; `done` tells what it did, in order."""

    now: Instant = 0
    index: int = 1
    alarm_at: Instant | None = None
    awake: bool = False
    alarms_set: int = 0
    done: list[tuple[str, object]] = field(default_factory=list)
    log: FakeLog = field(default_factory=FakeLog)
    link_facts: dict[str, LinkFacts] = field(default_factory=lambda: {"eth0": good_link()})
    changed: set[str] = field(default_factory=set)
    kernel: set[tuple[str, Vip]] = field(default_factory=set)
    leftovers: list[tuple[str, Vip]] = field(default_factory=list)
    leftover_devices: list[str] = field(default_factory=list)
    refusal: str | None = None
    claim_takes: Duration = 0
    send_error: OSError | None = None
    attach_error: OSError | None = None
    arrived: list[tuple[str, Datagram]] = field(default_factory=list)
    age: Duration = 0
    opened: set[Channel] = field(default_factory=set)
    routes: dict[IPAddress, IPAddress] = field(default_factory=dict)
    gateways: dict[IPAddress, IPAddress] = field(default_factory=dict)
    own: set[IPAddress] = field(default_factory=set)
    follows_routes: bool = False
    macs: set[bytes] = field(default_factory=lambda: {OWN_MAC})
    drifts: list[str] = field(default_factory=list)
    claims: list[tuple[str, IPAddress, bytes]] = field(default_factory=list)
    watched: dict[str, tuple[set[IPAddress], set[bytes]]] = field(default_factory=dict)
    watch_error: OSError | None = None
    tapped: list[tuple[str, Datagram]] = field(default_factory=list)
    taps: set[str] = field(default_factory=set)
    tap_error: OSError | None = None

    def clock(self) -> Instant:
        return self.now

    def runtime(self) -> Runtime:
        """An agent in this world."""
        return Runtime(self.ports(), self.clock, FakeAlarm(self), self.log)  # type: ignore[arg-type]

    def ports(self) -> Ports:
        """What that agent has of it."""
        return Ports(
            adverts=FakeAdverts(self),
            addresses=FakeAddresses(self),
            virtual_macs=FakeVirtualMacs(self),
            announcer=FakeAnnouncer(self),
            neighbors=FakeNeighbors(self),
            tap=FakeTap(self),
            links=FakeLinks(self),
        )

    def drift(self) -> str | None:
        """What has drifted, told once: the claim that follows puts it right."""
        return self.drifts.pop(0) if self.drifts else None

    def take_done(self) -> list[tuple[str, object]]:
        """What was done since the last call."""
        done, self.done = self.done, []
        return done


def state(runtime: Runtime, index: int = 0) -> State:
    """What an instance is."""
    return runtime.instances[index].machine.state


def ring(world: World, runtime: Runtime) -> None:
    """Let the time pass until the alarm goes off."""
    assert world.alarm_at is not None
    world.now = world.alarm_at
    runtime.ring()


def pass_time(world: World, runtime: Runtime, duration: Duration) -> None:
    """Let the alarm go off whenever it is due, for so long."""
    until = world.now + duration
    while world.alarm_at is not None and world.now < world.alarm_at <= until:
        ring(world, runtime)
    world.now = until


def master(world: World, *configs: InstanceConfig) -> Runtime:
    """A runtime whose instances have become MASTER."""
    runtime = world.runtime()
    runtime.start(configs or [instance()])
    while {each.machine.state for each in runtime.instances} != {State.MASTER}:
        assert world.now < 60 * SECOND, "they do not become MASTER"
        ring(world, runtime)
    world.take_done()
    return runtime


@dataclass
class FakeAlarm:
    """Remembers the moment."""

    world: World

    def set(self, at: Instant, *, awake: bool = False) -> None:
        self.world.alarm_at, self.world.awake = at, awake
        self.world.alarms_set += 1


@dataclass
class FakeAdverts:
    """The advert sockets."""

    world: World

    def open(self, channel: Channel, index: int) -> None:
        assert index == self.world.index
        if self.world.attach_error:
            raise self.world.attach_error
        self.world.opened.add(channel)

    def retain(self, vrids: Mapping[Channel, Collection[int]]) -> None:
        self.world.opened &= vrids.keys()

    def send(self, channel: Channel, destination: IPAddress, payload: bytes) -> None:
        if self.world.send_error:
            raise self.world.send_error
        assert channel in self.world.opened, f"{channel} is not open"
        family = family_of(channel.source)
        sent = Datagram(payload=payload, source=channel.source, destination=destination, ttl=255)
        advert = next(
            (one for one in (decode(sent, rules) for rules in ANY) if isinstance(one, Advert)),
            None,
        )
        assert advert is not None, "what we send is an advert"
        to = "" if destination.is_multicast else f" to {destination}"
        self.world.done.append((f"advert IPv{family}{to}", advert.priority))

    def drain(self) -> Iterator[tuple[str, Datagram]]:
        while self.world.arrived:
            yield self.world.arrived.pop(0)

    @property
    def age(self) -> Duration:
        return self.world.age


@dataclass
class FakeAddresses:
    """The kernel's addresses."""

    world: World

    def renew(self, claims: Sequence[Claim]) -> list[str | None]:
        for claim in claims:
            assert {(claim.interface, vip) for vip in claim.addresses} <= self.world.kernel
            self.world.done.append(("renew", claim.lease // SECOND))
        return [self.world.refusal for _ in claims]

    def prepare(self, claim: Claim) -> None:
        """There is nothing to prepare."""

    def claim(self, claims: Sequence[Claim]) -> list[str | None]:
        self.world.now += self.world.claim_takes
        for claim in claims:
            if self.world.refusal is None:
                self.world.kernel |= {(claim.interface, vip) for vip in claim.addresses}
            self.world.done.append(("claim", tuple(map(str, claim.addresses))))
        return [self.world.refusal for _ in claims]

    def release(self, interface: str, vrid: int, addresses: Sequence[Vip]) -> None:
        del vrid
        self.world.kernel -= {(interface, vip) for vip in addresses}
        self.world.done.append(("release", tuple(map(str, addresses))))

    def inspect(
        self, interface: str, vrid: int, addresses: Sequence[Vip], lease: Duration
    ) -> str | None:
        del interface, vrid, lease
        assert addresses, "nothing is inspected where nothing is held"
        return self.world.drift()

    def sweep(self, interfaces: Collection[str]) -> list[tuple[str, Vip]]:
        swept = [
            left
            for left in self.world.leftovers
            if left[0] in interfaces and left not in self.world.kernel
        ]
        self.world.done += [("sweep", str(vip)) for _, vip in swept]
        return swept


@dataclass
class FakeVirtualMacs:
    """The kernel's macvlans: here, interfaces that are called by their VRID."""

    world: World

    def renew(self, claims: Sequence[Claim]) -> list[str | None]:
        for claim in claims:
            done = (f"renew at virtual MAC {claim.vrid}", claim.lease // SECOND)
            self.world.done.append(done)
        return [self.world.refusal for _ in claims]

    def claim(self, claims: Sequence[Claim]) -> list[str | None]:
        for claim in claims:
            place, addresses = f"{claim.interface} {claim.vrid}", claim.addresses
            if self.world.refusal is None:
                self.world.kernel |= {(place, vip) for vip in addresses}
            done = (f"claim at virtual MAC {claim.vrid}", tuple(map(str, addresses)))
            self.world.done.append(done)
        return [self.world.refusal for _ in claims]

    def release(self, interface: str, vrid: int, addresses: Sequence[Vip]) -> None:
        self.world.kernel -= {(f"{interface} {vrid}", vip) for vip in addresses}
        self.world.done.append((f"release at virtual MAC {vrid}", tuple(map(str, addresses))))

    def inspect(
        self, interface: str, vrid: int, addresses: Sequence[Vip], lease: Duration
    ) -> str | None:
        del interface, lease
        assert addresses, "nothing is inspected where nothing is held"
        drift = self.world.drift()
        return drift and f"{drift} at virtual MAC {vrid}"

    def send(self, interface: str, frame: bytes) -> None:
        if self.world.send_error:
            raise self.world.send_error
        self.world.done.append((f"frame on {interface} from {frame[6:12].hex(':')}", len(frame)))

    def present(self, interface: str, vrid: int) -> Collection[Vip]:
        return {vip for place, vip in self.world.kernel if place == f"{interface} {vrid}"}

    def sweep(self) -> Sequence[str]:
        self.world.done += [("sweep", device) for device in self.world.leftover_devices]
        return self.world.leftover_devices


@dataclass
class FakeAnnouncer:
    """Gratuitous ARP and unsolicited NA."""

    world: World

    def announce(self, interface: str, addresses: Sequence[Vip], vrid: int | None = None) -> None:
        del interface
        at = f" at virtual MAC {vrid}" if vrid else ""
        self.world.done.append((f"announce{at}", tuple(map(str, addresses))))

    def prepare(self, interface: str, addresses: Sequence[Vip], vrid: int | None = None) -> None:
        """There is nothing to prepare."""


@dataclass
class FakeNeighbors:
    """ARP and Neighbor Discovery."""

    world: World

    def watch(
        self, interface: str, addresses: Collection[IPAddress], own_macs: Collection[bytes]
    ) -> None:
        if self.world.watch_error:
            raise self.world.watch_error
        self.world.watched[interface] = (set(addresses), set(own_macs))
        if not addresses:
            del self.world.watched[interface]

    def probe(self, interface: str, addresses: Sequence[IPAddress]) -> None:
        self.world.done.append((f"probe on {interface}", tuple(map(str, addresses))))

    def drain(self) -> Iterator[tuple[str, IPAddress, bytes]]:
        while self.world.claims:
            yield self.world.claims.pop(0)


@dataclass
class FakeTap:
    """The packets that no firewall has judged."""

    world: World

    def listen(self, interfaces: Collection[str]) -> None:
        if self.world.tap_error:
            raise self.world.tap_error
        self.world.taps = set(interfaces)

    def drain(self) -> Iterator[tuple[str, Datagram]]:
        while self.world.tapped:
            yield self.world.tapped.pop(0)


@dataclass
class FakeLinks:
    """What netlink says."""

    world: World

    def drain(self) -> Collection[str]:
        changed, self.world.changed = self.world.changed, set()
        return changed

    def macs(self) -> Collection[bytes]:
        return self.world.macs

    def follow_routes(self) -> None:
        self.world.follows_routes = True

    def unicast_source(self, configured: IPAddress | None, peer: IPAddress) -> IPAddress | None:
        source = configured or self.world.routes.get(peer)
        return source if source in self.world.own else None

    def gateway(self, peer: IPAddress) -> IPAddress | None:
        return self.world.gateways.get(peer)

    def index(self, name: str) -> int | None:
        return self.world.index if name in self.world.link_facts else None

    def facts(self, name: str, floating: Collection[IPAddress]) -> LinkFacts:
        facts = self.world.link_facts.get(name, LinkFacts(name=name, exists=False))
        assert facts.ipv4 not in floating
        return facts

    def present(self, name: str) -> Collection[Vip]:
        return {vip for interface, vip in self.world.kernel if interface == name}
