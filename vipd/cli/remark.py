"""Remarks: what there is to say of an instance, a sentence each, for whatever shows it.

How long ago something was is relative to the moment of the report.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from vipd.cli.page import NO_BREAK, local, span, time_of_day
from vipd.control.report import (
    AgentReport,
    EffectReport,
    HookReport,
    InstanceReport,
    MasterReport,
    OrderReport,
    PeerReport,
    TrackerReport,
)
from vipd.core.model import State
from vipd.core.units import SECOND, format_duration

PLACES: Final = 3
"""How finely an age is told. Units: digits after the second."""

EXACT_BELOW_S: Final = 10


# -- who serves -------------------------------------------------------------------------------


def master_remark(instance: InstanceReport) -> str:
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
    if instance.master is None:
        return "has not sent an advert yet"
    if is_silent(instance, instance.master):
        silence = length(instance.master_down_interval_s)
        silent = age(instance.master.age_s)
        return f"has sent no advert for {silent}: others take over after about {silence}"
    interval = length(instance.advert_interval_s)
    return f"sends an advert every {interval}, the last one {_ago(instance.master)}"


def _watch(instance: InstanceReport) -> str:
    silence = length(instance.master_down_interval_s)
    if instance.master is None:
        return f"knows of no MASTER; takes over after {silence} of silence"
    heard = _heard(instance.master)
    if is_silent(instance, instance.master):
        return f"{heard}: longer ago than the {silence} after which this host takes over"
    return f"{heard}; takes over after {silence} of silence"


def _hearsay(instance: InstanceReport) -> str:
    if instance.master is None:
        return "knows of no MASTER"
    heard = _heard(instance.master)
    if is_silent(instance, instance.master):
        silence = length(instance.master_down_interval_s)
        return f"{heard}: longer ago than the {silence} after which a MASTER counts as gone"
    return heard


def _heard(master: MasterReport) -> str:
    return f"heard MASTER {master.address} (priority {master.priority}) {_ago(master)}"


def _ago(master: MasterReport) -> str:
    return f"{age(master.age_s)} ago"


def is_silent(instance: InstanceReport, master: MasterReport) -> bool:
    """Whether a MASTER has been silent for so long that it counts as gone."""
    return master.age_s > instance.master_down_interval_s


# -- what comes next, and what was ordered ------------------------------------------------------


def next_remarks(instance: InstanceReport) -> Iterator[str]:
    """What the instance does by itself, and why it does not what one would expect."""
    if instance.next is not None and instance.leaving is None:
        yield f"{instance.next.text} in {age(instance.next.in_s)}"
    yield from aside_remark(instance)


def aside_remark(instance: InstanceReport) -> Iterator[str]:
    """Why it lets a weaker one serve, and the way back. Why: a command is not to be broken."""
    if instance.stands_aside:
        where = "elsewhere" if instance.master is None else f"to {instance.master.address}"
        command = f"`vipd failover {instance.name}`".replace(" ", NO_BREAK)
        back = f"{command} there moves them back"
        yield f"stands aside: an operator has moved the addresses {where}; {back}"


def order_remark(order: OrderReport, report: AgentReport) -> str:
    """`since 02:54:05 (10 min), until 03:24:05 (in 20 min): new kernel`."""
    now = local(report.generated_at)
    since = local(order.since)
    text = f"since {time_of_day(since, now)} ({span((now - since).total_seconds())})"
    if order.until is not None:
        until = local(order.until)
        left = span((until - now).total_seconds())
        text += f", until {time_of_day(until, now)} (in {left})"
    return f"{text}: {order.reason}" if order.reason else text


def orders(instance: InstanceReport, report: AgentReport) -> Iterator[str]:
    """Another priority than the configured one, if an operator has ordered it."""
    if order := instance.priority_order:
        text = order_remark(order, report)
        yield f"priority {order.priority} by order instead of {instance.priority}, {text}"


# -- the others -------------------------------------------------------------------------------


def peer_remarks(instance: InstanceReport) -> Iterator[str]:
    """Whether each of the others would take over."""
    for peer in instance.peers:
        if peer.ready is None:
            yield f"{peer_name(peer)} does not tell"
        elif peer.ready:
            yield f"{peer_name(peer)} is ready"
        else:
            yield f"{peer_name(peer)} is NOT READY: {peer.why or 'it does not say why'}"


def peer_name(peer: PeerReport) -> str:
    """What an operator calls it; who sends no hellos is no vipd, and most probably keepalived."""
    return peer.node or f"{peer.address} (keepalived?)"


# -- what it stands on --------------------------------------------------------------------------


def disagreements(instance: InstanceReport) -> Iterator[str]:
    """The addresses of which the machine and the kernel do not believe the same."""
    for each in instance.addresses:
        if each.held and not each.in_kernel:
            yield f"{each.address} should be on {each.interface} but the kernel does not have it"
        elif each.in_kernel and not each.held:
            yield f"{each.address} is on {each.interface} but this host does not hold it"


@dataclass(frozen=True, slots=True)
class Effect:
    """A tracker of an instance: what it sees and what that means; whether that does harm now."""

    text: str
    harmful: bool
    looks_again: str


def effects(
    instance: InstanceReport, report: AgentReport, trackers: Mapping[str, TrackerReport]
) -> Iterator[Effect]:
    """What each tracker that the instance uses means to it."""
    for effect in instance.track:
        if tracker := trackers.get(effect.tracker):
            held = span(since(tracker.since, report))
            state = f"{'up' if tracker.up else 'DOWN'} for {held}, {_meaning(effect)}"
            again = tracker.next_look_s
            yield Effect(
                text=f"{effect.tracker}: {state}: {tracker.text}",
                harmful=_is_harmful(tracker, effect, instance),
                looks_again="" if again is None else f"; looks again in {age(again)}",
            )


def _is_harmful(tracker: TrackerReport, effect: EffectReport, instance: InstanceReport) -> bool:
    """Why: a FAULT names the tracker that it comes from by itself."""
    if tracker.up:
        return False
    return instance.state is not State.FAULT if effect.weight is None else effect.adds < 0


def _meaning(effect: EffectReport) -> str:
    if effect.adds:
        return f"priority {effect.adds:+}"
    return "down is FAULT" if effect.weight is None else f"weight {effect.weight:+}"


def hook_remark(hook: HookReport) -> str:
    """How a hook has ended when it ran last."""
    of_group = f" of the group {hook.group}" if hook.group else ""
    when = f"{local(hook.at):%Y-%m-%d %H:%M:%S}"
    return f"{hook.moment}{of_group}: {hook.program}: {hook.text}, at {when}"


def failed_hooks(instance: InstanceReport) -> Iterator[str]:
    """The hooks that have failed on the way to what the instance is now.

    Why: one that failed before, for another state, has nothing to say about this one.
    """
    before = f"before_{instance.state.value.lower()}"
    for hook in instance.hooks:
        if not hook.ok and (hook.at >= instance.since or hook.moment == before):
            yield hook_remark(hook)


def counted(counts: Mapping[str, int]) -> str:
    """The counts that are not zero, greatest first."""
    found = [(-count, what) for what, count in counts.items() if count]
    return ", ".join(f"{-negative} {what}" for negative, what in sorted(found))


# -- times ------------------------------------------------------------------------------------


def since(iso: str, report: AgentReport) -> float:
    """How long ago something was. Units: seconds."""
    now, then = map(datetime.fromisoformat, (report.generated_at, iso))
    return (now - then).total_seconds()


def length(seconds: float) -> str:
    """A short time exactly, a long one as a person counts it."""
    if seconds >= EXACT_BELOW_S:
        return span(round(seconds))
    return format_duration(round(seconds * SECOND))


def age(seconds: float) -> str:
    """The same, no finer than anybody reads."""
    return length(round(seconds, PLACES))
