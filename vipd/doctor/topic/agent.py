"""The agent: whether it runs and answers, and what it says of itself and of its peers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from vipd.control.report import AgentReport, InstanceReport, PeerReport
from vipd.core.model import State
from vipd.doctor.facts import Facts, Unseen
from vipd.doctor.finding import Finding, note, ok, problem, warning


def judge(facts: Facts) -> Iterator[Finding]:
    """What the agent says, or why it says nothing."""
    if facts.agent.report is None:
        yield _silent(facts)
        return
    report = facts.agent.report
    known = {one.name: one for one in report.instances}
    wanted = [one.name for one in facts.instances] or list(known)
    noun = "instance" if len(known) == 1 else "instances"
    yield ok(code="agent-answers", what=f"vipd {report.version} runs with {len(known)} {noun}")
    yield from _of_agent(facts, report)
    for name in wanted:
        if name in known:
            yield from _of_instance(known[name])
        else:
            yield warning(
                code="instance-not-loaded",
                about=name,
                what=f"the running agent does not have {name}",
                why="the file was changed after the agent has read it",
                commands=("systemctl reload vipd",),
            )


def _silent(facts: Facts) -> Finding:
    answer, socket = facts.agent, facts.socket
    if not answer.permitted:
        return note(
            code="agent-not-seen",
            what=f"this user may not ask the agent on {socket}",
            hint="run it as root, or as a member of the group of the socket, to see more",
        )
    if answer.reached:
        return problem(
            code="agent-hangs",
            what=f"something listens on {socket} and does not answer",
            why="an agent that hangs renews no address and sends no advert",
            commands=("systemctl restart vipd",),
        )
    if facts.configuration.config is None:
        return note(code="agent-absent", what=f"no agent answers on {socket}")
    unit = {} if isinstance(facts.unit, Unseen) else facts.unit or {}
    loaded = unit.get("LoadState") == "loaded"
    foreground = f"vipd run --config {facts.configuration.path}"
    return warning(
        code="agent-not-running",
        what=f"no agent answers on {socket}",
        why="this host takes no address over before an agent runs",
        commands=("systemctl start vipd",) if loaded else (foreground,),
    )


def _of_agent(facts: Facts, report: AgentReport) -> Iterator[Finding]:
    for text in report.warnings:
        yield warning(code="agent-warning", what=text, hint="`vipd status` shows when it is over")
    if report.maintenance:
        reason = f": {report.maintenance.reason}" if report.maintenance.reason else ""
        yield warning(
            code="agent-in-maintenance",
            what=f"this host is in maintenance{reason}",
            why="it takes nothing over until that ends",
            commands=("vipd maintenance off",),
        )
    if report.config and report.config.refused:
        yield warning(
            code="agent-refused-reload",
            what=f"the last reload was refused: {report.config.refused}",
            why="the agent runs with an older configuration",
            commands=(f"vipd check {report.config.file}", "systemctl reload vipd"),
        )
    elif _older(facts, report):
        yield note(
            code="agent-older-configuration",
            what=f"{facts.configuration.path} was changed after the agent has read it",
            commands=("systemctl reload vipd",),
        )


def _older(facts: Facts, report: AgentReport) -> bool:
    """Whether the agent's configuration is older than its file."""
    place = facts.configuration.place
    if report.config is None or place is None:
        return False
    if report.config.file != str(facts.configuration.path):
        return False
    try:
        loaded = datetime.fromisoformat(report.config.loaded_at)
    except ValueError:
        return False
    return place.changed > loaded.timestamp() + 1


def _of_instance(one: InstanceReport) -> Iterator[Finding]:
    if one.state is State.FAULT:
        yield problem(
            code="instance-fault",
            about=one.name,
            what=f"{one.name} is in FAULT: {one.cause}",
            why="it serves nothing and takes nothing over until that has changed",
            hint=f"`vipd status {one.name}` says more",
        )
    else:
        yield ok(code="instance-state", about=one.name, what=f"{one.name} is {one.state.value}")
    for text in one.warnings:
        yield warning(code="instance-warning", about=one.name, what=f"{one.name}: {text}")
    if dropped := {reason: count for reason, count in one.counters.dropped.items() if count}:
        told = ", ".join(f"{reason} {count}" for reason, count in sorted(dropped.items()))
        yield warning(
            code="adverts-dropped",
            about=one.name,
            what=f"{one.name} has dropped adverts since it started: {told}",
            why="it goes on as if it had not heard them, and two hosts may serve",
            hint=f"see what they are: vipd capture -i {one.interface}",
        )
    yield from _of_peers(one)


def _of_peers(one: InstanceReport) -> Iterator[Finding]:
    for peer in one.peers:
        who = f"{peer.node} ({peer.address})" if peer.node else peer.address
        if peer.ready is False:
            yield _not_ready(one, peer, who)
        for text in peer.differs:
            yield warning(
                code="peer-differs",
                about=one.name,
                what=f"{one.name}: {who} is set up in another way: {text}",
                why="the hosts of a virtual router should differ in their priority only",
                hint="compare the files of both hosts",
            )
    if one.state is State.MASTER and not one.peers:
        yield note(
            code="peer-none",
            about=one.name,
            what=f"{one.name} serves and knows of no other host",
            why="a BACKUP of another make is silent, so there may be one; vipd would be heard",
            hint="look on the other host: vipd status",
        )


def _not_ready(one: InstanceReport, peer: PeerReport, who: str) -> Finding:
    why = f": {peer.why}" if peer.why else ""
    return warning(
        code="peer-not-ready",
        about=one.name,
        what=f"{one.name}: {who} would not take over{why}",
        why="if this host fails, nobody serves",
        hint=f"run on {peer.node or peer.address}: vipd doctor",
    )
