"""The executor: does what a machine asks for, and says what came of it.

It decides nothing. What the environment refuses comes back as an event, or is counted and logged
where the machine could do nothing about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from vipd.agent.instance import Instance, Packet, Passage
from vipd.agent.ports import Clock, Ports
from vipd.agent.throttle import Throttle
from vipd.core.actions import (
    Action,
    AnnounceAddresses,
    ClaimAddresses,
    ReleaseAddresses,
    RenewAddresses,
    ReportTransition,
    SendAdvert,
)
from vipd.core.events import AddressesClaimed, ClaimFailed, Event
from vipd.core.model import Vip
from vipd.core.units import MILLISECOND
from vipd.log import Logger


class Executor:
    """The hands of every instance."""

    def __init__(self, ports: Ports, clock: Clock, log: Logger) -> None:
        self._ports = ports
        self._clock = clock
        self._throttle = Throttle(log, clock)

    def perform(self, instance: Instance, action: Action) -> Event | None:
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
            case ReportTransition():
                instance.counters.transitions += action.old is not action.new
                instance.passages.append(Passage(action, self._clock()))
            case _:
                assert_never(action)
        return None

    def _send(self, instance: Instance, what: SendAdvert) -> None:
        for family in instance.config.families:
            for packet in instance.packets(family, what):
                try:
                    self._transmit(packet)
                except OSError as error:
                    self._complain(instance, f"cannot send adverts over IPv{family}", error)
                else:
                    instance.counters.adverts_sent += 1

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
        return AddressesClaimed() if refusal is None else ClaimFailed(refusal)

    def _renew(self, instance: Instance, what: RenewAddresses) -> Event | None:
        config, addresses, lease = instance.config, what.addresses, what.lease
        place = self._ports.virtual_macs if config.virtual_mac else self._ports.addresses
        refusal = place.renew(config.interface, config.vrid, addresses, lease)
        return None if refusal is None else ClaimFailed(refusal)

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
        self._note(instance, "announced_ms")

    def _note(self, instance: Instance, what: str) -> None:
        """Keep how long after the last decision something was done, the first time it is done."""
        if instance.passages:
            passage = instance.passages[-1]
            took = (self._clock() - passage.at) / MILLISECOND
            passage.timings.setdefault(what, round(took, 3))

    def _complain(self, instance: Instance, what: str, error: OSError) -> None:
        """Log what only a person can mend; a link that is down says so by itself."""
        if instance.link.up and instance.link.carrier:
            fields = {"instance": instance.config.name, "interface": instance.config.interface}
            self._throttle.warning(what, **fields, error=str(error))
