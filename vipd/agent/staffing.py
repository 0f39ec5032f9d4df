"""Staffing: puts those together who work beside the runtime, and has each tell whom it concerns."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from vipd import log
from vipd.agent import garbage
from vipd.agent.fellow_rounds import Rounds
from vipd.agent.grouping import grouped
from vipd.agent.hello import Hellos
from vipd.agent.hook import HookResult
from vipd.agent.hook_desk import HookDesk
from vipd.agent.hook_occasion import Subject, SubjectKind
from vipd.agent.instance import Instance
from vipd.agent.journal import Journal
from vipd.agent.operations import Operations
from vipd.agent.order import OrderBook
from vipd.agent.ports import AddressPort, Ports
from vipd.agent.reading import read_apart
from vipd.agent.rehearsal import Rehearsal
from vipd.agent.reload import Reloading
from vipd.agent.report import Reporter
from vipd.agent.runtime import Runtime
from vipd.agent.staff import Staff
from vipd.agent.supervisor import Supervisor
from vipd.agent.tracking import Tracking
from vipd.agent.web import WebKeeper
from vipd.config.change import Change
from vipd.config.model import AgentConfig, Config
from vipd.core.config import InstanceConfig
from vipd.core.events import TrackReported


def employ(
    runtime: Runtime,
    settings: AgentConfig,
    journal: Journal,
    hellos: Hellos,
    hello_descriptor: int,
    stage: AddressPort,
) -> Staff:
    """Have those who work beside the runtime: they tell it what they know, and it tells them."""
    clock = time.monotonic_ns

    def note_tracker(report: TrackReported) -> None:
        text = f"{report.name}: {report.text}"
        journal.note("tracker", "tracker_up" if report.up else "tracker_down", text)
        runtime.tell(report)

    def note_hook(subject: Subject, result: HookResult) -> None:
        text = f"{result.moment.value} of {subject.name}, {result.hook.argv[0]}: {result.run.text}"
        own = subject.name if subject.kind is SubjectKind.INSTANCE else None
        journal.note("hook", "hook_done" if result.run.ok else "hook_failed", text, instance=own)

    def note_peer(instance: Instance, code: str, text: str) -> None:
        journal.note("peer", code, text, instance=instance.config.name)

    tracking = Tracking(clock, log.get(), note_tracker)
    desk = HookDesk(clock, log.get(), runtime.answer)
    desk.told = note_hook
    book = OrderBook(settings.maintenance_file, time.time_ns, log.get())
    operations = Operations(runtime, book, hellos, journal, clock)
    rounds = Rounds(
        hellos,
        hello_descriptor,
        lambda: runtime.instances,
        lambda: book.maintenance is not None,
    )

    hellos.on_change = note_peer
    staff = Staff(tracking, desk, book, operations, journal, rounds, Rehearsal(stage, clock))
    runtime.work_with(staff)
    return staff


def reloading_of(file: Path, runtime: Runtime, staff: Staff, supervisor: Supervisor) -> Reloading:
    """Have what takes over a new configuration, and tells who has to know of that."""

    def prepare(config: Config) -> Sequence[InstanceConfig]:
        return prepared(config, staff)

    def tell(changes: Sequence[Change]) -> None:
        staff.operations.reloaded()
        garbage.settle()
        others = [one for one in changes if one.verdict != "kept"]
        changed = ", ".join(f"{one.verdict} {one.section} {one.name}".rstrip() for one in others)
        staff.journal.note("reload", "reloaded", changed or "all as it was")

    def refuse(problem: str) -> None:
        staff.journal.note("reload", "refused", problem)

    reloading = Reloading(file, read_apart, runtime, prepare, supervisor, log.get())
    reloading.on_reloaded, reloading.on_refused = tell, refuse
    return reloading


def reporter_of(
    runtime: Runtime,
    ports: Ports,
    staff: Staff,
    hellos: Hellos,
    reloading: Reloading,
    web: WebKeeper | None,
) -> Reporter:
    """Have who tells of all that."""
    return Reporter(
        runtime,
        ports,
        time.monotonic_ns,
        tracking=staff.tracking,
        desk=staff.desk,
        lag=staff.lag,
        hellos=hellos,
        orders=staff.book,
        reloading=reloading,
        warnings=lambda: web.warnings if web else (),
    )


def serve_web(stack: AsyncExitStack, settings: AgentConfig) -> WebKeeper | None:
    """Have a process of its own serve metrics and the status page, if that is wanted."""
    if settings.metrics is None:
        return None
    keeper = WebKeeper(settings.control_socket, settings.metrics, log.get())
    stack.callback(keeper.stop)
    # An agent that cannot start ends before the loop gets there: it must start nothing then.
    stack.callback(asyncio.get_running_loop().call_soon(keeper.start).cancel)
    return keeper


def prepared(config: Config, staff: Staff) -> tuple[InstanceConfig, ...]:
    """Have the trackers and the hooks of a configuration; its instances, as they will run."""
    instances = grouped(config.instances, config.groups)
    staff.desk.apply(instances, config.groups)
    staff.tracking.apply(config.trackers)
    return instances
