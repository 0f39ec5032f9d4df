"""Nowhere: addresses on an interface that cannot be, for whoever rehearses a claim.

All is as it is with a real one, down to the kernel: the order is sent, the kernel looks for the
interface, finds none and refuses (ENODEV). So nothing changes, and nobody is told of anything; but
what a claim goes through, here and in the kernel, is in the caches of the processor after that.
While the kernel is busy with other interfaces the order waits, as a claim would.
Sources: inet_rtm_newaddr in net/ipv4/devinet.c.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

from vipd.net.address import Addresses
from vipd.net.link import Link
from vipd.net.netlink import KernelRefused, LinkSeen, Requests

INDEX: Final = (1 << 32) - 1
"""The number of no interface: to the kernel it is -1, and it counts from 1 to 2**31 - 1."""


class AddressesNowhere(Addresses):
    """Everything works, and nothing is done."""

    def __init__(self) -> None:
        self._refused = _Refused()
        super().__init__(self._refused, _Interfaces())

    def close(self) -> None:
        """Rehearse no more; there is nothing to remove."""
        self._refused.close()


class _Refused(Requests):
    """Orders are given, and it is not heard what comes of them."""

    def order(self, requests: Sequence[bytes]) -> dict[int, KernelRefused]:
        with suppress(OSError):
            super().order(requests)
        return {}

    order_unheard = order


class _Interfaces:
    """Whatever the name, it is the one that cannot be."""

    tags = True

    def __init__(self) -> None:
        seen = LinkSeen(index=INDEX, name="", up=True, carrier=True, mtu=0, mac=b"")
        self._link = Link(seen)

    def __iter__(self) -> Iterator[Link]:
        return iter(())

    def find(self, name: str) -> Link:  # noqa: ARG002
        return self._link

    def at(self, index: int) -> Link:  # noqa: ARG002
        return self._link

    def has(self, index: int) -> bool:  # noqa: ARG002
        return True
