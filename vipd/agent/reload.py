"""Reloading: a new configuration is read, compared, taken over and looked at; or nothing is so.

Theory of operation. The file is read in a process of its own, which finds every error that `vipd
check` finds. One with errors leaves the old one running, and so does one that a link cannot carry,
as far as that is known before. What is taken over is looked at right away: an instance that could
serve before and cannot now brings the old configuration back, and what was MASTER carries on as
after a restart: it claims its addresses at once, before a peer has believed that it stops. Several
requests that come while a file is read are answered by the next reading, all with one answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vipd.agent.instance import Instance
from vipd.agent.runtime import Runtime
from vipd.agent.supervisor import Supervisor
from vipd.config.change import Change, describe
from vipd.config.model import Config
from vipd.control.handler import Respond
from vipd.control.messages import (
    ChangeReport,
    ErrorReply,
    KeyReport,
    ReloadReply,
    ReloadRequest,
)
from vipd.core.cause import CauseCode
from vipd.core.config import InstanceConfig
from vipd.core.health import link_fault
from vipd.core.model import State
from vipd.core.units import Instant
from vipd.errors import ConfigError
from vipd.log import Logger

OF_THE_CONFIGURATION = frozenset(
    {
        CauseCode.CLAIM_FAILED,
        CauseCode.MTU,
        CauseCode.NO_SOURCE,
        CauseCode.NO_ADVERTS,
        CauseCode.INTERFACE_MISSING,
        CauseCode.INTERFACE_DOWN,
        CauseCode.NO_CARRIER,
    }
)
"""The faults that a configuration can bring along, by another interface or other peers as well."""

SERVICEABLE = frozenset({State.MASTER, State.BACKUP})
"""What an instance is that could serve."""


@dataclass(frozen=True, slots=True)
class _Wish:
    """Somebody wants a reload, or only to know what it would do."""

    plan: bool
    respond: Respond


class Reloading:
    """Takes over what is in the file; `config` is what runs."""

    def __init__(
        self,
        file: Path,
        read: Callable[[Path], Awaitable[Config]],
        runtime: Runtime,
        prepare: Callable[[Config], Sequence[InstanceConfig]],
        supervisor: Supervisor,
        log: Logger,
    ) -> None:
        self.file = file
        self.loaded_at = time.time_ns()
        """When what runs was read. Units: nanoseconds since the Unix epoch."""
        self._read = read
        self._runtime = runtime
        self._prepare = prepare
        self._supervisor = supervisor
        self._log = log
        self._wishes: list[_Wish] = []
        self._task: asyncio.Task[None] | None = None
        self._ended = False
        self.config: Config
        self.refused: str | None = None
        """Why the last reload was refused; None when it was not."""
        self.on_reloaded: Callable[[Sequence[Change]], None] = lambda _: None
        self.on_refused: Callable[[str], None] = lambda _: None
        self.on_failure: Callable[[BaseException], None] = lambda _: None

    def hang_up(self) -> None:
        """SIGHUP: reload, and tell the log alone."""
        self.request(ReloadRequest(), lambda _: None)

    def request(self, request: ReloadRequest, respond: Respond) -> None:
        """Reload, or tell what that would do."""
        if self._ended:
            respond(_too_late())
            return
        self._wishes.append(_Wish(request.plan, respond))
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._work())
            self._task.add_done_callback(self._check)

    def end(self) -> None:
        """Take nothing over any more."""
        self._ended = True

    def _check(self, task: asyncio.Task[None]) -> None:
        """A reload that failed in a way nobody expected is a failure of the agent."""
        if not task.cancelled() and (error := task.exception()):
            self.on_failure(error)

    async def _work(self) -> None:
        while self._wishes:
            wishes, self._wishes = self._wishes, []
            applies = not all(wish.plan for wish in wishes)
            if applies:
                self._supervisor.reloading()
            reply = await self._reply(applies=applies)
            if applies:
                self._supervisor.ready()
            for wish in wishes:
                wish.respond(reply)

    async def _reply(self, *, applies: bool) -> ReloadReply | ErrorReply:
        try:
            config = await self._read(self.file)
        except ConfigError as error:
            return self._refuse(str(error), *map(str, error.problems), applies=applies)
        if self._ended:
            return _too_late()
        return self._consider(config, applies=applies)

    def _consider(self, config: Config, *, applies: bool) -> ReloadReply | ErrorReply:
        states = {one.config.name: one.machine.state for one in self._runtime.running}
        if foreseen := self._foreseen(config):
            return self._refuse(f"refused, because {foreseen}", applies=applies)
        changes = describe(self.config, config, states)
        if applies and (broken := self._take_over(config, states)):
            return self._refuse(f"taken back, because {broken}", applies=True)
        if applies:
            self.refused, self.loaded_at = None, time.time_ns()
            self._log.info("reloaded", file=str(self.file), instances=len(config.instances))
            self._tell_of_agent(changes)
            self.on_reloaded(changes)
        return ReloadReply(
            file=str(self.file), applied=applies, changes=tuple(map(_report, changes))
        )

    def _take_over(self, config: Config, states: Mapping[str, State]) -> str | None:
        """Run a configuration, or the old one again: then the reason, otherwise None.

        What concerns the agent as a whole stays as it is, and is told of again by the next reload.
        """
        before, spoke = self.config, _spoke(self._runtime.running)
        self.config = replace(config, agent=before.agent)
        self._runtime.apply(self._prepare(self.config))
        broken = self._broken(states)
        if broken:
            self.config = before
            self._take_back(self._prepare(before), spoke)
        return broken

    def _take_back(self, configs: Sequence[InstanceConfig], spoke: Mapping[str, Instant]) -> None:
        """Run the old configuration; who has served serves, as if the agent had been restarted.

        Order: who has let go, or is about to, ends first, so that it can begin anew.
        """
        serving = _spoke(self._runtime.running)
        lost = spoke.keys() - serving.keys()
        staying = [config for config in configs if config.name not in lost]
        self._runtime.apply(staying, spoke)
        self._runtime.apply(configs, spoke)

    def _foreseen(self, config: Config) -> str | None:
        """Why a link would not carry an instance any more that could serve; None if all is well.

        Why: nobody notices what is refused before it is tried. What the link is like for other
        peers or another interface is not known before.
        """
        wanted = {one.name: one for one in config.instances}
        for one in self._runtime.running:
            new, state = wanted.get(one.config.name), one.machine.state
            if new is None or state not in SERVICEABLE or _goes_elsewhere(one.config, new):
                continue
            if (fault := link_fault(new, one.link)) and not link_fault(one.config, one.link):
                return f"{_named(one)} would be in FAULT: {fault}"
        return None

    def _broken(self, before: Mapping[str, State]) -> str | None:
        """Why an instance cannot serve any more that could; None when all can."""
        for one in self._runtime.running:
            cause = one.machine.status(0).cause
            failed = one.machine.state is State.FAULT and cause.code in OF_THE_CONFIGURATION
            if failed and before.get(one.config.name) in SERVICEABLE:
                return f"{_named(one)} would be in FAULT: {cause}"
        return None

    def _tell_of_agent(self, changes: Sequence[Change]) -> None:
        """Say that a change of the table [agent] has to wait."""
        for change in changes:
            if change.section == "agent":
                text = "a change of [agent] takes effect when the agent is restarted"
                keys = dict.fromkeys(one.key for one in change.keys)
                self._log.warning(text, changed=", ".join(keys))

    def _refuse(self, error: str, *problems: str, applies: bool) -> ErrorReply:
        if applies:
            self.refused = problems[0] if problems else error
            for problem in problems or (error,):
                self._log.error("reload refused", file=str(self.file), problem=problem)
            self.on_refused(self.refused)
        return ErrorReply(error=error)


def _too_late() -> ErrorReply:
    return ErrorReply(error="the agent is about to end: it takes nothing over any more")


def _named(instance: Instance) -> str:
    return f"instance {instance.config.name}"


def _spoke(instances: Sequence[Instance]) -> dict[str, Instant]:
    """Who serves and means to go on, and when each of them has spoken last."""
    spoken = ((one.config.name, one.machine.spoke) for one in instances)
    return {name: at for name, at in spoken if at is not None}


def _goes_elsewhere(old: InstanceConfig, new: InstanceConfig) -> bool:
    return (old.interface, old.unicast) != (new.interface, new.unicast)


def _report(change: Change) -> ChangeReport:
    return ChangeReport(
        section=change.section,
        name=change.name,
        verdict=change.verdict,
        keys=tuple(KeyReport(key=one.key, old=one.old, new=one.new) for one in change.keys),
        effect=change.effect,
    )
