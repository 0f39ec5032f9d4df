"""The roster: which instances there are, and whom a packet or an address is for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain

from vipd.agent.instance import Instance
from vipd.core.config import InstanceConfig
from vipd.core.group import GroupEvent, decide
from vipd.core.model import Channel, Family, IPAddress, State, family_of
from vipd.wire.virtual_mac import virtual_mac

Place = tuple[str, int]
"""Where adverts of an instance are: interface and VRID."""


class Roster:
    """The instances that run, in the order of the configuration, and those that are leaving.

    One that is told to stop leaves when it has handed over; until then adverts and time concern
    it, but whoever reads the configuration does not know it any more.
    """

    def __init__(self) -> None:
        self._running: dict[str, Instance] = {}
        self._leaving: list[Instance] = []
        self._routes: dict[tuple[Place, Family], Instance] = {}
        self._users: dict[tuple[str, IPAddress], list[Instance]] = {}
        self._groups: dict[str, list[Instance]] = {}
        self.floating: frozenset[IPAddress] = frozenset()
        """The addresses that move between hosts: adverts never come from them."""

    def __iter__(self) -> Iterator[Instance]:
        return chain(self._running.values(), self._leaving)

    @property
    def running(self) -> Sequence[Instance]:
        """Those that are configured."""
        return tuple(self._running.values())

    @property
    def leaving(self) -> bool:
        """Whether any has yet to hand over."""
        return bool(self._leaving)

    def named(self, name: str) -> Instance:
        """One of those that are configured."""
        return self._running[name]

    def dismiss(self, name: str) -> Instance:
        """Let one leave."""
        instance = self._running.pop(name)
        self._leaving.append(instance)
        return instance

    def in_the_way(self, configs: Collection[InstanceConfig]) -> Iterator[Instance]:
        """Those that are leaving and have the VRID or an address of one that is to run."""
        wanted = {claim for config in configs for claim in _claims(config)}
        return (one for one in self._leaving if not wanted.isdisjoint(_claims(one.config)))

    def enlist(self, configs: Sequence[InstanceConfig], added: Iterable[Instance]) -> None:
        """Run these from now on; each is there already, or is added."""
        known = self._running | {instance.config.name: instance for instance in added}
        self._running = {config.name: known[config.name] for config in configs}
        self._chart()

    def drop_gone(self) -> bool:
        """Forget those that have left; whether there were any."""
        staying = [one for one in self._leaving if one.machine.state is not State.INIT]
        if len(staying) == len(self._leaving):
            return False
        self._leaving = staying
        self._chart()
        return True

    def _chart(self) -> None:
        """Note who gets which adverts and addresses. Order: who runs goes before who leaves."""
        self._routes, self._users, self._groups = {}, {}, {}
        for instance in self._running.values():
            if group := instance.config.group:
                self._groups.setdefault(group, []).append(instance)
        for instance in self:
            config = instance.config
            for family in config.families:
                self._routes.setdefault(((config.interface, config.vrid), family), instance)
            for vip in config.addresses:
                self._users.setdefault((config.interface, vip.ip), []).append(instance)
        self.floating = frozenset(
            vip.ip
            for instance in self
            if not instance.config.owner
            for vip in instance.config.addresses
        )

    def consult(self) -> list[tuple[Instance, GroupEvent]]:
        """What one instance of each group has to be told of the others.

        Why: one at a time. What it makes of that may be news for the next.
        """
        told = []
        for group, members in self._groups.items():
            by_name = {each.config.name: each for each in members}
            standings = {name: each.machine.standing for name, each in by_name.items()}
            if said := next(decide(group, standings), None):
                told.append((by_name[said[0]], said[1]))
        return told

    # -- whom it is for ---------------------------------------------------------------------

    def receiver(self, interface: str, vrid: int, source: IPAddress) -> Instance | None:
        """The instance that an advert is for."""
        return self._routes.get(((interface, vrid), family_of(source)))

    def hears_elsewhere(self, vrid: int, source: IPAddress) -> bool:
        """Whether a unicast advert is for another socket, bound to the same source, as well."""
        family = family_of(source)
        return any(
            instance.config.unicast and instance.config.vrid == vrid
            for (_, its_family), instance in self._routes.items()
            if its_family is family
        )

    def users(self, interface: str, address: IPAddress) -> Sequence[Instance]:
        """The instances that have an address on an interface."""
        return self._users.get((interface, address), ())

    @property
    def interfaces(self) -> frozenset[str]:
        """Where they all are."""
        return frozenset(each.config.interface for each in self)

    def on(self, interface: str) -> Iterator[Instance]:
        """The instances of an interface."""
        return (each for each in self if each.config.interface == interface)

    def channels(self) -> dict[Channel, set[int]]:
        """The ways for all of their adverts, with the VRIDs of each."""
        vrids: defaultdict[Channel, set[int]] = defaultdict(set)
        for each in self:
            for channel in each.channels.values():
                vrids[channel].add(each.config.vrid)
        return vrids

    def watched(self, interface: str) -> frozenset[IPAddress]:
        """The addresses whose neighbours are of interest on an interface."""
        return frozenset(vip.ip for each in self.on(interface) for vip in each.config.addresses)

    def virtual_macs(self, interface: str) -> frozenset[bytes]:
        """The MAC addresses of the virtual routers that are served on an interface.

        Why: while another host serves, they are its own.
        """
        return frozenset(
            virtual_mac(family, each.config.vrid)
            for each in self.on(interface)
            if each.config.virtual_mac and each.machine.held
            for family in each.config.families
        )


def _claims(config: InstanceConfig) -> Iterator[object]:
    """What only one virtual router of a host can have.

    A link-local address means another host on every link.
    """
    for family in config.families:
        yield config.interface, config.vrid, family
    for vip in config.addresses:
        yield vip.ip, config.interface if vip.ip.is_link_local else None
