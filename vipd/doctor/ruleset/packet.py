"""An advert on its way in or out, as far as it is known before it is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from types import MappingProxyType

from vipd.core.model import Family, IPAddress
from vipd.doctor.ruleset.model import Field, Hook, Span, Value

VRRP = 112


class Direction(Enum):
    """Whether an advert comes or goes; the hooks that it meets, in order."""

    IN = "in"
    OUT = "out"

    @property
    def hooks(self) -> tuple[Hook, ...]:
        """The hooks in the order of the kernel."""
        if self is Direction.IN:
            return (Hook.INGRESS, Hook.PREROUTING, Hook.INPUT)
        return (Hook.OUTPUT, Hook.POSTROUTING, Hook.EGRESS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """One advert. A field has all values that are possible, and is missing when nobody knows."""

    family: Family
    direction: Direction
    interface: str
    fields: Mapping[Field, tuple[Value, ...]]

    def with_connection(self, *states: str) -> Packet:
        """The same advert, as connection tracking sees it now."""
        return replace(self, fields={**self.fields, Field.CONNECTION: states})

    def without_interface(self) -> Packet:
        """The same advert where it comes by a port of the bridge that nobody knows yet."""
        hidden = (Field.IN, Field.OUT)
        return replace(
            self, fields={key: value for key, value in self.fields.items() if key not in hidden}
        )


def span(address: IPAddress) -> Span:
    """One address as a number."""
    return Span(int(address), int(address))


def advert(
    family: Family,
    direction: Direction,
    interface: str,
    *,
    sources: Sequence[Span],
    destinations: Sequence[Span],
    multicast: bool,
) -> Packet:
    """An advert between these addresses, by this interface.

    Its connection is new, and not translated to another address: nobody answers an advert to a
    group, and the first one to a peer must pass as well as the others. The way back to its sender
    is the interface that it came by.
    """
    coming = direction is Direction.IN
    fields: dict[Field, tuple[Value, ...]] = {
        Field.FAMILY: (f"ipv{family.value}",),
        Field.PROTOCOL: (Span(VRRP, VRRP),),
        Field.IN: (interface if coming else "",),
        Field.OUT: ("" if coming else interface,),
        Field.DESTINATION_TYPE: _types(coming=coming, multicast=multicast),
        # What this host sends is marked as for itself until it is on the link.
        Field.LINK_TYPE: ("multicast" if coming and multicast else "host",),
        Field.CONNECTION: ("new",),
        Field.STATUS: ("none",),
        Field.TTL: (Span(255, 255),),
        Field.FRAGMENT: ("no",),
        Field.ROUTE_BACK: ("yes",),
    }
    if sources:
        fields[Field.SOURCE] = tuple(sources)
        fields[Field.SOURCE_TYPE] = ("unicast" if coming else "local",)
    if destinations:
        fields[Field.DESTINATION] = tuple(destinations)
    return Packet(
        family=family, direction=direction, interface=interface, fields=MappingProxyType(fields)
    )


def _types(*, coming: bool, multicast: bool) -> tuple[str, ...]:
    if multicast:
        return ("multicast",)
    return ("local",) if coming else ("unicast",)
