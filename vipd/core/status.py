"""The snapshot: what an instance tells of itself. Whoever looks gets values, never the machine."""

from __future__ import annotations

from dataclasses import dataclass

from vipd.core.cause import Cause
from vipd.core.config import InstanceConfig, TrackUse
from vipd.core.model import Heard, State
from vipd.core.orders import NONE, Orders
from vipd.core.units import Duration, Instant


@dataclass(frozen=True, slots=True)
class Prospect:
    """What an instance will do, unless something happens. Units: `at` is on the machine's clock."""

    text: str
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceStatus:
    """One instance at one moment.

    `master` is the router that serves as far as this one knows (itself, when it is MASTER);
    `held` is what the machine believes of its addresses, not what the kernel says; `leaving` is
    why a MASTER is on its way out. `warnings` are for a person, as long as they are so. `track` is
    what each tracker adds to the priority at the moment. `stands_aside` is whether it lets a weaker
    MASTER serve, to which an operator has moved the addresses.
    Units: `since` is an instant of the machine's clock.
    """

    config: InstanceConfig
    state: State
    since: Instant
    cause: Cause
    leaving: Cause | None
    effective_priority: int
    master: Heard | None
    master_down_interval: Duration
    held: bool
    warnings: tuple[str, ...]
    track: tuple[tuple[TrackUse, int], ...] = ()
    orders: Orders = NONE
    stands_aside: bool = False
    prospect: Prospect | None = None
