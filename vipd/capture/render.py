"""A packet as one line: of JSON for programs, of words for a person."""

from __future__ import annotations

import json
from dataclasses import fields
from enum import Enum

from vipd.capture.verdict import Checksum, Report
from vipd.wire.vrrp import DropReason

MOST_ADDRESSES_SHOWN = 4
"""A person sees the rest in `--json`."""

AUTHENTICATION = {
    0: "none",
    1: "password (8 bytes, plain text)",
    2: "IP authentication header",
}
"""The types of RFC 2338 §5.3.6; RFC 3768 has kept only the first. The password is not shown."""

_FORM = {
    Checksum.MESSAGE: "of the message alone",
    Checksum.PSEUDO_HEADER: "with pseudo-header",
    Checksum.BAD: "bad",
    Checksum.UNVERIFIABLE: "unverifiable",
}

_SHORT = {
    DropReason.TYPE: "not an advert, which is type 1",
    DropReason.TRUNCATED: "the message is not there as a whole",
    DropReason.OVERLONG: "bytes follow the addresses, or these are of the other IP version",
    DropReason.CHECKSUM: "the checksum is wrong: damaged on the way, or summed up over other bytes",
    DropReason.VRID: "there is no VRID 0: they are 1 to 255",
    DropReason.NO_ADDRESSES: "it advertises no address",
    DropReason.INTERVAL: "no timer can follow an interval of 0",
}


def as_json(report: Report) -> str:
    """The contract of `vipd capture --json`."""
    return json.dumps({field.name: _plain(getattr(report, field.name)) for field in fields(report)})


def as_text(report: Report) -> str:
    """One line that a person can read."""
    parts = [
        report.time or "(no time)",
        f"{report.source or '?'} > {report.destination or '?'}",
        f"v{_shown(report.version)}",
        f"vrid {_shown(report.vrid)}",
        f"priority {_shown(report.priority)}{_role(report.priority)}",
        f"every {_shown(report.interval_s)} s",
        addresses_text(report.addresses),
        *_authentication(report),
        f"checksum {_FORM[report.checksum]}",
        _verdict(report),
    ]
    return "  ".join(parts)


def addresses_text(addresses: tuple[str, ...] | None) -> str:
    """The first of the addresses, and how many more there are."""
    if addresses is None:
        return "addresses ?"
    shown = ", ".join(addresses[:MOST_ADDRESSES_SHOWN])
    more = len(addresses) - MOST_ADDRESSES_SHOWN
    return (f"{shown} and {more} more" if more > 0 else shown) or "no addresses"


def authentication_text(auth_type: int) -> str:
    """What a type of authentication is called."""
    return AUTHENTICATION.get(auth_type, f"unknown type {auth_type}")


def explain(reason: DropReason, report: Report) -> str:
    """Why vipd drops this packet: the reason's name, what it saw, and what it means."""
    match reason:
        case DropReason.TTL:
            why = "255 is required: a router has forwarded it, or its sender is wrong"
            return f"ttl {report.ttl} ({why})"
        case DropReason.VERSION if report.version == 2:
            return "version 2 (VRRPv2 has no IPv6)"
        case DropReason.VERSION:
            return f"version {report.version} (neither VRRPv2 nor VRRPv3)"
        case DropReason.AUTH_TYPE:
            return f"auth_type {report.auth_type} (we are judged without authentication)"
        case _:
            short = _SHORT.get(reason)
            return f"{reason.value} ({short})" if short else reason.value


def _verdict(report: Report) -> str:
    if report.accepted:
        return "accepted"
    return f"dropped: {'; '.join(explain(reason, report) for reason in report.drop_reasons)}"


def _authentication(report: Report) -> list[str]:
    if not report.auth_type:
        return []
    return [f"auth {authentication_text(report.auth_type)}"]


def _role(priority: int | None) -> str:
    return {0: " (releases)", 255: " (owner)"}.get(-1 if priority is None else priority, "")


def _shown(value: float | None) -> str:
    return "?" if value is None else f"{value:g}"


def _plain(value: object) -> object:
    """The value as JSON has it."""
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value.value if isinstance(value, Enum) else value
