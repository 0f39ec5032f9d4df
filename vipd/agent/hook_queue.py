"""The queue of hooks: one at a time, in order, and the last state always wins.

Theory of operation. The hooks of one transition (those of the new state, then `on_any`) are a
batch. A batch that has begun is run to its end: a transition is told whole, or not at all. While
one runs, of all transitions that come only the last is kept; so hooks are never told of a state
long past, and always of the last one. That is true of `on_any` and `on_stop`, too: `on_any` is not
told of what was skipped, and `on_stop`, which is always last, is never skipped. How many were is
counted, and told to the next batch.

A gate (`before_master`, `before_release`) is a batch that somebody waits for. It goes before what
waits, because what waits is older: it is told afterwards, unless the transition that the gate leads
to takes its place. It does not go before what runs, for that could undo its work later; but its
bound, the sum of the timeouts of its hooks, counts from when it was asked, and then it is answered,
whatever goes on. Where a gate was called off after it had begun, no transition follows that would
set right what it has done; so the last one is told once more.

Only a runner knows how a program is run, and what time it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeAlias

from vipd.agent.hook_occasion import Occasion
from vipd.core.config import Hook, HookMoment, HooksConfig
from vipd.core.units import Duration, format_duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How one run of a hook has ended: `code` is minus the signal that ended it, or None where it
    was not started. `text` says it all, `line` is the last that it printed."""

    ok: bool
    text: str
    code: int | None = None
    timed_out: bool = False
    line: str = ""
    took: Duration = 0


class Running(Protocol):
    """A hook that runs; what it was begun with is told once, in any case."""

    def end(self) -> None:
        """End it, soon and by force if need be."""

    def kill(self) -> None:
        """End it by force."""


class Runner(Protocol):
    """Runs programs and keeps time; calls back later, never at once."""

    def run(
        self, hook: Hook, moment: HookMoment, occasion: Occasion, done: Callable[[Run], None]
    ) -> Running:
        """Begin one run, which ends by itself when its timeout has passed."""

    def after(self, wait: Duration, call: Callable[[], None]) -> Callable[[], None]:
        """Call, unless what is returned is called before."""


Answer: TypeAlias = Callable[[bool, str], None]
"""Takes whether what a gate holds up may go on, and what was wrong, if anything was."""

