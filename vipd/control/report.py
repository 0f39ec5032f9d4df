"""What an agent tells of itself: the structs behind `vipd status --json`, and their words for JSON.

The keys are a contract with everybody's scripts: they are added to, never changed or taken away.
Moments are ISO 8601 in UTC, durations end in `_s` and are in seconds.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

import msgspec

from vipd.core.model import State
from vipd.core.units import MILLISECOND, SECOND, Duration

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class MasterReport(msgspec.Struct, frozen=True, kw_only=True):
    """The router that serves, and how old its last advert is."""

    address: str
    priority: int
    age_s: float


class AddressReport(msgspec.Struct, frozen=True, kw_only=True):
    """One virtual IP: `held` is what the machine believes, `in_kernel` what netlink says.

    `lease_left_s` is after how long the kernel removes it, unless it is renewed; None without end.
    """

    address: str
    interface: str
    held: bool
    in_kernel: bool
    lease_left_s: float | None = None


class Counters(msgspec.Struct, frozen=True, kw_only=True):
    """What an instance has counted since the agent started.

    `dropped` is by reason; `mismatched` counts adverts that were accepted although the peer is set
    up in another way, by what differs. `causes` are the transitions by the code of their cause,
    `incidents` are by their code. `announced` counts addresses, as often as each was announced,
    `renewed` the leases that began anew, `claims_failed` what the kernel refused of both. (msgspec
    gives every struct a copy of its own.)
    """

    adverts_sent: int = 0
    adverts_received: int = 0
    adverts_failed: int = 0
    transitions: int = 0
    announced: int = 0
    renewed: int = 0
    claims_failed: int = 0
    dropped: dict[str, int] = {}
    mismatched: dict[str, int] = {}
    causes: dict[str, int] = {}
    incidents: dict[str, int] = {}


class TrackerReport(msgspec.Struct, frozen=True, kw_only=True):
    """One tracker: what it has seen last, since when it is up or down, when it looks again.

    `up` is the verdict after rise, fall and flap damping. `next_look_s` is None for those that wait
    for events. `looks` counts what it has seen since it runs, and `failures` what of that was bad.
    """

    name: str
    kind: str
    up: bool
    since: str
    text: str
    took_s: float | None = None
    next_look_s: float | None = None
    looks: int = 0
    failures: int = 0


class EffectReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a tracker means to an instance: its failure is FAULT, or it adds to the priority.

    `weight` is None for the former; `adds` is what it adds at the moment.
    """

    tracker: str
    weight: int | None = None
    adds: int = 0


class HookReport(msgspec.Struct, frozen=True, kw_only=True):
    """The last run of a hook; `group` is the group that it belongs to, or None.

    `runs` is how often it has run since it is configured, and `failures` how often badly.
    """

    group: str | None = None
    moment: str
    program: str
    ok: bool
    text: str
    took_s: float
    at: str
    runs: int = 1
    failures: int = 0


class PeerReport(msgspec.Struct, frozen=True, kw_only=True):
    """Another agent of this virtual router, as it has told of itself, or as its adverts did.

    `node` and `state` are None of a router that sends no hellos: nobody knows whether it is ready.
    `ready` is whether it would take over; `differs` is what is set up there in another way.
    """

    address: str
    node: str | None = None
    state: State | None = None
    priority: int | None = None
    ready: bool | None = None
    why: str | None = None
    age_s: float
    differs: tuple[str, ...] = ()


class NextReport(msgspec.Struct, frozen=True, kw_only=True):
    """What an instance does next, unless something happens: "preempts", "takes over"."""

    text: str
    in_s: float


class OrderReport(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator has ordered: since when, until when (None: no end is set), and why."""

    since: str
    until: str | None = None
    reason: str | None = None
    priority: int | None = None


class InstanceReport(msgspec.Struct, frozen=True, kw_only=True):
    """One instance at one moment.

    `leaving` is why a MASTER is on its way out; `warnings` are for a person, while they are so.
    `priority` is the configured one, unless `priority_order` tells of another; `stands_aside` is
    whether it lets a weaker MASTER serve, because an operator has moved the addresses there.
    """

    name: str
    interface: str
    vrid: int
    version: int
    state: State
    since: str
    cause: str
    leaving: str | None = None
    priority: int
    effective_priority: int
    master: MasterReport | None
    advert_interval_s: float
    master_down_interval_s: float
    addresses: tuple[AddressReport, ...]
    counters: Counters
    warnings: tuple[str, ...] = ()
    group: str | None = None
    track: tuple[EffectReport, ...] = ()
    hooks: tuple[HookReport, ...] = ()
    peers: tuple[PeerReport, ...] = ()
    next: NextReport | None = None
    priority_order: OrderReport | None = None
    stands_aside: bool = False


class StrangerReport(msgspec.Struct, frozen=True, kw_only=True):
    """A router on our links whose VRID is nobody's here, and how often it was heard."""

    interface: str
    vrid: int
    source: str
    count: int


class ConfigReport(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration that runs, since when; `refused` is what a later reload was refused for."""

    file: str
    loaded_at: str
    refused: str | None = None


class LagReport(msgspec.Struct, frozen=True, kw_only=True):
    """How late the loop was when it had something to do, since the agent started.

    `counts` says how often it was no later than the bound of the same place, and later than the
    one before; the last one, beyond all bounds, has no bound. `stalls` is how often it was so late
    that instances were told. Units: as the names end.
    """

    bounds_s: tuple[float, ...]
    counts: tuple[int, ...]
    total_s: float
    worst_s: float
    stalls: int = 0


class ControlReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for on the control socket, and how much of that was refused."""

    requests: int
    refused: int


class AgentReport(msgspec.Struct, frozen=True, kw_only=True):
    """The agent and its instances at one moment; `pid` is the agent's, 0 where it is not told."""

    node: str
    version: str
    generated_at: str
    uptime_s: float
    instances: tuple[InstanceReport, ...]
    strangers: tuple[StrangerReport, ...] = ()
    trackers: tuple[TrackerReport, ...] = ()
    maintenance: OrderReport | None = None
    config: ConfigReport | None = None
    warnings: tuple[str, ...] = ()
    pid: int = 0
    lag: LagReport | None = None
    control: ControlReport | None = None


class EventReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened: a line of `vipd events`.

    `seq` counts on over restarts of the agent. `kind` is one of transition, incident, tracker,
    hook, order, reload, agent, peer. `code` is for machines to count, `text` for a person;
    `evidence` is what led there, in order. `old` and `new` are the states of a transition, and
    `timings_ms` is how long after the decision something was done, by what it was.
    """

    seq: int
    at: str
    kind: str
    code: str
    text: str
    instance: str | None = None
    old: State | None = None
    new: State | None = None
    evidence: tuple[str, ...] = ()
    timings_ms: dict[str, float] = {}


def to_indented_json(report: msgspec.Struct) -> str:
    """Write a report for people and for jq alike."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode()


def timestamp(wall_ns: int) -> str:
    """Write a moment in ISO 8601, in UTC, to the millisecond. Units: since the Unix epoch."""
    whole, rest = divmod(wall_ns, SECOND)
    return f"{_second(whole)}.{rest // MILLISECOND:03}Z"


@lru_cache(maxsize=512)
def _second(count: int) -> str:
    """Write a second. Why: a report has hundreds of moments, most of them the same or told again,
    and is written on the loop."""
    return (EPOCH + timedelta(seconds=count)).strftime("%Y-%m-%dT%H:%M:%S")


def seconds(duration: Duration) -> float:
    """Write a duration in seconds, as fine as anybody reads: the rest would print as noise."""
    return round(duration / SECOND, 6)
