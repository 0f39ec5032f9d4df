"""What happens to an instance without changing its state."""

from __future__ import annotations

from enum import Enum


class IncidentCode(Enum):
    """The kinds of incident; a closed set, so that it can be counted."""

    ADDRESS_DRIFT = "address_drift"
    ADDRESS_CONFLICT = "address_conflict"
    MASTER_SILENT_BUT_ALIVE = "master_silent_but_alive"
    STALLED = "stalled"
    NO_SUCCESSOR = "no_successor"
