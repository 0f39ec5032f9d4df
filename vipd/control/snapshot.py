"""From the core's values to the report: what a snapshot says, in the words of the message."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from vipd.control.report import (
    AddressReport,
    AgentReport,
    Counters,
    EffectReport,
    HookReport,
    InstanceReport,
    MasterReport,
    StrangerReport,
    TrackerReport,
    seconds,
    timestamp,
)
from vipd.core.model import Heard, Vip
from vipd.core.status import InstanceStatus
from vipd.core.units import Duration, Instant


def agent_report(
    *,
    node: str,
    version: str,
    uptime: Duration,
    wall_ns: int,
    instances: Iterable[InstanceReport],
    strangers: Iterable[StrangerReport] = (),
    trackers: Iterable[TrackerReport] = (),
) -> AgentReport:
    """Put the reports of the instances together. Units: `wall_ns` counts from the Unix epoch."""
    return AgentReport(
        node=node,
        version=version,
        generated_at=timestamp(wall_ns),
        uptime_s=seconds(uptime),
        instances=tuple(instances),
        strangers=tuple(strangers),
        trackers=tuple(trackers),
    )


def instance_status(
    status: InstanceStatus,
    *,
    now: Instant,
    wall_ns: int,
    in_kernel: Collection[Vip],
    counters: Counters,
    warnings: Iterable[str] = (),
    hooks: Iterable[HookReport] = (),
) -> InstanceReport:
    """Say in the words of the message what the core's snapshot says.

    `now` and `wall_ns` are the same moment on the machine's clock and on the wall's. `in_kernel`
    is which of the addresses netlink sees on the interface; `warnings` are what the agent knows
    besides what the machine does.
    Units: `wall_ns` is in nanoseconds since the Unix epoch.
    """
    config = status.config
    return InstanceReport(
        name=config.name,
        interface=config.interface,
        vrid=config.vrid,
        version=config.version,
        state=status.state,
        since=timestamp(wall_ns - (now - status.since)),
        cause=status.cause.text,
        leaving=status.leaving.text if status.leaving else None,
        priority=config.priority,
        effective_priority=status.effective_priority,
        master=_master(status.master, now) if status.master else None,
        advert_interval_s=seconds(config.advert_interval),
        master_down_interval_s=seconds(status.master_down_interval),
        addresses=tuple(_address(vip, status, vip in in_kernel) for vip in config.addresses),
        counters=counters,
        warnings=(*status.warnings, *warnings),
        group=config.group,
        track=tuple(
            EffectReport(tracker=use.name, weight=use.weight, adds=adds)
            for use, adds in status.track
        ),
        hooks=tuple(hooks),
    )


def _master(heard: Heard, now: Instant) -> MasterReport:
    return MasterReport(
        address=str(heard.address), priority=heard.priority, age_s=seconds(now - heard.at)
    )


def _address(vip: Vip, status: InstanceStatus, present: bool) -> AddressReport:  # noqa: FBT001
    return AddressReport(
        address=str(vip), interface=status.config.interface, held=status.held, in_kernel=present
    )
