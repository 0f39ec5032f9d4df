"""Everything that is known of an instance, for a person: a field each, the first things first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from vipd.cli.assessment import Assessment, Judged, Topic, assess
from vipd.cli.outlook import outlook
from vipd.cli.page import Page, local, span, time_of_day
from vipd.cli.remark import (
    age,
    aside_remark,
    counted,
    effects,
    hook_remark,
    length,
    master_remark,
    orders,
    peer_name,
    since,
)
from vipd.cli.render_text import headline, safe
from vipd.control.report import AddressReport, AgentReport, InstanceReport, PeerReport
from vipd.core.model import State

LABEL_WIDTH: Final = 13
GAP: Final = "  "


@dataclass(frozen=True, slots=True)
class _Value:
    """What stands in a field, and whether it is as it should be."""

    text: str
    wrong: bool = False


_EMPTY: Final = _Value("")


@dataclass(frozen=True, slots=True)
class _Field:
    """What is to be said about something; what there is nothing to say of is left out."""

    label: str
    values: Sequence[_Value]

    def lines(self, page: Page, state: State) -> Iterator[str]:
        """Write it. Why: the state is what the eye looks for, and stands in the first field."""
        margin = " " * (LABEL_WIDTH + len(GAP))
        for label, value in zip_longest([self.label], self.values, fillvalue=None):
            text = (value or _EMPTY).text
            lines = page.wrap(text, GAP + (label or "").ljust(LABEL_WIDTH), margin)
            if value and value.wrong:
                yield from map(page.alarm, lines)
            elif self.label == "State":
                yield lines[0].replace(state.value, page.state(state.value, state), 1)
                yield from lines[1:]
            else:
                yield from lines


def render_detail(report: AgentReport, *, width: int, colour: bool) -> str:
    """Write everything that is known of each instance of a report."""
    page = Page(width=width, colour=colour)
    assessment = assess(report)
    blocks = [detail(each, assessment, page) for each in assessment.judged]
    return safe("\n\n".join(["\n".join(headline(assessment, page)), *blocks]))


def detail(judged: Judged, assessment: Assessment, page: Page) -> str:
    """Write everything that is known of one instance."""
    instance = judged.instance
    where = f"{instance.name} on {instance.interface}"
    group = f", group {instance.group}" if instance.group else ""
    title = page.strong(f"{where}, VRID {instance.vrid}, VRRPv{instance.version}{group}")
    fields = (field for field in _fields(judged, assessment.report) if field.values)
    return "\n".join([title, *(line for one in fields for line in one.lines(page, instance.state))])


def _fields(judged: Judged, report: AgentReport) -> Iterator[_Field]:
    instance = judged.instance
    yield _Field("State", [_Value(_state(instance, report))])
    yield _Field("Cause", [_Value(instance.cause, wrong=bool(judged.about(Topic.STATE)))])
    yield _Field("Warnings", [_Value(text, wrong=True) for text in instance.warnings])
    yield _Field("Next", _plain([*outlook(instance, report), *aside_remark(instance)]))
    silent = bool(judged.about(Topic.MASTER))
    master = _Value(master_remark(instance), wrong=silent)
    yield _Field("Master", [*_plain(_own_identity(instance)), master])
    yield _Field("Peers", [*map(_peer, instance.peers)])
    yield _Field("Addresses", [*map(_address, instance.addresses)])
    yield _Field("Priority", _plain([_priority(instance), *orders(instance, report)]))
    yield _Field("Intervals", _plain([_intervals(instance)]))
    yield _Field("Trackers", [*_trackers(instance, report)])
    yield _Field("Hooks", [_Value(hook_remark(one), wrong=not one.ok) for one in instance.hooks])
    yield from _counts(instance)
    yield _Field("Configured", _plain(_configured(report)))


def _plain(texts: Iterable[str]) -> Sequence[_Value]:
    return [*map(_Value, texts)]


# -- what is -----------------------------------------------------------------------------------


def _state(instance: InstanceReport, report: AgentReport) -> str:
    moment = time_of_day(local(instance.since), local(report.generated_at))
    held = span(since(instance.since, report))
    return f"{instance.state.value} for {held}, since {moment}"


def _own_identity(instance: InstanceReport) -> Iterator[str]:
    """What the others see of this host while it is MASTER, and means to be."""
    if instance.state is State.MASTER and instance.master and instance.leaving is None:
        yield f"this host, as {instance.master.address} with priority {instance.master.priority}"


def _peer(peer: PeerReport) -> _Value:
    """`beta (192.0.2.11): ready, BACKUP, priority 100, heard 400 ms ago`."""
    name = f"{peer.node} ({peer.address})" if peer.node else peer_name(peer)
    if peer.ready is None:
        ready = "does not tell whether it is ready"
    else:
        ready = "ready" if peer.ready else f"NOT READY: {peer.why or 'it does not say why'}"
    facts = [ready, *([peer.state.value] if peer.state else [])]
    if peer.priority is not None:
        facts.append(f"priority {peer.priority}")
    facts.append(f"heard {age(peer.age_s)} ago")
    differs = f"; set up in another way: {'; '.join(peer.differs)}" if peer.differs else ""
    wrong = peer.ready is False or bool(peer.differs)
    return _Value(f"{name}: {', '.join(facts)}{differs}", wrong=wrong)


def _address(address: AddressReport) -> _Value:
    held = "held" if address.held else "not held"
    kernel = "in the kernel" if address.in_kernel else "not in the kernel"
    plain = f"{address.address} on {address.interface}: {held}, {kernel}"
    if address.held != address.in_kernel:
        return _Value(f"{plain}: THEY DISAGREE", wrong=True)
    left = address.lease_left_s
    return _Value(plain if left is None else f"{plain}, {age(left)} left of its lease")


def _priority(instance: InstanceReport) -> str:
    return f"{instance.effective_priority} (configured: {instance.priority})"


def _intervals(instance: InstanceReport) -> str:
    silence = length(instance.master_down_interval_s)
    return f"advert {length(instance.advert_interval_s)}, master_down {silence}"


def _trackers(instance: InstanceReport, report: AgentReport) -> Iterator[_Value]:
    trackers = {each.name: each for each in report.trackers}
    for one in effects(instance, report, trackers):
        yield _Value(one.text + one.looks_again, wrong=one.harmful)


# -- what was ---------------------------------------------------------------------------------


def _counts(instance: InstanceReport) -> Iterator[_Field]:
    counters = instance.counters
    failed = f", {counters.adverts_failed} failed" if counters.adverts_failed else ""
    adverts = f"{counters.adverts_sent} sent{failed}, {counters.adverts_received} received"
    causes = counted(counters.causes)
    deeds = {
        "addresses announced": counters.announced,
        "leases renewed": counters.renewed,
        "claims refused": counters.claims_failed,
    }
    for label, text in (
        ("Adverts", adverts),
        ("Dropped", counted(counters.dropped) or "none"),
        ("Mismatched", counted(counters.mismatched)),
        ("Transitions", f"{counters.transitions}" + (f": {causes}" if causes else "")),
        ("Incidents", counted(counters.incidents)),
        ("Done", counted(deeds)),
    ):
        yield _Field(label, _plain([text] if text else []))


def _configured(report: AgentReport) -> Iterator[str]:
    if report.config is not None:
        loaded = span(since(report.config.loaded_at, report))
        yield f"{report.config.file}, loaded {loaded} ago"
