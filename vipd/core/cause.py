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
    STALLED = "stalled"
    RESUMED = "resumed"
    RECOVERED = "recovered"


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason."""

    code: CauseCode
    text: str

    def __str__(self) -> str:
        return self.text


def resumed_cause(silence: Duration) -> Cause:
    """Why an agent that was restarted is MASTER at once."""
    text = f"restarted {format_duration(silence)} after its last advert: carries on"
    return Cause(CauseCode.RESUMED, text)


def takeover_cause(rival: Heard | None, priority: int, silence: Duration, now: Instant) -> Cause:
    """Why a BACKUP of this priority becomes MASTER, after `silence` without a better advert."""
    if rival is None:
        text = f"nobody advertised for {format_duration(silence)}"
        return Cause(CauseCode.MASTER_SILENT, text)
    if rival.priority == RELEASE_PRIORITY:
        return Cause(CauseCode.MASTER_RELEASED, f"{rival.address} released the addresses")
    if now - rival.at < silence:
        text = f"{rival.address} has priority {rival.priority}, ours is {priority}"
        return Cause(CauseCode.PREEMPTS, text)
    waited = format_duration(now - rival.at)
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
