"""The status of an agent as a person reads it: whether all is well, then the table, then why.

Everything here is a function of one report, so what is shown is what the agent said and nothing
else. A few instances are each told in a few lines; of many, only those that are not well are, and
they come first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from vipd.cli.assessment import Assessment, Judged, Level, Topic, assess, summary
from vipd.cli.page import Page, local, span, time_of_day
from vipd.cli.remark import (
    master_remark,
    next_remarks,
    order_remark,
    orders,
    peer_remarks,
)
from vipd.cli.table import GAP, Row, Table
from vipd.control.report import AgentReport

STRANGERS_SHOWN: Final = 8
FEW: Final = 8
"""How many instances are each told in a few lines, even if they are well."""

LEVEL_COLOUR: Final = {Level.OK: "green", Level.WARNING: "yellow", Level.CRITICAL: "red"}

UNSAFE: Final = re.compile(r"[\x00-\x09\x0b-\x1a\x1c-\x1f\x7f-\x9f]|\x1b(?!\[[0-9;]*m)")
"""What a terminal might obey, but for our colours. Why: others have written some of the text, such
as the output of a script."""


def render_text(report: AgentReport, *, width: int, colour: bool) -> str:
    """Write all instances as a table, with what has to be said of each one below it."""
    page = Page(width=width, colour=colour)
    assessment = assess(report)
    blocks = ["\n".join(headline(assessment, page))]
    if report.instances:
        blocks.append(_table(assessment, page))
    blocks += _strangers(report)
    return safe("\n\n".join(blocks))


def safe(text: str) -> str:
    """The text without what a terminal might obey."""
    return UNSAFE.sub("?", text)


# -- what comes first ---------------------------------------------------------------------------


def headline(assessment: Assessment, page: Page) -> Iterator[str]:
    """Whether all is well, in the first line; then who says so, and what concerns all instances."""
    report = assessment.report
    colour = LEVEL_COLOUR[assessment.level]
    first = verdict(assessment)
    yield from (page.strong(line, colour) for line in page.wrap(first, "", GAP))
    agent = f"vipd {report.version}, up {span(report.uptime_s)}"
    moment = f"{local(report.generated_at):%Y-%m-%d %H:%M:%S %Z}"
    yield from page.wrap(f"{agent}, at {moment}", "", GAP)
    if report.maintenance is not None:
        yield from page.wrap(f"{_maintenance(assessment)}: `vipd maintenance off` ends it", "", GAP)
    for finding in (each for each in assessment.agent if each.text not in first):
        yield from map(page.alarm, page.wrap(finding.text, "", GAP))


def verdict(assessment: Assessment) -> str:
    """The first line: whether all is well."""
    report = assessment.report
    if report.maintenance is not None and assessment.level is Level.WARNING:
        return f"MAINTENANCE of {report.node} {order_remark(report.maintenance, report)}"
    if assessment.level is Level.OK:
        return f"All is well: {report.node} {summary(assessment)}"
    return f"{assessment.level.name} on {report.node}: {summary(assessment)}"


def _maintenance(assessment: Assessment) -> str:
    """What the first line does not say of it."""
    report = assessment.report
    assert report.maintenance is not None, "asked only in maintenance"
    if assessment.level is Level.WARNING:
        return "while it lasts, this host takes over nothing"
    return f"in maintenance {order_remark(report.maintenance, report)}"


def _strangers(report: AgentReport) -> Iterator[str]:
    """Other virtual routers on our links: one line each, as long as they are few."""
    if report.strangers:
        seen = sorted({(one.interface, one.vrid, one.source) for one in report.strangers})
        lines = [f"VRID {vrid} on {interface}, from {source}" for interface, vrid, source in seen]
        shown = [*lines[:STRANGERS_SHOWN], *(["..."] if len(lines) > STRANGERS_SHOWN else [])]
        yield "\n".join(["Other virtual routers on our links:", *(f"  {one}" for one in shown)])


# -- the table --------------------------------------------------------------------------------


def _table(assessment: Assessment, page: Page) -> str:
    """Whoever has remarks stands apart."""
    judged = assessment.worst_first()
    few = len(judged) <= FEW
    table = Table(judged, assessment.report, width=page.width, lists=few)
    text = page.strong(table.heading)
    apart = False
    for row in table.rows:
        lines = [_cells(row, page), *row.below]
        if told := few or row.judged.level is not Level.OK:
            lines += remarks(row.judged, assessment.report, page)
        text += ("\n\n" if apart else "\n") + "\n".join(lines)
        apart = told
    return text


def _cells(row: Row, page: Page) -> str:
    name = page.strong(row.name)
    return GAP.join((name, page.state(row.state, row.judged.instance.state), row.rest))


def remarks(judged: Judged, report: AgentReport, page: Page) -> Iterator[str]:
    """What has to be said of an instance, in a few lines; what is wrong is painted."""
    instance = judged.instance
    began = time_of_day(local(instance.since), local(report.generated_at))
    cause = f"since {began}: {instance.cause}"
    yield from _remark(cause, page, alarm=bool(judged.about(Topic.STATE)))
    yield from _remark(master_remark(instance), page, alarm=bool(judged.about(Topic.MASTER)))
    for text in (*next_remarks(instance), *orders(instance, report)):
        yield from _remark(text, page)
    if not judged.about(Topic.PEERS):
        yield from _remark("; ".join(peer_remarks(instance)), page)
    for finding in (*judged.about(Topic.PEERS), *judged.about(Topic.OTHER)):
        yield from _remark(finding.text, page, alarm=True)


def _remark(text: str, page: Page, *, alarm: bool = False) -> Iterator[str]:
    lines = page.wrap(text, GAP, 2 * GAP)
    return map(page.alarm, lines) if alarm else iter(lines)
