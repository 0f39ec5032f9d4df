"""One host: a real machine, a kernel that outlives it, and whatever may befall them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from vipd.core.actions import ReportTransition
from vipd.core.config import InstanceConfig
from vipd.core.events import (
    AddressesClaimed,
    AddressesDrifted,
    AdvertReceived,
    ConfigChanged,
    Event,
    LinkChanged,
    NeighborHeard,
    Started,
    Stopped,
    TimePassed,
    WokeLate,
)
from vipd.core.machine import Machine
from vipd.core.model import LinkFacts, State, Vip
from vipd.core.units import MILLISECOND, SECOND, Duration, Instant
from vipd.sim.circumstance import Circumstances
from vipd.sim.clock import Dial
from vipd.sim.conduct import Patience, judge_awakening, judge_patience, judge_rest
from vipd.sim.hands import Hands
from vipd.sim.kernel import Kernel
from vipd.sim.packet import Announced, Asked, Packet, Spoken
from vipd.sim.rule import Broken
from vipd.sim.scenario import Scenario
from vipd.sim.story import describe_turn
from vipd.sim.world import World

RECEIVE_BUFFER = 12
"""How many packets wait on a node that does not run; those that come later are lost."""

HANDOVER_MARGIN = 100 * MILLISECOND
"""What a MASTER that is stopped waits for beyond the longest skew, which is under an interval."""


class Node:
    """One instance on a host, on one link. Faults happen to it by its public methods."""

    def __init__(self, index: int, scenario: Scenario, world: World, link: int = 0) -> None:
        host = scenario.hosts[index]
        self.name = chr(ord("a") + index) + (str(link + 1) if scenario.group else "")
        self.config = host.config(scenario.families, link, scenario.group)
        self.on_turn: Callable[[], None] | None = None
        """What is to be called when it has settled, because others depend on it."""
        self.machine: Machine | None = None
        self.stops_by: Instant | None = None
        """When, at the latest, an agent that was told to stop has handed over."""
        self.stops_at_once = False
        self._index = index
        self._world = world
        self._clock = world.clock
        self._dial = Dial(world.clock, origin=index * SECOND, drift=host.drift)
        self.kernel = Kernel(
            world.clock, self._dial, world.rng, on_change=world.on_change, on_lapse=self._lapse
        )
        self.hands = Hands(
            index,
            self.name,
            self.config,
            host.link(index, link),
            clock=world.clock,
            kernel=self.kernel,
            network=world.network,
        )
        self.patience = Patience(self.config)
        self._around = Circumstances()
        self._record: Instant | None = None
        self.paused = self._deaf = self._stopping = self._restarts = False
        self._paused_at: Instant = 0
        self._notices: deque[Callable[[], None]] = deque()
        self._packets: deque[Packet] = deque()
        self._wake_at: Instant | None = None

    @property
    def state(self) -> State:
        """What this node is; a host without an agent is INIT."""
        return self.machine.state if self.machine else State.INIT

    @property
    def stands(self) -> InstanceConfig:
        """What it stands for election with: the priority is the effective one."""
        return self._around.trackers.weigh(self.config)

    @property
    def listens(self) -> InstanceConfig:
        """What it takes weaker adverts with: one that was moved away from preempts nobody."""
        return self._around.operator.subdue(self.stands)

    @property
    def runs(self) -> bool:
        """Whether there is an agent that can do something."""
        return self.machine is not None and not self.paused

    @property
    def held(self) -> tuple[Vip, ...]:
        """What the kernel has."""
        return self.kernel.held

    @property
    def leaves(self) -> bool:
        """Whether a MASTER is on its way out."""
        return self.machine is not None and self.machine.status(self._dial.now).leaving is not None

    @property
    def alarm(self) -> Instant:
        """By when the machine has looked at its clock, as the cluster's clock has it."""
        due = self.machine.next_deadline() if self.machine else None
        return self._dial.when(due) + self._world.lateness if due is not None else 0

    @property
    def owns(self) -> bool:
        """Whether the link can reach an address here."""
        return bool(self.kernel.held) and self.hands.link.carrier

    # -- what befalls a node ----------------------------------------------------------------

    def start(self) -> None:
        """Start the agent, unless it runs; one that is being stopped is started after that."""
        self._happen(self._start)

    def stop(self, *, at_once: bool) -> None:
        """End the agent cleanly."""
        self._happen(partial(self._stop, at_once=at_once))

    def crash(self) -> None:
        """End the agent, and nothing else: the kernel keeps what it has while the lease lasts."""
        self._end()
        self.paused = self._deaf = False
        self._notices.clear()
        self._packets.clear()
        self._tell("crashed")
        self._world.on_change()

    def lose_power(self) -> None:
        """End everything at once; what the kernel held is gone with it, and every file."""
        self.crash()
        self._record = None
        self.kernel.sweep()

    def pause(self, *, deaf: bool) -> None:
        """Run no more; a deaf node also loses its packets."""
        if not self.paused:
            self._paused_at = self._clock.now
        self.paused, self._deaf = True, deaf
        self.stops_by = None
        self._tell("paused")
        self._world.on_change()

    def resume(self) -> None:
        """Run again. Order: that it is late, what the kernel says, the packets, then the time."""
        if not self.paused:
            return
        self.paused = self._deaf = False
        self._world.on_change()
        sleeper, was, late = self.machine, self.state, self._late
        interval = max(self.config.advert_interval, self.patience.interval)
        awaited = sleeper is not None and not self.leaves
        overdue = self.patience.overdue(self.stands, self._dial.now)
        self._wake_at = None
        if late > self.config.advert_interval:
            self.take_turn(WokeLate(late))
        while self._notices:
            self._notices.popleft()()
        while self._packets:
            self._take(self._packets.popleft())
        self.patience.awake()
        self.take_turn(TimePassed())
        if awaited and self.machine is sleeper and self.state is State.MASTER:
            slept = self._clock.now - self._paused_at
            judge_awakening(self.name, was, interval, slept=slept, overdue=overdue)

    def plug(self, *, carrier: bool) -> None:
        """Give the interface its carrier, or take it."""
        link = self.hands.link
        if carrier is not link.carrier:
            self._change_link(replace(link, carrier=carrier, carriers=link.carriers + 1))

    def flap(self) -> None:
        """Lose the carrier and have it back before anybody looks."""
        self._change_link(replace(self.hands.link, carriers=self.hands.link.carriers + 2))

    def change_mac(self) -> None:
        """Give the interface another MAC address."""
        *rest, last = self.hands.link.mac
        self._change_link(replace(self.hands.link, mac=bytes((*rest, last + 16))))

    def refuse(self, *, refuses: bool) -> None:
        """Let the kernel refuse every claim from now on, or accept again."""
        self.kernel.refuses = refuses

    def delete(self) -> None:
        """Let somebody remove an address behind the agent's back."""
        if not self.kernel.held:
            return
        vip = self.kernel.held[int(self._world.rng.random() * len(self.kernel.held))]
        self._tell(f"somebody removes {vip}")
        self.hands.untold = True
        self.kernel.release((vip,))
        late = int(self._world.rng.random() * self._world.lateness)
        self._clock.plan(self._clock.now + late, self._notice_drift)

    def reload(self, priority: int) -> None:
        """Give the agent another priority."""
        self._happen(partial(self._reload, priority))

    def undergo(self, change: Callable[[Circumstances], None]) -> None:
        """Let something change around the agent: what it tracks, what an operator wants of it."""
        change(self._around)
        self._happen(self._look_around)

    def receive(self, packet: Packet) -> None:
        """Take a packet from the network, as far as there is somebody to take it."""
        if self.hands.link.carrier and isinstance(packet, Asked):
            self.hands.answer(packet)
        elif self.hands.link.carrier and not self.paused:
            self._take(packet)
        elif self._deaf or not self.hands.link.carrier or len(self._packets) >= RECEIVE_BUFFER:
            self.patience.miss()
        else:
            self._packets.append(packet)

    # -- the kernel -------------------------------------------------------------------------

    def _lapse(self) -> None:
        """A lease has ended."""
        self._tell("the lease ends")
        if self.runs and not self.hands.untold:
            raise Broken(self.name, "lets its lease run out")
        if self.machine:
            self.hands.untold = True
            self._notice_drift()

    def _notice_drift(self) -> None:
        self._happen(self._look_for_drift)

    def _look_for_drift(self) -> None:
        """Compare what the machine holds with what the kernel has, as the agent would."""
        self.hands.untold = False
        missing = [vip for vip in self.config.addresses if vip not in self.kernel.held]
        if missing and self.state is State.MASTER:
            self.take_turn(AddressesDrifted(f"{missing[0]} was removed"))

    # -- the agent --------------------------------------------------------------------------

    def _happen(self, what: Callable[[], None]) -> None:
        if self.paused:
            self._notices.append(what)
        else:
            what()

    def _start(self) -> None:
        if self.machine is not None:
            self._restarts = self._stopping
            return
        self._restarts, self.hands.untold = False, False
        self.machine, self.patience = self._world.machine(self.config), Patience(self.config)
        self._around.begin(self.config, self._record, self._dial.now)
        late = int(self._world.rng.random() * self._world.lateness)
        self._clock.plan(self._clock.now + late, partial(self._happen, self._look_around))
        self._step(self.machine, LinkChanged(self.hands.link))
        for order in self._around.operator.news():
            self._step(self.machine, order)
        self._follow(self.machine, Started(self._record))
        if self.machine.state is not State.MASTER:
            self.kernel.sweep()
        self._settle(self.machine)
        self._world.on_change()
        if self.on_turn:
            self.on_turn()

    def _stop(self, *, at_once: bool) -> None:
        if self.machine is None:
            return
        bound = self.config.advert_interval + HANDOVER_MARGIN + self.config.linger
        self.stops_by = self._clock.now + bound + bound // 500 + 2 * self._world.lateness
        self._clock.plan(self.stops_by, partial(self._judge_stop, self.machine, self.stops_by))
        self.stops_at_once = at_once or self._stopping
        self._stopping = True
        self.take_turn(Stopped(at_once=at_once))

    def _end(self) -> None:
        self.machine = self._wake_at = self.stops_by = None
        self._stopping = False

    def _change_link(self, link: LinkFacts) -> None:
        self.hands.link = link
        self._happen(lambda: self.take_turn(LinkChanged(link)) if link is self.hands.link else None)

    def _reload(self, priority: int) -> None:
        self.config = replace(self.config, priority=priority)
        self.hands.configure(self.config)
        if not self._stopping:
            self.take_turn(ConfigChanged(self.config))

    def _look_around(self) -> None:
        for event in self._around.news(self.config) if self.machine else ():
            self.take_turn(event)

    def _take(self, packet: Packet) -> None:
        match packet:
            case Spoken(event=event):
                self.take_turn(event)
            case Announced(addresses=addresses, mac=mac):
                for address in addresses:
                    self.take_turn(NeighborHeard(address=address, mac=mac))
            case _:
                raise AssertionError("the kernel answers, not the agent")

    def _wake(self, at: Instant) -> None:
        """Read the clock, unless the node does not run: it will when it resumes."""
        if self._wake_at == at and not self.paused:
            self._wake_at = None
            self.take_turn(TimePassed())

    @property
    def _late(self) -> Duration:
        """How long ago the machine wanted to look at its clock, if that is over."""
        due = self.machine.next_deadline() if self.machine else None
        return self._dial.now - due if due is not None else 0

    def take_turn(self, event: Event) -> None:
        """Let the machine take in one event, and all that follows from it at once."""
        machine = self.machine
        if machine is None:
            return
        before = machine.state
        self._follow(machine, event)
        self._settle(machine)
        if machine.state is not before:
            self._world.on_change()
        if self.on_turn:
            self.on_turn()

    def _follow(self, machine: Machine, event: Event) -> None:
        follow_up: Event | None = event
        while follow_up is not None:
            follow_up = self._step(machine, follow_up)

    def _settle(self, machine: Machine) -> None:
        """At rest: check what must hold, set the alarm; an agent that has stopped is gone."""
        lost = self.hands.untold and machine.state is State.MASTER
        judge_rest(self.name, machine, self.config, None if lost else self.kernel.held)
        leaving = machine.standing.leaving
        forbidden = self._around.operator.forbids(machine.state, leaving=leaving)
        self.hands.require(not forbidden, "takes part in spite of a maintenance")
        self._record = machine.spoke
        if self._stopping and machine.state is State.INIT:
            self._end()
            if self._restarts:
                self._start()
            return
        due = machine.next_deadline()
        if due is not None and (self._wake_at is None or due < self._wake_at):
            self._wake_at = due
            late = int(self._world.rng.random() * self._world.lateness)
            self._clock.plan(self._dial.when(due) + late, partial(self._wake, due))

    def _step(self, machine: Machine, event: Event) -> Event | None:
        """Step the machine and do what it says; return the kernel's answer, if it was asked."""
        before, now = machine.state, self._dial.now
        if isinstance(event, AdvertReceived):
            whose = event.source if before is State.BACKUP else None
            self.patience.hear(event.advert, whose, self.listens, now)
        actions = machine.step(event, now)
        if self._world.tell:
            self._tell(describe_turn(event, actions))
        reports = [action for action in actions if isinstance(action, ReportTransition)]
        if len(reports) != (machine.state is not before):
            self.hands.require(before is machine.state, "reports a transition not exactly once")
        for report in reports:
            self._around.note(report)
            judge_patience(self.name, self.patience, report, self.stands, now)
        answer: Event | None = None
        for action in actions:
            claimed = isinstance(answer, AddressesClaimed)
            self.hands.require(not claimed, "does something between a claim and its answer")
            answer = self.hands.perform(action, before, machine) or answer
        for report in reports:
            self._world.on_transition(self._index, report)
        return answer

    def _judge_stop(self, machine: Machine, stops_by: Instant) -> None:
        if self.machine is machine and self.stops_by == stops_by:
            raise Broken(self.name, "does not come to an end")

    # -- the story --------------------------------------------------------------------------

    def _tell(self, what: str) -> None:
        if self._world.tell:
            self._world.tell(f"{self.name}  {self.state.value:<6}  {what}")
