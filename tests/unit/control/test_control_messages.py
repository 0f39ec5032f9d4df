"""The lines on the control socket, and the contract of their keys."""

from __future__ import annotations

import json
from ipaddress import ip_address, ip_interface
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vipd.control.messages import (
    LONGEST_ERROR,
    ErrorReply,
    NotAReply,
    Reply,
    StatusReply,
    StatusRequest,
    answer_status,
    decode_reply,
    decode_request,
    encode,
)
from vipd.control.report import (
    AgentReport,
    Counters,
    HookReport,
    InstanceReport,
    StrangerReport,
    TrackerReport,
    timestamp,
    to_indented_json,
)
from vipd.control.snapshot import agent_report, instance_status
from vipd.core.cause import Cause, CauseCode
from vipd.core.config import InstanceConfig, TrackUse
from vipd.core.model import Heard, State
from vipd.core.status import InstanceStatus
from vipd.core.units import MILLISECOND, SECOND

NOW = 5_000 * SECOND
WALL = 1_767_323_045_678_000_000
"""2026-01-02 03:04:05.678 UTC."""

V4 = ip_interface("192.0.2.100/24")
V6 = ip_interface("2001:db8:51::100/64")


NGINX = TrackerReport(
    name="nginx",
    kind="http",
    up=False,
    since="2026-01-02T03:04:00.000Z",
    text="connection refused",
    took_s=0.001,
    next_look_s=0.5,
)
PROMOTE = HookReport(
    moment="on_master",
    group="edge",
    program="/usr/local/bin/promote",
    ok=True,
    text="exit 0",
    took_s=0.02,
    at="2026-01-02T03:03:00.000Z",
)


def snapshot(name: str = "web", **changes: object) -> InstanceStatus:
    facts: dict[str, Any] = {
        "config": InstanceConfig(name=name, interface="eth0", vrid=51, addresses=(V4, V6)),
        "state": State.BACKUP,
        "since": NOW - 90 * SECOND,
        "cause": Cause(CauseCode.STARTED, "started"),
        "leaving": None,
        "effective_priority": 100,
        "master": Heard(address=ip_address("192.0.2.11"), priority=150, at=NOW - 250 * MILLISECOND),
        "master_down_interval": 3_609_375_000,
        "held": False,
        "warnings": (),
        "track": ((TrackUse(name="nginx", weight=-50), -50),),
    }
    return InstanceStatus(**(facts | changes))


def instance(name: str = "web", **changes: object) -> InstanceReport:
    counters = Counters(
        adverts_sent=7,
        adverts_received=8,
        transitions=2,
        dropped={"ttl": 3},
        mismatched={"addresses": 2},
    )
    status = snapshot(name, **changes)
    return instance_status(
        status, now=NOW, wall_ns=WALL, in_kernel={V6}, counters=counters, hooks=[PROMOTE]
    )


def report(*instances: InstanceReport) -> AgentReport:
    return agent_report(
        node="alpha",
        version="0.1.0",
        uptime=100 * SECOND,
        wall_ns=WALL,
        instances=instances,
        strangers=[StrangerReport(interface="eth0", vrid=52, source="192.0.2.7", count=9)],
        trackers=[NGINX],
    )


def as_json(message: AgentReport | StatusRequest | Reply) -> Any:  # noqa: ANN401
    return json.loads(msgspec.json.encode(message))


def test_a_status_reply_has_exactly_the_keys_of_the_contract() -> None:
    reply = as_json(StatusReply(status=report(instance())))
    assert set(reply) == {"ok", "status"}
    status = reply["status"]
    assert set(status) == {
        *("node", "version", "generated_at", "uptime_s", "instances", "strangers", "trackers"),
        *("maintenance", "config", "warnings", "pid", "lag", "control"),
    }
    assert set(status["strangers"][0]) == {"interface", "vrid", "source", "count"}
    assert set(status["trackers"][0]) == {
        *("name", "kind", "up", "since", "text", "took_s", "next_look_s", "looks", "failures"),
    }
    (one,) = status["instances"]
    assert set(one) == {
        "name",
        "interface",
        "vrid",
        "version",
        "state",
        "since",
        "cause",
        "leaving",
        "priority",
        "effective_priority",
        "master",
        "advert_interval_s",
        "master_down_interval_s",
        "addresses",
        "counters",
        "warnings",
        "group",
        "track",
        "hooks",
        *("peers", "next", "priority_order", "stands_aside"),
    }
    assert set(one["track"][0]) == {"tracker", "weight", "adds"}
    assert set(one["hooks"][0]) == {
        *("moment", "group", "program", "ok", "text", "took_s", "at", "runs", "failures"),
    }
    assert set(one["master"]) == {"address", "priority", "age_s"}
    assert set(one["addresses"][0]) == {
        *("address", "interface", "held", "in_kernel", "lease_left_s"),
    }
    assert set(one["counters"]) == {
        *("adverts_sent", "adverts_received", "adverts_failed", "transitions"),
        *("announced", "renewed", "claims_failed"),
        *("dropped", "mismatched", "causes", "incidents"),
    }


