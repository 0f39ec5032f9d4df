"""Hooks: the operator's programs, told of what an instance or a group becomes.

`transition` tells of what has happened and returns at once; `gate` asks the hooks that may hold up
what is about to happen. `hook_queue` says what runs when, `hook_runner` how, `hook_occasion` what
a hook is told. The FIFO is not part of the queue: it gets every transition, as it happens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

from vipd.agent.hook_fifo import Fifo
from vipd.agent.hook_occasion import Facts, Occasion, Subject, SubjectKind, keepalived_line
from vipd.agent.hook_queue import Answer, HookQueue, Run, Runner
from vipd.agent.hook_runner import DEATH_TAKES, ChildRunner
from vipd.agent.ports import Clock
from vipd.agent.throttle import Throttle
from vipd.core.actions import ReportTransition
from vipd.core.config import Hook, HookMoment, HooksConfig
from vipd.core.units import MILLISECOND, SECOND, Duration, Instant
from vipd.log import Logger

Told: TypeAlias = "Callable[[Subject, HookResult], None]"


@dataclass(frozen=True, slots=True, kw_only=True)
class HookResult:
    """What came of the last run of a hook, and when it ended; how many runs there were, and how
    many of them failed."""

    moment: HookMoment
    hook: Hook
    run: Run
    at: Instant
    runs: int = 1
    failures: int = 0


@dataclass(slots=True)
class HookCounters:
    """What the hooks of one subject have done since the agent has it."""

    runs: int = 0
    failures: int = 0


class Hooks:
    """The hooks of one instance or group."""

    def __init__(
        self,
        config: HooksConfig,
        subject: Subject,
        clock: Clock,
        log: Logger,
        runner: Runner | None = None,
    ) -> None:
        self._clock = clock
        self._log = log
        self._throttle = Throttle(log, clock)
        self._number = 0
        self._results: dict[tuple[HookMoment, Hook], HookResult] = {}
        self._fifo: Fifo | None = None
        self._fifo_path: str | None = None
        self._queue = HookQueue(config, runner or ChildRunner(), self._note)
        self.subject = subject
        """Whose hooks they are; to be set anew when a reload has changed it."""
        self.counters = HookCounters()
        self.told: Told = lambda _, __: None
        """Called with what came of each run."""
        self._open_fifo(config.fifo)

    @property
    def results(self) -> tuple[HookResult, ...]:
        """The last result of every configured hook that has run, in the order of configuration."""
        hooks = dict.fromkeys(self._queue.config.hooks)
        return tuple(self._results[hook] for hook in hooks if hook in self._results)

    @property
    def skipped(self) -> int:
        """How many transitions no hook was told of, because the next one had come."""
        return self._queue.skipped

    @property
    def fifo_dropped(self) -> int:
        """How many lines the FIFO did not take."""
        return self._fifo.dropped if self._fifo else 0

    @property
    def idle(self) -> bool:
        """Whether nothing runs and nothing waits."""
        return self._queue.idle

    def bound(self, moment: HookMoment) -> Duration:
        """How long a gate may take at most; 0 where there is nothing to ask."""
        return sum(hook.timeout for hook in self._queue.config.at(moment))

    def configure(self, config: HooksConfig) -> None:
        """Run these hooks from now on. What has begun is run to its end."""
        self._queue.config = config
        self._results = {key: self._results[key] for key in config.hooks if key in self._results}
        self._open_fifo(config.fifo)

    def transition(self, report: ReportTransition, facts: Facts) -> None:
        """Tell of a transition; the same state for another cause is none."""
        if report.old is report.new:
            return
        occasion = self._occasion(report, facts)
        if self._fifo:
            self._fifo.write(keepalived_line(occasion))
        self._queue.transition(occasion)

    def gate(
        self, moment: HookMoment, report: ReportTransition, facts: Facts, answer: Answer
    ) -> Callable[[], None]:
        """Ask whether a transition that is about to be may go on; return what calls that off.

        The answer is given once, within `bound` of the moment, unless it is called off; at once,
        before this returns, where no hook is to be asked. It is False only when a required hook
        has failed, or has not ended in time; its text says all that was wrong.
        """
        return self._queue.gate(moment, self._occasion(report, facts), answer)

    def when_idle(self, call: Callable[[], None]) -> None:
        """Call as soon as nothing runs and nothing waits."""
        self._queue.when_idle(call)

    def close(self) -> None:
        """Kill what runs, forget what waits, let go of the FIFO. Once more changes nothing."""
        self._queue.close()
        self._open_fifo(None)

    def _occasion(self, report: ReportTransition, facts: Facts) -> Occasion:
        self._number += 1
        return Occasion(subject=self.subject, number=self._number, report=report, facts=facts)

    def _open_fifo(self, path: str | None) -> None:
        """Open another FIFO, if it is another one."""
        if path == self._fifo_path:
            return
        if self._fifo:
            self._fifo.close()
        self._fifo = Fifo(path, self._throttle) if path else None
        self._fifo_path = path

    def _note(self, moment: HookMoment, hook: Hook, occasion: Occasion, run: Run) -> None:
        """Keep, count and log what came of a run."""
        self.counters.runs += 1
        self.counters.failures += not run.ok
        self._keep(moment, hook, run)
        instance = occasion.subject.kind is SubjectKind.INSTANCE
        fields: dict[str, object] = {
            "instance" if instance else "group": occasion.subject.name,
            "moment": moment.value,
            "program": hook.argv[0],
            "sequence": occasion.number,
            "result": run.text,
            "took_ms": round(run.took / MILLISECOND, 3),
        }
        if occasion.skipped:
            fields["skipped"] = occasion.skipped
        write = self._log.info if run.ok else self._log.warning
        write("hook" if run.ok else "hook failed", **fields)
        self.told(self.subject, self._results[moment, hook])

    def _keep(self, moment: HookMoment, hook: Hook, run: Run) -> None:
        before = self._results.get((moment, hook))
        self._results[moment, hook] = HookResult(
            moment=moment,
            hook=hook,
            run=run,
            at=self._clock(),
            runs=(before.runs if before else 0) + 1,
            failures=(before.failures if before else 0) + (not run.ok),
        )


async def drain(all_hooks: Iterable[Hooks], within: Duration) -> bool:
    """Wait until all that was told is done, for so long at most, then kill what still runs and
    close: whether all was done in time.

    Order: after the last transition of every instance.
    """
    every = tuple(all_hooks)
    done = await _all_idle(every, within)
    for hooks in every:
        hooks.close()
    await _all_idle(every, DEATH_TAKES + SECOND)
    return done


async def _all_idle(all_hooks: Iterable[Hooks], within: Duration) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(within / SECOND):
            for hooks in all_hooks:
                idle = asyncio.Event()
                hooks.when_idle(idle.set)
                await idle.wait()
            return True
    return False
