"""Two daemons of a kind under 255 virtual routers: what it costs, and whether the rhythm is kept.

`a` is MASTER of all, `b` BACKUP. The adverts are counted by the witness on a third host. What is
counted leaves out the announcements after the takeover: see `Plan.rest_s`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from chaos.daemon import Daemon, Part
from interop_mode import address

from bench.contender import Contender, routers
from bench.eyes import Eyes
from bench.figure import Reading
from bench.plan import MANY, Plan
from bench.process import cpu_ns
from bench.rhythm import missed_or_late, widest_gap, within
from vipd.control.client import ask
from vipd.control.messages import StatusRequest
from vipd.core.model import State
from vipd.core.units import MILLISECOND, SECOND
from vipd.errors import VipdError
from vipd.lab.lab import Lab
from vipd.lab.pause import Pause

BETTER, WORSE = 150, 100
PATIENCE_S = 20.0
MICROSECOND = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What two daemons have done between two moments of the wall's clock. Units: nanoseconds."""

    start: int
    end: int
    cpu_sending: int
    cpu_receiving: int
    transitions: int


class Pair:
    """Both daemons, in a lab."""

    def __init__(self, lab: Lab, contender: Contender, interval_ms: int) -> None:
        self.lab = lab
        first, second, third = (
            lab.add_host(name, addresses=[str(address(4, number))])
            for name, number in (("a", 11), ("b", 12), ("peer", 13))
        )
        self.modes = routers(MANY, interval_ms)
        self.a = contender.kind(lab, first, Part(modes=self.modes, priority=BETTER))
        self.b = contender.kind(lab, second, Part(modes=self.modes, priority=WORSE))
        self.eyes = Eyes(lab, third)

    def settle(self, rest_s: float) -> None:
        """Start both and wait until `a` serves everywhere. Raises: VipdError when it does not.

        Why: that `b` waits everywhere is not asked for. Where it does not, that is counted.
        """
        self.a.start()
        self.b.start()
        patience = self.modes[0].down_after(WORSE) / SECOND + PATIENCE_S
        self.lab.wait_until(self._a_serves, patience, "a serves for all 255")
        self.lab.pause(rest_s)

    def _a_serves(self) -> bool:
        states = self.a.states()
        return len(states) == MANY and all(state is State.MASTER for state in states.values())

    def watch(self, seconds: float) -> Span:
        """Let them do what they do for a while."""
        before = self._transitions()
        pids, start = (self.a.pids(), self.b.pids()), time.time_ns()
        at_start = [cpu_ns(one) for one in pids]
        self.lab.pause(seconds)
        at_end, end = [cpu_ns(one) for one in pids], time.time_ns()
        sending, receiving = (late - early for early, late in zip(at_start, at_end, strict=True))
        return Span(
            start=start,
            end=end,
            cpu_sending=sending,
            cpu_receiving=receiving,
            transitions=self._transitions() - before,
        )

    def _transitions(self) -> int:
        return self.a.transitions() + self.b.transitions()


def load(contender: Contender, interval_ms: int, plan: Plan, pause: Pause) -> Iterator[Reading]:
    """Watch a pair for a while; then ask for its status, where it has one."""
    seconds = plan.load_s[interval_ms]
    topic = f"{MANY} instances at {interval_ms} ms, for {seconds:g} s"
    with Lab(pause=pause) as lab:
        pair = Pair(lab, contender, interval_ms)
        pair.settle(plan.rest_s)
        span = pair.watch(seconds)
        asked = list(_ask(pair, plan.questions)) if contender.is_ours else []
        for what, unit, values in (*_rhythm(pair, span), *asked):
            yield Reading(topic=topic, what=what, unit=unit, values=values)


def _rhythm(pair: Pair, span: Span) -> Iterator[tuple[str, str, list[float]]]:
    """What the wire says of the span. Raises: VipdError when nothing was sent."""
    capture, host = pair.eyes.close(), pair.a.host
    sent = [capture.adverts_of(host.mac, mode.vrid) for mode in pair.modes]
    count = sum(len(within(moments, span.start, span.end)) for moments in sent)
    if not count:
        raise VipdError("a has sent no adverts at all")
    yield "CPU per advert sent", "us", [span.cpu_sending / count / MICROSECOND]
    yield "CPU per advert received", "us", [span.cpu_receiving / count / MICROSECOND]
    lacking = [missed_or_late(one, span.start, span.end, pair.modes[0].interval) for one in sent]
    yield "adverts missed or late", "", [float(sum(lacking))]
    widest = max(widest_gap(one, span.start, span.end) for one in sent)
    late = max(0, widest - pair.modes[0].interval)
    yield "the latest advert was late by", "ms", [late / MILLISECOND]
    yield "transitions", "", [float(span.transitions)]


def _ask(pair: Pair, questions: int) -> Iterator[tuple[str, str, list[float]]]:
    for daemon, what in ((pair.a, "status of the MASTER"), (pair.b, "status of the BACKUP")):
        yield what, "ms", [_answer_ms(daemon) for _ in range(questions)]


def _answer_ms(daemon: Daemon) -> float:
    """How long a client waits for the status of everything, its reading included."""
    asked = time.monotonic_ns()
    ask(daemon.host.directory / "control.sock", StatusRequest())
    return (time.monotonic_ns() - asked) / MILLISECOND
