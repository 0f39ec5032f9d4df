"""Ethernet frames, as far as an announcement needs them."""

from __future__ import annotations

MAC_BYTES = 6
HEADER_BYTES = 14
BROADCAST = b"\xff" * MAC_BYTES


def frame(*, destination: bytes, source: bytes, ethertype: int, payload: bytes) -> bytes:
    """One Ethernet II frame without its check sequence.

    Why: It is not padded to the 60 bytes of the shortest frame: drivers do that where a link
    needs it, and what a virtual link carries stays free of rubbish.
    """
    assert len(destination) == len(source) == MAC_BYTES, "an Ethernet address has six bytes"
    return destination + source + ethertype.to_bytes(2, "big") + payload
