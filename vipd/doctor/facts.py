"""What there is to know of a host before anything is judged. All of it is frozen.

What this user may not see, or what cannot be asked here, is `Unseen`. None says that the host does
not have the thing at all: no systemd, no NetworkManager.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import IPv4Address, IPv4Interface, IPv6Interface
from pathlib import Path

from vipd.capture.survey import Survey
from vipd.config.model import Config
from vipd.core.config import InstanceConfig
from vipd.core.model import Vip
from vipd.doctor.port import Answer, Place
from vipd.doctor.ruleset.model import Table
from vipd.errors import ConfigProblem

_PAIR = 2
"""Addresses of a subnet that has room for two hosts and nobody else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """Why a thing could not be seen; `root` is whether root would see it."""

    why: str
    root: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One address on an interface.

    `leased` is whether the kernel will remove it by itself, `duplicate` whether it has found out
    that another host has the address.
    """

    vip: Vip
    leased: bool = False
    duplicate: bool = False

    @property
    def link_local(self) -> bool:
        """Whether it is good for the link only."""
        return self.vip.is_link_local


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One interface, as `ip -d address` shows it.

    `snooping` and `querier` are those of a bridge.
    """

    name: str
    index: int = 0
    flags: frozenset[str] = frozenset()
    mtu: int = 1500
    kind: str = ""
    master: str = ""
    master_kind: str = ""
    addresses: tuple[Address, ...] = ()
    snooping: bool = False
    querier: bool = False

    @property
    def ipv4(self) -> tuple[IPv4Interface, ...]:
        """Its IPv4 addresses."""
        found = (address.vip for address in self.addresses)
        return tuple(vip for vip in found if isinstance(vip, IPv4Interface))

    @property
    def neighbours(self) -> tuple[IPv4Address, ...]:
        """For each of its IPv4 subnets an address that a neighbour may have."""
        subnets = [vip for vip in self.ipv4 if vip.network.num_addresses > _PAIR]
        first = [(vip.network[1], vip.network[2], vip.ip) for vip in subnets]
        return tuple(two if own == one else one for one, two, own in first)

    @property
    def ipv6(self) -> tuple[IPv6Interface, ...]:
        """Its IPv6 addresses, those of the link included."""
        found = (address.vip for address in self.addresses)
        return tuple(vip for vip in found if isinstance(vip, IPv6Interface))


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """The file and what is to be said of it; without a config it could not be used.

    `given` is whether somebody has named it, `missing_here` what it names and this host lacks.
    """

    path: Path
    given: bool = False
    exists: bool = True
    config: Config | None = None
    problems: tuple[ConfigProblem, ...] = ()
    missing_here: tuple[ConfigProblem, ...] = ()
    traps: tuple[ConfigProblem, ...] = ()
    place: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What a process may do, or what it would be allowed: `whose` names it in the findings.

    `real_time` is whether it runs, or may run, before ordinary programs, `memory` whether it may
    stay in memory; None when nobody knows.
    """

    whose: str
    capabilities: frozenset[str] = frozenset()
    real_time: bool | None = None
    memory: bool | None = None
    runs: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The firewall. `unread` is why a part of it could not be read, for each part."""

    tables: tuple[Table, ...] = ()
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkFile:
    """The file by which networkd manages an interface, and what it keeps of it."""

    path: str
    keeps: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Managers:
    """Who else manages the interfaces: networkd by its files, NetworkManager by its states."""

    networkd: Mapping[str, NetworkFile] = field(default_factory=dict)
    network_manager: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A line of the host's network configuration that has one of our addresses in it."""

    path: str
    line: int
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """Another program of our kind that runs here, with the VRIDs of its configuration."""

    name: str
    vrids: frozenset[int] = frozenset()
    file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """The running kernel. `macvlan` is None when nobody knows."""

    release: str = ""
    macvlan: bool | None = None
    rt_runtime_us: int | None = None

    @property
    def version(self) -> tuple[int, int]:
        """Its first two numbers; (0, 0) when it has none."""
        numbers = self.release.split("-")[0].split(".")[:2]
        first, second = (*numbers, "0", "0")[:2]
        return (int(first), int(second)) if first.isdigit() and second.isdigit() else (0, 0)


_NOT_ASKED = Answer(failure="nobody was asked", reached=False)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything.

    `instances` are those that were asked for, `interfaces` theirs; without a configuration, the
    interfaces that matter most. `settings` are kernel settings by their path below /proc/sys/net.
    `unit` has the properties of the service as systemd tells them. `heard` has what was heard on
    an interface, or why nobody could listen; it is empty when nobody was to listen. `routes` has
    the interface by which a peer or a neighbour is reached.
    """

    configuration: Configuration
    instances: tuple[InstanceConfig, ...] = ()
    interfaces: tuple[str, ...] = ()
    root: bool = True
    own_namespace: bool = False
    socket: Path = Path("/run/vipd/control.sock")
    agent: Answer = _NOT_ASKED
    unit: Mapping[str, str] | Unseen | None = None
    rights: Rights = Rights(whose="this user")
    links: tuple[Link, ...] | Unseen = ()
    settings: Mapping[str, int] = field(default_factory=dict)
    rules: Rules | Unseen = Rules()
    managers: Managers = Managers()
    mentions: tuple[Mention, ...] = ()
    daemons: tuple[Daemon, ...] = ()
    kernel: Kernel = Kernel()
    clock_is_set: bool | None = None
    board: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, Place] = field(default_factory=dict)
    routes: Mapping[str, str] = field(default_factory=dict)
    heard: Mapping[str, Survey | str] = field(default_factory=dict)

    @cached_property
    def link_by_name(self) -> Mapping[str, Link]:
        """Every interface that can be seen, by its name."""
        return {} if isinstance(self.links, Unseen) else {one.name: one for one in self.links}

    def instances_on(self, interface: str) -> tuple[InstanceConfig, ...]:
        """The instances of an interface."""
        return tuple(one for one in self.instances if one.interface == interface)
