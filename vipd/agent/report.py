"""The report: what the agent says of itself on the control socket."""

from __future__ import annotations

import os
import time
from collections.abc import Collection

from vipd import __version__
from vipd.agent.instance import Instance
from vipd.agent.ports import Clock, Ports
from vipd.agent.runtime import Runtime
from vipd.control.messages import (
    AgentReport,
    Counters,
    InstanceReport,
    Reply,
    Request,
    StrangerReport,
    agent_report,
    answer_status,
    instance_status,
)
from vipd.core.config import InstanceConfig
from vipd.core.model import Vip
from vipd.core.units import Instant


class Reporter:
    """Answers what people ask; it only looks."""

    def __init__(self, runtime: Runtime, ports: Ports, clock: Clock) -> None:
        self._runtime = runtime
        self._ports = ports
        self._clock = clock
        self._began = clock()

    def answer(self, request: Request) -> Reply:
        """Reply to one request."""
        return answer_status(request, self.report())

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
        )

    def _instance(self, instance: Instance, now: Instant, wall_ns: int) -> InstanceReport:
        counted = instance.counters
        return instance_status(
            instance.machine.status(now),
            now=now,
            wall_ns=wall_ns,
            in_kernel=self._in_kernel(instance.config),
            warnings=instance.firewall.warnings(now),
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

    def _in_kernel(self, config: InstanceConfig) -> Collection[Vip]:
        """The addresses that the kernel has where this instance puts its own."""
        if config.virtual_mac:
            return self._ports.virtual_macs.present(config.interface, config.vrid)
        return self._ports.links.present(config.interface)
