"""The digest: what of a report the status page is told, and what of it is new since the last one.

Moments are told rather than ages, where a moment stays what it is; so a page whose agent does
nothing new is told nothing but that. Ages that begin anew all the time (of an advert, of a lease)
are told to the tenth of a second.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, TypeAlias

from vipd.control.report import (
    AddressReport,
    AgentReport,
    EventReport,
    InstanceReport,
    MasterReport,
    OrderReport,
    PeerReport,
    TrackerReport,
)

Digest: TypeAlias = dict[str, Any]
"""A JSON object."""

_MS: Final = 1000


def full(report: AgentReport) -> Digest:
    """All that the page shows of an agent. Units: moments in ms since the Unix epoch."""
    at = moment(report.generated_at)
    return {
        "node": report.node,
        "version": report.version,
        "started": round((at - report.uptime_s * _MS) / _MS) * _MS,
        "warnings": [*report.warnings, *_refused(report)],
        "maintenance": _order(report.maintenance),
        "strangers": sorted(
            f"{one.source} advertises VRID {one.vrid} on {one.interface}"
            for one in report.strangers
        ),
        "instances": [_instance(one) for one in report.instances],
        "trackers": [_tracker(one, report) for one in report.trackers],
    }


def news(old: Digest, new: Digest) -> Digest:
    """What of a digest is new: of the instances only those that are, if they are the same ones."""
    changed = {key: value for key, value in new.items() if old.get(key) != value}
    if "instances" in changed:
        before = {one["name"]: one for one in old["instances"]}
        if list(before) == [one["name"] for one in new["instances"]]:
            del changed["instances"]
            changed["changed"] = [one for one in new["instances"] if before[one["name"]] != one]
    return changed


def event(report: EventReport) -> Digest:
    """One thing that has happened."""
    return {
        "seq": report.seq,
        "at": moment(report.at),
        "kind": report.kind,
        "code": report.code,
        "text": report.text,
        "instance": report.instance,
        "old": report.old.value if report.old else None,
        "new": report.new.value if report.new else None,
        "evidence": list(report.evidence),
    }


def moment(written: str) -> int:
    """Read what `vipd.control.report.timestamp` writes; 0 for anything else. Units: ms."""
    try:
        return round(datetime.fromisoformat(written).timestamp() * _MS)
    except ValueError:
        return 0


def _refused(report: AgentReport) -> list[str]:
    if report.config is None or report.config.refused is None:
        return []
    return [f"the last reload was refused: {report.config.refused}"]


def _instance(one: InstanceReport) -> Digest:
    return {
        "name": one.name,
        "where": f"{one.interface} · VRID {one.vrid} · VRRPv{one.version}",
        "group": one.group,
        "state": one.state.value,
        "since": moment(one.since),
        "cause": one.cause,
        "leaving": one.leaving,
        "priority": one.priority,
        "effective": one.effective_priority,
        "ordered": _order(one.priority_order),
        "aside": one.stands_aside,
        "interval": one.advert_interval_s,
        "patience": one.master_down_interval_s,
        "master": _master(one.master),
        "addresses": [_address(each) for each in one.addresses],
        "lease": _lease(one),
        "peers": [_peer(each) for each in one.peers],
        "warnings": list(one.warnings),
        "next": {"text": one.next.text, "in": round(one.next.in_s, 1)} if one.next else None,
        "weights": [{"tracker": use.tracker, "adds": use.adds} for use in one.track if use.adds],
    }


def _master(master: MasterReport | None) -> Digest | None:
    if master is None:
        return None
    return {
        "address": master.address,
        "priority": master.priority,
        "age": round(master.age_s, 1),
    }


def _address(one: AddressReport) -> Digest:
    return {"address": one.address, "held": one.held, "kernel": one.in_kernel}


def _lease(one: InstanceReport) -> float | None:
    left = [each.lease_left_s for each in one.addresses if each.lease_left_s is not None]
    return round(min(left), 1) if left else None


def _peer(one: PeerReport) -> Digest:
    return {
        "address": one.address,
        "node": one.node,
        "state": one.state.value if one.state else None,
        "priority": one.priority,
        "ready": one.ready,
        "why": one.why,
        "differs": list(one.differs),
    }


def _order(order: OrderReport | None) -> Digest | None:
    if order is None:
        return None
    return {
        "since": moment(order.since),
        "until": moment(order.until) if order.until else None,
        "reason": order.reason,
        "priority": order.priority,
    }


def _tracker(one: TrackerReport, report: AgentReport) -> Digest:
    users = [
        instance.name
        for instance in report.instances
        if any(use.tracker == one.name for use in instance.track)
    ]
    return {
        "name": one.name,
        "kind": one.kind,
        "up": one.up,
        "since": moment(one.since),
        "text": one.text,
        "users": users,
    }
