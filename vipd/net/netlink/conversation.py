"""A conversation with the kernel: questions and orders by one socket, each answered at once.

Orders go out many in one `send`, and the kernel says of each that it was refused, but only of the
last that it was done. So where all is well there is one answer to read, however many there were.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

from vipd.net.netlink import message
from vipd.net.netlink.change import KernelRefused
from vipd.net.netlink.message import NLMSG_DONE, NLMSG_ERROR

_SOL_NETLINK: Final = 270
_NETLINK_CAP_ACK: Final = 10
_NETLINK_EXT_ACK: Final = 11
_NETLINK_GET_STRICT_CHK: Final = 12

_RECEIVE_BYTES: Final = 1 << 16
"""Twice what the kernel puts into one datagram. Why no more: a larger piece of memory is asked of
the kernel each time, and given back, which takes longer than all the rest."""

_BATCH: Final = 64
"""Orders in one `send`: were all refused, it would fit the default receive buffer of any kernel.
Larger batches are not faster."""


class Conversation:
    """One socket to the kernel; `port` is its name there."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_CAP_ACK, 1)
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_EXT_ACK, 1)
        with suppress(OSError):  # Linux older than 4.20 tells of every interface, and we choose.
            self._socket.setsockopt(_SOL_NETLINK, _NETLINK_GET_STRICT_CHK, 1)
        self._socket.bind((0, 0))
        self.port: int = self._socket.getsockname()[0]
        self._sequence = 0

    def close(self) -> None:
        """End the conversation."""
        self._socket.close()

    def order(self, requests: Sequence[bytes]) -> dict[int, KernelRefused]:
        """Have many things done; what was refused, by its place among them."""
        refused: dict[int, KernelRefused] = {}
        for start in range(0, len(requests), _BATCH):
            *others, last = requests[start : start + _BATCH]
            self._send([*others, message.answered(last)])
            refused |= {start + place: no for place, no in self._refusals(len(others) + 1)}
        return refused

    def ask(self, request: bytes) -> bytes:
        """Ask for one thing; nothing when there is no such thing."""
        self._send([request])
        while True:
            for kind, sequence, answer in self._heard():
                if sequence == self._sequence:
                    return b"" if kind == NLMSG_ERROR else answer

    def dump(self, request: bytes) -> list[bytes]:
        """Ask for all there is. The answer is read to its end: what is left would be the next."""
        self._send([request])
        told: list[bytes] = []
        while True:
            for kind, _, data in self._heard():
                if kind in (NLMSG_DONE, NLMSG_ERROR):
                    return told
                told.append(data)

    def _send(self, requests: Sequence[bytes]) -> None:
        self._socket.send(message.encode(requests, self._sequence + 1))
        self._sequence += len(requests)

    def _heard(self) -> Iterator[tuple[int, int, bytes]]:
        return message.split(self._socket.recv(_RECEIVE_BYTES))

    def _refusals(self, count: int) -> Iterator[tuple[int, KernelRefused]]:
        """Which of the last `count` requests were refused, until the last of them is answered."""
        first, sequence = self._sequence - count + 1, 0
        while sequence < self._sequence:
            for kind, sequence, answer in self._heard():
                if kind == NLMSG_ERROR and sequence >= first and (no := message.refusal(answer)):
                    yield sequence - first, no