def test_a_status_reply_has_the_values_of_the_snapshot() -> None:
    assert as_json(StatusReply(status=report(instance()))) == {
        "ok": True,
        "status": {
            "node": "alpha",
            "version": "0.1.0",
            "generated_at": "2026-01-02T03:04:05.678Z",
            "uptime_s": 100.0,
            "instances": [
                {
                    "name": "web",
                    "interface": "eth0",
                    "vrid": 51,
                    "version": 3,
                    "state": "BACKUP",
                    "since": "2026-01-02T03:02:35.678Z",
                    "cause": "started",
                    "leaving": None,
                    "priority": 100,
                    "effective_priority": 100,
                    "master": {"address": "192.0.2.11", "priority": 150, "age_s": 0.25},
                    "advert_interval_s": 1.0,
                    "master_down_interval_s": 3.609375,
                    "addresses": [
                        {
                            "address": "192.0.2.100/24",
                            "interface": "eth0",
                            "held": False,
                            "in_kernel": False,
                            "lease_left_s": None,
                        },
                        {
                            "address": "2001:db8:51::100/64",
                            "interface": "eth0",
                            "held": False,
                            "in_kernel": True,
                            "lease_left_s": None,
                        },
                    ],
                    "counters": {
                        "adverts_sent": 7,
                        "adverts_received": 8,
                        "adverts_failed": 0,
                        "transitions": 2,
                        "announced": 0,
                        "renewed": 0,
                        "claims_failed": 0,
                        "dropped": {"ttl": 3},
                        "mismatched": {"addresses": 2},
                        "causes": {},
                        "incidents": {},
                    },
                    "warnings": [],
                    "group": None,
                    "track": [{"tracker": "nginx", "weight": -50, "adds": -50}],
                    "hooks": [
                        {
                            "moment": "on_master",
                            "group": "edge",
                            "program": "/usr/local/bin/promote",
                            "ok": True,
                            "text": "exit 0",
                            "took_s": 0.02,
                            "at": "2026-01-02T03:03:00.000Z",
                            "runs": 1,
                            "failures": 0,
                        }
                    ],
                    "peers": [],
                    "next": None,
                    "priority_order": None,
                    "stands_aside": False,
                }
            ],
            "strangers": [
                {"interface": "eth0", "vrid": 52, "source": "192.0.2.7", "count": 9},
            ],
            "trackers": [
                {
                    "name": "nginx",
                    "kind": "http",
                    "up": False,
                    "since": "2026-01-02T03:04:00.000Z",
                    "text": "connection refused",
                    "took_s": 0.001,
                    "next_look_s": 0.5,
                    "looks": 0,
                    "failures": 0,
                }
            ],
            "maintenance": None,
            "config": None,
            "warnings": [],
            "pid": 0,
            "lag": None,
            "control": None,
        },
    }


def test_the_warnings_are_those_of_the_machine_then_those_of_the_agent() -> None:
    status = snapshot(warnings=("alive",), leaving=Cause(CauseCode.STOPPED, "stopped"))
    said = instance_status(
        status, now=NOW, wall_ns=WALL, in_kernel=(), counters=Counters(), warnings=["blocked"]
    )
    assert (said.leaving, said.warnings) == ("stopped", ("alive", "blocked"))


def test_the_report_of_an_agent_that_knows_of_neither_can_be_read() -> None:
    old = as_json(StatusReply(status=report(instance())))
    for key in ("leaving", "warnings"):
        del old["status"]["instances"][0][key]
    reply = decode_reply(json.dumps(old).encode(), StatusRequest())
    assert isinstance(reply, StatusReply)
    (one,) = reply.status.instances
    assert (one.leaving, one.warnings) == (None, ())


def test_no_master_is_null_and_no_count_is_zero() -> None:
    bare = instance_status(
        snapshot(master=None), now=NOW, wall_ns=WALL, in_kernel=(), counters=Counters()
    )
    reply = as_json(StatusReply(status=report(bare)))
    (one,) = reply["status"]["instances"]
    assert one["master"] is None
    assert one["counters"] == {
        "adverts_sent": 0,
        "adverts_received": 0,
        "adverts_failed": 0,
        "transitions": 0,
        "announced": 0,
        "renewed": 0,
        "claims_failed": 0,
        "dropped": {},
        "mismatched": {},
        "causes": {},
        "incidents": {},
    }


@pytest.mark.parametrize("state", list(State))
def test_states_are_the_four_words(state: State) -> None:
    reply = as_json(StatusReply(status=report(instance(state=state))))
    assert reply["status"]["instances"][0]["state"] == state.name


def test_an_address_of_another_prefix_is_another_address() -> None:
    other = {ip_interface("192.0.2.100/32")}
    one = instance_status(
        snapshot(held=True), now=NOW, wall_ns=WALL, in_kernel=other, counters=Counters()
    )
    assert [each.in_kernel for each in one.addresses] == [False, False]
    assert [each.held for each in one.addresses] == [True, True]


