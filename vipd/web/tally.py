"""The tally: what this process has done, for the metrics."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

PATHS: Final = ("/", "/events", "/metrics", "/healthz", "/readyz", "/status.json")
OTHER: Final = "other"
"""What every other path is counted as. Why: strangers choose the paths, not the cardinality."""


@dataclass(slots=True)
class Tally:
    """`crowded` are the connections there was no room for, `dropped` those of clients that did not
    read, or went away, `garbled` those that sent something else than HTTP."""

    requests: Counter[tuple[str, int]] = field(default_factory=Counter)
    crowded: int = 0
    dropped: int = 0
    garbled: int = 0
    viewers: int = 0

    def count(self, path: str, status: HTTPStatus) -> None:
        """One more request was answered."""
        self.requests[path if path in PATHS else OTHER, status.value] += 1
