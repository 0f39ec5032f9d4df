"""Hosts that tell each other what they are: real `Hellos` on a link that is a list."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from fake_world import FakeLog, good_link, instance

from vipd.agent.hello import Hellos
from vipd.agent.instance import Instance
from vipd.core.config import InstanceConfig
from vipd.core.events import AddressesClaimed, LinkChanged, Started, TimePassed
from vipd.core.model import Channel, IPAddress, LinkFacts, State, family_of
from vipd.core.units import MILLISECOND, SECOND, Duration, Instant
from vipd.wire.vrrp import Datagram

SENT = tuple[Channel, IPAddress, bytes]


@dataclass
class FakeHelloPort:
    """The hello sockets of one host."""

    link: Link
    opened: set[Channel] = field(default_factory=set)
    arrived: list[tuple[Channel, Datagram]] = field(default_factory=list)
    sent: list[SENT] = field(default_factory=list)
    refusal: OSError | None = None

    def open(self, channel: Channel) -> None:
        if self.refusal:
            raise self.refusal
        self.opened.add(channel)

    def retain(self, channels: Collection[Channel]) -> None:
        self.opened &= set(channels)

    def send(self, channel: Channel, destination: IPAddress, payload: bytes) -> None:
        assert channel in self.opened, f"{channel} is not open"
        self.sent.append((channel, destination, payload))
        self.link.carry(self, channel, destination, payload)

    def drain(self) -> Iterator[tuple[Channel, Datagram]]:
        while self.arrived:
            yield self.arrived.pop(0)

    def take_sent(self) -> list[SENT]:
        """What was sent since the last call."""
        sent, self.sent = self.sent, []
        return sent


@dataclass
class Link:
    """Brings every datagram to every other host that listens; `now` is everybody's time."""

    now: Instant = 0
    ttl: int = 255
    mute: set[int] = field(default_factory=set)
    """The IP versions that somebody's firewall drops."""
    ports: list[FakeHelloPort] = field(default_factory=list)

    def clock(self) -> Instant:
        return self.now

    def carry(
        self, sender: FakeHelloPort, by: Channel, destination: IPAddress, payload: bytes
    ) -> None:
        sent = Datagram(payload=payload, source=by.source, destination=destination, ttl=self.ttl)
        for port in self.ports:
            for channel in port.opened:
                if port is not sender and self._reaches(channel, by, destination):
                    port.arrived.append((channel, sent))

    def _reaches(self, channel: Channel, by: Channel, destination: IPAddress) -> bool:
        if family_of(channel.source) is not family_of(by.source):
            return False
        if family_of(by.source) in self.mute:
            return False
        if destination.is_multicast:
            return not channel.unicast and channel.interface == by.interface
        return channel.unicast and channel.source == destination


class Host:
    """One agent: its instances, its hellos, and what it was told of its fellows."""

    def __init__(self, link: Link, number: int, *configs: InstanceConfig) -> None:
        self.link = link
        self.number = number
        self.log = FakeLog()
        self.port = FakeHelloPort(link)
        link.ports.append(self.port)
        self.instances = [Instance(config) for config in configs or (instance(),)]
        for one in self.instances:
            self.connect(one)
        self.maintenance = False
        self.told: list[tuple[str, str, str]] = []
        self.restart()

    @property
    def web(self) -> Instance:
        """The first instance."""
        return self.instances[0]

    @property
    def address(self) -> IPv4Address:
        return IPv4Address(f"192.0.2.{self.number}")

    def connect(self, one: Instance) -> None:
        """Give an instance the interface of this host, and make it a BACKUP."""
        link = replace(
            good_link(one.config.interface),
            ipv4=self.address,
            ipv6=IPv6Address(f"fe80::{self.number}"),
        )
        one.learn(link, 1)
        one.machine.step(LinkChanged(link), self.link.now)
        one.machine.step(Started(), self.link.now)

    def restart(self) -> None:
        """Begin a new life."""
        log: Any = self.log
        self.hellos = Hellos(self.port, self.link.clock, log)
        self.hellos.on_change = lambda one, code, text: self.told.append(
            (one.config.name, code, text)
        )

    def configure(self, config: InstanceConfig, index: int = 0) -> None:
        """Reload with another configuration of an instance."""
        self.instances[index].configure(config)

    def fail(self, one: Instance | None = None) -> None:
        """The carrier is gone; the link of the test carries on."""
        for each in [one] if one else self.instances:
            gone = LinkFacts(name=each.config.interface, exists=True, up=True)
            each.machine.step(LinkChanged(gone), self.link.now)

    def serve(self) -> None:
        """Become MASTER, by hearing nobody."""
        for one in self.instances:
            due = one.machine.next_deadline()
            assert due is not None
            one.machine.step(TimePassed(), due)
            one.machine.step(AddressesClaimed(), due)
            assert one.machine.state is State.MASTER

    def speak(self) -> Duration:
        return self.hellos.speak(self.instances, maintenance=self.maintenance)

    def hear(self) -> None:
        self.hellos.hear()

    def take_told(self) -> list[str]:
        """What it was told since the last call."""
        told, self.told = self.told, []
        return [f"{name} {code}: {text}" for name, code, text in told]


def pair(first: InstanceConfig, second: InstanceConfig) -> tuple[Host, Host]:
    """Two hosts on one link."""
    link = Link()
    return Host(link, 11, first), Host(link, 12, second)


def talk(*hosts: Host, duration: Duration = SECOND) -> None:
    """Let everybody speak and hear for so long, from now on."""
    link = hosts[0].link
    until = link.now + duration
    while True:
        for host in hosts:
            host.speak()
        for host in hosts:
            host.hear()
        if link.now >= until:
            return
        link.now = min(until, link.now + 100 * MILLISECOND)
