"""What can happen to an instance. Events are facts in the past tense; nothing else moves it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from vipd.core.config import HookMoment, InstanceConfig
from vipd.core.model import Advert, IPAddress, LinkFacts
from vipd.core.orders import Orders
from vipd.core.units import Duration, Instant


@dataclass(frozen=True, slots=True)
class Started:
    """The agent is ready to run this instance. RFC: 9568 §6.4.1 Startup.

    `spoke` is when an earlier life of this agent, which has not ended cleanly, sent its last advert
    as MASTER.
    """

    spoke: Instant | None = None


@dataclass(frozen=True, slots=True)
class Stopped:
    """The instance is to end. RFC: 9568 §6.4.2, §6.4.3 Shutdown.

    A MASTER hands over first, unless it is to end at once, or is told so twice.
    """

    at_once: bool = False


@dataclass(frozen=True, slots=True)
class TimePassed:
    """The clock was read. Too early and too late are both harmless."""


@dataclass(frozen=True, slots=True)
class WokeLate:
    """The agent did not run when it should have, for this long: what it believes may be over.

    Told to whom is later by more than an interval. Order: before whatever has waited meanwhile.
    """

    by: Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvertReceived:
    """A valid advert for this instance came from another router."""

    advert: Advert
    source: IPAddress


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """The kernel said something new about the instance's interface."""

    link: LinkFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighborHeard:
    """ARP or Neighbor Discovery says that one of our addresses is at a MAC that is not ours."""

    address: IPAddress
    mac: bytes


@dataclass(frozen=True, slots=True)
class AddressesDrifted:
    """Somebody else has removed or changed an address that we hold; `what` is for a person."""

    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackReported:
    """A tracker that this instance uses has changed: `up`, or what it has read as its weight.

    `text` is what it saw, for a person.
    """

    name: str
    up: bool
    text: str
    weight: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HooksAnswered:
    """The hooks that were asked have run; `fault` is why the transition must not be."""

    moment: HookMoment
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class GroupAgreed:
    """Every instance of the group is ready to take over, or to hand over when it is ordered to:
    they do it together."""


@dataclass(frozen=True, slots=True)
class GroupLost:
    """Another instance of the group has yielded; `why` is for a person."""

    why: str


@dataclass(frozen=True, slots=True)
class GroupFailed:
    """Another instance of the group is in FAULT; `why` is for a person."""

    why: str


@dataclass(frozen=True, slots=True)
class GroupRecovered:
    """No other instance of the group is in FAULT any more."""


@dataclass(frozen=True, slots=True)
class AddressesClaimed:
    """Every address of the last `ClaimAddresses` is on the interface."""


@dataclass(frozen=True, slots=True)
class ClaimFailed:
    """The kernel refused an address, or the renewal of its lease.

    Of a refused claim none is left on the interface.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class ConfigChanged:
    """A reload brought another configuration of the same identity."""

    config: InstanceConfig


@dataclass(frozen=True, slots=True)
class OrdersGiven:
    """An operator has ordered this, or has taken it back."""

    orders: Orders


@dataclass(frozen=True, slots=True)
class FailoverOrdered:
    """An operator wants another host to serve; `why` is for a person.

    A MASTER that nobody follows serves on.
    """

    why: str


@dataclass(frozen=True, slots=True)
class AnnouncementOrdered:
    """An operator wants it said once more where the addresses are."""


Order: TypeAlias = OrdersGiven | FailoverOrdered | AnnouncementOrdered
"""What comes from an operator."""

Event: TypeAlias = (
    Started
    | Stopped
    | TimePassed
    | WokeLate
    | AdvertReceived
    | LinkChanged
    | NeighborHeard
    | AddressesDrifted
    | TrackReported
    | HooksAnswered
    | GroupAgreed
    | GroupLost
    | GroupFailed
    | GroupRecovered
    | AddressesClaimed
    | ClaimFailed
    | ConfigChanged
    | Order
)
