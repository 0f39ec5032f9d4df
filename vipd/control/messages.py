"""What is said on the control socket: one JSON line asks, one JSON line answers.

Theory of operation. A command is a pair: a `Request` struct, told apart by its "command", and the
struct of its successful reply, which carries "ok": true and one key of its own. Any command may
be answered by `ErrorReply` instead, "ok": false. To add a command, add the pair to the unions and
to `_REPLY_OF`.

Requests are read strictly: a key that is not known could have changed the meaning. Replies are
read leniently, so that an older command line still understands a newer agent. The keys of
`AgentReport` are a contract with everybody's scripts; `vipd status --json` prints it as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Final, TypeAlias

import msgspec

from vipd.core.model import Heard, State, Vip
from vipd.core.status import InstanceStatus
from vipd.core.units import MILLISECOND, SECOND, Duration, Instant
from vipd.errors import VipdError

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

LONGEST_ERROR: Final = 300
"""Units: characters. What a peer sent may be quoted in an error; not all of it."""

LONGEST_COMPARED: Final = 80
"""Units: characters. No typing error makes a name longer, and comparing takes time."""


class StatusRequest(
    msgspec.Struct,
    tag_field="command",
    tag="status",
    forbid_unknown_fields=True,
    frozen=True,
    kw_only=True,
):
    """Asks for the state of the agent: of all its instances, or of the one with this name."""

    name: str | None = None


Request: TypeAlias = StatusRequest


class MasterReport(msgspec.Struct, frozen=True, kw_only=True):
    """The router that serves, and how old its last advert is."""

    address: str
    priority: int
    age_s: float


class AddressReport(msgspec.Struct, frozen=True, kw_only=True):
    """One virtual IP: `held` is what the machine believes, `in_kernel` what netlink says."""

    address: str
    interface: str
    held: bool
    in_kernel: bool


class Counters(msgspec.Struct, frozen=True, kw_only=True):
    """What an instance has counted since the agent started.

    `dropped` is by reason; `mismatched` counts adverts that were accepted although the peer is set
    up in another way, by what differs. (msgspec gives every struct a copy of its own.)
    """

    adverts_sent: int = 0
    adverts_received: int = 0
    transitions: int = 0
    dropped: dict[str, int] = {}
    mismatched: dict[str, int] = {}


class TrackerReport(msgspec.Struct, frozen=True, kw_only=True):
    """One tracker: what it has seen last, since when it is up or down, when it looks again.

    `up` is the verdict after rise, fall and flap damping. `next_look_s` is None for those that wait
    for events.
    """

    name: str
    kind: str
    up: bool
    since: str
    text: str
    took_s: float | None = None
    next_look_s: float | None = None


class EffectReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a tracker means to an instance: its failure is FAULT, or it adds to the priority.

    `weight` is None for the former; `adds` is what it adds at the moment.
    """

    tracker: str
    weight: int | None = None
    adds: int = 0


class HookReport(msgspec.Struct, frozen=True, kw_only=True):
    """The last run of a hook; `group` is the group that it belongs to, or None."""

    group: str | None = None
    moment: str
    program: str
    ok: bool
    text: str
    took_s: float
    at: str


class InstanceReport(msgspec.Struct, frozen=True, kw_only=True):
    """One instance at one moment.

    `leaving` is why a MASTER is on its way out; `warnings` are for a person, while they are so.
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


class StrangerReport(msgspec.Struct, frozen=True, kw_only=True):
    """A router on our links whose VRID is nobody's here, and how often it was heard."""

    interface: str
    vrid: int
    source: str
    count: int


class AgentReport(msgspec.Struct, frozen=True, kw_only=True):
    """The agent and its instances at one moment."""

    node: str
    version: str
    generated_at: str
    uptime_s: float
    instances: tuple[InstanceReport, ...]
    strangers: tuple[StrangerReport, ...] = ()
    trackers: tuple[TrackerReport, ...] = ()


class StatusReply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to `StatusRequest`."""

    ok: bool = True
    status: AgentReport


class ErrorReply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a request that cannot be served; `error` is for a person."""

    ok: bool = False
    error: str


Reply: TypeAlias = StatusReply | ErrorReply

_REPLY_OF: Final = {StatusRequest: StatusReply}


class NotAReply(VipdError):
    """What came back is not the answer of a vipd agent."""


class _Command(msgspec.Struct):
    """What every request has. Why: msgspec lets the tag of a lone struct be missing."""

    command: str


class _Verdict(msgspec.Struct):
    """What every reply has."""

    ok: bool


# -- lines ------------------------------------------------------------------------------------


def encode(message: Request | Reply) -> bytes:
    """Write a message as one line, with its newline."""
    return msgspec.json.encode(message) + b"\n"


