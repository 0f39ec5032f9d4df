"""What this agent says of one of its instances, and where: built anew only when it has changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache

from vipd.agent.digest import digest_of
from vipd.agent.instance import Instance
from vipd.core.group import Standing
from vipd.core.model import Channel, IPAddress, State, Vip
from vipd.core.units import to_centiseconds
from vipd.wire.hello import HASH_BYTES, Readiness, encode_router
from vipd.wire.vrrp import GROUP

STOPPED = "stopped"
IN_MAINTENANCE = "in maintenance"
HANDS_OVER = "hands over"

_INSTANCES = 255
"""The VRIDs of a link."""


@dataclass(frozen=True, slots=True)
class Way:
    """From where to where a hello goes."""

    channel: Channel
    destination: IPAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What is said of one instance at the moment; `facts` is all that it follows from."""

    instance: Instance = field(compare=False)
    facts: tuple[object, ...] = field(compare=False)
    readiness: Readiness
    record: bytes
    ways: tuple[Way, ...]

    def farewell(self) -> bytes:
        """The last that is said of it, when it is no more."""
        return encode_router(replace(self.readiness, state=State.INIT, ready=False, why=STOPPED))


def line_of(instance: Instance, *, maintenance: bool, old: Line | None) -> Line:
    """What is to be said of an instance: the old line, as long as nothing has changed."""
    machine = instance.machine
    facts = (
        instance.config,
        instance.channels,
        machine.priority,
        machine.standing,
        maintenance,
    )
    if old and old.facts == facts:
        return old
    readiness = _readiness(instance, machine.standing, maintenance=maintenance)
    return Line(
        instance=instance,
        facts=facts,
        readiness=readiness,
        record=encode_router(readiness),
        ways=tuple(_ways(instance)),
    )


def _readiness(instance: Instance, standing: Standing, *, maintenance: bool) -> Readiness:
    config = instance.config
    why = IN_MAINTENANCE if maintenance else _obstacle(standing)
    return Readiness(
        vrid=config.vrid,
        families=config.families,
        state=standing.state,
        ready=not why,
        why=why,
        priority=config.priority,
        effective_priority=instance.machine.priority,
        version=config.version,
        interval_cs=to_centiseconds(config.advert_interval),
        preempts=config.preempts,
        addresses=hash_of(config.addresses),
    )


def _obstacle(standing: Standing) -> str:
    """Why an instance would not take over, or will not serve on; empty when it would."""
    if standing.state is State.INIT:
        return STOPPED
    if standing.leaving or standing.state is State.FAULT:
        return standing.fault or standing.group_fault or HANDS_OVER
    return ""


def _ways(instance: Instance) -> Iterator[Way]:
    """Where its adverts go, go the hellos."""
    unicast = instance.config.unicast
    for family, channel in instance.channels.items():
        for destination in unicast.peers_of(family) if unicast else (GROUP[family],):
            yield Way(channel, destination)


@lru_cache(maxsize=_INSTANCES)
def hash_of(addresses: tuple[Vip, ...]) -> bytes:
    """By what it is seen whether two hosts have the same addresses, in whatever order."""
    text = " ".join(sorted(map(str, addresses)))
    return digest_of(text.encode(), HASH_BYTES)