@pytest.mark.parametrize(
    ("wall_ns", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (999_999, "1970-01-01T00:00:00.000Z"),
        (1_000_000, "1970-01-01T00:00:00.001Z"),
        (WALL, "2026-01-02T03:04:05.678Z"),
        (WALL + 999_999, "2026-01-02T03:04:05.678Z"),
    ],
)
def test_timestamps_are_utc_to_the_millisecond(wall_ns: int, text: str) -> None:
    assert timestamp(wall_ns) == text


def test_messages_are_one_line_each_and_come_back_as_they_were() -> None:
    request = StatusRequest(name="a\nb")
    reply = StatusReply(status=report(instance(), instance("internal", state=State.FAULT)))
    error = ErrorReply(error="no\nway")
    for message in (request, reply, error):
        assert encode(message).count(b"\n") == 1
        assert encode(message).endswith(b"\n")
    assert decode_request(encode(request)) == request
    assert decode_reply(encode(reply), request) == reply
    assert decode_reply(encode(error), request) == error
    assert as_json(error) == {"ok": False, "error": "no\nway", "denied": False}


def test_the_request_as_a_person_would_type_it() -> None:
    assert decode_request(b'{"command": "status"}') == StatusRequest()
    assert decode_request(b'{"command": "status", "name": "web"}') == StatusRequest(name="web")
    assert as_json(StatusRequest(name="web")) == {"command": "status", "name": "web"}


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\xff\xfe",
        b'{"command": "status", "name": "\xff"}',
        b'{"command": "status"',
        b"[]",
        b"null",
        b"{}",
        b'{"command": "explode"}',
        b'{"command": "' + 60_000 * b"x" + b'"}',
        b'{"command": 7}',
        b'{"command": "status", "name": 7}',
        b'{"command": "status", "nmae": "web"}',
        b'{"command": "status"} {"command": "status"}',
        b'{"a": ' + 60_000 * b"[",
        60_000 * b"[",
    ],
)
def test_what_is_not_a_request_is_answered_with_an_error(line: bytes) -> None:
    reply = decode_request(line)
    assert isinstance(reply, ErrorReply)
    assert reply.error.startswith("not a request that this agent understands: ")
    assert len(reply.error) <= LONGEST_ERROR


@given(st.binary())
def test_no_bytes_raise(line: bytes) -> None:
    assert isinstance(decode_request(line), StatusRequest | ErrorReply)


@pytest.mark.parametrize(
    "line",
    [b"", b"SSH-2.0", b"{}", b'{"ok": "yes"}', b'{"ok": true}', b'{"ok": false}', 60_000 * b"["],
)
def test_what_is_not_a_reply_is_told_apart(line: bytes) -> None:
    with pytest.raises(NotAReply, match="the reply cannot be understood: "):
        decode_reply(line, StatusRequest())


def test_an_unknown_key_in_a_reply_is_a_newer_agent() -> None:
    line = json.dumps({"ok": True, "new": 1, "status": as_json(report()) | {"newer": 2}}).encode()
    assert decode_reply(line, StatusRequest()) == StatusReply(status=report())


def test_the_indented_form_is_the_same_object() -> None:
    text = to_indented_json(report(instance()))
    assert json.loads(text) == as_json(report(instance()))
    assert text.startswith('{\n  "node": "alpha",\n')


def test_all_instances_or_the_one_that_was_asked_for() -> None:
    web, internal = instance("web"), instance("internal")
    both = report(web, internal)
    assert answer_status(StatusRequest(), both) == StatusReply(status=both)
    assert answer_status(StatusRequest(name="internal"), both) == StatusReply(
        status=report(internal)
    )


@pytest.mark.parametrize(
    ("name", "names", "error"),
    [
        ("wbe", ["web", "db"], "there is no instance 'wbe' here; did you mean 'web'?"),
        ("x", ["web", "db"], "there is no instance 'x' here; there is: web, db"),
        ("x", [], "there is no instance 'x' here; it has none"),
    ],
)
def test_an_unknown_name_is_answered_with_the_way_out(
    name: str, names: list[str], error: str
) -> None:
    some = report(*map(instance, names))
    assert answer_status(StatusRequest(name=name), some) == ErrorReply(error=error)


def test_an_endless_name_is_not_repeated_in_full() -> None:
    reply = answer_status(StatusRequest(name=60_000 * "x"), report(instance()))
    assert isinstance(reply, ErrorReply)
    assert len(reply.error) <= LONGEST_ERROR


def test_a_moment_is_written_to_the_millisecond_and_cut_off_there() -> None:
    assert timestamp(0) == "1970-01-01T00:00:00.000Z"
    assert timestamp(1_767_323_045_678_999_999) == "2026-01-02T03:04:05.678Z"
    assert timestamp(1_767_323_045_999_999_999) == "2026-01-02T03:04:05.999Z"