def decode_request(line: bytes) -> Request | ErrorReply:
    """Read a request; whatever else a peer may have sent becomes the reply it deserves."""
    try:
        msgspec.json.decode(line, type=_Command)
        return msgspec.json.decode(line, type=Request)
    except (ValueError, RecursionError) as error:
        text = f"not a request that this agent understands: {error}"
        return ErrorReply(error=text[:LONGEST_ERROR])


def decode_reply(line: bytes, request: Request) -> Reply:
    """Read the reply to a request.

    Raises: NotAReply when the line is anything else.
    """
    try:
        if msgspec.json.decode(line, type=_Verdict).ok:
            return msgspec.json.decode(line, type=_REPLY_OF[type(request)])
        return msgspec.json.decode(line, type=ErrorReply)
    except (ValueError, RecursionError) as error:
        raise NotAReply(f"the reply cannot be understood: {error}"[:LONGEST_ERROR]) from error


def to_indented_json(report: AgentReport) -> str:
    """Write a report for people and for jq alike."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode()


# -- from the core's values --------------------------------------------------------------------


def agent_report(
    *,
    node: str,
    version: str,
    uptime: Duration,
    wall_ns: int,
    instances: Iterable[InstanceReport],
    strangers: Iterable[StrangerReport] = (),
    trackers: Iterable[TrackerReport] = (),
) -> AgentReport:
    """Put the reports of the instances together. Units: `wall_ns` counts from the Unix epoch."""
    return AgentReport(
        node=node,
        version=version,
        generated_at=timestamp(wall_ns),
        uptime_s=seconds(uptime),
        instances=tuple(instances),
        strangers=tuple(strangers),
        trackers=tuple(trackers),
    )


def instance_status(
    status: InstanceStatus,
    *,
    now: Instant,
    wall_ns: int,
    in_kernel: Collection[Vip],
    counters: Counters,
    warnings: Iterable[str] = (),
    hooks: Iterable[HookReport] = (),
) -> InstanceReport:
    """Say in the words of the message what the core's snapshot says.

    `now` and `wall_ns` are the same moment on the machine's clock and on the wall's. `in_kernel`
    is which of the addresses netlink sees on the interface; `warnings` are what the agent knows
    besides what the machine does.
    Units: `wall_ns` is in nanoseconds since the Unix epoch.
    """
    config = status.config
    return InstanceReport(
        name=config.name,
        interface=config.interface,
        vrid=config.vrid,
        version=config.version,
        state=status.state,
        since=timestamp(wall_ns - (now - status.since)),
        cause=status.cause.text,
        leaving=status.leaving.text if status.leaving else None,
        priority=config.priority,
        effective_priority=status.effective_priority,
        master=_master(status.master, now) if status.master else None,
        advert_interval_s=seconds(config.advert_interval),
        master_down_interval_s=seconds(status.master_down_interval),
        addresses=tuple(_address(vip, status, vip in in_kernel) for vip in config.addresses),
        counters=counters,
        warnings=(*status.warnings, *warnings),
        group=config.group,
        track=tuple(
            EffectReport(tracker=use.name, weight=use.weight, adds=adds)
            for use, adds in status.track
        ),
        hooks=tuple(hooks),
    )


def timestamp(wall_ns: int) -> str:
    """Write a moment in ISO 8601, in UTC, to the millisecond. Units: since the Unix epoch."""
    moment = EPOCH + timedelta(milliseconds=wall_ns // MILLISECOND)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _master(heard: Heard, now: Instant) -> MasterReport:
    return MasterReport(
        address=str(heard.address), priority=heard.priority, age_s=seconds(now - heard.at)
    )


def _address(vip: Vip, status: InstanceStatus, present: bool) -> AddressReport:  # noqa: FBT001
    return AddressReport(
        address=str(vip), interface=status.config.interface, held=status.held, in_kernel=present
    )


def seconds(duration: Duration) -> float:
    """Write a duration in seconds, as fine as anybody reads: the rest would print as noise."""
    return round(duration / SECOND, 6)


# -- from a report to a reply ------------------------------------------------------------------


def answer_status(request: StatusRequest, report: AgentReport) -> Reply:
    """Reply with the report, or with the part of it that was asked for."""
    if request.name is None:
        return StatusReply(status=report)
    chosen = tuple(each for each in report.instances if each.name == request.name)
    if not chosen:
        return ErrorReply(error=_no_such_instance(request.name, report)[:LONGEST_ERROR])
    return StatusReply(status=msgspec.structs.replace(report, instances=chosen))


def _no_such_instance(name: str, report: AgentReport) -> str:
    names = [each.name for each in report.instances]
    text = f"there is no instance {name[:LONGEST_COMPARED]!r} on {report.node}"
    if close := get_close_matches(name[:LONGEST_COMPARED], names, n=1):
        return f"{text}; did you mean {close[0]!r}?"
    return f"{text}; there is: {', '.join(names)}" if names else f"{text}; it has none"
