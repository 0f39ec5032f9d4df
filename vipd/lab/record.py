"""What a client saw: every request, and what follows from them about outages and owners."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

LATE_NS = 20_000_000
"""An answer in the lab takes a tenth of a millisecond. One that took this long waited for the
address to be found: it was sent during an outage, though the network kept it until the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One request and its answer: when, and from whom; None twice when there was none."""

    sent_ns: int
    answered_ns: int | None
    owner: str | None

    @property
    def prompt(self) -> bool:
        """Whether it was answered as if nothing had happened."""
        return self.answered_ns is not None and self.answered_ns - self.sent_ns < LATE_NS


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A time without answers: from the last one before it to the first one after it.

    `end_ns` is None while nobody answers. Where nobody ever answered before, it begins with the
    first request.
    """

    start_ns: int
    end_ns: int | None
    before: str | None
    after: str | None
    lost: int

    @property
    def length_ms(self) -> float | None:
        """How long it was; None while it lasts."""
        return None if self.end_ns is None else (self.end_ns - self.start_ns) / 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A time in which one owner alone answered."""

    owner: str
    first_ns: int
    last_ns: int
    count: int


@dataclass(frozen=True, slots=True)
class Record:
    """A series of requests, in the order in which they were sent."""

    replies: Sequence[Reply]

    def since(self, start_ns: int) -> Record:
        """The part that was sent from then on, with the last answer before it."""
        first = next(
            (n for n, one in enumerate(self.replies) if one.sent_ns >= start_ns), len(self.replies)
        )
        before = next((n for n in reversed(range(first)) if self.replies[n].prompt), first)
        return Record(self.replies[before:])

    @property
    def lost(self) -> int:
        """How many requests had no answer."""
        return sum(reply.answered_ns is None for reply in self.replies)

    @property
    def owner(self) -> str | None:
        """Who answered last; None when the last request had no answer."""
        return self.replies[-1].owner if self.replies else None

    @property
    def first_owner(self) -> str | None:
        """Who answered first; None when the first request had no answer."""
        return self.replies[0].owner if self.replies else None

    def outages(self) -> tuple[Outage, ...]:
        """Every time in which requests were lost, or answered only when it was over."""
        return tuple(self._outages())

    def _outages(self) -> Iterator[Outage]:
        before: Reply | None = None
        out: list[Reply] = []
        for reply in self.replies:
            if not reply.prompt:
                out.append(reply)
                continue
            if out:
                yield _outage(before, out, reply)
                out = []
            before = reply
        if out:
            yield _outage(before, out, None)

    def longest_outage_ms(self) -> float | None:
        """The longest outage, 0 where there was none; None where one still lasts."""
        lengths = self._lengths_ms()
        return None if lengths is None else max(lengths, default=0.0)

    def total_outage_ms(self) -> float | None:
        """All outages together, 0 where there was none; None where one still lasts."""
        lengths = self._lengths_ms()
        return None if lengths is None else sum(lengths)

    def _lengths_ms(self) -> list[float] | None:
        """The lengths of all outages; None where one still lasts."""
        lengths = [outage.length_ms for outage in self.outages()]
        known = [length for length in lengths if length is not None]
        return known if len(known) == len(lengths) else None

    def spans(self) -> tuple[Span, ...]:
        """Who answered, one after the other."""
        answered = sorted(
            (reply.answered_ns, reply.owner)
            for reply in self.replies
            if reply.answered_ns is not None and reply.owner is not None
        )
        spans = []
        for owner, group in groupby(answered, key=lambda one: one[1]):
            times = [at for at, _ in group]
            one = Span(owner=owner, first_ns=times[0], last_ns=times[-1], count=len(times))
            spans.append(one)
        return tuple(spans)

    @property
    def alternated(self) -> bool:
        """Whether an owner came back after another had answered: two held the address at once."""
        owners = [span.owner for span in self.spans()]
        assert all(one != other for one, other in pairwise(owners)), "spans are maximal"
        return len(owners) > len(set(owners))


def _outage(before: Reply | None, out: Sequence[Reply], after: Reply | None) -> Outage:
    late = [reply for reply in (*out, after) if reply is not None and reply.answered_ns is not None]
    ended_by = min(late, key=lambda reply: reply.answered_ns or 0, default=None)
    start_ns = out[0].sent_ns
    if before is not None and before.answered_ns is not None:
        start_ns = before.answered_ns
    return Outage(
        start_ns=start_ns,
        end_ns=None if ended_by is None else ended_by.answered_ns,
        before=None if before is None else before.owner,
        after=None if ended_by is None else ended_by.owner,
        lost=sum(reply.answered_ns is None for reply in out),
    )
