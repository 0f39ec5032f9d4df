"""Who had the address when, and where the client would have sent: sums over time, and no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

MILLISECOND = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """From then on: the hosts that have the address, and the one that the client sends to.

    `target` is None where the client knows none.
    """

    at_ns: int
    holders: frozenset[str]
    target: str | None = None

    @property
    def double(self) -> bool:
        """Whether two hosts have the address."""
        return len(self.holders) > 1

    @property
    def misled(self) -> bool:
        """Whether the client sends to a host that does not have it, while another does."""
        return bool(self.holders) and self.target is not None and self.target not in self.holders


Predicate = Callable[[Moment], bool]


@dataclass(frozen=True, slots=True)
class Timeline:
    """Moments in their order; the last one lasts until `end_ns`."""

    moments: Sequence[Moment]
    end_ns: int

    def between(self, start_ns: int, end_ns: int) -> Timeline:
        """The part from one time to another, beginning with what was so at its start."""
        before = [one for one in self.moments if one.at_ns <= start_ns]
        within = [one for one in self.moments if start_ns < one.at_ns < end_ns]
        first = before[-1] if before else Moment(at_ns=start_ns, holders=frozenset())
        start = Moment(at_ns=start_ns, holders=first.holders, target=first.target)
        return Timeline((start, *within), end_ns)

    def total_ms(self, predicate: Predicate) -> float:
        """For how long it was so, in all."""
        return sum(self._stretches(predicate)) / MILLISECOND

    def longest_ms(self, predicate: Predicate) -> float:
        """For how long it was so, without a break."""
        return max(self._stretches(predicate), default=0) / MILLISECOND

    def lasts(self, predicate: Predicate) -> bool:
        """Whether it was still so at the end."""
        return bool(self.moments) and predicate(self.moments[-1])

    def _stretches(self, predicate: Predicate) -> Iterator[int]:
        """The lengths of the times in which it was so, in nanoseconds."""
        length = 0
        end = Moment(at_ns=self.end_ns, holders=frozenset())
        for one, after in pairwise((*self.moments, end)):
            if predicate(one):
                length += after.at_ns - one.at_ns
            elif length:
                yield length
                length = 0
        if length:
            yield length
