"""One host: a real machine, a kernel that is a tuple of addresses, and hands that obey."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from random import Random
from typing import TypeAlias, assert_never

from vipd.core.actions import (
    Action,
    AnnounceAddresses,
    ClaimAddresses,
    ReleaseAddresses,
    RenewAddresses,
    ReportTransition,
    SendAdvert,
)
from vipd.core.config import InstanceConfig
from vipd.core.events import (
    AddressesClaimed,
    AdvertReceived,
    ClaimFailed,
    ConfigChanged,
    Event,
    LinkChanged,
    Started,
    Stopped,
    TimePassed,
)
from vipd.core.machine import Machine
from vipd.core.model import RELEASE_PRIORITY, Advert, LinkFacts, State, Vip
from vipd.core.units import Duration, Instant, to_centiseconds
from vipd.sim.clock import Clock
from vipd.sim.network import Network
from vipd.sim.story import describe_action, describe_event
from vipd.wire.vrrp import GROUP, REQUIRED_TTL, Datagram, advertised, decode, encode

MachineType: TypeAlias = Callable[[InstanceConfig], Machine]
"""What makes a node's machine: `Machine`, or a broken one that the simulation must find out."""

RECEIVE_BUFFER = 12
"""How many packets wait on a node that does not run; those that come later are lost."""

REFUSAL = "the kernel says no"


class Broken(Exception):
    """A rule that must always hold does not."""


