"""The hands of one agent: they obey, and assert that what they are told makes sense."""

from __future__ import annotations

from typing import assert_never

from vipd.core.actions import (
    Action,
    AnnounceAddresses,
    AskHooks,
    CallOffHooks,
    ClaimAddresses,
    DoubtFirewall,
    ProbeAddresses,
    ReleaseAddresses,
    RenewAddresses,
    ReportIncident,
    ReportTransition,
    SendAdvert,
)
from vipd.core.config import InstanceConfig
from vipd.core.events import AddressesClaimed, ClaimFailed, Event, HooksAnswered
from vipd.core.machine import Machine
from vipd.core.model import RELEASE_PRIORITY, IPAddress, LinkFacts, State, Vip
from vipd.core.units import Instant
from vipd.sim.clock import Clock
from vipd.sim.kernel import Kernel
from vipd.sim.network import Network
from vipd.sim.packet import Announced, Asked, Spoken, compile_adverts
from vipd.sim.rule import Broken

REFUSAL = "the kernel says no"


class Hands:
    """What one host does for its machine, upon its kernel and the network."""

    def __init__(
        self,
        index: int,
        name: str,
        config: InstanceConfig,
        link: LinkFacts,
        *,
        clock: Clock,
        kernel: Kernel,
        network: Network,
    ) -> None:
        self.link = link
        self.untold = False
        """Whether the kernel has lost an address and the agent could not know it yet."""
        self.claimed_at: Instant = 0
        self.announced_at: Instant = 0
        self.resigned_at: Instant = 0
        self.released_at: Instant = 0
        self._index = index
        self._name = name
        self._clock = clock
        self._kernel = kernel
        self._network = network
        self._spoken = False
        self.configure(config)

    def configure(self, config: InstanceConfig) -> None:
        """Write other packets from now on."""
        self._config = config
        self._compiled: dict[SendAdvert, tuple[Spoken, ...]] = {}

    def perform(self, action: Action, before: State, machine: Machine) -> Event | None:
        """Do one thing; return the kernel's answer, if it was asked."""
        match action:
            case SendAdvert():
                self._send(action, before)
            case AnnounceAddresses(addresses):
                self._announce(addresses)
            case ClaimAddresses():
                self.require(machine.state is State.MASTER, "claims without being MASTER")
                return self._claim(action)
            case RenewAddresses():
                self.require(self._has(action.addresses), "renews what it does not hold")
                renewed = self._kernel.renew(action.lease)
                return None if renewed else ClaimFailed(REFUSAL)
            case ReleaseAddresses(addresses):
                self.released_at = self._clock.now
                self._kernel.release(addresses)
            case ProbeAddresses(addresses):
                self._probe(addresses)
            case ReportTransition():
                self._report(action, before, machine)
            case AskHooks(moment=moment):
                return HooksAnswered(moment=moment)
            case ReportIncident() | DoubtFirewall() | CallOffHooks():
                pass
            case _:
                assert_never(action)
        return None

    def answer(self, asked: Asked) -> None:
        """Say that an address is here, as every kernel does, whether an agent runs or not."""
        found = tuple([vip.ip for vip in self._kernel.held if vip.ip in asked.addresses])
        if found:
            packet = Announced(addresses=found, mac=self.link.mac)
            self._network.send_to(self._index, asked.asker, packet)

    def require(self, holds: bool, rule: str) -> None:  # noqa: FBT001  (it is what is asserted)
        """Raises: Broken, if it does not hold."""
        if not holds:
            raise Broken(self._name, rule)

    def _has(self, addresses: tuple[Vip, ...]) -> bool:
        """Whether the kernel has exactly these, as far as the agent can know."""
        return self._kernel.held == addresses or self.untold

    def _send(self, action: SendAdvert, before: State) -> None:
        self.require(before is State.MASTER, "speaks without having been MASTER")
        self._spoken = action.priority != RELEASE_PRIORITY
        serves = self._has(self._config.addresses)
        self.require(serves or not self._spoken, "speaks without its addresses")
        if not self._spoken:
            self.resigned_at = self._clock.now
        if self.link.carrier:
            for spoken in self._compile(action):
                self._network.send(self._index, spoken)

    def _announce(self, addresses: tuple[Vip, ...]) -> None:
        self.require(self._spoken, "announces before it speaks, or when it has resigned")
        self.require(self._has(addresses), "announces what it does not hold")
        self.announced_at = self._clock.now
        if self.link.carrier:
            packet = Announced(addresses=_bare(addresses), mac=self.link.mac)
            self._network.announce(self._index, packet)

    def _probe(self, addresses: tuple[Vip, ...]) -> None:
        if self.link.carrier:
            self._network.send(self._index, Asked(addresses=_bare(addresses), asker=self._index))

    def _claim(self, action: ClaimAddresses) -> Event:
        # Whoever judges the claim is called by the kernel, and asks when it was made.
        last, self.claimed_at = self.claimed_at, self._clock.now
        if not self._kernel.claim(action.addresses, action.lease):
            self.claimed_at = last
            return ClaimFailed(REFUSAL)
        self.untold = False
        return AddressesClaimed()

    def _report(self, action: ReportTransition, before: State, machine: Machine) -> None:
        told = (action.old, action.new)
        self.require(told == (before, machine.state), "reports what did not happen")
        leftover = before is State.INIT
        self.require(leftover or not self._kernel.held, "reports before it has let go")
        self._spoken = False

    def _compile(self, action: SendAdvert) -> tuple[Spoken, ...]:
        """The packets of one advert, one for each family; made once, as the agent makes them."""
        if action not in self._compiled:
            self._compiled[action] = tuple(compile_adverts(self._config, self.link, action))
        return self._compiled[action]


def _bare(addresses: tuple[Vip, ...]) -> tuple[IPAddress, ...]:
    return tuple([vip.ip for vip in addresses])
