"""The snapshot: what an instance tells of itself. Whoever looks gets values, never the machine."""

from __future__ import annotations

from dataclasses import dataclass

from vipd.core.cause import Cause
from vipd.core.model import Heard, State, Vip
from vipd.core.units import Duration, Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceStatus:
    """One instance at one moment.

    `master` is the router that serves as far as this one knows (itself, when it is MASTER);
    `held` is what the machine believes of its addresses, not what the kernel says.
    Units: `since` is an instant of the machine's clock; the intervals are in nanoseconds.
    """

    name: str
    interface: str
    vrid: int
    version: int
    state: State
    since: Instant
    cause: Cause
    priority: int
    effective_priority: int
    master: Heard | None
    advert_interval: Duration
    master_down_interval: Duration
    addresses: tuple[Vip, ...]
    held: bool
