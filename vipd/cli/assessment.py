"""The assessment: whether all is well, and what is not; one judgement for every way to show it.

Theory of operation. Each instance is looked at for itself and yields findings. A finding is
critical when clients may be without an address, or may not be left with one host that serves it:
a FAULT, an address where it should not be, or nobody who serves. It is a warning when all is
served now, but the next failure may not be survived. Maintenance is a warning too; while it lasts,
a FAULT is what was ordered. What is unknown is no finding: a router that sends no hellos does not
say whether it is ready.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum, auto
from typing import Final

from vipd.cli.remark import (
    disagreements,
    effects,
    failed_hooks,
    is_silent,
    master_remark,
    peer_remarks,
)
from vipd.control.report import AgentReport, InstanceReport, TrackerReport
from vipd.core.model import State

NAMES_SHOWN: Final = 4
"""How many instances the first line names; the others are counted."""


class Level(IntEnum):
    """How bad it is. The names are those that monitoring uses."""

    OK = 0
    WARNING = 1
    CRITICAL = 2


class Topic(Enum):
    """What a finding is about: a view shows it in the place of what it would say of that."""

    STATE = auto()
    MASTER = auto()
    PEERS = auto()
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be."""

    level: Level
    topic: Topic
    text: str


@dataclass(frozen=True, slots=True)
class Judged:
    """An instance, and what is not well with it."""

    instance: InstanceReport
    findings: tuple[Finding, ...]

    @property
    def level(self) -> Level:
        """How bad it is."""
        return max((each.level for each in self.findings), default=Level.OK)

    def about(self, topic: Topic) -> Sequence[Finding]:
        """What was found of this."""
        return [each for each in self.findings if each.topic is topic]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What is to be said of a report: of the agent, and of each instance in its order."""

    report: AgentReport
    agent: tuple[Finding, ...]
    judged: tuple[Judged, ...]

    @property
    def level(self) -> Level:
        """How bad it is in all."""
        levels = [*(each.level for each in self.agent), *(each.level for each in self.judged)]
        ordered = Level.OK if self.report.maintenance is None else Level.WARNING
        return max([ordered, *levels])

    def worst_first(self) -> Sequence[Judged]:
        """The instances, those with problems before the others."""
        return sorted(self.judged, key=lambda each: -each.level)

    def count(self) -> int:
        """How many findings there are."""
        return len(self.agent) + sum(len(each.findings) for each in self.judged)


def assess(report: AgentReport) -> Assessment:
    """Judge a report."""
    trackers = {each.name: each for each in report.trackers}
    return Assessment(
        report=report,
        agent=tuple(_of_agent(report)),
        judged=tuple(
            Judged(one, tuple(_of_instance(one, report, trackers))) for one in report.instances
        ),
    )


# -- findings ---------------------------------------------------------------------------------


def _of_agent(report: AgentReport) -> Iterator[Finding]:
    for warning in report.warnings:
        yield _warning(warning)
    if report.config is not None and report.config.refused is not None:
        yield _warning(f"the last reload was refused: {report.config.refused}")
    if not report.instances:
        yield _warning("no instance is configured")


def _of_instance(
    instance: InstanceReport, report: AgentReport, trackers: Mapping[str, TrackerReport]
) -> Iterator[Finding]:
    in_maintenance = report.maintenance is not None
    yield from _of_state(instance, in_maintenance=in_maintenance)
    for text in disagreements(instance):
        yield Finding(Level.CRITICAL, Topic.OTHER, text)
    yield from _of_master(instance, in_maintenance=in_maintenance)
    yield from map(_warning, instance.warnings)
    yield from _of_peers(instance)
    for effect in effects(instance, report, trackers):
        if effect.harmful:
            yield _warning(effect.text)
    yield from map(_warning, failed_hooks(instance))


def _of_state(instance: InstanceReport, *, in_maintenance: bool) -> Iterator[Finding]:
    if instance.state is State.FAULT:
        level = Level.WARNING if in_maintenance else Level.CRITICAL
        yield Finding(level, Topic.STATE, f"is in FAULT: {instance.cause}")
    elif instance.state is State.INIT:
        yield Finding(Level.WARNING, Topic.STATE, f"is in INIT: {instance.cause}")


def _of_master(instance: InstanceReport, *, in_maintenance: bool) -> Iterator[Finding]:
    """Nobody is heard that serves. Why: for a host that stays down nobody can wait."""
    if _is_served(instance):
        return
    serves = instance.state is State.MASTER
    waits = instance.state is not State.FAULT and not in_maintenance
    level = Level.WARNING if serves or waits else Level.CRITICAL
    yield Finding(level, Topic.MASTER, master_remark(instance))


def _is_served(instance: InstanceReport) -> bool:
    """Whether there is a MASTER; this host is one before it has sent its first advert."""
    if instance.master is None:
        return instance.state is State.MASTER
    return not is_silent(instance, instance.master)


def _of_peers(instance: InstanceReport) -> Iterator[Finding]:
    """Nobody could take over from this host; where another one serves, this one could."""
    told = [peer for peer in instance.peers if peer.ready is not None]
    another_serves = instance.state is not State.MASTER and _is_served(instance)
    if told and not another_serves and not any(peer.ready for peer in told):
        why = "; ".join(peer_remarks(instance))
        yield Finding(Level.WARNING, Topic.PEERS, f"no other host is ready: {why}")
    for peer in instance.peers:
        if peer.differs:
            differs = "; ".join(peer.differs)
            who = peer.node or peer.address
            yield _warning(f"{who} is set up in another way: {differs}")


def _warning(text: str) -> Finding:
    return Finding(Level.WARNING, Topic.OTHER, text)


# -- in a sentence ----------------------------------------------------------------------------


def summary(assessment: Assessment) -> str:
    """What is the matter, or what this host does when nothing is."""
    findings = assessment.count()
    if not findings:
        return _duty(assessment.report)
    level = assessment.level
    if any(each.level is level for each in assessment.agent):
        text = next(each.text for each in assessment.agent if each.level is level)
        return f"{text}{_more(findings - 1)}"
    return _of_worst(assessment, findings)


def _of_worst(assessment: Assessment, findings: int) -> str:
    """The instances that the worst is about. Maintenance alone is worse than what is not found."""
    worst = max(each.level for each in assessment.judged)
    hit = [each for each in assessment.judged if each.level is worst]
    first = next(each for each in hit[0].findings if each.level is worst)
    if first.topic is Topic.STATE and len(hit) > 1:
        alike = [one for one in hit if one.instance.state is hit[0].instance.state]
        if len(alike) > 1:
            return _alike(alike, len(assessment.judged)) + _more(findings - len(alike))
    name = hit[0].instance.name + ("" if first.topic is Topic.STATE else ":")
    return f"{name} {first.text}{_more(findings - 1)}"


def _alike(hit: Sequence[Judged], total: int) -> str:
    names = [each.instance.name for each in hit[:NAMES_SHOWN]]
    shown = ", ".join([*names, *(["..."] if len(hit) > NAMES_SHOWN else [])])
    return f"{len(hit)} of {total} instances are in {hit[0].instance.state.value}: {shown}"


def _more(count: int) -> str:
    return f" (and {count} more)" if count > 0 else ""


def _duty(report: AgentReport) -> str:
    """`serves 1 of 2 instances; another host is ready to take over`."""
    served = [one for one in report.instances if one.state is State.MASTER]
    count = len(report.instances)
    instances = report.instances[0].name if count == 1 else f"{count} instances"
    if not served:
        return f"stands by for {instances}"
    of_all = instances if len(served) == count else f"{len(served)} of {instances}"
    return f"serves {of_all}; {_succession(served)}"


def _succession(served: Sequence[InstanceReport]) -> str:
    alone = [one.name for one in served if not any(peer.ready for peer in one.peers)]
    if not alone:
        return "another host is ready to take over"
    for_whom = "" if len(alone) == len(served) else f" {_for(alone)}"
    return f"nothing is known of a host that would take over{for_whom}"


def _for(names: Sequence[str]) -> str:
    return f"{len(names)} of them" if len(names) > NAMES_SHOWN else ", ".join(names)
