"""Reception: whom a packet is for, whether it counts, and what there is to say of it."""

from __future__ import annotations

from dataclasses import dataclass

from vipd.agent.advice import advice
from vipd.agent.instance import Instance
from vipd.agent.ports import Clock
from vipd.agent.roster import Roster
from vipd.agent.stranger import Strangers
from vipd.agent.throttle import Throttle
from vipd.core.events import AdvertReceived
from vipd.core.model import RELEASE_PRIORITY, Advert, family_of
from vipd.core.units import Instant
from vipd.log import Logger
from vipd.wire.vrrp import Datagram, DropReason, decode

PACKETS_REMEMBERED = 1024
"""As many as a link has virtual routers, in both families, twice. More is a flood."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a packet that comes again and again: whom it is for, and what it means."""

    datagram: Datagram
    instance: Instance
    means: AdvertReceived | DropReason


class Reception:
    """Judges what the sockets and the tap have heard.

    A peer sends the same packet for hours, and the port gives the identical value for it: that is
    judged once, until something changes by which it was judged (`forget`).
    """

    def __init__(self, roster: Roster, clock: Clock, log: Logger, throttle: Throttle) -> None:
        self._roster = roster
        self._clock = clock
        self._log = log
        self._throttle = throttle
        self._known: dict[int, _Known] = {}
        """By the identity of the packet, which belongs to one socket and so to one interface."""
        self.strangers = Strangers(log)
        """Who advertises VRIDs on our interfaces that are nobody's here."""

    def forget(self) -> None:
        """Judge anew: the instances are others, or what they are told to be."""
        self._known.clear()

    def take(
        self, interface: str, datagram: Datagram, now: Instant
    ) -> tuple[Instance, AdvertReceived] | None:
        """What a packet means and for whom; None for what counts for nobody, and why is counted."""
        known = self._known.get(id(datagram)) or self._look(interface, datagram)
        if known is None:
            return None
        instance, means = known.instance, known.means
        if isinstance(means, DropReason):
            self._drop(instance, datagram, means)
            return None
        instance.counters.adverts_received += 1
        instance.firewall.heard(now)
        for text in instance.scrutiny.look(instance.config, means.advert, means.source):
            self._log.warning(text, instance=instance.config.name)
        return instance, means

    def _look(self, interface: str, datagram: Datagram) -> _Known | None:
        """Judge a packet that is not known; None when it is for nobody here."""
        vrid, source = _vrid(datagram), datagram.source
        instance = self._roster.receiver(interface, vrid, source)
        if instance is None:
            multicast = datagram.destination.is_multicast
            if multicast or not self._roster.hears_elsewhere(vrid, source):
                self.strangers.note(interface, vrid, source)
            return None
        if not _is_by_its_way(instance, datagram):
            return None
        advert = _judge(instance, datagram)
        if isinstance(advert, DropReason):
            known = _Known(datagram, instance, advert)
        else:
            known = _Known(datagram, instance, AdvertReceived(advert=advert, source=source))
        if source != instance.link.source(family_of(source)):
            # What comes from our own address is judged by the priority that we have right now.
            self._remember(known)
        return known

    def _remember(self, known: _Known) -> None:
        if len(self._known) >= PACKETS_REMEMBERED:
            self._known.clear()
        self._known[id(known.datagram)] = known

    def overhear(self, interface: str, datagram: Datagram) -> None:
        """A packet has reached the interface: it should have reached the socket, too."""
        instance = self._roster.receiver(interface, _vrid(datagram), datagram.source)
        if instance is None or not _is_by_its_way(instance, datagram):
            return
        interval, now = instance.config.advert_interval, self._clock()
        if instance.firewall.has_just_heard(interval, now):
            return
        if isinstance(_judge(instance, datagram), DropReason):
            return
        if warning := instance.firewall.tapped(datagram.source, interval, now):
            self._log.warning(warning, instance=instance.config.name)

    def _drop(self, instance: Instance, datagram: Datagram, reason: DropReason) -> None:
        instance.counters.dropped[reason] += 1
        self._throttle.warning(
            "dropped an advert",
            instance=instance.config.name,
            source=str(datagram.source),
            reason=reason.value,
            advice=advice(reason, datagram, instance.config),
        )


def _judge(instance: Instance, datagram: Datagram) -> Advert | DropReason:
    """The advert, or why it does not count for this instance.

    Why: an advert from our own address is our own come back, or that of a clone. It says nothing
    when it is as strong as we are; otherwise it cannot be our own, and counts.
    """
    unicast, source = instance.config.unicast, datagram.source
    if unicast and source not in unicast.peers:
        return DropReason.PEER
    advert = decode(datagram, instance.rules)
    if isinstance(advert, DropReason) or source != instance.link.source(family_of(source)):
        return advert
    own = advert.priority in (instance.machine.priority, RELEASE_PRIORITY)
    return DropReason.OWN if own else advert


def _vrid(datagram: Datagram) -> int:
    """The VRID of a packet, as far as it has one."""
    return datagram.payload[1] if len(datagram.payload) > 1 else 0


def _is_by_its_way(instance: Instance, datagram: Datagram) -> bool:
    """Whether a packet came as the instance expects it, by multicast or not."""
    return datagram.destination.is_multicast == (instance.config.unicast is None)
