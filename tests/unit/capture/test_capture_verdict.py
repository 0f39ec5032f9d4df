"""The contract of `vipd capture --json`: every key, for every packet that can come."""

from __future__ import annotations

import json
import struct
from dataclasses import fields, replace
from typing import Any

import pytest
from captured import GROUP_4, SOURCE_4, TIME, TIME_NS, ipv4, ipv6, message

from vipd.capture.packet import read_packet
from vipd.capture.render import as_json
from vipd.capture.verdict import Report, report
from vipd.core.model import ChecksumForm
from vipd.wire.checksum import checksum, pseudo_header_sum, word_sum

KEYS = [
    "time",
    "source",
    "destination",
    "ttl",
    "version",
    "type",
    "vrid",
    "priority",
    "interval_s",
    "addresses",
    "auth_type",
    "checksum",
    "accepted",
    "drop_reasons",
]


def told(data: bytes, cut: int = 0, time_ns: int | None = TIME_NS) -> dict[str, Any]:
    """What is printed of a datagram of which the capture has lost the last bytes."""
    packet = read_packet(data[: len(data) - cut], wire_bytes=len(data), time_ns=time_ns)
    assert packet is not None
    printed = json.loads(as_json(report(packet)))
    assert isinstance(printed, dict)
    return printed


def raw(first: int, *rest: int, body: bytes = b"\xc0\x00\x02\x64") -> bytes:
    """A message of any fields, with a checksum that fits VRRPv3 over IPv4."""
    vrid, priority, count, high, low = rest
    head = struct.pack("!BBBBBBH", first, vrid, priority, count, high, low, 0)
    total = word_sum(head + body) + pseudo_header_sum(
        SOURCE_4, GROUP_4, protocol=112, length=8 + len(body)
    )
    return head[:6] + checksum(total).to_bytes(2, "big") + body


def test_an_advert_of_vrrpv3() -> None:
    assert told(ipv4(message("192.0.2.100", "192.0.2.101", interval_cs=5))) == {
        "time": TIME,
        "source": "192.0.2.10",
        "destination": "224.0.0.18",
        "ttl": 255,
        "version": 3,
        "type": 1,
        "vrid": 51,
        "priority": 150,
        "interval_s": 0.05,
        "addresses": ["192.0.2.100", "192.0.2.101"],
        "auth_type": None,
        "checksum": "pseudo_header",
        "accepted": True,
        "drop_reasons": [],
    }


def test_the_keys_and_their_order_are_the_contract() -> None:
    assert [field.name for field in fields(Report)] == KEYS
    assert list(told(ipv4(message()))) == KEYS
    assert list(told(ipv4(b""))) == KEYS


def test_the_checksum_of_rfc_9568() -> None:
    seen = told(ipv4(message(checksum=ChecksumForm.MESSAGE)))
    assert (seen["checksum"], seen["accepted"]) == ("message", True)


def test_an_advert_over_ipv6() -> None:
    seen = told(ipv6(message("fe80::5", "2001:db8::5")))
    assert seen["addresses"] == ["fe80::5", "2001:db8::5"]
    assert (seen["source"], seen["destination"]) == ("fe80::1", "ff02::12")
    assert (seen["checksum"], seen["accepted"]) == ("pseudo_header", True)


def test_an_advert_of_vrrpv2() -> None:
    seen = told(ipv4(message(version=2, interval_cs=300)))
    assert (seen["version"], seen["interval_s"], seen["auth_type"]) == (2, 3.0, 0)
    assert (seen["checksum"], seen["accepted"]) == ("message", True)


def test_a_password_makes_it_foreign_and_is_not_shown() -> None:
    packet = ipv4(message(version=2, password=b"s3cret"))
    seen = told(packet)
    assert (seen["auth_type"], seen["checksum"]) == (1, "message")
    assert (seen["accepted"], seen["drop_reasons"]) == (False, ["auth_type"])
    assert seen["addresses"] == ["192.0.2.100"]
    assert "s3cret" not in json.dumps(seen)


def test_everything_that_is_wrong_is_named() -> None:
    broken = bytearray(message(version=2, password=b"s3cret"))
    broken[5] = 0
    assert told(ipv4(bytes(broken), ttl=64))["drop_reasons"] == [
        "ttl",
        "checksum",
        "auth_type",
        "interval",
    ]


