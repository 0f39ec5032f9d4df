"""What is said on the control socket: one JSON line asks, one JSON line answers.

Theory of operation. A command is a pair: a `Request` struct, told apart by its "command", and the
struct of its successful reply, which carries "ok": true and one key of its own. Any command may
be answered by `ErrorReply` instead, "ok": false. To add a command, add the pair to the unions and
to `_REPLY_OF`. `FollowRequest` alone is answered by a stream: a line for each event, without end.

Requests are read strictly: a key that is not known could have changed the meaning. Replies are
read leniently, so that an older command line still understands a newer agent.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Annotated, Final, TypeAlias

import msgspec

from vipd.control.report import AgentReport, EventReport
from vipd.errors import VipdError

LONGEST_ERROR: Final = 300
"""Units: characters. What a peer sent may be quoted in an error; not all of it."""

LONGEST_COMPARED: Final = 80
"""Units: characters. No typing error makes a name longer, and comparing takes time."""

LONGEST_REASON: Final = 200
"""Units: characters. What an operator may say of an order."""

LONGEST_ORDER_S: Final = 366 * 24 * 3600.0
"""Units: seconds. A year: what is to be so for longer belongs into the configuration."""

MOST_EVENTS: Final = 1000
"""How many events a reply has at most."""

Reason: TypeAlias = Annotated[str, msgspec.Meta(max_length=LONGEST_REASON)]
Span: TypeAlias = Annotated[float, msgspec.Meta(gt=0, le=LONGEST_ORDER_S)]


class _Request(
    msgspec.Struct, tag_field="command", forbid_unknown_fields=True, frozen=True, kw_only=True
):
    """What all requests have in common."""


class StatusRequest(_Request, frozen=True, kw_only=True, tag="status"):
    """Asks for the state of the agent: of all its instances, or of the one with this name."""

    name: str | None = None


class HistoryRequest(_Request, frozen=True, kw_only=True, tag="history"):
    """Asks for what happened: the last `limit` events, in order; of one instance, or of a kind.

    `after` asks for those that follow the event with this number instead, the oldest first.
    """

    name: str | None = None
    kind: str | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_EVENTS)] = 20
    after: int | None = None


class FollowRequest(_Request, frozen=True, kw_only=True, tag="follow"):
    """Asks for each event as it happens, beginning with those after the one with this number."""

    name: str | None = None
    kind: str | None = None
    after: int | None = None


class FailoverRequest(_Request, frozen=True, kw_only=True, tag="failover"):
    """Orders an instance, its whole group, or all to hand over; `wait` for how it ended."""

    name: str | None = None
    wait: bool = True


class MaintenanceRequest(_Request, frozen=True, kw_only=True, tag="maintenance"):
    """Orders this host to serve nothing, or to stand for election again.

    `force` is to go even where no peer is known to be ready. Units: `for_s` in seconds.
    """

    on: bool
    for_s: Span | None = None
    reason: Reason | None = None
    force: bool = False


class PriorityRequest(_Request, frozen=True, kw_only=True, tag="priority"):
    """Orders another priority until the next reload; None: the configured one again."""

    name: str
    priority: Annotated[int, msgspec.Meta(ge=1, le=254)] | None = None
    for_s: Span | None = None


class AnnounceRequest(_Request, frozen=True, kw_only=True, tag="announce"):
    """Orders the announcements of an instance to be repeated now."""

    name: str


class ReloadRequest(_Request, frozen=True, kw_only=True, tag="reload"):
    """Orders the configuration to be read anew; `plan` only tells what that would do."""

    plan: bool = False


Order: TypeAlias = FailoverRequest | MaintenanceRequest | PriorityRequest | AnnounceRequest

Request: TypeAlias = StatusRequest | HistoryRequest | FollowRequest | ReloadRequest | Order

LOOKING: Final = (StatusRequest, HistoryRequest, FollowRequest)
"""What changes nothing. All else is to administer."""


class StatusReply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to `StatusRequest`."""

    ok: bool = True
    status: AgentReport


