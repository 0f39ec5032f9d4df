"""The outlook: what an instance does next, and what would happen if it failed."""

from __future__ import annotations

from collections.abc import Iterator

from vipd.cli.page import MINUTE_S, local, span, time_of_day
from vipd.control.report import AgentReport, InstanceReport, PeerReport
from vipd.core.model import State
from vipd.core.units import SECOND, format_duration


def outlook(instance: InstanceReport, report: AgentReport) -> Iterator[str]:
    """What is to be expected of an instance, in a sentence or two."""
    if instance.leaving is not None:
        yield f"hands over: {instance.leaving}"
    elif instance.stands_aside and instance.master is not None:
        yield _waits(instance)
    elif instance.next is not None:
        yield f"{instance.next.text} in {_short(instance.next.in_s)}"
    elif instance.state is State.BACKUP:
        yield _waits(instance)
    elif instance.state is State.FAULT:
        yield "stands for election again when that is over"
    if instance.state is State.MASTER:
        yield _succession(instance)
    if report.maintenance is not None:
        yield _maintenance(report)


def _waits(instance: InstanceReport) -> str:
    silence = _short(instance.master_down_interval_s)
    if instance.master is None:
        return f"takes over after {silence} of silence"
    master = f"{instance.master.address} (priority {instance.master.priority})"
    if instance.stands_aside:
        ordered = f"lets {master} serve, as an operator has ordered"
        return f"{ordered}; takes over when it is silent for {silence}"
    return f"takes over when {master} is silent for {silence}"


def _succession(instance: InstanceReport) -> str:
    ready = [peer for peer in instance.peers if peer.ready]
    if not ready:
        return "no other host is known to be ready to take over"
    return f"if it fails, {_who(max(ready, key=_rank))} takes over"


def _rank(peer: PeerReport) -> int:
    return peer.priority or 0


def _who(peer: PeerReport) -> str:
    known = peer.address if peer.priority is None else f"{peer.address}, priority {peer.priority}"
    return f"{peer.node} ({known})" if peer.node else known


def _maintenance(report: AgentReport) -> str:
    assert report.maintenance is not None, "asked only in maintenance"
    order, now = report.maintenance, local(report.generated_at)
    since = f"since {time_of_day(local(order.since), now)}"
    until = f" until {time_of_day(local(order.until), now)}" if order.until else ""
    reason = f": {order.reason}" if order.reason else ""
    return f"this host is in maintenance {since}{until}{reason}"


def _short(seconds: float) -> str:
    """A short time exactly, a long one as a person counts it."""
    if seconds >= MINUTE_S:
        return span(seconds)
    return format_duration(round(round(seconds, 3) * SECOND))
