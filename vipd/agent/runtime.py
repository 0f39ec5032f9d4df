"""The runtime: brings what happens to the machines, in one order, and wakes when one is due.

Every wake-up is the same: take in what the kernel says of the links, then every packet that has
arrived, then let the time pass; do what the machines ask for; set one alarm. Packets go before
timers, always: an advert that waits in a socket is proof that the MASTER lives. An alarm that comes
early or late needs no care, because deadlines are data in the machines; it is set anew only when
something is due before it, so that hearing an advert, which moves a deadline away, costs nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import replace

from vipd.agent.advice import advice
from vipd.agent.executor import Executor
from vipd.agent.instance import Instance
from vipd.agent.ports import Alarm, Clock, Ports
from vipd.agent.source import channels_of, facts_for
from vipd.agent.stranger import Strangers
from vipd.agent.throttle import Throttle
from vipd.config.plan import plan
from vipd.core.config import InstanceConfig
from vipd.core.events import (
    AdvertReceived,
    ConfigChanged,
    Event,
    LinkChanged,
    Started,
    Stopped,
    TimePassed,
)
from vipd.core.model import RELEASE_PRIORITY, Advert, Family, IPAddress, LinkFacts, family_of
from vipd.core.units import Instant
from vipd.log import Logger
from vipd.wire.vrrp import Datagram, DropReason, decode

Route = tuple[str, Family, int]
"""Where an advert belongs: interface, family, VRID."""


class Runtime:
    """All instances of one agent."""

    def __init__(self, ports: Ports, clock: Clock, alarm: Alarm, log: Logger) -> None:
        self._ports = ports
        self._clock = clock
        self._alarm = alarm
        self._log = log
        self._throttle = Throttle(log, clock)
        self._executor = Executor(ports, clock, log)
        self._instances: dict[str, Instance] = {}
        self._routes: dict[Route, Instance] = {}
        self._floating: frozenset[IPAddress] = frozenset()
        self._inbox: deque[tuple[Instance, Event]] = deque()
        self._wakes_at: Instant | None = None
        self.strangers = Strangers(log)
        """Who advertises VRIDs on our interfaces that are nobody's here."""

    @property
    def instances(self) -> Sequence[Instance]:
        """Every instance, in the order of the configuration."""
        return tuple(self._instances.values())

    @property
    def configs(self) -> tuple[InstanceConfig, ...]:
        """What is running now."""
        return tuple(instance.config for instance in self.instances)

    def start(self, configs: Sequence[InstanceConfig]) -> None:
        """Remove what an earlier life left behind, then start every instance."""
        self._ports.links.drain()
        swept = self._ports.addresses.sweep({config.interface for config in configs})
        for interface, vip in swept:
            self._log.warning("removed a leftover address", interface=interface, address=str(vip))
        for device in self._ports.virtual_macs.sweep():
            self._log.warning("removed a leftover virtual MAC address", device=device)
        self.apply(configs)

    def stop(self) -> None:
        """Stop every instance: resign, release, and let go of the sockets."""
        self.apply(())

    def apply(self, configs: Sequence[InstanceConfig]) -> None:
        """Run these instances from now on. Whatever did not change does not notice.

        Order: what goes, goes first, so that its VRID and addresses are free; the sockets of a
        new family are open before anyone speaks in it.
        """
        change = plan(self.configs, tuple(configs))
        for config in change.removed:
            self._post(self._instances.pop(config.name), Stopped())
        self._settle()
        added = {config.name: Instance(config) for config in change.added}
        running = self._instances | added
        self._instances = {config.name: running[config.name] for config in configs}
        for config in change.changed:
            self._instances[config.name].configure(config)
        self._chart(configs)
        self._look_at_links({config.interface for config in configs})
        for config in change.changed:
            self._post(self._instances[config.name], ConfigChanged(config))
        for instance in added.values():
            self._warn(instance.config)
            self._post(instance, Started())
        self._settle()
        self._close_unused()

    def ring(self) -> None:
        """The alarm went off."""
        self._wakes_at = None
        self.wake()

    def wake(self) -> None:
        """Take in all that has happened, and let the time pass."""
        if changed := self._ports.links.drain():
            self._look_at_links(changed)
            self._settle()
            self._close_unused()
        for interface, datagram in tuple(self._ports.adverts.drain()):
            self._take(interface, datagram)
        self._settle()
        self._let_time_pass()

    def _let_time_pass(self) -> None:
        now = self._clock()
        if self._wakes_at is not None and now < self._wakes_at:
            return
        self._wakes_at = None
        for instance in self._instances.values():
            due = instance.machine.next_deadline()
            if due is not None and due <= now:
                self._post(instance, TimePassed())
        self._settle()
        for instance in self._instances.values():
            self._wake_for(instance)

    # -- events -----------------------------------------------------------------------------

    def _post(self, instance: Instance, event: Event) -> None:
        self._inbox.append((instance, event))

    def _settle(self) -> None:
        """Let the machines take every event that waits, and do what they ask for.

        Order: what comes of an action goes before whatever else waits for that instance.
        """
        stepped: dict[str, Instance] = {}
        while self._inbox:
            instance, event = self._inbox.popleft()
            stepped[instance.config.name] = instance
            for action in instance.machine.step(event, self._clock()):
                outcome = self._executor.perform(instance, action)
                if outcome is not None:
                    self._inbox.appendleft((instance, outcome))
        for instance in stepped.values():
            self._wake_for(instance)
            self._report(instance)

    def _wake_for(self, instance: Instance) -> None:
        """Set the alarm, if this instance is due before it."""
        due = instance.machine.next_deadline()
        if due is not None and (self._wakes_at is None or due < self._wakes_at):
            self._wakes_at = due
            self._alarm.set(due)

    def _report(self, instance: Instance) -> None:
        """Log what the instance went through, after it is done."""
        for passage in instance.passages:
            report = passage.report
            self._log.info(
                "transition",
                instance=instance.config.name,
                old=report.old.value,
                new=report.new.value,
                cause=str(report.cause),
                code=report.cause.code.value,
                **passage.timings,
            )
        instance.passages.clear()

    def _chart(self, configs: Sequence[InstanceConfig]) -> None:
        """Note who gets which adverts, and which addresses adverts never come from."""
        self._routes = {
            (config.interface, family, config.vrid): self._instances[config.name]
            for config in configs
            for family in config.families
        }
        self._floating = frozenset(
            vip.ip for config in configs if not config.owner for vip in config.addresses
        )
        if any(config.unicast for config in configs):
            self._ports.links.follow_routes()

    # -- links ------------------------------------------------------------------------------

    def _look_at_links(self, names: Collection[str]) -> None:
        """Tell the instances that these interfaces concern; unicast may use any of them."""
        for instance in self._instances.values():
            if instance.config.interface in names or instance.config.unicast:
                self._look_at_link_of(instance)

    def _look_at_link_of(self, instance: Instance) -> None:
        links, name = self._ports.links, instance.config.interface
        index = links.index(name)
        facts = facts_for(instance.config, links.facts(name, self._floating), links)
        if index is not None:
            facts = self._open(instance.config, facts, index)
        replaced = instance.replaced_by(index)
        if replaced:
            # The old interface took our addresses with it, even if the new one looks the same.
            self._post(instance, LinkChanged(LinkFacts(name=name, exists=False)))
        if replaced or facts != instance.link:
            instance.learn(facts, index)
            self._post(instance, LinkChanged(facts))

    def _open(self, config: InstanceConfig, facts: LinkFacts, index: int) -> LinkFacts:
        """Open the channels of an instance; say so in the facts where one fails."""
        for channel in channels_of(config, facts).values():
            try:
                self._ports.adverts.open(channel, index)
            except OSError as error:
                return replace(facts, obstacle=f"cannot hear adverts on {facts.name}: {error}")
        return facts

    def _close_unused(self) -> None:
        """Close what nobody speaks by any more."""
        used = [channel for each in self._instances.values() for channel in each.channels.values()]
        self._ports.adverts.retain(used)

    def _warn(self, config: InstanceConfig) -> None:
        """Say once what an operator may believe that is not so."""
        if config.password is not None:
            text = "the password of VRRPv2 protects nothing: everybody on the link can read it"
            self._log.warning(text, instance=config.name)

    # -- adverts ----------------------------------------------------------------------------

    def _take(self, interface: str, datagram: Datagram) -> None:
        """Bring one packet to its instance, or count why not."""
        vrid = datagram.payload[1] if len(datagram.payload) > 1 else 0
        instance = self._routes.get((interface, family_of(datagram.source), vrid))
        if instance is None:
            if not self._is_heard_elsewhere(datagram, vrid):
                self.strangers.note(interface, vrid, datagram.source)
            return
        if datagram.destination.is_multicast == (instance.config.unicast is not None):
            return
        advert = self._judge(instance, datagram)
        if isinstance(advert, DropReason):
            self._drop(instance, datagram, advert)
            return
        instance.counters.adverts_received += 1
        for text in instance.scrutiny.look(instance.config, advert, datagram.source):
            self._log.warning(text, instance=instance.config.name)
        self._post(instance, AdvertReceived(advert=advert, source=datagram.source))

    def _is_heard_elsewhere(self, datagram: Datagram, vrid: int) -> bool:
        """Whether a unicast packet is for another socket, bound to the same source, as well."""
        place = (family_of(datagram.source), vrid)
        return not datagram.destination.is_multicast and any(
            route[1:] == place and instance.config.unicast
            for route, instance in self._routes.items()
        )

    def _judge(self, instance: Instance, datagram: Datagram) -> Advert | DropReason:
        """The advert, or why it does not count for this instance.

        Why: an advert from our own address is our own come back, or that of a clone. It says
        nothing when it is as strong as we are; otherwise it cannot be our own, and counts.
        """
        unicast, source = instance.config.unicast, datagram.source
        if unicast and source not in unicast.peers:
            return DropReason.PEER
        advert = decode(datagram, instance.rules)
        if isinstance(advert, DropReason) or source != instance.link.source(family_of(source)):
            return advert
        own = advert.priority in (instance.machine.priority, RELEASE_PRIORITY)
        return DropReason.OWN if own else advert

    def _drop(self, instance: Instance, datagram: Datagram, reason: DropReason) -> None:
        instance.counters.dropped[reason] += 1
        self._throttle.warning(
            "dropped an advert",
            instance=instance.config.name,
            source=str(datagram.source),
            reason=reason.value,
            advice=advice(reason, datagram, instance.config),
        )
