"""One line for a person: what stands in a packet, and why vipd would not take it."""

from __future__ import annotations

import pytest
from captured import TIME, TIME_NS, ipv4, ipv6, message

from vipd.capture.packet import read_packet
from vipd.capture.render import as_text, authentication_text
from vipd.capture.verdict import report

START = f"{TIME}  192.0.2.10 > 224.0.0.18  "


def told(data: bytes, cut: int = 0) -> str:
    packet = read_packet(data[: len(data) - cut], wire_bytes=len(data), time_ns=TIME_NS)
    assert packet is not None
    return as_text(report(packet))


def test_an_advert_is_one_line() -> None:
    assert told(ipv4(message())) == (
        f"{START}v3  vrid 51  priority 150  every 1 s  192.0.2.100  "
        "checksum with pseudo-header  accepted"
    )


def test_a_password_is_named_and_not_shown() -> None:
    line = told(ipv4(message(version=2, interval_cs=300, password=b"s3cret")))
    assert line == (
        f"{START}v2  vrid 51  priority 150  every 3 s  192.0.2.100  "
        "auth password (8 bytes, plain text)  checksum of the message alone  "
        "dropped: auth_type 1 (we are judged without authentication)"
    )


@pytest.mark.parametrize(("priority", "shown"), [(0, "0 (releases)"), (255, "255 (owner)")])
def test_priorities_that_mean_something_say_so(priority: int, shown: str) -> None:
    assert f"  priority {shown}  " in told(ipv4(message(priority=priority)))


def test_of_many_addresses_the_first_are_shown() -> None:
    addresses = [f"192.0.2.{n}" for n in range(1, 7)]
    line = told(ipv4(message(*addresses)))
    assert "  192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4 and 2 more  " in line
    assert "  192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4  " in told(ipv4(message(*addresses[:4])))


def test_all_reasons_stand_in_one_line() -> None:
    broken = bytearray(message(version=2))
    broken[4], broken[5] = 254, 0
    assert told(ipv4(bytes(broken), ttl=64)).endswith(
        "  auth unknown type 254  checksum bad  dropped: "
        "ttl 64 (255 is required: a router has forwarded it, or its sender is wrong); "
        "checksum (the checksum is wrong: damaged on the way, or summed up over other bytes); "
        "auth_type 254 (we are judged without authentication); "
        "interval (no timer can follow an interval of 0)"
    )


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b"", "vrid ?  priority ?  every ? s  addresses ?  checksum unverifiable  dropped: trunc"),
        (b"\x41" + bytes(11), "dropped: version 4 (neither VRRPv2 nor VRRPv3)"),
        (b"\x32" + message()[1:], "dropped: type (not an advert, which is type 1)"),
        (message() + b"x", "dropped: overlong (bytes follow the addresses"),
        (message()[:3] + bytes(5), "no addresses  checksum bad  dropped: checksum"),
    ],
)
def test_reasons_are_explained(payload: bytes, said: str) -> None:
    assert said in told(ipv4(payload))


def test_a_version_that_the_family_does_not_have() -> None:
    assert told(ipv6(b"\x21\x33" + bytes(30))).endswith("version 2 (VRRPv2 has no IPv6)")


def test_vrid_0_is_refused_though_nothing_else_is_wrong() -> None:
    assert told(ipv4(message(vrid=0))).endswith(
        "dropped: vrid (there is no VRID 0: they are 1 to 255)"
    )


def test_a_header_that_was_cut_is_shown_as_unknown() -> None:
    data = ipv4(message())
    assert told(data, cut=len(data) - 12).startswith(f"{TIME}  ? > ?  v?  vrid ?  ")
    packet = read_packet(data, wire_bytes=len(data))
    assert packet is not None
    assert as_text(report(packet)).startswith("(no time)  192.0.2.10 > ")


def test_types_of_authentication_have_names() -> None:
    assert [authentication_text(kind) for kind in (0, 1, 2, 3)] == [
        "none",
        "password (8 bytes, plain text)",
        "IP authentication header",
        "unknown type 3",
    ]
