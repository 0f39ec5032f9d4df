"""Readiness: whether a host does its part, as a load balancer or an orchestrator asks."""

from __future__ import annotations

from vipd.control.report import AgentReport
from vipd.core.model import State

READY = frozenset({State.MASTER, State.BACKUP})
"""An instance that is one of these serves, or would."""


def obstacles(report: AgentReport) -> dict[str, str]:
    """Why this host does not do its part: by instance, and under "agent" for all of them."""
    found = {
        one.name: f"{one.state.value}: {one.cause}"
        for one in report.instances
        if one.state not in READY
    }
    if report.maintenance is not None:
        reason = report.maintenance.reason
        found["agent"] = f"in maintenance: {reason}" if reason else "in maintenance"
    return found
