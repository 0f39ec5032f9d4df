"""The status as a monitoring plugin tells it: one line, figures, and a line for each instance.

The form is that of the Monitoring Plugins Development Guidelines, which Nagios, Icinga, Naemon
and check_mk share: `SERVICE STATUS - text | figures`, more lines below, and an exit code from 0
to 3. A figure is `label=value[unit];[warn];[crit];[min]`. What is judged how is decided in
`vipd.cli.assessment`, as for people.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from vipd.cli.assessment import Assessment, Judged, Level, Topic, assess, summary
from vipd.cli.page import span
from vipd.cli.remark import master_remark, order_remark, peer_remarks, since
from vipd.cli.render_text import safe
from vipd.control.report import AgentReport, InstanceReport
from vipd.core.model import State

MOST_LINES: Final = 40
"""How many instances are told of one by one. Why: a plugin may say no more than 8 KB in all."""

LONGEST_LINE: Final = 180
"""Units: characters."""


class PluginExit(IntEnum):
    """The exit code of a plugin."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class PluginAnswer:
    """What a plugin prints, and how it exits."""

    text: str
    exit: PluginExit


def nagios(report: AgentReport, *, named: bool) -> PluginAnswer:
    """Say how the agent is, or the one instance of the report that was named."""
    assessment = assess(report)
    exit_code = PluginExit(assessment.level)
    figures = " ".join(_of_instance(report.instances[0]) if named else _of_agent(assessment))
    first = f"{_line(exit_code, _text(assessment))} | {figures}"
    return PluginAnswer("\n".join([first, *_more(assessment)]), exit_code)


def unanswered(text: str, exit_code: PluginExit) -> PluginAnswer:
    """Say that there is no report, and why."""
    first, *rest = text.splitlines()
    return PluginAnswer("\n".join([_line(exit_code, first), *map(_plain, rest)]), exit_code)


def _line(exit_code: PluginExit, text: str) -> str:
    return f"VIPD {exit_code.name} - {_plain(text)}"


def _plain(text: str) -> str:
    """Text of one line, as long as there is room for, in which nothing begins the figures."""
    line = safe(" ".join(text.split())).replace("|", "/")
    return line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 3]}..."


def _text(assessment: Assessment) -> str:
    report = assessment.report
    if report.maintenance is not None and assessment.level is Level.WARNING:
        return f"{report.node} is in maintenance {order_remark(report.maintenance, report)}"
    separator = "" if assessment.level is Level.OK else ":"
    return f"{report.node}{separator} {summary(assessment)}"


# -- figures ----------------------------------------------------------------------------------


def _of_agent(assessment: Assessment) -> Iterator[str]:
    report = assessment.report
    states = Counter(one.state for one in report.instances)
    yield f"instances={len(report.instances)};;;0"
    for state in State:
        critical = "0" if state is State.FAULT else ""
        yield f"{state.value.lower()}={states[state]};;{critical};0"
    yield f"findings={assessment.count()};0;;0"
    yield from _ready(report.instances)
    yield f"maintenance={int(report.maintenance is not None)};0;;0"
    yield f"uptime={report.uptime_s:.0f}s;;;0"


def _of_instance(instance: InstanceReport) -> Iterator[str]:
    counters = instance.counters
    yield f"priority={instance.effective_priority};;;0;255"
    if instance.master is not None:
        yield f"master_age={instance.master.age_s:.3f}s;{instance.master_down_interval_s:.3f};;0"
    yield from _ready([instance])
    yield f"transitions={counters.transitions}c"
    yield f"adverts_sent={counters.adverts_sent}c"
    yield f"adverts_received={counters.adverts_received}c"
    yield f"adverts_dropped={sum(counters.dropped.values())}c"


def _ready(instances: Sequence[InstanceReport]) -> Iterator[str]:
    """How many others are ready where they are fewest, as far as they tell."""
    telling = [one for one in instances if any(peer.ready is not None for peer in one.peers)]
    if telling:
        fewest = min(sum(bool(peer.ready) for peer in one.peers) for one in telling)
        yield f"ready_peers={fewest};1:;;0"


# -- the lines below --------------------------------------------------------------------------


def _more(assessment: Assessment) -> Iterator[str]:
    yield from (_plain(finding.text) for finding in assessment.agent)
    judged = assessment.worst_first()
    for one in judged[:MOST_LINES]:
        yield _plain(_told(one, assessment.report))
    if len(judged) > MOST_LINES:
        yield f"... and {len(judged) - MOST_LINES} more: `vipd status` shows them all"


def _told(judged: Judged, report: AgentReport) -> str:
    """What is not well with an instance; or what it does, and who would do it otherwise."""
    instance = judged.instance
    held = span(since(instance.since, report))
    texts = [instance.cause if each.topic is Topic.STATE else each.text for each in judged.findings]
    if not texts:
        texts = [master_remark(instance), *peer_remarks(instance)]
    return f"{instance.name}: {instance.state.value} for {held}: {'; '.join(texts)}"
