"""What an instance wants done. Actions are imperatives and idempotent; their order is API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from vipd.core.cause import Cause
from vipd.core.config import HookMoment
from vipd.core.incident import IncidentCode
from vipd.core.model import ChecksumForm, Family, State, Vip
from vipd.core.units import Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class SendAdvert:
    """Send one advert in every family of the instance, or in the first alone."""

    priority: int
    checksum: ChecksumForm
    first_only: bool = False

    def among(self, families: tuple[Family, ...]) -> tuple[Family, ...]:
        """Those of an instance's families that it is sent in."""
        return families[:1] if self.first_only else families


@dataclass(frozen=True, slots=True)
class ClaimAddresses:
    """Put the addresses on the interface; answered by `AddressesClaimed` or `ClaimFailed`.

    The kernel removes them by itself when the lease has passed; a lease of 0 has no end.
    """

    addresses: tuple[Vip, ...]
    lease: Duration = 0


@dataclass(frozen=True, slots=True)
class RenewAddresses:
    """Let the lease of the addresses begin anew; a refusal is answered by `ClaimFailed`."""

    addresses: tuple[Vip, ...]
    lease: Duration


@dataclass(frozen=True, slots=True)
class ReleaseAddresses:
    """Take the addresses off the interface."""

    addresses: tuple[Vip, ...]


@dataclass(frozen=True, slots=True)
class AnnounceAddresses:
    """Tell the link which MAC address the addresses are at now: gratuitous ARP, unsolicited NA."""

    addresses: tuple[Vip, ...]


@dataclass(frozen=True, slots=True)
class ProbeAddresses:
    """Ask the link who has the addresses; each answer comes back as `NeighborHeard`.

    RFC: 5227 §2.1.1 (ARP probe); 4861 §7.2 (neighbor solicitation).
    """

    addresses: tuple[Vip, ...]


@dataclass(frozen=True, slots=True)
class DoubtFirewall:
    """An advert is overdue: see whether one reaches the interface and is dropped on this host."""


@dataclass(frozen=True, slots=True)
class ReportIncident:
    """Say that something happened which a person should know, though the state is the same."""

    code: IncidentCode
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportTransition:
    """Say that the state has changed, and why."""

    old: State
    new: State
    cause: Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class AskHooks:
    """Let the hooks of a moment run before a transition; answered by `HooksAnswered`."""

    moment: HookMoment
    report: ReportTransition


@dataclass(frozen=True, slots=True)
class CallOffHooks:
    """The transition that hooks were asked for is not to be any more."""


Action: TypeAlias = (
    SendAdvert
    | ClaimAddresses
    | RenewAddresses
    | ReleaseAddresses
    | AnnounceAddresses
    | ProbeAddresses
    | DoubtFirewall
    | ReportIncident
    | ReportTransition
    | AskHooks
    | CallOffHooks
)
