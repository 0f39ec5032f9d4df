"""Why something happened: a code for machines to count, a sentence for a person to read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from vipd.core.model import RELEASE_PRIORITY, Heard, IPAddress
from vipd.core.units import Duration, Instant, format_duration


class CauseCode(Enum):
    """The kinds of reason for a transition; a closed set, so that it can be counted."""

    STARTED = "started"
    STOPPED = "stopped"
    OWNER = "owner"
    MASTER_SILENT = "master_silent"
    MASTER_RELEASED = "master_released"
    PREEMPTS = "preempts"
    OUTRANKED = "outranked"
    INTERFACE_MISSING = "interface_missing"
    INTERFACE_DOWN = "interface_down"
    NO_CARRIER = "no_carrier"
    NO_SOURCE = "no_source"
    MTU = "mtu"
    NO_ADVERTS = "no_adverts"
    CLAIM_FAILED = "claim_failed"
    DRIFT = "drift"
    TRACKER = "tracker"
    GROUP = "group"
    HOOK = "hook"
    MAINTENANCE = "maintenance"
    FAILOVER = "failover"
    STALLED = "stalled"
    RESUMED = "resumed"
    RECOVERED = "recovered"


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason, and what else was known when it was acted on."""

    code: CauseCode
    text: str
    evidence: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.text


def resumed_cause(silence: Duration) -> Cause:
    """Why an agent that was restarted is MASTER at once."""
    text = f"restarted {format_duration(silence)} after its last advert: carries on"
    return Cause(CauseCode.RESUMED, text)


def takeover_cause(
    rival: Heard | None, priority: int, patience: Duration, listened: Duration, now: Instant
) -> Cause:
    """Why a BACKUP of this priority becomes MASTER.

    `patience` is the silence that it bears, `listened` is for how long it has heard nothing better.
    """
    silence = now - rival.at if rival else listened
    released = rival is not None and rival.priority == RELEASE_PRIORITY
    if rival and released and silence <= max(patience, listened):
        return Cause(CauseCode.MASTER_RELEASED, f"{rival.address} released the addresses")
    if rival and silence < patience and rival.priority < priority:
        text = f"{rival.address} has priority {rival.priority}, ours is {priority}"
        return Cause(CauseCode.PREEMPTS, text)
    waited = format_duration(min(silence, listened))
    if rival is None or released or silence > listened:
        return Cause(CauseCode.MASTER_SILENT, f"nobody advertised for {waited}")
    text = f"no advert from {rival.address} (last priority {rival.priority}) for {waited}"
    return Cause(CauseCode.MASTER_SILENT, text)


def outranked_cause(
    source: IPAddress, priority: int, own_source: IPAddress, own_priority: int
) -> Cause:
    """Why a MASTER yields to an advert."""
    text = f"{source} advertises priority {priority}, ours is {own_priority}"
    if priority == own_priority:
        text += f"; the greater address wins, ours is {own_source}"
    return Cause(CauseCode.OUTRANKED, text)