@pytest.mark.parametrize(
    ("payload", "shown", "reasons"),
    [
        (raw(0x31, 51, 0, 1, 0, 100), {"priority": 0, "interval_s": 1.0}, []),
        (raw(0x31, 51, 255, 1, 0xF0, 100), {"priority": 255, "interval_s": 1.0}, []),
        (raw(0x32, 51, 9, 1, 0, 100), {"type": 2, "vrid": 51}, ["type"]),
        (raw(0x31, 51, 9, 1, 0, 0), {"interval_s": 0.0}, ["interval"]),
        (raw(0x31, 51, 9, 0, 0, 9, body=b""), {"addresses": []}, ["no_addresses"]),
        (raw(0x31, 51, 9, 2, 0, 9), {"addresses": None, "vrid": 51}, ["truncated"]),
        (raw(0x31, 5, 9, 0, 0, 9), {"addresses": [], "vrid": 5}, ["overlong"]),
        (raw(0x41, 51, 9, 1, 0, 100), {"version": 4, "interval_s": None}, ["version"]),
        (raw(0x01, 51, 9, 1, 0, 100), {"version": 0, "auth_type": None}, ["version"]),
    ],
)
def test_fields_and_verdict_of_odd_messages(
    payload: bytes, shown: dict[str, Any], reasons: list[str]
) -> None:
    seen = told(ipv4(payload))
    assert {key: seen[key] for key in shown} == shown
    assert seen["drop_reasons"] == reasons
    assert seen["accepted"] is not bool(reasons)
    assert seen["checksum"] == "pseudo_header"


def test_vrid_0_is_nobodys() -> None:
    seen = told(ipv4(raw(0x31, 0, 100, 1, 0, 100)))
    assert (seen["vrid"], seen["accepted"]) == (0, False)


def test_a_wrong_checksum() -> None:
    payload = bytearray(message())
    payload[2] ^= 1
    seen = told(ipv4(bytes(payload)))
    assert (seen["checksum"], seen["drop_reasons"]) == ("bad", ["checksum"])


def test_vrrpv2_over_ipv6_does_not_exist() -> None:
    payload = bytes([0x21, 51, 100, 1, 0, 1, 0, 0]) + bytes(16) + bytes(8)
    seen = told(ipv6(payload))
    assert (seen["version"], seen["drop_reasons"]) == (2, ["version"])


def test_what_was_cut_is_null_and_what_was_not_is_shown() -> None:
    packet = ipv4(message("192.0.2.100", "192.0.2.101"), ttl=254)
    read_by = {
        "version": 21,
        "type": 21,
        "vrid": 22,
        "priority": 23,
        "interval_s": 26,
        "source": 16,
        "destination": 20,
    }
    for length in range(10, len(packet)):
        seen = told(packet, cut=len(packet) - length)
        for key, needed in read_by.items():
            assert (seen[key] is not None) is (length >= needed), (key, length)
        assert seen["addresses"] is None
        assert seen["checksum"] == "unverifiable"
        assert seen["drop_reasons"] == ["ttl", "truncated"]


def test_the_auth_bytes_may_be_cut_and_the_addresses_still_be_there() -> None:
    seen = told(ipv4(message(version=2)), cut=8)
    assert seen["addresses"] == ["192.0.2.100"]
    assert (seen["checksum"], seen["drop_reasons"]) == ("unverifiable", ["truncated"])


@pytest.mark.parametrize(("fragment", "vrid"), [(0x2000, 51), (0x0002, None)])
def test_a_fragment_is_not_verifiable(fragment: int, vrid: int | None) -> None:
    seen = told(ipv4(message(), fragment=fragment))
    assert (seen["vrid"], seen["checksum"]) == (vrid, "unverifiable")
    assert (seen["accepted"], seen["drop_reasons"]) == (False, ["truncated"])


@pytest.mark.parametrize("payload", [b"", b"\x31", message()[:7]])
def test_a_message_without_a_whole_header_has_no_checksum(payload: bytes) -> None:
    seen = told(ipv4(payload))
    assert (seen["checksum"], seen["drop_reasons"]) == ("unverifiable", ["truncated"])
    assert seen["version"] == (3 if payload else None)


@pytest.mark.parametrize(
    ("time_ns", "time"),
    [
        (None, None),
        (0, "1970-01-01T00:00:00.000000Z"),
        (999, "1970-01-01T00:00:00.000000Z"),
        (-1_000, "1969-12-31T23:59:59.999999Z"),
        (10**30, None),
    ],
)
def test_the_time_is_utc_to_the_microsecond(time_ns: int | None, time: str | None) -> None:
    assert told(ipv4(message()), time_ns=time_ns)["time"] == time


def test_a_report_is_a_value() -> None:
    packet = read_packet(ipv4(message()), wire_bytes=100)
    assert packet is not None
    assert report(packet) == report(replace(packet))
