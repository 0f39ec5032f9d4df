"""Echo requests: which packet is the reply. Real ones are sent in tests/system."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vipd.track.connection import Finding
from vipd.track.ping import Echo, endpoints
from vipd.track.resolve import numeric
from vipd.wire.checksum import is_valid, word_sum

FAMILIES = (socket.AF_INET, socket.AF_INET6)
REPLY = {socket.AF_INET: 0, socket.AF_INET6: 129}
IPV4_HEADER = bytes([0x46]) + bytes(23)


def replied(echo: Echo, family: socket.AddressFamily, **changed: int) -> bytes:
    """The reply to a request, with some fields changed; `at` is a byte of the payload."""
    request = echo.begin()
    number = struct.unpack_from("!H", request, 6)[0]
    kind, code = changed.get("kind", REPLY[family]), changed.get("code", 0)
    head = struct.pack("!BBHHH", kind, code, 0, 99, changed.get("number", number))
    payload = bytearray(request[8:])
    if "at" in changed:
        payload[changed["at"]] ^= 1
    return head + bytes(payload)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_reply_is_known_by_its_number_and_its_bytes(family: socket.AddressFamily) -> None:
    echo = Echo(family)
    good = Finding(ok=True, text="answered", timed=True)
    assert echo.take(replied(echo, family)) == good
    number = struct.unpack_from("!H", echo.begin(), 6)[0]
    for wrong in ({"kind": 8}, {"code": 1}, {"number": number ^ 1}, {"at": 0}, {"at": 15}):
        assert echo.take(replied(echo, family, **wrong)) == b""
    assert echo.take(replied(echo, family)[:-1]) == b""


def test_a_raw_socket_shows_the_header_too() -> None:
    echo = Echo(socket.AF_INET)
    assert isinstance(echo.take(IPV4_HEADER + replied(echo, socket.AF_INET)), Finding)


def test_each_request_has_a_number_and_bytes_of_its_own_and_a_good_sum() -> None:
    first, second = Echo(socket.AF_INET).begin(), Echo(socket.AF_INET).begin()
    assert first[6:8] != second[6:8]
    assert first[8:] != second[8:]
    assert is_valid(word_sum(first))


@pytest.mark.parametrize("family", FAMILIES)
@given(data=st.binary(max_size=60))
def test_no_bytes_raise_or_are_taken_for_the_reply(
    family: socket.AddressFamily, data: bytes
) -> None:
    assert Echo(family).take(data) == b""
    assert Echo(family).take(IPV4_HEADER + data) == b""


def test_anybody_s_socket_is_tried_first_and_then_the_raw_one() -> None:
    address = numeric("2001:db8::1")
    assert address is not None
    first, second = endpoints(address, "eth0")
    assert (first.kind, second.kind) == (socket.SOCK_DGRAM, socket.SOCK_RAW)
    assert first.label == second.label == "2001:db8::1 by eth0"
