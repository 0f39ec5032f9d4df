"""The surroundings of the instances: their links and channels, who claims their addresses, the tap.

It looks, and says what the machines have to know; it holds open what they need.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import TypeAlias

from vipd.agent.instance import Instance
from vipd.agent.ports import Clock, Ports
from vipd.agent.roster import Roster
from vipd.agent.source import channels_of, facts_for
from vipd.agent.throttle import Throttle
from vipd.core.events import AddressesDrifted, LinkChanged
from vipd.core.model import LinkFacts

News: TypeAlias = tuple[Instance, LinkChanged | AddressesDrifted]


class Surroundings:
    """What is around the instances of one agent."""

    def __init__(self, ports: Ports, roster: Roster, clock: Clock, throttle: Throttle) -> None:
        self._ports = ports
        self._roster = roster
        self._clock = clock
        self._throttle = throttle
        self._watched: frozenset[str] = frozenset()
        self.taps = False
        """Whether the tap listens somewhere: then it must be asked now and then whether to end."""

    # -- links ------------------------------------------------------------------------------

    def look_at(self, interfaces: Collection[str]) -> Iterator[News]:
        """What these interfaces have become, for whom it concerns; unicast may use any of them."""
        known: dict[str, LinkFacts] = {}
        for instance in self._roster:
            name = instance.config.interface
            if name in interfaces or instance.config.unicast:
                if name not in known:
                    known[name] = self._ports.links.facts(name, self._roster.floating)
                yield from self._look_at_link_of(instance, known[name])
        self.watch_neighbors()

    def _look_at_link_of(self, instance: Instance, facts: LinkFacts) -> Iterator[News]:
        links, name = self._ports.links, instance.config.interface
        index = links.index(name)
        replaced = instance.replaced_by(index)
        facts = facts_for(instance.config, facts, links)
        if index is not None:
            facts = self._open(instance, facts, index)
        if replaced:
            # The old interface took our addresses with it, even if the new one looks the same.
            yield instance, LinkChanged(LinkFacts(name=name, exists=False))
        if replaced or facts != instance.link:
            instance.learn(facts, index)
            yield instance, LinkChanged(facts)

    def _open(self, instance: Instance, facts: LinkFacts, index: int) -> LinkFacts:
        """Open the channels of an instance; say so in the facts where one fails."""
        known = facts == instance.link
        channels = instance.channels if known else channels_of(instance.config, facts)
        for channel in channels.values():
            try:
                self._ports.adverts.open(channel, index)
            except OSError as error:
                return replace(facts, obstacle=f"cannot hear adverts on {facts.name}: {error}")
        return facts

    def close_unused(self) -> None:
        """Close what nobody speaks by any more."""
        self._ports.adverts.retain(self._roster.channels())

    def inspect(self, interfaces: Collection[str]) -> Iterator[News]:
        """Who holds addresses on these interfaces that are not as they were installed."""
        for instance in self._roster:
            holds = instance.machine.held and instance.config.interface in interfaces
            if holds and (what := self._departure(instance)):
                yield instance, AddressesDrifted(what)

    def _departure(self, instance: Instance) -> str | None:
        """What of the addresses that an instance holds is not as it was installed."""
        config = instance.config
        place = self._ports.virtual_macs if config.virtual_mac else self._ports.addresses
        held = instance.machine.held
        return place.inspect(config.interface, config.vrid, held, config.address_lease)

    # -- others -----------------------------------------------------------------------------

    def watch_neighbors(self) -> None:
        """Hear of it when other hosts claim our addresses, on each of our links."""
        for interface in self._watched | self._roster.interfaces:
            self._watch_neighbors_on(interface)
        self._watched = self._roster.interfaces

    def _watch_neighbors_on(self, interface: str) -> None:
        own_macs = self._roster.virtual_macs(interface) | frozenset(self._ports.links.macs())
        try:
            self._ports.neighbors.watch(interface, self._roster.watched(interface), own_macs)
        except OSError as error:
            text = "cannot hear who else claims our addresses"
            self._throttle.warning(text, interface=interface, error=str(error))

    def use_tap(self) -> None:
        """Listen past the firewall where an instance has reason to."""
        now = self._clock()
        wondering = {each.config.interface for each in self._roster if each.firewall.wonders(now)}
        self.taps = bool(wondering)
        try:
            self._ports.tap.listen(wondering)
        except OSError as error:
            self._throttle.warning("cannot see past the firewall of this host", error=str(error))
