"""The report: what the agent says of itself on the control socket."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final, TypeAlias

from vipd import __version__
from vipd.agent.hello import Hellos
from vipd.agent.hook import HookResult
from vipd.agent.hook_desk import HookDesk
from vipd.agent.instance import Instance
from vipd.agent.lag import BOUNDS, LoopLag
from vipd.agent.order import Order, OrderBook
from vipd.agent.ports import Clock, Ports
from vipd.agent.reload import Reloading
from vipd.agent.runtime import Runtime
from vipd.agent.tracking import Tracking, Watch
from vipd.control.report import (
    AgentReport,
    ConfigReport,
    ControlReport,
    Counters,
    HookReport,
    InstanceReport,
    LagReport,
    OrderReport,
    StrangerReport,
    TrackerReport,
    seconds,
    timestamp,
)
from vipd.control.snapshot import AddressBook, agent_report, instance_status
from vipd.core.config import InstanceConfig
from vipd.core.model import Vip
from vipd.core.units import Instant

_Place: TypeAlias = tuple[str, int | None]
"""Where addresses are: an interface, or the virtual MAC of a VRID on it."""

_BOUNDS_S: Final = tuple(seconds(bound) for bound in BOUNDS)


class Reporter:
    """Answers what people ask; it only looks."""

    def __init__(
        self,
        runtime: Runtime,
        ports: Ports,
        clock: Clock,
        *,
        tracking: Tracking | None = None,
        desk: HookDesk | None = None,
        lag: LoopLag | None = None,
        hellos: Hellos | None = None,
        orders: OrderBook | None = None,
        reloading: Reloading | None = None,
        warnings: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self._runtime = runtime
        self._tracking = tracking
        self._desk = desk
        self._lag = lag
        self._hellos = hellos
        self._orders = orders
        self._reloading = reloading
        self._warnings = warnings
        self._ports = ports
        self._clock = clock
        self._began = clock()
        self._book = AddressBook()
        self._present: dict[_Place, frozenset[Vip]] = {}

    @property
    def names(self) -> list[str]:
        """The instances that are configured."""
        return [one.config.name for one in self._runtime.running]

    def report(self, control: ControlReport | None = None) -> AgentReport:
        """The agent and its instances at this moment; `control` is what was asked of it so far."""
        now, wall_ns = self._clock(), time.time_ns()
        instances = self._runtime.instances
        self._look(instances)
        return agent_report(
            node=os.uname().nodename,
            version=__version__,
            uptime=now - self._began,
            wall_ns=wall_ns,
            instances=[self._instance(each, now, wall_ns) for each in instances],
            strangers=[
                StrangerReport(
                    interface=one.interface, vrid=one.vrid, source=str(one.source), count=count
                )
                for one, count in self._runtime.strangers
            ],
            trackers=self._trackers(now, wall_ns),
            pid=os.getpid(),
            lag=_lag(self._lag) if self._lag else None,
            maintenance=_order(self._orders.maintenance) if self._orders else None,
            config=_config(self._reloading) if self._reloading else None,
            warnings=self._warnings(),
            control=control,
        )

    def _instance(self, instance: Instance, now: Instant, wall_ns: int) -> InstanceReport:
        name = instance.config.name
        return instance_status(
            instance.machine.status(now),
            now=now,
            wall_ns=wall_ns,
            in_kernel=self._present[_place(instance.config)],
            lease_left=None if instance.leased_until is None else instance.leased_until - now,
            book=self._book,
            warnings=instance.firewall.warnings(now),
            hooks=self._hooks(instance.config, now, wall_ns),
            counters=_counters(instance),
            peers=self._hellos.fellows_of(instance) if self._hellos else (),
            priority_order=_order(self._orders.priorities.get(name)) if self._orders else None,
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

    def _look(self, instances: Sequence[Instance]) -> None:
        """See which addresses the kernel has, looking at each place once.

        Why: what is as it was stays the same value, by which the book knows that nothing changed.
        """
        before, self._present = self._present, {}
        for instance in instances:
            config, place = instance.config, _place(instance.config)
            if place not in self._present:
                found = frozenset(self._addresses_at(config))
                known = before.get(place)
                self._present[place] = known if known is not None and known == found else found
        self._book.keep_only({instance.config.name for instance in instances})

    def _addresses_at(self, config: InstanceConfig) -> Collection[Vip]:
        """The addresses that the kernel has where an instance puts its own."""
        if config.virtual_mac:
            return self._ports.virtual_macs.present(config.interface, config.vrid)
        return self._ports.links.present(config.interface)


def _place(config: InstanceConfig) -> _Place:
    return config.interface, config.vrid if config.virtual_mac else None


def _counters(instance: Instance) -> Counters:
    counted, seen = instance.counters, instance.scrutiny.seen
    return Counters(
        adverts_sent=counted.adverts_sent,
        adverts_received=counted.adverts_received,
        adverts_failed=counted.adverts_failed,
        transitions=counted.transitions,
        announced=counted.announced,
        renewed=counted.renewed,
        claims_failed=counted.claims_failed,
        dropped={reason.value: count for reason, count in counted.dropped.items()},
        mismatched={oddity.value: count for oddity, count in seen.items() if count},
        causes={code.value: count for code, count in counted.causes.items()},
        incidents={code.value: count for code, count in counted.incidents.items()},
    )


def _order(order: Order | None) -> OrderReport | None:
    if order is None:
        return None
    return OrderReport(
        since=timestamp(order.since),
        until=timestamp(order.until) if order.until is not None else None,
        reason=order.reason,
        priority=order.priority,
    )


def _config(reloading: Reloading) -> ConfigReport:
    return ConfigReport(
        file=str(reloading.file),
        loaded_at=timestamp(reloading.loaded_at),
        refused=reloading.refused,
    )


def _lag(lag: LoopLag) -> LagReport:
    return LagReport(
        bounds_s=_BOUNDS_S,
        counts=tuple(lag.counts),
        total_s=seconds(lag.total),
        worst_s=seconds(lag.worst),
        stalls=lag.stalls,
    )


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
        runs=result.runs,
        failures=result.failures,
    )
