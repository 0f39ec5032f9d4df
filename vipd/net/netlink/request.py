"""What we ask of the kernel; every answer is there when a method returns."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

from vipd.core.model import IPAddress, Vip
from vipd.core.units import Duration
from vipd.net.netlink import message
from vipd.net.netlink.change import AddressSeen, KernelRefused, LinkSeen
from vipd.net.netlink.message import NLMSG_DONE, NLMSG_ERROR, Route

_SOL_NETLINK: Final = 270
_NETLINK_EXT_ACK: Final = 11
_NETLINK_GET_STRICT_CHK: Final = 12
_RECEIVE_BYTES: Final = 1 << 18
_BATCH: Final = 64
"""Requests in one `send`: their answers fit the default receive buffer of any kernel."""


class Requests:
    """A conversation with the kernel."""

    def __init__(self) -> None:
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
        self._socket = socket.socket(socket.AF_NETLINK, kind, 0)
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_EXT_ACK, 1)
        with suppress(OSError):  # Linux older than 4.20 tells of every interface, and we choose.
            self._socket.setsockopt(_SOL_NETLINK, _NETLINK_GET_STRICT_CHK, 1)
        self._socket.bind((0, 0))
        self._sequence = 0

    def close(self) -> None:
        """End the conversation."""
        self._socket.close()

    def links(self) -> list[LinkSeen]:
        """Every interface of this network namespace."""
        told = message.changes(b"".join(self._dump(message.dump_links())))
        return [seen for seen in told if isinstance(seen, LinkSeen)]

    def link(self, index: int) -> LinkSeen | None:
        """One interface; None when there is none of this number."""
        told = next(message.changes(self._ask(message.get_link(index))), None)
        return told if isinstance(told, LinkSeen) else None

    def addresses(self, index: int = 0) -> list[AddressSeen]:
        """Every address of this network namespace or of one interface, in the kernel's order."""
        return [seen for seen, _ in self._saved(index)]

    def save(self, index: int) -> dict[Vip, bytes]:
        """The addresses of an interface, each with what `restore` needs."""
        return {seen.address: data for seen, data in self._saved(index)}

    def restore(self, saved: Sequence[bytes]) -> list[KernelRefused | None]:
        """Install addresses just as they were; one result for each, None where it worked."""
        return self._submit([message.restore_address(data) for data in saved])

    def route(self, destination: IPAddress) -> Route | None:
        """How a destination is reached; None when there is no route."""
        answer = self._ask(message.get_route(destination))
        return message.route(answer) if answer else None

    def add(
        self, index: int, addresses: Sequence[Vip], lease: Duration = 0
    ) -> list[KernelRefused | None]:
        """Install addresses with our tag; one result for each, None where it worked.

        An address that is there already is refused with EEXIST and left as it is. The kernel
        removes them when the lease has passed; 0 is for ever.
        """
        return self._submit([message.new_address(index, vip, lease) for vip in addresses])

    def renew(
        self, index: int, addresses: Sequence[Vip], lease: Duration
    ) -> list[KernelRefused | None]:
        """Let the lease of addresses begin anew; one result for each, None where it worked."""
        return self._submit([message.renew_address(index, vip, lease) for vip in addresses])

    def remove(self, index: int, addresses: Sequence[Vip]) -> list[KernelRefused | None]:
        """Remove addresses, whoever installed them; one result for each, None where it worked."""
        return self._submit([message.delete_address(index, vip) for vip in addresses])

    def add_macvlan(self, name: str, parent: int, mac: bytes) -> int:
        """Make a macvlan in bridge mode, which is down; return its index. Raises: KernelRefused."""
        self._order(message.new_macvlan(name, parent, mac))
        return socket.if_nametoindex(name)

    def set_alias(self, index: int, alias: str) -> None:
        """Give an interface a text that `ip link` shows. Raises: KernelRefused."""
        self._order(message.set_alias(index, alias))

    def set_up(self, index: int) -> None:
        """Put an interface into use. Raises: KernelRefused."""
        self._order(message.set_up(index))

    def delete_link(self, index: int) -> None:
        """Delete an interface. Raises: KernelRefused."""
        self._order(message.delete_link(index))

    def route_link_local(self, index: int) -> None:
        """Let link-local IPv6 addresses be reached by an interface. Raises: KernelRefused."""
        self._order(message.route_link_local(index))

    def _order(self, request: bytes) -> None:
        """Ask for one thing. Raises: KernelRefused."""
        (refused,) = self._submit([request])
        if refused:
            raise refused

    def _submit(self, requests: Sequence[bytes]) -> list[KernelRefused | None]:
        results: list[KernelRefused | None] = []
        for start in range(0, len(requests), _BATCH):
            batch = requests[start : start + _BATCH]
            self._send(batch)
            results += self._answers(len(batch))
        return results

    def _send(self, requests: Sequence[bytes]) -> None:
        self._socket.send(message.encode(requests, self._sequence + 1))
        self._sequence += len(requests)

    def _answers(self, count: int) -> list[KernelRefused | None]:
        """The acknowledgements of the last `count` requests, in their order."""
        answers: dict[int, KernelRefused | None] = {}
        first = self._sequence - count + 1
        while len(answers) < count:
            for kind, sequence, answer in message.split(self._socket.recv(_RECEIVE_BYTES)):
                if kind == NLMSG_ERROR and sequence >= first:
                    answers[sequence] = message.refusal(answer)
        return [answers[sequence] for sequence in sorted(answers)]

    def _ask(self, request: bytes) -> bytes:
        """Ask for one thing; nothing when there is no such thing."""
        self._send([request])
        while True:
            for kind, sequence, answer in message.split(self._socket.recv(_RECEIVE_BYTES)):
                if sequence == self._sequence:
                    return b"" if kind == NLMSG_ERROR else answer

    def _saved(self, index: int) -> Iterator[tuple[AddressSeen, bytes]]:
        for data in self._dump(message.dump_addresses(index)):
            for seen in message.changes(data):
                if isinstance(seen, AddressSeen) and index in (0, seen.index):
                    yield seen, data

    def _dump(self, request: bytes) -> list[bytes]:
        """Ask for all there is. The answer is read to its end: what is left would be the next."""
        self._send([request])
        told: list[bytes] = []
        while True:
            for kind, _, data in message.split(self._socket.recv(_RECEIVE_BYTES)):
                if kind in (NLMSG_DONE, NLMSG_ERROR):
                    return told
                told.append(data)
