"""The status of an agent as a person reads it: at a glance first, then why.

Everything here is a function of one report, so what is shown is what the agent said and nothing
else; how long ago something was is relative to the moment of the report.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest

import click

from vipd.control.report import (
    AddressReport,
    AgentReport,
    EffectReport,
    InstanceReport,
    MasterReport,
)
from vipd.core.model import State
from vipd.core.units import SECOND, format_duration

STRANGERS_SHOWN = 8

HEADER = ("NAME", "STATE", "FOR", "MASTER", "PRIORITY", "ADDRESSES")

STATE_COLOUR = {State.MASTER: "green", State.BACKUP: "blue", State.FAULT: "red", State.INIT: None}

LABEL_WIDTH = 13
NARROWEST_TEXT = 20
GAP = "  "
NO_BREAK = "\N{NO-BREAK SPACE}"
UNIT = re.compile(r"(?<=\d) (?=m?s\b)")
MINUTE_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """How wide the output is, and whether it has colours."""

    width: int
    colour: bool

    def state(self, text: str, state: State) -> str:
        return self.strong(text, STATE_COLOUR[state])

    def strong(self, text: str, colour: str | None = None) -> str:
        return click.style(text, fg=colour, bold=True) if self.colour else text

    def alarm(self, text: str) -> str:
        return click.style(text, fg="red") if self.colour else text

    def wrap(self, text: str, first: str, rest: str) -> list[str]:
        """Break text into lines, but never between a number and its unit."""
        lines = textwrap.wrap(
            UNIT.sub(NO_BREAK, text),
            max(self.width, len(rest) + NARROWEST_TEXT),
            initial_indent=first,
            subsequent_indent=rest,
            break_long_words=False,
            break_on_hyphens=False,
        )
        return [line.replace(NO_BREAK, " ") for line in lines]


def render_text(report: AgentReport, *, width: int, colour: bool) -> str:
    """Write all instances as a table, with what has to be said of each one below it."""
    page = _Page(width=width, colour=colour)
    if not report.instances:
        return f"{_headline(report)}\n\nNo instance is configured."
    rows = [_row(instance, report) for instance in report.instances]
    widths = [max(map(len, column)) for column in zip(HEADER, *rows, strict=True)]
    blocks = [
        "\n".join(_block(instance, report, row, widths, page))
        for instance, row in zip(report.instances, rows, strict=True)
    ]
    header = page.strong(_line(HEADER, widths))
    table = f"{header}\n" + "\n\n".join(blocks)
    return "\n\n".join([_headline(report), table, *_strangers(report)])


def render_detail(report: AgentReport, *, width: int, colour: bool) -> str:
    """Write everything that is known of each instance of a report."""
    page = _Page(width=width, colour=colour)
    blocks = [_detail(instance, report, page) for instance in report.instances]
    return "\n\n".join([_headline(report), *blocks])


def _strangers(report: AgentReport) -> Iterator[str]:
    """Other virtual routers on our links: one line each, as long as they are few."""
    if report.strangers:
        seen = sorted({(one.interface, one.vrid, one.source) for one in report.strangers})
        lines = [f"VRID {vrid} on {interface}, from {source}" for interface, vrid, source in seen]
        shown = [*lines[:STRANGERS_SHOWN], *(["..."] if len(lines) > STRANGERS_SHOWN else [])]
        yield "\n".join(["Other virtual routers on our links:", *(f"  {one}" for one in shown)])


def _headline(report: AgentReport) -> str:
    agent = f"vipd {report.version} on {report.node}, up {_span(report.uptime_s)}"
    return f"{agent}, at {_moment(report.generated_at)}"


# -- the table --------------------------------------------------------------------------------


def _row(instance: InstanceReport, report: AgentReport) -> tuple[str, ...]:
    return (
        instance.name,
        instance.state.value,
        _span(_held_for(instance, report)),
        _master_cell(instance),
        _priority(instance),
        instance.addresses[0].address if instance.addresses else "-",
    )


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return GAP.join(padded).rstrip()


def _block(
    instance: InstanceReport,
    report: AgentReport,
    row: Sequence[str],
    widths: Sequence[int],
    page: _Page,
) -> Iterator[str]:
    """One instance: its row, the rest of its addresses, and the remarks."""
    name, state = (cell.ljust(width) for cell, width in zip(row[:2], widths[:2], strict=True))
    rest = _line(row[2:], widths[2:])
    yield GAP.join((page.strong(name), page.state(state, instance.state), rest))
    margin = " " * sum(width + len(GAP) for width in widths[:-1])
    yield from (margin + address.address for address in instance.addresses[1:])
    for remark in (_why(instance), _master_remark(instance), *_drops(instance), *_group(instance)):
        yield from page.wrap(remark, GAP, 2 * GAP)
    down, failed = _tracked(instance, report, up=False), _hooks(instance, ok=False)
    for alarm in (*instance.warnings, *down, *failed, *_disagreements(instance)):
        yield from map(page.alarm, page.wrap(alarm, GAP, 2 * GAP))


def _master_cell(instance: InstanceReport) -> str:
    if instance.state is State.MASTER:
        return "this host"
    if instance.master is None:
        return "-"
    silent = " (silent)" if _silent(instance, instance.master) else ""
    return instance.master.address + silent


def _priority(instance: InstanceReport) -> str:
    if instance.effective_priority == instance.priority:
        return str(instance.priority)
    return f"{instance.effective_priority} of {instance.priority}"


# -- one instance in full ---------------------------------------------------------------------


def _detail(instance: InstanceReport, report: AgentReport, page: _Page) -> str:
    version = f"VRRPv{instance.version}"
    title = f"{instance.name} on {instance.interface}, VRID {instance.vrid}, {version}"
    lines = [page.strong(title)]
    for label, values in _fields(instance, report):
        for name, value in zip_longest([label], values, fillvalue=""):
            margin = " " * (LABEL_WIDTH + len(GAP))
            wrapped = page.wrap(value, GAP + name.ljust(LABEL_WIDTH), margin)
            lines += _painted(wrapped, label, instance, page)
    return "\n".join(lines)


def _painted(lines: list[str], label: str, instance: InstanceReport, page: _Page) -> list[str]:
    state = instance.state
    match label:
        case "State":
            return [lines[0].replace(state.value, page.state(state.value, state), 1), *lines[1:]]
        case "Warnings":
            return [*map(page.alarm, lines)]
        case _:
            return lines


def _fields(instance: InstanceReport, report: AgentReport) -> Iterator[tuple[str, Sequence[str]]]:
    counters = instance.counters
    held_for = _span(_held_for(instance, report))
    interval = _duration(instance.advert_interval_s)
    silence = _duration(instance.master_down_interval_s)
    yield "State", [f"{instance.state.value} for {held_for}, since {_moment(instance.since)}"]
    yield "Cause", [instance.cause]
    yield "Master", [*_own_identity(instance), _master_remark(instance)]
    yield "Priority", [f"{instance.effective_priority} (configured: {instance.priority})"]
    yield "Intervals", [f"advert {interval}, master_down {silence}"]
    yield "Addresses", [_address_detail(address) for address in instance.addresses]
    yield "Adverts", [f"{counters.adverts_sent} sent, {counters.adverts_received} received"]
    yield "Dropped", [_counted(counters.dropped) or "none"]
    if instance.group is not None:
        yield "Group", [instance.group]
    if tracked := list(_tracked(instance, report)):
        yield "Trackers", tracked
    if hooks := list(_hooks(instance)):
        yield "Hooks", hooks
    if instance.warnings:
        yield "Warnings", instance.warnings
    if mismatches := _counted(counters.mismatched):
        yield "Mismatched", [mismatches]
    yield "Transitions", [str(counters.transitions)]


def _own_identity(instance: InstanceReport) -> Iterator[str]:
    """What the others see of this host while it is MASTER, and means to be."""
    if instance.state is State.MASTER and instance.master and instance.leaving is None:
        yield f"this host, as {instance.master.address} with priority {instance.master.priority}"


def _address_detail(address: AddressReport) -> str:
    held = "held" if address.held else "not held"
    kernel = "in the kernel" if address.in_kernel else "not in the kernel"
    plain = f"{address.address} on {address.interface}: {held}, {kernel}"
    return plain if address.held == address.in_kernel else f"{plain}: THEY DISAGREE"


# -- what has to be said ----------------------------------------------------------------------


def _why(instance: InstanceReport) -> str:
    return f"since {_moment(instance.since)}: {instance.cause}"


def _master_remark(instance: InstanceReport) -> str:
    """Who serves as far as this host can tell, how sure that is, and what happens otherwise."""
    match instance.state:
        case State.MASTER:
            return _own_adverts(instance)
        case State.BACKUP:
            return _watch(instance)
        case _:
            return _hearsay(instance)


def _own_adverts(instance: InstanceReport) -> str:
    if instance.leaving is not None:
        return f"hands over ({instance.leaving}): serves until its successor does"
    silence = _duration(instance.master_down_interval_s)
    if instance.master is None:
        return "has not sent an advert yet"
    if _silent(instance, instance.master):
        age = _age(instance.master)
        return f"has sent no advert for {age}: others take over after about {silence}"
    interval = _duration(instance.advert_interval_s)
    return f"sends an advert every {interval}, the last one {_ago(instance.master)}"


def _watch(instance: InstanceReport) -> str:
    silence = _duration(instance.master_down_interval_s)
    if instance.master is None:
        return f"knows of no MASTER; takes over after {silence} of silence"
    heard = _heard(instance.master)
    if _silent(instance, instance.master):
        return f"{heard}: longer ago than the {silence} after which this host takes over"
    return f"{heard}; takes over after {silence} of silence"


def _hearsay(instance: InstanceReport) -> str:
    if instance.master is None:
        return "knows of no MASTER"
    heard = _heard(instance.master)
    if _silent(instance, instance.master):
        silence = _duration(instance.master_down_interval_s)
        return f"{heard}: longer ago than the {silence} after which a MASTER counts as gone"
    return heard


def _heard(master: MasterReport) -> str:
    return f"heard MASTER {master.address} (priority {master.priority}) {_ago(master)}"


def _disagreements(instance: InstanceReport) -> Iterator[str]:
    for each in instance.addresses:
        if each.held and not each.in_kernel:
            yield f"{each.address} should be on {each.interface} but the kernel does not have it"
        elif each.in_kernel and not each.held:
            yield f"{each.address} is on {each.interface} but this host does not hold it"


def _group(instance: InstanceReport) -> Iterator[str]:
    if instance.group is not None:
        yield f"moves with the group {instance.group}"


def _tracked(
    instance: InstanceReport, report: AgentReport, *, up: bool | None = None
) -> Iterator[str]:
    """Each tracker that the instance uses, or those that are up or not: what it sees, and what
    that means."""
    trackers = {each.name: each for each in report.trackers if up is None or each.up is up}
    for effect in instance.track:
        if tracker := trackers.get(effect.tracker):
            since = _span(_since(tracker.since, report))
            state = f"{'up' if tracker.up else 'DOWN'} for {since}, {_meaning(effect)}"
            again = tracker.next_look_s
            following = "" if again is None else f"; looks again in {_duration(round(again, 3))}"
            yield f"{effect.tracker}: {state}: {tracker.text}{following}"


def _meaning(effect: EffectReport) -> str:
    if effect.adds:
        return f"priority {effect.adds:+}"
    return "down is FAULT" if effect.weight is None else f"weight {effect.weight:+}"


def _hooks(instance: InstanceReport, *, ok: bool | None = None) -> Iterator[str]:
    """How each hook has ended when it ran last, or those that have succeeded or not."""
    for hook in (each for each in instance.hooks if ok is None or each.ok is ok):
        of_group = f" of the group {hook.group}" if hook.group else ""
        moment = f"{hook.moment}{of_group}"
        yield f"{moment}: {hook.program}: {hook.text}, at {_moment(hook.at)}"


def _drops(instance: InstanceReport) -> Iterator[str]:
    if drops := _counted(instance.counters.dropped):
        yield f"dropped adverts: {drops}"
    if mismatches := _counted(instance.counters.mismatched):
        yield f"adverts of peers that are set up in another way: {mismatches}"


def _counted(counts: Mapping[str, int]) -> str:
    """The counts that are not zero, greatest first."""
    counted = [(-count, what) for what, count in counts.items() if count]
    return ", ".join(f"{-negative} {what}" for negative, what in sorted(counted))


# -- times ------------------------------------------------------------------------------------


def _silent(instance: InstanceReport, master: MasterReport) -> bool:
    return master.age_s > instance.master_down_interval_s


def _held_for(instance: InstanceReport, report: AgentReport) -> float:
    return _since(instance.since, report)


def _since(iso: str, report: AgentReport) -> float:
    now, since = map(datetime.fromisoformat, (report.generated_at, iso))
    return (now - since).total_seconds()


def _moment(iso: str) -> str:
    return datetime.fromisoformat(iso).strftime("%Y-%m-%d %H:%M:%S UTC")


def _age(master: MasterReport) -> str:
    return _duration(round(master.age_s, 3))


def _ago(master: MasterReport) -> str:
    return f"{_age(master)} ago"


def _duration(seconds: float) -> str:
    """A short time exactly, a long one as a person counts it."""
    return _span(seconds) if seconds >= MINUTE_S else format_duration(round(seconds * SECOND))


def _span(seconds: float) -> str:
    """A length of time by its two greatest units: `12s`, `3m 5s`, `3h 5m`, `41d 4h`."""
    minutes, second = divmod(max(0, int(seconds)), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days}d {hour}h"
    if hours:
        return f"{hours}h {minute}m"
    return f"{minutes}m {second}s" if minutes else f"{second}s"
