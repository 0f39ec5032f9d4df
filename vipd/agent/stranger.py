"""Strangers: routers on our links whose VRIDs are nobody's here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from vipd.core.model import IPAddress
from vipd.log import Logger

STRANGERS_REMEMBERED = 256
"""There are no more VRIDs on one link; who sends from more addresses is a flood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranger:
    """One sender of one VRID."""

    interface: str
    vrid: int
    source: IPAddress


class Strangers:
    """Counts them, and says once of each that it is there."""

    def __init__(self, log: Logger) -> None:
        self._log = log
        self._seen: Counter[Stranger] = Counter()

    def __iter__(self) -> Iterator[tuple[Stranger, int]]:
        """Each stranger, with how often it was heard."""
        return iter(self._seen.items())

    def note(self, interface: str, vrid: int, source: IPAddress) -> None:
        """Count one packet."""
        stranger = Stranger(interface=interface, vrid=vrid, source=source)
        if stranger not in self._seen:
            if len(self._seen) >= STRANGERS_REMEMBERED:
                return
            text = "somebody else's virtual router is on this link"
            self._log.info(text, interface=interface, vrid=vrid, source=str(source))
        self._seen[stranger] += 1
