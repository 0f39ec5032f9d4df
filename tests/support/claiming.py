"""Claims made one at a time, in few words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from vipd.core.model import Claim, Vip
from vipd.core.units import Duration


class Place(Protocol):
    """Where addresses can be claimed."""

    def claim(self, claims: Sequence[Claim]) -> Sequence[str | None]: ...

    def renew(self, claims: Sequence[Claim]) -> Sequence[str | None]: ...


def claim(
    place: Place,
    interface: str,
    vrid: int,
    addresses: Sequence[Vip],
    lease: Duration = 0,
    *,
    owner: bool = False,
) -> str | None:
    """Claim addresses: the reason of the refusal, or None."""
    (refusal,) = place.claim([_claim(interface, vrid, addresses, lease, owner=owner)])
    return refusal


def renew(
    place: Place,
    interface: str,
    vrid: int,
    addresses: Sequence[Vip],
    lease: Duration,
) -> str | None:
    """Renew their lease: the reason of the refusal, or None."""
    (refusal,) = place.renew([_claim(interface, vrid, addresses, lease)])
    return refusal


def _claim(
    interface: str, vrid: int, addresses: Sequence[Vip], lease: Duration, *, owner: bool = False
) -> Claim:
    return Claim(
        interface=interface, vrid=vrid, addresses=tuple(addresses), lease=lease, owner=owner
    )
