"""The runtime: brings what happens to the machines, in one order, and wakes when one is due.

Every wake-up is the same: take in what the kernel says of the links, then every packet that has
arrived, then let the time pass; do what the machines ask for; set one alarm. Packets go before
timers, always: an advert that waits in a socket is proof that the MASTER lives. An alarm that comes
early or late needs no care, because deadlines are data in the machines; it is set anew only when
something is due before it, so that hearing an advert, which moves a deadline away, costs nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace

from vipd.agent.executor import Executor
from vipd.agent.instance import Instance
from vipd.agent.ports import Alarm, Clock, Ports
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
from vipd.core.model import Family, IPAddress, LinkFacts, family_of
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
        self._chart(configs)
        for name in {config.interface for config in configs}:
            self._look_at_link(name)
        for config in change.changed:
            self._instances[config.name].forget_packets()
            self._post(self._instances[config.name], ConfigChanged(config))
        for instance in added.values():
            self._post(instance, Started())
        self._settle()
        self._detach_unused(change.removed + change.changed)

    def ring(self) -> None:
        """The alarm went off."""
        self._wakes_at = None
        self.wake()

    def wake(self) -> None:
        """Take in all that has happened, and let the time pass."""
        for name in self._ports.links.drain():
            self._look_at_link(name)
        self._settle()
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

    # -- links ------------------------------------------------------------------------------

    def _look_at_link(self, name: str) -> None:
        concerned = [i for i in self._instances.values() if i.config.interface == name]
        if not concerned:
            return
        facts = self._attach(self._ports.links.facts(name, self._floating))
        for instance in concerned:
            if instance.link != facts:
                instance.learn(facts)
                self._post(instance, LinkChanged(facts))

    def _attach(self, facts: LinkFacts) -> LinkFacts:
        """Listen in every family that is wanted here; say so in the facts where it fails."""
        index = self._ports.links.index(facts.name)
        wanted = {family for interface, family, _ in self._routes if interface == facts.name}
        for family in sorted(wanted):
            source = facts.source(family)
            if index is None or source is None:
                continue
            try:
                self._ports.adverts.attach(facts.name, index, source)
            except OSError as error:
                return replace(facts, obstacle=f"cannot hear adverts on {facts.name}: {error}")
        return facts

    def _detach_unused(self, configs: Iterable[InstanceConfig]) -> None:
        """Stop listening where nobody listens any more."""
        wanted = {(interface, family) for interface, family, _ in self._routes}
        for config in configs:
            for family in Family:
                if (config.interface, family) not in wanted:
                    self._ports.adverts.detach(config.interface, family)

    # -- adverts ----------------------------------------------------------------------------

    def _take(self, interface: str, datagram: Datagram) -> None:
        """Bring one packet to its instance, or count why not."""
        family = family_of(datagram.source)
        vrid = datagram.payload[1] if len(datagram.payload) > 1 else 0
        instance = self._routes.get((interface, family, vrid))
        if instance is None:
            return
        if datagram.source == instance.link.source(family):
            self._drop(instance, datagram, DropReason.OWN)
            return
        advert = decode(datagram)
        if isinstance(advert, DropReason):
            self._drop(instance, datagram, advert)
            return
        instance.counters.adverts_received += 1
        self._post(instance, AdvertReceived(advert=advert, source=datagram.source))

    def _drop(self, instance: Instance, datagram: Datagram, reason: DropReason) -> None:
        instance.counters.dropped[reason] += 1
        self._throttle.warning(
            "dropped an advert",
            instance=instance.config.name,
            source=str(datagram.source),
            reason=reason.value,
        )
