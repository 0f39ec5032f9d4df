"""The executor: does what a machine asks for, and says what came of it.

It decides nothing. What the environment refuses comes back as an event, or is counted and logged
where the machine could do nothing about it.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import assert_never

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
from vipd.core.events import AddressesClaimed, ClaimFailed, Event
from vipd.core.incident import IncidentCode
from vipd.core.model import Family, Vip
from vipd.core.units import MILLISECOND, Duration
from vipd.log import Logger


class Executor:
    """The hands of every instance."""

    def __init__(self, ports: Ports, clock: Clock, log: Logger) -> None:
        self.crew = Crew()
        self._ports = ports
        self._clock = clock
        self._log = log
        self._throttle = Throttle(log, clock)

    def perform(self, instance: Instance, action: Action) -> Event | None:  # noqa: C901  (one line for each action)
        """Do one thing; return what the machine has to know of it."""
        match action:
            case SendAdvert():
                self._send(instance, action)
            case ClaimAddresses():
                return self._claim(instance, action)
            case RenewAddresses():
                return self._renew(instance, action)
            case ReleaseAddresses(addresses=addresses):
                self._release(instance, addresses)
            case AnnounceAddresses(addresses=addresses):
                self._announce(instance, addresses)
            case AskHooks() | CallOffHooks():
                return self.crew.ask_hooks(instance, action)
            case ProbeAddresses(addresses=addresses):
                self._probe(instance, addresses)
            case DoubtFirewall():
                instance.firewall.wonder(instance.config.advert_interval, self._clock())
            case ReportIncident(code=code, text=text):
                instance.counters.incidents[code] += 1
                # Two hosts that share an address say so every second; all else is worth its line.
                log = self._throttle if code is IncidentCode.ADDRESS_CONFLICT else self._log
                log.warning(code.value, instance=instance.config.name, text=text)
                self.crew.on_incident(instance, action)
            case ReportTransition():
                self._report(instance, action)
            case _:
                assert_never(action)
        return None

    def inspect(self, instance: Instance) -> str | None:
        """What of the addresses that an instance holds is not as it was installed."""
        config, held = instance.config, instance.machine.held
        if not held:
            return None
        place = self._ports.virtual_macs if config.virtual_mac else self._ports.addresses
        return place.inspect(config.interface, config.vrid, held, config.address_lease)

    def _send(self, instance: Instance, what: SendAdvert) -> None:
        for family in what.among(instance.config.families):
            for packet in instance.packets(family, what):
                try:
                    self._transmit(packet)
                except OSError as error:
                    self._fail_to_send(instance, family, error)
                else:
                    instance.counters.adverts_sent += 1
                    self._note(instance, "advertised_ms")
                    instance.firewall.permit(family)

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

    def _claim(self, instance: Instance, what: ClaimAddresses) -> Event:
        config, addresses, lease = instance.config, what.addresses, what.lease
        if config.virtual_mac:
            virtual_macs = self._ports.virtual_macs
            refusal = virtual_macs.claim(config.interface, config.vrid, addresses, lease)
        else:
            refusal = self._ports.addresses.claim(
                config.interface, config.vrid, addresses, lease, owner=config.owner
            )
        self._note(instance, "claimed_ms")
        if refusal is None:
            self._begin_lease(instance, lease)
            return AddressesClaimed()
        instance.counters.claims_failed += 1
        return ClaimFailed(refusal)

    def _renew(self, instance: Instance, what: RenewAddresses) -> Event | None:
        config, addresses, lease = instance.config, what.addresses, what.lease
        place = self._ports.virtual_macs if config.virtual_mac else self._ports.addresses
        refusal = place.renew(config.interface, config.vrid, addresses, lease)
        if refusal is None:
            instance.counters.renewed += 1
            self._begin_lease(instance, lease)
            return None
        instance.counters.claims_failed += 1
        return ClaimFailed(refusal)

    def _begin_lease(self, instance: Instance, lease: Duration) -> None:
        instance.leased_until = self._clock() + lease if lease else None

    def _release(self, instance: Instance, addresses: Sequence[Vip]) -> None:
        config = instance.config
        place = self._ports.virtual_macs if config.virtual_mac else self._ports.addresses
        place.release(config.interface, config.vrid, addresses)
        self._note(instance, "released_ms")

    def _announce(self, instance: Instance, addresses: Sequence[Vip]) -> None:
        config = instance.config
        vrid = config.vrid if config.virtual_mac else None
        try:
            self._ports.announcer.announce(config.interface, addresses, vrid)
        except OSError as error:
            self._complain(instance, "cannot announce the addresses", error)
        else:
            instance.counters.announced += len(addresses)
        self._note(instance, "announced_ms")

    def _probe(self, instance: Instance, addresses: Sequence[Vip]) -> None:
        config = instance.config
        instance.firewall.wonder(config.advert_interval, self._clock())
        try:
            self._ports.neighbors.probe(config.interface, [vip.ip for vip in addresses])
        except OSError as error:
            self._complain(instance, "cannot ask who has the addresses", error)

    def _report(self, instance: Instance, report: ReportTransition) -> None:
        """Count a transition, and keep it until all that it asks for is done."""
        if report.old is not report.new:
            instance.counters.transitions += 1
            instance.counters.causes[report.cause.code] += 1
        early, instance.early = instance.early, {}
        instance.passages.append(Passage(report, instance.stepped_at, early))

    def _note(self, instance: Instance, what: str) -> None:
        """Keep how long after the last decision something was done, the first time it is done.

        What a state gives up is done before the transition is reported that it belongs to.
        """
        last = instance.passages[-1] if instance.passages else None
        at, timings = (last.at, last.timings) if last else (instance.stepped_at, instance.early)
        timings.setdefault(what, round((self._clock() - at) / MILLISECOND, 3))

    def _complain(self, instance: Instance, what: str, error: OSError) -> None:
        """Log what only a person can mend; a link that is down says so by itself."""
        if instance.link.up and instance.link.carrier:
            fields = {"instance": instance.config.name, "interface": instance.config.interface}
            self._throttle.warning(what, **fields, error=str(error))
