"""The report: what the agent says of itself on the control socket."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator

from vipd import __version__
from vipd.agent.hook import HookResult
from vipd.agent.hook_desk import HookDesk
from vipd.agent.instance import Instance
from vipd.agent.ports import Clock, Ports
from vipd.agent.runtime import Runtime
from vipd.agent.tracking import Tracking, Watch
from vipd.control.report import (
    AgentReport,
    Counters,
    HookReport,
    InstanceReport,
    StrangerReport,
    TrackerReport,
    seconds,
    timestamp,
)
from vipd.control.snapshot import agent_report, instance_status
from vipd.core.config import InstanceConfig
from vipd.core.model import Vip
from vipd.core.units import Instant


class Reporter:
    """Answers what people ask; it only looks."""

    def __init__(
        self,
        runtime: Runtime,
        ports: Ports,
        clock: Clock,
        tracking: Tracking | None = None,
        desk: HookDesk | None = None,
    ) -> None:
        self._runtime = runtime
        self._tracking = tracking
        self._desk = desk
        self._ports = ports
        self._clock = clock
        self._began = clock()

    def report(self) -> AgentReport:
        """The agent and its instances at this moment."""
        now, wall_ns = self._clock(), time.time_ns()
        return agent_report(
            node=os.uname().nodename,
            version=__version__,
            uptime=now - self._began,
            wall_ns=wall_ns,
            instances=[self._instance(each, now, wall_ns) for each in self._runtime.instances],
            strangers=[
                StrangerReport(
                    interface=one.interface, vrid=one.vrid, source=str(one.source), count=count
                )
                for one, count in self._runtime.strangers
            ],
            trackers=self._trackers(now, wall_ns),
        )

    def _instance(self, instance: Instance, now: Instant, wall_ns: int) -> InstanceReport:
        counted = instance.counters
        return instance_status(
            instance.machine.status(now),
            now=now,
            wall_ns=wall_ns,
            in_kernel=self._in_kernel(instance.config),
            warnings=instance.firewall.warnings(now),
            hooks=self._hooks(instance.config, now, wall_ns),
            counters=Counters(
                adverts_sent=counted.adverts_sent,
                adverts_received=counted.adverts_received,
                transitions=counted.transitions,
                dropped={reason.value: count for reason, count in counted.dropped.items()},
                mismatched={
                    oddity.value: count for oddity, count in instance.scrutiny.seen.items() if count
                },
            ),
        )

    def _trackers(self, now: Instant, wall_ns: int) -> list[TrackerReport]:
        return [
            _tracker(watch, now, wall_ns)
            for watch in (self._tracking.watches if self._tracking else ())
        ]

    def _hooks(self, config: InstanceConfig, now: Instant, wall_ns: int) -> Iterator[HookReport]:
        """The hooks of an instance, then those of its group."""
        if self._desk is None:
            return
        if own := self._desk.instances.get(config.name):
            yield from (_hook(result, None, now, wall_ns) for result in own.results)
        if config.group and (its := self._desk.groups.get(config.group)):
            yield from (_hook(result, config.group, now, wall_ns) for result in its.results)

    def _in_kernel(self, config: InstanceConfig) -> Collection[Vip]:
        """The addresses that the kernel has where this instance puts its own."""
        if config.virtual_mac:
            return self._ports.virtual_macs.present(config.interface, config.vrid)
        return self._ports.links.present(config.interface)


def _tracker(watch: Watch, now: Instant, wall_ns: int) -> TrackerReport:
    verdict, look = watch.verdict, watch.next_look
    return TrackerReport(
        name=watch.config.name,
        kind=watch.config.kind,
        up=verdict.up,
        since=timestamp(wall_ns - (now - verdict.since)),
        text=verdict.describe(),
        took_s=seconds(verdict.last.took) if verdict.last else None,
        next_look_s=seconds(max(0, look - now)) if look is not None else None,
    )


def _hook(result: HookResult, group: str | None, now: Instant, wall_ns: int) -> HookReport:
    return HookReport(
        group=group,
        moment=result.moment.value,
        program=result.hook.argv[0],
        ok=result.run.ok,
        text=result.run.text,
        took_s=seconds(result.run.took),
        at=timestamp(wall_ns - (now - result.at)),
    )