class HistoryReply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to `HistoryRequest`; `missed` is how many of those asked for are forgotten."""

    ok: bool = True
    node: str
    events: tuple[EventReport, ...]
    missed: int = 0


class OutcomeReport(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an order for one instance; `text` is for a person."""

    instance: str
    done: bool
    text: str


class OrderReply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to an order: that it was taken, and what came of it for each instance."""

    ok: bool = True
    text: str
    outcomes: tuple[OutcomeReport, ...] = ()


class ChangeReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a reload does to one instance, tracker or group, or to the agent.

    `verdict` is kept, changed, added or removed; `keys` are those that differ, `effect` what
    follows from that.
    """

    section: str
    name: str
    verdict: str
    keys: tuple[KeyReport, ...] = ()
    effect: str = ""


class KeyReport(msgspec.Struct, frozen=True, kw_only=True):
    """A key of the configuration with another value; None where there was, or is, none."""

    key: str
    old: str | None
    new: str | None


class ReloadReply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to `ReloadRequest`: what changed, or would."""

    ok: bool = True
    file: str
    applied: bool
    changes: tuple[ChangeReport, ...]
    warnings: tuple[str, ...] = ()


class ErrorReply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a request that cannot be served; `error` is for a person.

    `denied` is whether another user may ask this.
    """

    ok: bool = False
    error: str
    denied: bool = False


Reply: TypeAlias = StatusReply | HistoryReply | OrderReply | ReloadReply | ErrorReply

_REQUEST: Final[msgspec.json.Decoder[Request]] = msgspec.json.Decoder(Request)

_REPLY_OF: Final[dict[type[Request], type[Reply]]] = {
    StatusRequest: StatusReply,
    HistoryRequest: HistoryReply,
    FollowRequest: ErrorReply,
    FailoverRequest: OrderReply,
    MaintenanceRequest: OrderReply,
    PriorityRequest: OrderReply,
    AnnounceRequest: OrderReply,
    ReloadRequest: ReloadReply,
}


class NotAReply(VipdError):
    """What came back is not the answer of a vipd agent."""


class _Verdict(msgspec.Struct):
    """What every reply has."""

    ok: bool


# -- lines ------------------------------------------------------------------------------------


def encode(message: Request | Reply | EventReport) -> bytes:
    """Write a message as one line, with its newline."""
    return msgspec.json.encode(message) + b"\n"


def decode_request(line: bytes) -> Request | ErrorReply:
    """Read a request; whatever else a peer may have sent becomes the reply it deserves."""
    try:
        return _REQUEST.decode(line)
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


def decode_event(line: bytes) -> EventReport:
    """Read a line of the stream that answers `FollowRequest`.

    Raises: VipdError, when the agent refuses to tell; NotAReply, when the line is anything else.
    """
    try:
        return msgspec.json.decode(line, type=EventReport)
    except (ValueError, RecursionError) as error:
        reply = decode_reply(line, FollowRequest())
        if isinstance(reply, ErrorReply):
            raise VipdError(reply.error) from error
        raise NotAReply("the stream cannot be understood") from error


# -- from a report to a reply ------------------------------------------------------------------


def answer_status(request: StatusRequest, report: AgentReport) -> Reply:
    """Reply with the report, or with the part of it that was asked for."""
    if request.name is None:
        return StatusReply(status=report)
    chosen = tuple(each for each in report.instances if each.name == request.name)
    if not chosen:
        return no_such_instance(request.name, [one.name for one in report.instances])
    return StatusReply(status=msgspec.structs.replace(report, instances=chosen))


def no_such_instance(name: str, known: Sequence[str]) -> ErrorReply:
    """Say that a name is nobody's here, and which name was perhaps meant."""
    text = f"there is no instance {name[:LONGEST_COMPARED]!r} here"
    if close := get_close_matches(name[:LONGEST_COMPARED], known, n=1):
        text += f"; did you mean {close[0]!r}?"
    else:
        text += f"; there is: {', '.join(known)}" if known else "; it has none"
    return ErrorReply(error=text[:LONGEST_ERROR])
