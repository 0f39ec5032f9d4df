"""The runtime: brings what happens to the machines, in one order, and wakes when one is due.

Every wake-up is the same: say how late it is, take in what the kernel says of the links, then every
packet that has arrived, then let the time pass; do what the machines ask for; set one alarm.
Packets go before timers, always: an advert that waits in a socket is proof that the MASTER lives.
An alarm that comes early needs no care, because deadlines are data in the machines; it is set anew
only when something is due before it, so that hearing an advert, which moves a deadline away, costs
nothing (`vipd.agent.schedule`). Before a takeover it rings once more, for the crew to rehearse it
(`vipd.agent.rehearsal`). What the machines want of their addresses at one wake-up is asked of the
kernel at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence

from vipd.agent.crew import Crew
from vipd.agent.executor import Executor
from vipd.agent.instance import Instance
from vipd.agent.ports import Alarm, Clock, Ports
from vipd.agent.reception import Reception
from vipd.agent.roster import Roster
from vipd.agent.schedule import Schedule
from vipd.agent.stranger import Strangers
from vipd.agent.surroundings import Surroundings
from vipd.agent.telling import Telling
from vipd.agent.throttle import Throttle
from vipd.config.plan import plan
from vipd.core import events
from vipd.core.config import InstanceConfig
from vipd.core.model import State
from vipd.core.units import CENTISECOND, SECOND, Duration, Instant
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
        self._schedule = Schedule()
        self._wakes_at: Instant | None = None
        self._telling = Telling(clock, log)
        self._latest: Instant = 0
        """The time that a machine was told last."""
        self._reception = Reception(self._roster, clock, log, self._throttle)
        self._surroundings = Surroundings(ports, self._roster, clock, self._throttle)
        self._crew = Crew()
        self.shortest_interval: Duration = SECOND
        """That of the instances that advertise most often."""

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
        self._tell_the_rest()

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
        self._reception.forget()
        if any(config.unicast for config in configs):
            self._ports.links.follow_routes()
        interfaces = {config.interface for config in configs}
        self.shortest_interval = min((one.advert_interval for one in configs), default=SECOND)
        self._inbox.extend(self._surroundings.look_at(interfaces))
        for config in change.changed:
            self._inform(self._roster.named(config.name), config)
            self._post(self._roster.named(config.name), events.ConfigChanged(config))
        for instance in added:
            self._warn_of(instance.config)
            self._inform(instance, instance.config)
            self._post(instance, events.Started((spoke or {}).get(instance.config.name)))
        self._look_after(interfaces)

    def _warn_of(self, config: InstanceConfig) -> None:
        """Say once what an operator may believe that is not so."""
        if config.password is not None:
            text = "the password of VRRPv2 protects nothing: everybody on the link can read it"
            self._log.warning(text, instance=config.name)

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
        self._settle()
        if overheard := tuple(self._ports.tap.drain()):
            self._take_in()
            for interface, datagram in overheard:
                self._reception.overhear(interface, datagram)

    def _take_in(self) -> None:
        self._notice_lateness()
        if changed := self._ports.links.drain():
            self._look_around(changed)
        self._settle(self._hear())

    def _hear(self) -> Instant:
        """Let the machines know what has arrived; when it has.

        Order: after what is news to a machine nothing is the same again that was.
        """
        packets = tuple(self._ports.adverts.drain())
        at = self._latest = max(self._clock() - self._ports.adverts.age, self._latest)
        told: set[Instance] = set()
        for interface, datagram in packets:
            if taken := self._reception.take(interface, datagram, at):
                instance, event = taken
                if instance in told or not instance.machine.hears_again(event, at):
                    told.add(instance)
                    self._post(instance, event)
        return at

    def _look_around(self, interfaces: Collection[str]) -> None:
        """Tell the instances what has become of these interfaces, and of the addresses there."""
        self._inbox.extend(self._surroundings.look_at(interfaces))
        self._look_after(interfaces)

    def _look_after(self, interfaces: Collection[str]) -> None:
        """Let the instances take what they were told, and see how their addresses are after it."""
        self._settle()
        self._surroundings.close_unused()
        self._inbox.extend(self._surroundings.inspect(interfaces))
        self._settle()
        for instance in self._roster:
            if instance.machine.state is State.BACKUP:
                self._executor.prepare(instance)

    def _hear_neighbors(self) -> None:
        for interface, address, mac in self._ports.neighbors.drain():
            for instance in self._roster.users(interface, address):
                self._post(instance, events.NeighborHeard(address=address, mac=mac))

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
        due = self._schedule.take_due(self._clock())
        self._wakes_at = None
        if not due:
            self._rehearse()
        if any(instance.machine.state is State.BACKUP for instance in due):
            self._hear_neighbors()
        for instance in due:
            self._post(instance, events.TimePassed())
        self._settle()
        self._set_alarm()
        if self._surroundings.taps:
            self._surroundings.use_tap()

    # -- events -----------------------------------------------------------------------------

    def _post(self, instance: Instance, event: events.Event) -> None:
        self._inbox.append((instance, event))

    def _settle(self, at: Instant | None = None) -> None:
        """Let the machines take every event that waits, and do what they ask for.

        What waits is of that moment, or of now. Why one moment for all that waits: what happens at
        the same time goes on at the same time, so that instances which take over together speak
        together ever after.
        """
        stepped: dict[Instance, None] = {}
        while self._inbox or self._fulfil() or self._consult():
            now = self._latest = at or self._clock()
            at = None
            for _ in range(len(self._inbox)):
                instance, event = self._inbox.popleft()
                stepped[instance] = None
                self._step(instance, event, now)
        for instance in stepped:
            self._schedule.note(instance)
        self._set_alarm()
        if self._executor.doubts:
            self._executor.doubts = False
            self._surroundings.use_tap()
        self._telling.note(stepped)
        if self._telling.is_time(self._schedule.next()):
            self._tell()
        if self._roster.drop_gone():
            self._forget_gone()

    def _step(self, instance: Instance, event: events.Event, now: Instant) -> None:
        """Let one machine take one event, and do what it asks for.

        Order: what comes of an action goes before whatever else waits for that instance.
        """
        actions = instance.machine.step(event, now)
        if not actions:
            return
        instance.stepped_at, instance.early = now, {} if len(actions) > 1 else None
        outcomes = [self._executor.perform(instance, action) for action in actions]
        for outcome in outcomes:
            if outcome is not None:
                self._step(instance, outcome, now)

    def _fulfil(self) -> bool:
        """Have the kernel do what the machines want of it; whether there is anything to know."""
        self._inbox.extend(self._executor.fulfil())
        return bool(self._inbox)

    def _tell(self) -> None:
        """Say what has become of those that have changed."""
        changed = self._telling.tell(self._crew)
        if any(each.config.virtual_mac for each in changed):
            self._surroundings.watch_neighbors()
        self._crew.on_change()

    def _tell_the_rest(self) -> None:
        """Say what was put off: nobody may be left to say it later."""
        if self._telling.is_time(None):
            self._tell()

    def _forget_gone(self) -> None:
        """Somebody has left that was told to."""
        self._reception.forget()
        self._surroundings.close_unused()
        self._surroundings.watch_neighbors()
        self._surroundings.use_tap()
        if not self._roster.leaving:
            self._tell_the_rest()
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

    def _set_alarm(self) -> None:
        """Set the alarm anew, if somebody is due before it.

        For a takeover it rings by the lead of the crew earlier, and then nobody sleeps until that.
        """
        due = self._schedule.next()
        if due is None or (self._wakes_at is not None and due >= self._wakes_at):
            return
        takeover = self._schedule.next_takeover()
        early = due if takeover is None else min(due, takeover - self._crew.lead)
        awake = early < due and early <= self._clock()
        self._wakes_at = due if awake else early
        self._alarm.set(self._wakes_at, awake=awake)

    def _rehearse(self) -> None:
        """Let a takeover be rehearsed that is near, if there is time for that.

        Why the neighbours: what waits in their sockets is read at a takeover, too.
        """
        takeover, lead = self._schedule.next_takeover(), self._crew.lead
        if takeover is not None and lead // 2 < takeover - self._clock() <= lead:
            self._hear_neighbors()
            self._crew.rehearse()