Ended: TypeAlias = Callable[[HookMoment, Hook, Occasion, Run], None]
"""Takes what came of one run."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Gate:
    """Somebody who waits."""

    answer: Answer | None
    bound: Duration
    required: bool
    disarm: Callable[[], None]
    troubles: list[str] = field(default_factory=list)

    def say(self, text: str, *, ok: bool) -> None:
        """Answer, the first time."""
        self.disarm()
        answer, self.answer = self.answer, None
        if answer:
            answer(ok, text)


@dataclass(slots=True, kw_only=True, eq=False)
class _Batch:
    """What runs for one occasion, and for whom."""

    occasion: Occasion
    steps: deque[tuple[HookMoment, Hook]]
    gate: _Gate | None = None
    running: Running | None = None


class HookQueue:
    """All hooks of one subject."""

    def __init__(self, config: HooksConfig, runner: Runner, ended: Ended) -> None:
        self.config = config
        """What is run from the next batch on."""
        self.skipped = 0
        """How many transitions no hook was told of."""
        self._runner = runner
        self._ended = ended
        self._current: _Batch | None = None
        self._asked: _Batch | None = None
        self._latest: Occasion | None = None
        self._told: Occasion | None = None
        self._closed = False
        self._idlers: list[Callable[[], None]] = []

    @property
    def idle(self) -> bool:
        """Whether nothing runs and nothing waits."""
        return self._current is None and self._asked is None and self._latest is None

    def when_idle(self, call: Callable[[], None]) -> None:
        """Call as soon as nothing runs and nothing waits."""
        if self.idle:
            call()
        else:
            self._idlers.append(call)

    def transition(self, occasion: Occasion) -> None:
        """Tell of a transition, as soon as what runs has ended, unless another one comes first."""
        if self._closed:
            return
        skipped = 0
        if self._latest not in (None, self._told):
            self.skipped += 1
            skipped = self._latest.skipped + 1
        self._latest = replace(occasion, skipped=skipped)
        self._go_on()

    def gate(self, moment: HookMoment, occasion: Occasion, answer: Answer) -> Callable[[], None]:
        """Run the hooks of a moment and answer within their bound; return what calls it off.

        Order: they run one after the other; where a required one fails, the others are left out.
        Without hooks the answer is given at once. Who asks again calls off what it asked before.
        """
        hooks = self.config.at(moment)
        if not hooks or self._closed:
            answer(True, "")
            return _nothing
        for batch in (self._asked, self._current):
            if batch:
                self._call_off(batch)
        bound = sum(hook.timeout for hook in hooks)
        gate = _Gate(
            answer=answer,
            bound=bound,
            required=any(hook.required for hook in hooks),
            disarm=_nothing,
        )
        batch = _Batch(occasion=occasion, steps=_steps(moment, hooks), gate=gate)
        gate.disarm = self._runner.after(bound, lambda: self._expire(batch, gate))
        self._asked = batch
        self._go_on()
        return lambda: self._call_off(batch)

    def close(self) -> None:
        """Forget what waits and kill what runs; nothing begins any more."""
        self._closed = True
        self._latest = None
        for batch in (self._asked, self._current):
            if batch:
                _abandon(batch)
        self._asked = None
        if self._current and self._current.running:
            self._current.running.kill()
        self._go_on()

    # -- batches ----------------------------------------------------------------------------

    def _go_on(self) -> None:
        """Begin what is next, if nothing runs."""
        while self._current is None and not self.idle:
            self._current = self._take_next()
            self._run_next(self._current)
        if self.idle:
            idlers, self._idlers = self._idlers, []
            for call in idlers:
                call()

    def _take_next(self) -> _Batch:
        """Order: a gate goes before what waits."""
        if self._asked is not None:
            asked, self._asked = self._asked, None
            return asked
        assert self._latest is not None, "the queue is not idle"
        occasion, self._latest = self._latest, None
        self._told = occasion
        moments = (occasion.moment, HookMoment.ON_ANY)
        steps = [step for moment in moments for step in _steps(moment, self.config.at(moment))]
        return _Batch(occasion=occasion, steps=deque(steps))

    def _run_next(self, batch: _Batch) -> None:
        """Run the next hook of a batch; after the last one the batch is over."""
        if not batch.steps:
            self._current = None
            if batch.gate:
                batch.gate.say("; ".join(batch.gate.troubles), ok=True)
            return
        moment, hook = batch.steps.popleft()
        batch.running = self._runner.run(
            hook, moment, batch.occasion, lambda run: self._take(batch, moment, hook, run)
        )

    def _take(self, batch: _Batch, moment: HookMoment, hook: Hook, run: Run) -> None:
        """One hook has ended."""
        batch.running = None
        self._ended(moment, hook, batch.occasion, run)
        if batch.gate and not run.ok:
            trouble = f"{moment.value} {hook.argv[0]}: {run.text}"
            batch.gate.troubles.append(trouble)
            if hook.required:
                batch.steps.clear()
                self._current = None
                batch.gate.say(trouble, ok=False)
                self._go_on()
                return
        self._run_next(batch)
        self._go_on()

    # -- gates ------------------------------------------------------------------------------

    def _expire(self, batch: _Batch, gate: _Gate) -> None:
        """The bound of a gate has passed: answer, and end what it still does."""
        waited = format_duration(gate.bound)
        text = f"its hooks have not ended within {waited}"
        if batch is self._asked:
            self._asked = None
            text = f"its hooks have not begun within {waited}: another one still runs"
        batch.steps.clear()
        if batch.running:
            batch.running.end()
        gate.say("; ".join((*gate.troubles, text)), ok=not gate.required)
        self._go_on()

    def _call_off(self, batch: _Batch) -> None:
        """Nobody waits for this gate any more; what it has begun is set right."""
        if batch.gate is None or batch.gate.answer is None:
            return
        _abandon(batch)
        if batch is self._asked:
            self._asked = None
        elif batch is self._current:
            self._latest = self._latest or self._told
            if batch.running:
                batch.running.end()
        self._go_on()


def _steps(moment: HookMoment, hooks: Iterable[Hook]) -> deque[tuple[HookMoment, Hook]]:
    return deque((moment, hook) for hook in hooks)


def _abandon(batch: _Batch) -> None:
    """Let nothing of it begin any more, and nobody be told."""
    batch.steps.clear()
    if batch.gate:
        batch.gate.disarm()
        batch.gate.answer = None


def _nothing() -> None:
    """What calls off a gate that had nothing to ask."""
