"""The executor: does what a machine asks for, and says what came of it.

It decides nothing. What the environment refuses comes back as an event, or is counted and logged
where the machine could do nothing about it.

What is asked of the kernel's addresses waits until `fulfil`, so that what many machines want at one
moment is one batch; but nothing is released before what was asked for earlier is done.
"""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TypeAlias, assert_never

from vipd.agent.crew import Crew
from vipd.agent.instance import Instance, Packet, Passage
from vipd.agent.ports import Clock, Ports
from vipd.agent.throttle import Throttle
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
from vipd.core.events import AddressesClaimed, ClaimFailed, Event
from vipd.core.incident import IncidentCode
from vipd.core.model import Family, Vip
from vipd.core.units import MILLISECOND
from vipd.log import Logger

Wanted: TypeAlias = ClaimAddresses | RenewAddresses
Want: TypeAlias = tuple[Wanted, Instance]


class Executor:
    """The hands of every instance."""

    def __init__(self, ports: Ports, clock: Clock, log: Logger) -> None:
        self.crew = Crew()
        self._ports = ports
        self._clock = clock
        self._log = log
        self._throttle = Throttle(log, clock)
        self._wanted: list[Want] = []
        self._answers: deque[tuple[Instance, Event]] = deque()
        self.doubts = False
        """Whether somebody has got a reason to listen past the firewall."""

    def perform(self, instance: Instance, action: Action) -> Event | None:
        """Do one thing; return what the machine has to know of it."""
        match action:
            case SendAdvert():
                self._send(instance, action)
            case ClaimAddresses() | RenewAddresses():
                self._wanted.append((action, instance))
            case ReleaseAddresses(addresses=addresses):
                self._release(instance, addresses)
            case AnnounceAddresses(addresses=addresses):
                self._announce(instance, addresses)
            case AskHooks() | CallOffHooks():
                return self.crew.ask_hooks(instance, action)
            case ProbeAddresses(addresses=addresses):
                self._probe(instance, addresses)
            case DoubtFirewall():
                self._doubt(instance)
            case ReportIncident():
                self._complain_of(instance, action)
            case ReportTransition():
                self._report(instance, action)
            case _:
                assert_never(action)
        return None

    def prepare(self, instance: Instance) -> None:
        """Have ready what an instance needs that takes over: others wait for it then."""
        config = instance.config
        instance.packets(instance.machine.wording)
        self._ports.announcer.prepare(*_announced(config, config.addresses))
        if not config.virtual_mac:
            what = ClaimAddresses(config.addresses, config.address_lease)
            self._ports.addresses.prepare(instance.claim(what))

    def fulfil(self) -> Iterator[tuple[Instance, Event]]:
        """Have the kernel do what is wanted of it by now; what the machines have to know of it."""
        self._ask_kernel()
        while self._answers:
            yield self._answers.popleft()

    def _ask_kernel(self) -> None:
        wanted, self._wanted = self._wanted, []
        for (kind, virtual), group in groupby(wanted, _kind):
            place = self._ports.virtual_macs if virtual else self._ports.addresses
            ask, each = place.claim if kind is ClaimAddresses else place.renew, [*group]
            refusals = ask([instance.claim(what) for what, instance in each])
            for (what, instance), refusal in zip(each, refusals, strict=True):
                if answer := self._answer(instance, what, refusal):
                    self._answers.append((instance, answer))

    def _answer(self, instance: Instance, what: Wanted, refusal: str | None) -> Event | None:
        """What a machine has to know of what it wanted."""
        claims = isinstance(what, ClaimAddresses)
        if claims:
            self._note(instance, "claimed_ms")
        if refusal is not None:
            instance.counters.claims_failed += 1
            return ClaimFailed(refusal)
        instance.leased_until = self._clock() + what.lease if what.lease else None
        if claims:
            return AddressesClaimed()
        instance.counters.renewed += 1
        return None

    def _send(self, instance: Instance, what: SendAdvert) -> None:
        for packet in instance.packets(what):
            try:
                self._transmit(packet)
            except OSError as error:
                self._fail_to_send(instance, packet.family, error)
            else:
                instance.counters.adverts_sent += 1
                self._note(instance, "advertised_ms")
                instance.firewall.permit(packet.family)

    def _fail_to_send(self, instance: Instance, family: Family, error: OSError) -> None:
        """Tell a firewall from whatever else keeps adverts from going out. Sources: netfilter."""
        instance.counters.adverts_failed += 1
        if error.errno == errno.EPERM:
            interval, now = instance.config.advert_interval, self._clock()
            if warning := instance.firewall.refuse(family, interval, now):
                self._log.warning(warning, instance=instance.config.name)
        self._complain(instance, f"cannot send adverts over IPv{family}", error)

    def _transmit(self, packet: Packet) -> None:
        if packet.framed:
            self._ports.virtual_macs.send(packet.channel.interface, packet.payload)
        else:
            self._ports.adverts.send(packet.channel, packet.destination, packet.payload)

    def _release(self, instance: Instance, addresses: Sequence[Vip]) -> None:
        self._ask_kernel()
        config = instance.config
        place = self._ports.virtual_macs if config.virtual_mac else self._ports.addresses
        place.release(config.interface, config.vrid, addresses)
        self._note(instance, "released_ms")

    def _announce(self, instance: Instance, addresses: Sequence[Vip]) -> None:
        try:
            self._ports.announcer.announce(*_announced(instance.config, addresses))
        except OSError as error:
            self._complain(instance, "cannot announce the addresses", error)
        else:
            instance.counters.announced += len(addresses)
        self._note(instance, "announced_ms")

    def _probe(self, instance: Instance, addresses: Sequence[Vip]) -> None:
        config = instance.config
        self._doubt(instance)
        try:
            self._ports.neighbors.probe(config.interface, [vip.ip for vip in addresses])
        except OSError as error:
            self._complain(instance, "cannot ask who has the addresses", error)

    def _doubt(self, instance: Instance) -> None:
        instance.firewall.wonder(instance.config.advert_interval, self._clock())
        self.doubts = True

    def _complain_of(self, instance: Instance, incident: ReportIncident) -> None:
        """Count and log an incident.

        Why: two hosts that share an address say so every second; all else is worth its line.
        """
        instance.counters.incidents[incident.code] += 1
        log = self._throttle if incident.code is IncidentCode.ADDRESS_CONFLICT else self._log
        log.warning(incident.code.value, instance=instance.config.name, text=incident.text)
        self.crew.on_incident(instance, incident)

    def _report(self, instance: Instance, report: ReportTransition) -> None:
        """Count a transition, and keep it until all that it asks for is done."""
        if report.old is not report.new:
            instance.counters.transitions += 1
            instance.counters.causes[report.cause.code] += 1
        early, instance.early = instance.early or {}, None
        instance.passages.append(Passage(report, instance.stepped_at, early))

    def _note(self, instance: Instance, what: str) -> None:
        """Keep how long after the last decision something was done, the first time it is done.

        What a state gives up is done before the transition is reported that it belongs to.
        """
        last = instance.passages[-1] if instance.passages else None
        at, timings = (last.at, last.timings) if last else (instance.stepped_at, instance.early)
        if timings is not None:
            timings.setdefault(what, round((self._clock() - at) / MILLISECOND, 3))

    def _complain(self, instance: Instance, what: str, error: OSError) -> None:
        """Log what only a person can mend; a link that is down says so by itself."""
        if instance.link.up and instance.link.carrier:
            fields = {"instance": instance.config.name, "interface": instance.config.interface}
            self._throttle.warning(what, **fields, error=str(error))


def _announced(
    config: InstanceConfig, addresses: Sequence[Vip]
) -> tuple[str, Sequence[Vip], int | None]:
    """What is announced where: at the virtual MAC address of a VRID, or at the interface's own."""
    return config.interface, addresses, config.vrid if config.virtual_mac else None


def _kind(want: Want) -> tuple[type, bool]:
    """What is asked where: of the interfaces themselves, or of the devices of virtual MACs."""
    what, instance = want
    return type(what), instance.config.virtual_mac
