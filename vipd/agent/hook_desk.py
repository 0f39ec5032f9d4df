"""The hook desk: which hooks belong to whom, and what they are told when.

Each instance and each group has hooks of its own. A group is MASTER when all of its instances are,
in FAULT when one is, and BACKUP otherwise; its hooks are told when that changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from vipd.agent.hook import Hooks, Told, drain
from vipd.agent.hook_occasion import Facts, Subject, SubjectKind
from vipd.agent.instance import Instance
from vipd.agent.ports import Clock
from vipd.core.actions import AskHooks, CallOffHooks, ReportTransition
from vipd.core.config import GroupConfig, HooksConfig, InstanceConfig
from vipd.core.events import HooksAnswered
from vipd.core.model import State
from vipd.core.units import SECOND, Duration
from vipd.log import Logger

DRAIN_WITHIN: Duration = 30 * SECOND
"""How long an agent that ends waits for its hooks."""


class HookDesk:
    """The hooks of one agent; `answer` takes what gates have said."""

    def __init__(
        self, clock: Clock, log: Logger, answer: Callable[[Instance, HooksAnswered], None]
    ) -> None:
        self._clock = clock
        self._log = log
        self._answer = answer
        self._instances: dict[str, Hooks] = {}
        self._groups: dict[str, Hooks] = {}
        self._members: dict[str, tuple[str, ...]] = {}
        self._states: dict[str, State] = {}
        self._group_states: dict[str, State] = {}
        self._leaving: dict[str, Hooks] = {}
        self._former: list[Hooks] = []
        self._gates: dict[str, Callable[[], None]] = {}
        self.told: Told = lambda _, __: None
        """Called with what came of each run of a hook. Order: set before `apply`."""

    @property
    def instances(self) -> Mapping[str, Hooks]:
        """The hooks of the instances, by name."""
        return self._instances

    @property
    def groups(self) -> Mapping[str, Hooks]:
        """The hooks of the groups, by name."""
        return self._groups

    def apply(self, configs: Sequence[InstanceConfig], groups: Sequence[GroupConfig]) -> None:
        """Have the hooks of these. Those of who is not among them run to their end.

        Order: before the instances are told of it, so that each has hooks from first to last.
        """
        self._members = {group.name: group.members for group in groups}
        own = {one.name: (_subject(one), one.hooks) for one in configs}
        self._leaving |= {name: one for name, one in self._instances.items() if name not in own}
        self._instances = self._have(self._instances, own)
        wanted = {one.name: (_group_subject(one), one.hooks) for one in groups}
        for name in self._groups.keys() - wanted.keys():
            self._retire(self._groups[name])
            self._group_states.pop(name, None)
        self._groups = self._have(self._groups, wanted)

    def transition(self, instance: Instance, report: ReportTransition) -> None:
        """Tell of what an instance has become, and of what its group has by that."""
        config, name = instance.config, instance.config.name
        self._call_off(name)
        if hooks := self._hooks_of(name):
            hooks.transition(report, _facts(instance))
        if report.new is State.INIT and (gone := self._leaving.pop(name, None)):
            self._retire(gone)
        self._states[name] = report.new
        if config.group in self._groups:
            self._note_group(config.group, instance, report)

    def ask(self, instance: Instance, what: AskHooks | CallOffHooks) -> None:
        """Ask the hooks that may hold up a transition, or ask them no more.

        Order: the answer comes later, always.
        """
        self._call_off(instance.config.name)
        if isinstance(what, CallOffHooks):
            return
        loop, moment = asyncio.get_running_loop(), what.moment

        def answer(ok: bool, text: str) -> None:  # noqa: FBT001  (the queue's own form)
            event = HooksAnswered(moment=moment, fault=None if ok else text)
            loop.call_soon(self._answer, instance, event)

        hooks = self._hooks_of(instance.config.name)
        if hooks is None:
            answer(True, "there are none")
        else:
            gate = hooks.gate(moment, what.report, _facts(instance), answer)
            self._gates[instance.config.name] = gate

    def _call_off(self, name: str) -> None:
        if gate := self._gates.pop(name, None):
            gate()

    def close(self) -> None:
        """Kill what runs and forget what waits."""
        for hooks in self._all():
            hooks.close()

    async def end(self) -> None:
        """Wait for what has been told, within a bound, then close."""
        if not await drain(self._all(), DRAIN_WITHIN):
            self._log.warning("hooks were killed: they did not end in time")

    def _all(self) -> list[Hooks]:
        configured = (*self._instances.values(), *self._groups.values())
        return [*configured, *self._leaving.values(), *self._former]

    def _hooks_of(self, name: str) -> Hooks | None:
        """The hooks of an instance, which is told to the end also when it is not configured."""
        return self._instances.get(name) or self._leaving.get(name)

    def _retire(self, hooks: Hooks) -> None:
        """Let these run to their end, and close them then."""
        self._former.append(hooks)
        hooks.when_idle(partial(self._forget, hooks))

    def _forget(self, hooks: Hooks) -> None:
        hooks.close()
        self._former.remove(hooks)

    def _have(
        self, running: dict[str, Hooks], wanted: Mapping[str, tuple[Subject, HooksConfig]]
    ) -> dict[str, Hooks]:
        kept: dict[str, Hooks] = {}
        for name, (subject, config) in wanted.items():
            if hooks := running.get(name):
                hooks.subject = subject
                hooks.configure(config)
            else:
                hooks = Hooks(config, subject, self._clock, self._log)
                hooks.told = self.told
            kept[name] = hooks
        return kept

    def _note_group(self, group: str, instance: Instance, report: ReportTransition) -> None:
        states = {self._states.get(name, State.INIT) for name in self._members[group]}
        old, new = self._group_states.get(group, State.INIT), _together(states)
        if new is not old:
            self._group_states[group] = new
            whole = ReportTransition(old=old, new=new, cause=report.cause)
            self._groups[group].transition(whole, _facts(instance))


def _together(states: set[State]) -> State:
    """What a group is whose instances are this."""
    if State.FAULT in states:
        return State.FAULT
    return states.pop() if len(states) == 1 else State.BACKUP


def _subject(config: InstanceConfig) -> Subject:
    return Subject(
        kind=SubjectKind.INSTANCE,
        name=config.name,
        interface=config.interface,
        vrid=config.vrid,
        group=config.group or "",
    )


def _group_subject(config: GroupConfig) -> Subject:
    return Subject(kind=SubjectKind.GROUP, name=config.name)


def _facts(instance: Instance) -> Facts:
    status = instance.machine.status(0)
    return Facts(
        priority=status.effective_priority,
        addresses=instance.config.addresses,
        peer=status.master.address if status.master else None,
    )