class Node:
    """A host with one agent with one instance. Faults happen to it by its public methods."""

    def __init__(
        self,
        index: int,
        name: str,
        config: InstanceConfig,
        link: LinkFacts,
        *,
        clock: Clock,
        network: Network,
        rng: Random,
        lateness: Duration,
        machine: MachineType,
        on_change: Callable[[], None],
        tell: Callable[[str], None] | None,
    ) -> None:
        self.name = name
        self.config = config
        self.link = link
        self.machine: Machine | None = None
        self.held: tuple[Vip, ...] = ()
        self._index = index
        self._clock = clock
        self._network = network
        self._rng = rng
        self._lateness = lateness
        self._new_machine = machine
        self._on_change = on_change
        self._tell = tell
        self._paused = False
        self._deaf = False
        self._refuses = False
        self._spoken = False
        self._queue: deque[Callable[[], None]] = deque()
        self._wake_at: Instant | None = None
        self._compiled: dict[tuple[InstanceConfig, SendAdvert], tuple[Datagram, ...]] = {}

    @property
    def state(self) -> State:
        """What this node is; a host without an agent is INIT."""
        return self.machine.state if self.machine else State.INIT

    # -- what befalls a node ----------------------------------------------------------------

    def start(self) -> None:
        """Start the agent, unless it runs."""
        self._happen(self._start)

    def stop(self) -> None:
        """End the agent cleanly."""
        self._happen(self._stop)

    def lose_power(self) -> None:
        """End everything at once; what the kernel held is gone with it."""
        self.machine, self.held, self._wake_at = None, (), None
        self._paused = self._deaf = False
        self._queue.clear()
        self._on_change()

    def pause(self, *, deaf: bool) -> None:
        """Run no more; a deaf node also loses its packets."""
        self._paused, self._deaf = True, deaf

    def resume(self) -> None:
        """Run again. Order: all that waited comes first, then the clock is read."""
        self._paused = self._deaf = False
        while self._queue:
            self._queue.popleft()()
        self._take_turn(TimePassed())

    def plug(self, *, carrier: bool) -> None:
        """Give the interface its carrier, or take it."""
        self.link = replace(self.link, carrier=carrier)
        self._happen(partial(self._take_turn, LinkChanged(self.link)))

    def refuse_claims(self, *, refuses: bool) -> None:
        """Let the kernel refuse every claim from now on, or accept again."""
        self._refuses = refuses

    def reload(self, config: InstanceConfig) -> None:
        """Give the agent another configuration."""
        self.config = config
        self._happen(partial(self._take_turn, ConfigChanged(config)))

    def receive(self, datagram: Datagram) -> None:
        """Take a packet from the network, as far as there is somebody to take it."""
        if self.machine is None or not self.link.carrier or self._deaf:
            return
        if self._paused and len(self._queue) >= RECEIVE_BUFFER:
            return
        self._happen(partial(self._hear, datagram))

    # -- the agent --------------------------------------------------------------------------

    def _happen(self, what: Callable[[], None]) -> None:
        if self._paused:
            self._queue.append(what)
        else:
            what()

    def _start(self) -> None:
        if self.machine is None:
            self.machine = self._new_machine(self.config)
            self._take_turn(LinkChanged(self.link))
            self._take_turn(Started())

    def _stop(self) -> None:
        self._take_turn(Stopped())
        self.machine, self._wake_at = None, None

    def _hear(self, datagram: Datagram) -> None:
        advert = decode(datagram)
        if not isinstance(advert, Advert):
            raise Broken(f"{self.name} refuses an advert of this cluster: {advert.value}")
        self._take_turn(AdvertReceived(advert=advert, source=datagram.source))

    def _wake(self, at: Instant) -> None:
        """Read the clock, unless the node does not run: it will when it resumes."""
        if self._wake_at != at:
            return
        self._wake_at = None
        if not self._paused:
            self._take_turn(TimePassed())

    def _take_turn(self, event: Event) -> None:
        """Let the machine take in one event, and all that follows from it at once."""
        if self.machine is None:
            return
        before = self.machine.state
        follow_up: Event | None = event
        while follow_up is not None:
            follow_up = self._step(self.machine, follow_up)
        self._check(self.machine)
        self._rearm(self.machine)
        if self.machine.state is not before:
            self._on_change()

    def _rearm(self, machine: Machine) -> None:
        """Plan a wake-up where the deadline is earlier; a later one is seen upon waking."""
        due = machine.next_deadline()
        if due is not None and (self._wake_at is None or due < self._wake_at):
            self._wake_at = due
            late = int(self._rng.random() * self._lateness)
            self._clock.plan(max(due, self._clock.now) + late, partial(self._wake, due))

    # -- the hands --------------------------------------------------------------------------

    def _step(self, machine: Machine, event: Event) -> Event | None:
        """Step the machine and do what it says; return the kernel's answer, if it was asked."""
        before = machine.state
        actions = machine.step(event, self._clock.now)
        if self._tell:
            self._tell_turn(event, machine.state, actions)
        if machine.state is not before:
            self._require(
                sum(isinstance(action, ReportTransition) for action in actions) == 1,
                f"reports {before.value} to {machine.state.value} not exactly once",
            )
        answer: Event | None = None
        for action in actions:
            self._require(answer is None, "does something between a claim and its answer")
            answer = self._carry_out(action, before, machine)
        return answer

    def _carry_out(self, action: Action, before: State, machine: Machine) -> Event | None:
        match action:
            case SendAdvert():
                self._send(action, before)
            case AnnounceAddresses(addresses):
                self._require(self._spoken, "announces before it speaks")
                self._require(addresses == self.held, "announces what it does not hold")
            case ClaimAddresses(addresses):
                self._require(machine.state is State.MASTER, "claims without being MASTER")
                return self._claim(addresses)
            case RenewAddresses(addresses):
                self._require(addresses == self.held, "renews what it does not hold")
            case ReleaseAddresses(addresses):
                self.held = tuple([vip for vip in self.held if vip not in addresses])
            case ReportTransition(old=old, new=new):
                self._require((old, new) == (before, machine.state), "reports what did not happen")
                self._require(not self.held, "reports before it has let go")
                self._spoken = False
            case _:
                assert_never(action)
        return None

    def _send(self, action: SendAdvert, before: State) -> None:
        self._require(before is State.MASTER, "speaks without having been MASTER")
        self._require(self.held == self.config.addresses, "speaks without its addresses")
        self._spoken = action.priority != RELEASE_PRIORITY
        if self.link.carrier:
            for datagram in self._compile(action):
                self._network.send(self._index, datagram)

    def _claim(self, addresses: tuple[Vip, ...]) -> Event:
        if self._refuses:
            self.held = tuple([vip for vip in self.held if vip not in addresses])
            return ClaimFailed(REFUSAL)
        self.held = addresses
        return AddressesClaimed()

    def _compile(self, action: SendAdvert) -> tuple[Datagram, ...]:
        """The datagrams of one advert, one for each family; made once, as the agent makes them."""
        key = (self.config, action)
        if key not in self._compiled:
            self._compiled[key] = tuple(compile_advert(self.config, self.link, action))
        return self._compiled[key]

    # -- what must hold ---------------------------------------------------------------------

    def _require(self, holds: bool, rule: str) -> None:  # noqa: FBT001  (it is what is asserted)
        if not holds:
            raise Broken(f"{self.name} {rule}")

    def _check(self, machine: Machine) -> None:
        """What is true of a node whenever it is at rest."""
        state, due = machine.state, machine.next_deadline()
        expected = self.config.addresses if state is State.MASTER else ()
        if self.held != expected:
            held = ", ".join(map(str, self.held)) or "nothing"
            raise Broken(f"{self.name} is {state.value} and holds {held}")
        if due is None and state in {State.MASTER, State.BACKUP}:
            raise Broken(f"{self.name} is {state.value} and waits for nothing")

    def _tell_turn(self, event: Event, state: State, actions: tuple[Action, ...]) -> None:
        assert self._tell is not None
        done = "; ".join(map(describe_action, actions))
        self._tell(f"{self.name}  {state.value:<6}  {describe_event(event)}  ->  {done or '-'}")


def compile_advert(config: InstanceConfig, link: LinkFacts, action: SendAdvert) -> list[Datagram]:
    """Write one advert in every family of an instance."""
    datagrams = []
    for family in config.families:
        source, destination = link.source(family), GROUP[family]
        assert source is not None, "whoever speaks has a source in each family"
        advert = Advert(
            version=config.version,
            vrid=config.vrid,
            priority=action.priority,
            interval_cs=to_centiseconds(config.advert_interval),
            addresses=advertised(config.addresses, family),
            checksum=action.checksum,
        )
        payload = encode(advert, source=source, destination=destination)
        datagrams.append(
            Datagram(payload=payload, source=source, destination=destination, ttl=REQUIRED_TTL)
        )
    return datagrams
