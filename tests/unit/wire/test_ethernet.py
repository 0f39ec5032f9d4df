"""Ethernet frames, byte by byte."""

from __future__ import annotations

import pytest

from vipd.wire.ethernet import BROADCAST, frame

MAC = bytes.fromhex("52 54 00 12 34 56")


def test_frame_is_destination_source_type_and_payload_without_padding() -> None:
    built = frame(destination=BROADCAST, source=MAC, ethertype=0x88B5, payload=b"hello")
    assert built == bytes.fromhex("ff ff ff ff ff ff  52 54 00 12 34 56  88 b5") + b"hello"


@pytest.mark.parametrize("mac", [b"", MAC[:5], MAC + b"\0", bytes(20)])
def test_an_address_of_another_link_type_is_our_mistake(mac: bytes) -> None:
    with pytest.raises(AssertionError, match="six bytes"):
        frame(destination=BROADCAST, source=mac, ethertype=0x0806, payload=b"")
    with pytest.raises(AssertionError, match="six bytes"):
        frame(destination=mac, source=MAC, ethertype=0x0806, payload=b"")
