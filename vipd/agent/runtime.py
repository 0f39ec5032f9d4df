"""The runtime: brings what happens to the machines, in one order, and wakes when one is due.

Every wake-up is the same: say how late it is, take in what the kernel says of the links, then every
packet that has arrived, then let the time pass; do what the machines ask for; set one alarm.
Packets go before timers, always: an advert that waits in a socket is proof that the MASTER lives.
An alarm that comes early needs no care, because deadlines are data in the machines; it is set anew
only when something is due before it, so that hearing an advert, which moves a deadline away, costs
nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from vipd.agent.crew import Crew
from vipd.agent.executor import Executor
from vipd.agent.instance import Instance
from vipd.agent.ports import Alarm, Clock, Ports
from vipd.agent.reception import Reception
from vipd.agent.roster import Roster
from vipd.agent.source import channels_of, facts_for
from vipd.agent.stranger import Strangers
from vipd.agent.throttle import Throttle
from vipd.config.plan import plan
from vipd.core import events
from vipd.core.config import InstanceConfig
from vipd.core.model import LinkFacts
from vipd.core.units import CENTISECOND, Duration, Instant
from vipd.log import Logger

SHORTEST_INTERVAL: Duration = CENTISECOND
"""A wake-up that is no later than this is late for nobody. RFC: 9568 §5.2.7."""


class Runtime:
    """All instances of one agent."""

    def __init__(self, ports: Ports, clock: Clock, alarm: Alarm, log: Logger) -> None:
        self._ports = ports
        self._clock = clock
        self._alarm = alarm
        self._log = log
        self._throttle = Throttle(log, clock)
        self._executor = Executor(ports, clock, log)
        self._roster = Roster()
        self._inbox: deque[tuple[Instance, events.Event]] = deque()
        self._watched: frozenset[str] = frozenset()
        self._wakes_at: Instant | None = None
        self._reception = Reception(self._roster, clock, log, self._throttle)
        self._crew = Crew()

    @property
    def instances(self) -> Sequence[Instance]:
        """Every instance, in the order of the configuration; then those that are leaving."""
        return tuple(self._roster)

    @property
    def running(self) -> Sequence[Instance]:
        """Every instance that is configured, in the order of the configuration."""
        return self._roster.running

    @property
    def configs(self) -> tuple[InstanceConfig, ...]:
        """What is running now."""
        return tuple(instance.config for instance in self._roster.running)

    @property
    def strangers(self) -> Strangers:
        """Who advertises VRIDs on our interfaces that are nobody's here."""
        return self._reception.strangers

    def work_with(self, crew: Crew) -> None:
        """Have these beside it from now on. Why: they are made of what they know of the runtime."""
        self._crew = self._executor.crew = crew

    @property
    def handing_over(self) -> bool:
        """Whether an instance that was told to stop still serves."""
        return self._roster.leaving

    def start(
        self, configs: Sequence[InstanceConfig], spoke: Mapping[str, Instant] | None = None
    ) -> None:
        """Start every instance, then remove what an earlier life left behind.

        `spoke` is when that life sent its last advert as MASTER, by the names of the instances:
        what it left behind is the service of an instance that carries on.
        """
        self._ports.links.drain()
        self.apply(configs, spoke)
        swept = self._ports.addresses.sweep({config.interface for config in configs})
        for interface, vip in swept:
            self._log.warning("removed a leftover address", interface=interface, address=str(vip))
        for device in self._ports.virtual_macs.sweep():
            self._log.warning("removed a leftover virtual MAC address", device=device)

    def stop(self) -> None:
        """Stop every instance. One that serves hands over first: see `handing_over`."""
        self.apply(())

    def halt(self) -> None:
        """Stop every instance and release its addresses now.

        Why: it looks at nothing else, so that nothing else can keep it from that.
        """
        for config in self.configs:
            self._roster.dismiss(config.name)
        self._stop_at_once(tuple(self._roster))

    def apply(
        self, configs: Sequence[InstanceConfig], spoke: Mapping[str, Instant] | None = None
    ) -> None:
        """Run these instances from now on. Whatever did not change does not notice.

        Order: what goes, goes first; it hands over, unless its VRID or its addresses are needed
        now. The sockets of a new family are open before anyone speaks in it.
        """
        change = plan(self.configs, tuple(configs))
        for config in change.removed:
            self._post(self._roster.dismiss(config.name), events.Stopped())
        self._settle()
        self._stop_at_once(tuple(self._roster.in_the_way((*change.added, *change.changed))))
        added = [Instance(config) for config in change.added]
        for config in change.changed:
            self._roster.named(config.name).configure(config)
        self._roster.enlist(configs, added)
        if any(config.unicast for config in configs):
            self._ports.links.follow_routes()
        interfaces = {config.interface for config in configs}
        self._look_at_links(interfaces)
        for config in change.changed:
            self._inform(self._roster.named(config.name), config)
            self._post(self._roster.named(config.name), events.ConfigChanged(config))
        for instance in added:
            self._warn(instance.config)
            self._inform(instance, instance.config)
            self._post(instance, events.Started((spoke or {}).get(instance.config.name)))
        self._settle()
        self._close_unused()
        self._inspect()

    def _inform(self, instance: Instance, config: InstanceConfig) -> None:
        """Tell an instance what is known of the trackers that it uses from now on, and what is
        wanted of it."""
        orders = self._crew.orders_for(config.name)
        if orders != instance.machine.orders:
            self._post(instance, events.OrdersGiven(orders))
        names = {use.name for use in config.track}
        for report in self._crew.tracked():
            if report.name in names:
                self._post(instance, report)

    def tell(self, report: events.TrackReported) -> None:
        """A tracker has something new to say: to whom it concerns."""
        for instance in self._roster:
            if any(use.name == report.name for use in instance.config.track):
                self._post(instance, report)
        self._settle()

    def order(self, orders: Iterable[tuple[Instance, events.Order]]) -> None:
        """Give orders of an operator. Order: all, before any of a group is told of the others."""
        for instance, order in orders:
            self._post(instance, order)
        self._settle()

    def answer(self, instance: Instance, event: events.HooksAnswered) -> None:
        """The hooks that an instance has asked have run."""
        self._post(instance, event)
        self._settle()

    def ring(self) -> None:
        """The alarm went off."""
        if self._wakes_at is not None:
            self._crew.on_wake(self._clock() - self._wakes_at)
        self._take_in()
        self._let_time_pass()

    def wake(self) -> None:
        """Take in all that has happened, and let the time pass if somebody waits for that."""
        self._take_in()
        if self._wakes_at is None or self._clock() >= self._wakes_at:
            self._let_time_pass()

    def overhear(self) -> None:
        """Take in what others say of our addresses, and what the tap hears of their adverts.

        Order: the sockets are read after the tap; they have what no firewall has dropped.
        """
        self.wake()
        self._hear_neighbors()
        if overheard := tuple(self._ports.tap.drain()):
            self._take_in()
            for interface, datagram in overheard:
                self._reception.overhear(interface, datagram)

    def _take_in(self) -> None:
        self._notice_lateness()
        if changed := self._ports.links.drain():
            self._look_at_links(changed)
            self._settle()
            self._close_unused()
            self._inspect()
        for interface, datagram in tuple(self._ports.adverts.drain()):
            if taken := self._reception.take(interface, datagram):
                self._post(*taken)
        self._settle()

    def _hear_neighbors(self) -> None:
        for interface, address, mac in self._ports.neighbors.drain():
            for instance in self._roster.users(interface, address):
                self._post(instance, events.NeighborHeard(address=address, mac=mac))
        self._settle()

    def _notice_lateness(self) -> None:
        """Tell whom it concerns that this process did not run when it should have."""
        now = self._clock()
        if self._wakes_at is None or now - self._wakes_at <= SHORTEST_INTERVAL:
            return
        for instance in self._roster:
            due = instance.machine.next_deadline()
            if due is not None and now - due > instance.config.advert_interval:
                self._post(instance, events.WokeLate(now - due))
        if self._inbox:
            self._crew.on_stall()
        self._settle()

    def _let_time_pass(self) -> None:
        """Fire what is due, and set the alarm anew.

        Order: an answer to a probe that waits goes before the takeover that it may hold back.
        """
        self._hear_neighbors()
        now, self._wakes_at = self._clock(), None
        for instance in self._roster:
            due = instance.machine.next_deadline()
            if due is not None and due <= now:
                self._post(instance, events.TimePassed())
        self._settle()
        for instance in self._roster:
            self._wake_for(instance)
        self._use_tap()

    # -- events -----------------------------------------------------------------------------

    def _post(self, instance: Instance, event: events.Event) -> None:
        self._inbox.append((instance, event))

    def _settle(self) -> None:
        """Let the machines take every event that waits, and do what they ask for.

        Order: what comes of an action goes before whatever else waits for that instance.
        """
        stepped: dict[int, Instance] = {}
        while self._inbox or self._consult():
            instance, event = self._inbox.popleft()
            stepped[id(instance)] = instance
            instance.stepped_at, instance.early = self._clock(), {}
            for action in instance.machine.step(event, instance.stepped_at):
                outcome = self._executor.perform(instance, action)
                if outcome is not None:
                    self._inbox.appendleft((instance, outcome))
        changed = [each for each in stepped.values() if each.passages]
        if any(each.config.virtual_mac for each in changed):
            self._watch_neighbors()
        for instance in stepped.values():
            self._wake_for(instance)
            self._report(instance)
        if changed:
            self._crew.on_change()
        if self._roster.drop_gone():
            self._close_unused()
            self._watch_neighbors()
            self._use_tap()
            if not self._roster.leaving:
                self._crew.on_left()

    def _consult(self) -> bool:
        """Let the instances of each group know of each other; whether there is anything to know."""
        for instance, event in self._roster.consult():
            self._post(instance, event)
        return bool(self._inbox)

    def _stop_at_once(self, instances: Sequence[Instance]) -> None:
        """Let nobody wait for these, which are leaving: they release their addresses now."""
        for instance in instances:
            self._post(instance, events.Stopped(at_once=True))
        self._settle()

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
            self._crew.on_transition(instance, passage)
        instance.passages.clear()

    # -- links ------------------------------------------------------------------------------

    def _look_at_links(self, names: Collection[str]) -> None:
        """Tell the instances that these interfaces concern; unicast may use any of them."""
        for instance in self._roster:
            if instance.config.interface in names or instance.config.unicast:
                self._look_at_link_of(instance)
        self._watch_neighbors()

    def _look_at_link_of(self, instance: Instance) -> None:
        links, name = self._ports.links, instance.config.interface
        index = links.index(name)
        facts = facts_for(instance.config, links.facts(name, self._roster.floating), links)
        if index is not None:
            facts = self._open(instance.config, facts, index)
        replaced = instance.replaced_by(index)
        if replaced:
            # The old interface took our addresses with it, even if the new one looks the same.
            self._post(instance, events.LinkChanged(LinkFacts(name=name, exists=False)))
        if replaced or facts != instance.link:
            instance.learn(facts, index)
            self._post(instance, events.LinkChanged(facts))

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
        self._ports.adverts.retain(self._roster.channels())

    def _inspect(self) -> None:
        """Tell who holds addresses which of them is not as it was installed."""
        for instance in self._roster:
            if what := self._executor.inspect(instance):
                self._post(instance, events.AddressesDrifted(what))
        self._settle()

    def _watch_neighbors(self) -> None:
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

    def _use_tap(self) -> None:
        """Listen past the firewall where an instance has reason to."""
        now = self._clock()
        wondering = {each.config.interface for each in self._roster if each.firewall.wonders(now)}
        try:
            self._ports.tap.listen(wondering)
        except OSError as error:
            self._throttle.warning("cannot see past the firewall of this host", error=str(error))

    def _warn(self, config: InstanceConfig) -> None:
        """Say once what an operator may believe that is not so."""
        if config.password is not None:
            text = "the password of VRRPv2 protects nothing: everybody on the link can read it"
            self._log.warning(text, instance=config.name)
