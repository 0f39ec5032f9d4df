"""The queue of hooks, with a runner whose programs end when the test says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from vipd.agent.hook_occasion import Facts, Occasion, Subject, SubjectKind
from vipd.agent.hook_queue import HookQueue, Run
from vipd.core.actions import ReportTransition
from vipd.core.cause import Cause, CauseCode
from vipd.core.config import Hook, HookMoment, HooksConfig
from vipd.core.model import State
from vipd.core.units import SECOND, Duration, Instant

GRACE = SECOND // 2
ON = {
    State.MASTER: HookMoment.ON_MASTER,
    State.BACKUP: HookMoment.ON_BACKUP,
    State.FAULT: HookMoment.ON_FAULT,
    State.INIT: HookMoment.ON_STOP,
}
WEB = Subject(kind=SubjectKind.INSTANCE, name="web")


def hook(name: str, timeout: Duration = 10 * SECOND, *, required: bool = False) -> Hook:
    return Hook(argv=(f"/{name}",), timeout=timeout, required=required)


def occasion(number: int, new: State, old: State = State.BACKUP) -> Occasion:
    cause = Cause(CauseCode.STARTED, "a test")
    report = ReportTransition(old=old, new=new, cause=cause)
    return Occasion(subject=WEB, number=number, report=report, facts=Facts(priority=100))


@dataclass(eq=False)
class VirtualRun:
    """A program that runs until the runner ends it."""

    runner: VirtualRunner
    name: str
    done: Callable[[Run], None]

    def end(self) -> None:
        self.runner.ending.append(self.name)
        self.runner.at(GRACE, lambda: self.runner.finish(self, ok=False))

    def kill(self) -> None:
        self.runner.killed.append(self.name)
        self.runner.at(0, lambda: self.runner.finish(self, ok=False))


@dataclass
class VirtualRunner:
    """Runs nothing, keeps its own time; there are never two runs at once."""

    now: Instant = 0
    told: list[str] = field(default_factory=list)
    occasions: list[Occasion] = field(default_factory=list)
    running: VirtualRun | None = None
    ending: list[str] = field(default_factory=list)
    killed: list[str] = field(default_factory=list)
    timers: list[tuple[Instant, int, Callable[[], None]]] = field(default_factory=list)
    _count: int = 0

    def run(
        self, hook: Hook, moment: HookMoment, occasion: Occasion, done: Callable[[Run], None]
    ) -> VirtualRun:
        assert self.running is None, "two hooks at once"
        name = f"{moment.value} {hook.argv[0]} {occasion.number}"
        self.told.append(name)
        self.occasions.append(occasion)
        self.running = run = VirtualRun(self, name, done)
        self.at(hook.timeout, lambda: self._expire(run))
        return run

    def _expire(self, run: VirtualRun) -> None:
        if self.running is run:
            run.end()

    def after(self, wait: Duration, call: Callable[[], None]) -> Callable[[], None]:
        return self.at(wait, call)

    def at(self, wait: Duration, call: Callable[[], None]) -> Callable[[], None]:
        self._count += 1
        timer = (self.now + wait, self._count, call)
        self.timers.append(timer)

        def cancel() -> None:
            if timer in self.timers:
                self.timers.remove(timer)

        return cancel

    def finish(self, run: VirtualRun | None = None, *, ok: bool = True) -> None:
        """End what runs, or this run if it still does."""
        if self.running is not None and run in (None, self.running):
            ended, self.running = self.running, None
            ended.done(Run(ok=ok, text="exit 0" if ok else "exit 1", code=int(not ok)))

    def advance(self, wait: Duration) -> None:
        until = self.now + wait
        while self.timers and min(self.timers)[0] <= until:
            timer = min(self.timers)
            self.timers.remove(timer)
            self.now = timer[0]
            timer[2]()
        self.now = until

    def finish_all(self) -> None:
        while self.running:
            self.finish()


def queue_of(*hooks: tuple[HookMoment, Hook]) -> tuple[HookQueue, VirtualRunner]:
    runner = VirtualRunner()
    return HookQueue(HooksConfig(hooks=hooks), runner, lambda *_: None), runner


def full_queue() -> tuple[HookQueue, VirtualRunner]:
    """A hook at every moment after a transition."""
    return queue_of(*((moment, hook(moment.value[3:])) for moment in HookMoment))


def every_state() -> tuple[HookQueue, VirtualRunner]:
    return queue_of(*((ON[state], hook(state.value)) for state in State))


# -- transitions ----------------------------------------------------------------------------


def test_the_hooks_of_a_transition_run_in_order_and_on_any_comes_last() -> None:
    queue, runner = queue_of(
        (HookMoment.ON_ANY, hook("any")),
        (HookMoment.ON_MASTER, hook("one")),
        (HookMoment.ON_BACKUP, hook("other")),
        (HookMoment.ON_MASTER, hook("two")),
    )
    queue.transition(occasion(1, State.MASTER))
    assert runner.told == ["on_master /one 1"]
    runner.finish_all()
    assert runner.told == ["on_master /one 1", "on_master /two 1", "on_any /any 1"]
    assert queue.idle


def test_a_hook_that_fails_does_not_keep_the_next_one_from_running() -> None:
    queue, runner = queue_of((HookMoment.ON_MASTER, hook("a")), (HookMoment.ON_MASTER, hook("b")))
    queue.transition(occasion(1, State.MASTER))
    runner.finish(ok=False)
    assert runner.told == ["on_master /a 1", "on_master /b 1"]


def test_of_five_fast_transitions_the_first_and_the_last_are_told() -> None:
    queue, runner = every_state()
    for number, state in enumerate(
        (State.BACKUP, State.MASTER, State.BACKUP, State.FAULT, State.MASTER), 1
    ):
        queue.transition(occasion(number, state))
    runner.finish_all()
    assert runner.told == ["on_backup /BACKUP 1", "on_master /MASTER 5"]
    assert queue.skipped == 3
    assert [each.skipped for each in runner.occasions] == [0, 3]


def test_a_transition_that_has_begun_is_told_whole() -> None:
    queue, runner = queue_of(
        (HookMoment.ON_MASTER, hook("a")),
        (HookMoment.ON_MASTER, hook("b")),
        (HookMoment.ON_BACKUP, hook("c")),
    )
    queue.transition(occasion(1, State.MASTER))
    queue.transition(occasion(2, State.BACKUP))
    runner.finish_all()
    assert runner.told == ["on_master /a 1", "on_master /b 1", "on_backup /c 2"]


def test_a_state_without_hooks_takes_the_place_of_what_waits_too() -> None:
    """Else a hook would be told of a state that is over."""
    queue, runner = queue_of(
        (HookMoment.ON_MASTER, hook("master")), (HookMoment.ON_FAULT, hook("fault"))
    )
    queue.transition(occasion(1, State.MASTER))
    queue.transition(occasion(2, State.FAULT))
    queue.transition(occasion(3, State.BACKUP))
    runner.finish_all()
    assert runner.told == ["on_master /master 1"]
    assert queue.idle


def test_on_stop_is_told_whatever_waits() -> None:
    queue, runner = every_state()
    for number, state in enumerate((State.MASTER, State.BACKUP, State.INIT), 1):
        queue.transition(occasion(number, state))
    runner.finish_all()
    assert runner.told == ["on_master /MASTER 1", "on_stop /INIT 3"]


def test_hooks_of_a_new_configuration_run_from_the_next_transition_on() -> None:
    queue, runner = queue_of((HookMoment.ON_MASTER, hook("a")), (HookMoment.ON_MASTER, hook("b")))
    queue.transition(occasion(1, State.MASTER))
    queue.config = HooksConfig(hooks=((HookMoment.ON_BACKUP, hook("new")),))
    queue.transition(occasion(2, State.BACKUP))
    runner.finish_all()
    assert runner.told == ["on_master /a 1", "on_master /b 1", "on_backup /new 2"]


def test_a_closed_queue_kills_what_runs_and_begins_nothing() -> None:
    queue, runner = every_state()
    ended: list[bool] = []
    queue.transition(occasion(1, State.MASTER))
    queue.transition(occasion(2, State.BACKUP))
    queue.when_idle(lambda: ended.append(True))
    queue.close()
    assert runner.killed == ["on_master /MASTER 1"]
    assert not ended
    runner.advance(0)
    queue.transition(occasion(3, State.FAULT))
    assert ended
    assert queue.idle
    assert runner.told == ["on_master /MASTER 1"]


# -- gates ----------------------------------------------------------------------------------

BEFORE = HookMoment.BEFORE_MASTER
Answers = list[tuple[bool, str]]


def ask(queue: HookQueue, number: int = 9) -> tuple[Answers, Callable[[], None]]:
    answers: Answers = []
    cancel = queue.gate(
        BEFORE, occasion(number, State.MASTER), lambda ok, text: answers.append((ok, text))
    )
    return answers, cancel


def test_a_gate_without_hooks_is_open() -> None:
    queue, _ = every_state()
    answers, cancel = ask(queue)
    assert answers == [(True, "")]
    cancel()
    assert queue.idle


def test_a_gate_opens_when_all_its_hooks_have_ended() -> None:
    queue, runner = queue_of((BEFORE, hook("a")), (BEFORE, hook("b")))
    answers, _ = ask(queue)
    runner.finish()
    assert answers == []
    runner.finish()
    assert answers == [(True, "")]
    assert runner.told == ["before_master /a 9", "before_master /b 9"]
    runner.advance(60 * SECOND)
    assert len(answers) == 1


def test_a_hook_that_is_not_required_fails_and_the_gate_opens_and_says_so() -> None:
    queue, runner = queue_of((BEFORE, hook("a")), (BEFORE, hook("b")))
    answers, _ = ask(queue)
    runner.finish(ok=False)
    runner.finish()
    assert answers == [(True, "before_master /a: exit 1")]


def test_a_required_hook_that_fails_closes_the_gate_and_leaves_out_the_others() -> None:
    queue, runner = queue_of((BEFORE, hook("a", required=True)), (BEFORE, hook("b")))
    answers, _ = ask(queue)
    runner.finish(ok=False)
    assert answers == [(False, "before_master /a: exit 1")]
    assert runner.told == ["before_master /a 9"]
    assert queue.idle


def test_a_gate_is_answered_at_its_bound_and_the_next_hook_waits_for_the_end() -> None:
    queue, runner = queue_of(
        (BEFORE, hook("slow", 2 * SECOND, required=True)), (HookMoment.ON_FAULT, hook("fault"))
    )
    answers, _ = ask(queue)
    runner.advance(2 * SECOND - 1)
    assert answers == []
    runner.advance(1)
    assert answers == [(False, "its hooks have not ended within 2 s")]
    queue.transition(occasion(10, State.FAULT))
    assert runner.told == ["before_master /slow 9"]
    runner.advance(GRACE)
    assert runner.told == ["before_master /slow 9", "on_fault /fault 10"]


def test_a_gate_waits_for_what_runs_but_not_longer_than_its_bound() -> None:
    queue, runner = queue_of(
        (HookMoment.ON_BACKUP, hook("backup", 60 * SECOND)), (BEFORE, hook("a", 2 * SECOND))
    )
    queue.transition(occasion(1, State.BACKUP))
    answers, _ = ask(queue)
    runner.advance(2 * SECOND)
    assert answers == [(True, "its hooks have not begun within 2 s: another one still runs")]
    runner.finish()
    assert runner.told == ["on_backup /backup 1"]


def test_a_gate_goes_before_what_waits_and_its_transition_takes_the_place_of_that() -> None:
    queue, runner = queue_of(
        (HookMoment.ON_FAULT, hook("fault")),
        (HookMoment.ON_BACKUP, hook("backup")),
        (HookMoment.ON_MASTER, hook("master")),
        (BEFORE, hook("a")),
    )
    queue.transition(occasion(1, State.FAULT))
    queue.transition(occasion(2, State.BACKUP))
    queue.gate(
        BEFORE,
        occasion(3, State.MASTER),
        lambda _ok, _text: queue.transition(occasion(4, State.MASTER)),
    )
    runner.finish_all()
    assert runner.told == ["on_fault /fault 1", "before_master /a 3", "on_master /master 4"]


def test_a_gate_that_is_called_off_while_it_runs_is_set_right_by_telling_the_last_state() -> None:
    """Redis: it was promoted, another host was quicker, and it must be a replica again."""
    queue, runner = queue_of((HookMoment.ON_BACKUP, hook("demote")), (BEFORE, hook("promote")))
    queue.transition(occasion(1, State.BACKUP))
    runner.finish()
    answers, cancel = ask(queue)
    cancel()
    cancel()
    assert runner.ending == ["before_master /promote 9"]
    runner.advance(GRACE)
    runner.finish_all()
    assert runner.told == ["on_backup /demote 1", "before_master /promote 9", "on_backup /demote 1"]
    assert answers == []
    assert queue.skipped == 0


def test_a_gate_that_is_called_off_before_it_began_leaves_nothing_to_set_right() -> None:
    queue, runner = queue_of((HookMoment.ON_BACKUP, hook("demote")), (BEFORE, hook("promote")))
    queue.transition(occasion(1, State.BACKUP))
    _, cancel = ask(queue)
    cancel()
    runner.finish_all()
    assert runner.told == ["on_backup /demote 1"]


def test_who_asks_again_calls_off_what_was_asked_before() -> None:
    queue, runner = queue_of((BEFORE, hook("a")))
    first, _ = ask(queue, 1)
    second, _ = ask(queue, 2)
    third, _ = ask(queue, 3)
    runner.advance(GRACE)
    runner.finish_all()
    assert runner.told == ["before_master /a 1", "before_master /a 3"]
    assert (first, second, third) == ([], [], [(True, "")])


def test_a_closed_queue_answers_no_gate() -> None:
    queue, runner = queue_of((BEFORE, hook("a")))
    answers, _ = ask(queue)
    queue.close()
    runner.advance(60 * SECOND)
    assert answers == []


# -- whatever happens -----------------------------------------------------------------------

STEPS = st.lists(
    st.one_of(
        st.sampled_from(list(State)),
        st.sampled_from(["ask", "call off", "finish", "fail", "wait a little", "wait long"]),
    ),
    max_size=40,
)


@dataclass
class History:
    """What was asked of a queue, and what came of it."""

    number: int = 0
    last: tuple[int, State] | None = None
    answers: list[int] = field(default_factory=list)
    called_off: set[int] = field(default_factory=set)
    gates: list[int] = field(default_factory=list)
    cancel: Callable[[], None] = lambda: None


def play(steps: list[State | str], queue: HookQueue, runner: VirtualRunner) -> History:
    """Do the steps; what the queue does at once is checked on the way."""
    history = History()

    def answered(number: int, asked_at: Instant, _ok: bool, _text: str) -> None:
        assert runner.now - asked_at <= 2 * SECOND, "later than the bound"
        assert number not in history.called_off, "nobody waits"
        history.answers.append(number)

    for step in steps:
        history.number += 1
        match step:
            case State():
                history.last = (history.number, step)
                queue.transition(occasion(history.number, step))
            case "ask":
                number = history.number
                history.called_off |= set(history.gates) - set(history.answers)
                history.gates.append(number)
                answer = partial(answered, history.number, runner.now)
                history.cancel = queue.gate(BEFORE, occasion(number, State.MASTER), answer)
            case "call off":
                history.called_off |= set(history.gates) - set(history.answers)
                history.cancel()
            case "finish" | "fail":
                runner.finish(ok=step == "finish")
            case _:
                runner.advance(SECOND // 3 if step == "wait a little" else 5 * SECOND)
    return history


@given(STEPS)
@settings(max_examples=300, deadline=None)
def test_the_last_state_is_told_last_in_order_and_every_gate_is_answered(
    steps: list[State | str],
) -> None:
    queue, runner = queue_of(
        *((ON[state], hook(state.value, 3 * SECOND)) for state in State),
        (BEFORE, hook("first", SECOND, required=True)),
        (BEFORE, hook("second", SECOND)),
    )
    history = play(steps, queue, runner)
    runner.advance(60 * SECOND)
    assert queue.idle
    assert runner.running is None
    assert len(history.answers) == len(set(history.answers))
    assert set(history.answers) == set(history.gates) - history.called_off
    transitions = [name for name in runner.told if not name.startswith("before_")]
    numbers = [int(name.split()[-1]) for name in transitions]
    assert numbers == sorted(numbers)
    if history.last is None:
        assert transitions == []
        return
    number, state = history.last
    assert transitions[-1] == f"{ON[state].value} /{state.value} {number}"
    cut = {f"before_master /{name} {n}" for name in ("first", "second") for n in history.called_off}
    since = runner.told[len(runner.told) - 1 - runner.told[::-1].index(transitions[-1]) :]
    assert not cut & set(since), "what a gate has begun is set right when it is called off"
    states = [step for step in steps if isinstance(step, State)]
    assert queue.skipped == len(states) - len(set(numbers))
