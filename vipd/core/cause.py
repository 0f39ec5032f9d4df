"""Why something happened: a code for machines to count, a sentence for a person to read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


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
    RECOVERED = "recovered"


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason."""

    code: CauseCode
    text: str

    def __str__(self) -> str:
        return self.text
