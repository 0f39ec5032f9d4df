"""From the core's values to the report: what a snapshot says, in the words of the message."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from vipd.control.report import (
    AddressReport,
    AgentReport,
    ConfigReport,
    ControlReport,
    Counters,
    EffectReport,
    HookReport,
    InstanceReport,
    LagReport,
    MasterReport,
    NextReport,
    OrderReport,
    PeerReport,
    StrangerReport,
    TrackerReport,
    seconds,
    timestamp,
)
from vipd.core.config import InstanceConfig
from vipd.core.model import Heard, Vip
from vipd.core.status import InstanceStatus, Prospect
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
    pid: int = 0,
    lag: LagReport | None = None,
    maintenance: OrderReport | None = None,
    config: ConfigReport | None = None,
    warnings: Iterable[str] = (),
    control: ControlReport | None = None,
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
        pid=pid,
        lag=lag,
        maintenance=maintenance,
        config=config,
        warnings=tuple(warnings),
        control=control,
    )


@dataclass(frozen=True, slots=True)
class _Page:
    """The addresses of one instance, as they were when they were written."""

    config: InstanceConfig
    held: bool
    in_kernel: Collection[Vip]
    reports: tuple[AddressReport, ...]

    def still_says(self, status: InstanceStatus, in_kernel: Collection[Vip]) -> bool:
        """Whether all is as it was: the very same values, because to compare them takes longer."""
        same = self.config is status.config and self.in_kernel is in_kernel
        return same and self.held is status.held


class AddressBook:
    """Writes down addresses, and remembers what it wrote.

    Why: of all that a report says, addresses take the most time, by far: to write one as text and
    to find it among others. A report is made on the loop, and there may be thousands of them.
    """

    def __init__(self) -> None:
        self._pages: dict[str, _Page] = {}

    def look_up(
        self, status: InstanceStatus, in_kernel: Collection[Vip], lease_left: Duration | None
    ) -> tuple[AddressReport, ...]:
        """The addresses of an instance, written anew only where something has changed."""
        page = self._pages.get(status.config.name)
        if page is None or not page.still_says(status, in_kernel):
            reports = tuple(
                _address(vip, status, vip in in_kernel) for vip in status.config.addresses
            )
            page = _Page(status.config, status.held, in_kernel, reports)
            self._pages[status.config.name] = page
        if lease_left is None or not status.held:
            return page.reports
        left = seconds(max(0, lease_left))
        return tuple(_leased(report, left) for report in page.reports)

    def keep_only(self, names: Collection[str]) -> None:
        """Forget whoever is not among these."""
        if len(self._pages) > len(names):
            self._pages = {name: self._pages[name] for name in names if name in self._pages}


def instance_status(
    status: InstanceStatus,
    *,
    now: Instant,
    wall_ns: int,
    in_kernel: Collection[Vip],
    counters: Counters,
    warnings: Iterable[str] = (),
    hooks: Iterable[HookReport] = (),
    lease_left: Duration | None = None,
    book: AddressBook | None = None,
    peers: tuple[PeerReport, ...] = (),
    priority_order: OrderReport | None = None,
) -> InstanceReport:
    """Say in the words of the message what the core's snapshot says.

    `now` and `wall_ns` are the same moment on the machine's clock and on the wall's. `in_kernel`
    is which of the addresses netlink sees on the interface; `warnings` are what the agent knows
    besides what the machine does. `lease_left` is after how long the kernel removes the addresses,
    None for never. Whoever reports often keeps a `book`.
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
        addresses=(book or AddressBook()).look_up(status, in_kernel, lease_left),
        counters=counters,
        warnings=(*status.warnings, *warnings),
        group=config.group,
        track=tuple(
            EffectReport(tracker=use.name, weight=use.weight, adds=adds)
            for use, adds in status.track
        ),
        hooks=tuple(hooks),
        peers=peers,
        next=_next(status.prospect, now) if status.prospect else None,
        priority_order=priority_order,
        stands_aside=status.stands_aside,
    )


def _next(prospect: Prospect, now: Instant) -> NextReport:
    return NextReport(text=prospect.text, in_s=seconds(max(0, prospect.at - now)))


def _master(heard: Heard, now: Instant) -> MasterReport:
    return MasterReport(
        address=str(heard.address), priority=heard.priority, age_s=seconds(now - heard.at)
    )


def _address(vip: Vip, status: InstanceStatus, present: bool) -> AddressReport:  # noqa: FBT001
    return AddressReport(
        address=str(vip), interface=status.config.interface, held=status.held, in_kernel=present
    )


def _leased(report: AddressReport, left_s: float) -> AddressReport:
    """The same, with what is left of the lease, where there is something to be removed."""
    return AddressReport(
        address=report.address,
        interface=report.interface,
        held=report.held,
        in_kernel=report.in_kernel,
        lease_left_s=left_s if report.in_kernel else None,
    )
