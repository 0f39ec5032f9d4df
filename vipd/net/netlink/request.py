"""What we ask of the kernel; every answer is there when a method returns."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence

from vipd.core.model import IPAddress, Vip
from vipd.core.units import Duration
from vipd.net.netlink import message
from vipd.net.netlink.change import AddressSeen, KernelRefused, LinkSeen
from vipd.net.netlink.conversation import Conversation
from vipd.net.netlink.message import Route


class Requests:
    """Two conversations with the kernel: what is said in the second is no news to our monitor."""

    def __init__(self) -> None:
        self._heard = Conversation()
        self._unheard = Conversation()

    def close(self) -> None:
        """End the conversations."""
        self._heard.close()
        self._unheard.close()

    @property
    def unheard_port(self) -> int:
        """The kernel's name for who speaks unheard."""
        return self._unheard.port

    def order(self, requests: Sequence[bytes]) -> dict[int, KernelRefused]:
        """Have many things done; what was refused, by its place among them."""
        return self._heard.order(requests)

    def order_unheard(self, requests: Sequence[bytes]) -> dict[int, KernelRefused]:
        """The same, where nobody needs to hear what comes of it."""
        return self._unheard.order(requests)

    def links(self) -> list[LinkSeen]:
        """Every interface of this network namespace."""
        told = message.changes(b"".join(self._heard.dump(message.dump_links())))
        return [seen for seen in told if isinstance(seen, LinkSeen)]

    def link(self, index: int) -> LinkSeen | None:
        """One interface; None when there is none of this number."""
        told = next(message.changes(self._heard.ask(message.get_link(index))), None)
        return told if isinstance(told, LinkSeen) else None

    def addresses(self, index: int = 0) -> list[AddressSeen]:
        """Every address of this network namespace or of one interface, in the kernel's order."""
        return [seen for seen, _ in self._saved(index)]

    def save(self, index: int) -> dict[Vip, bytes]:
        """The addresses of an interface, each with what `restore` needs."""
        return {seen.address: data for seen, data in self._saved(index)}

    def restore(self, saved: Sequence[bytes]) -> list[KernelRefused | None]:
        """Install addresses just as they were; one result for each, None where it worked."""
        return self._results([message.restore_address(data) for data in saved])

    def route(self, destination: IPAddress) -> Route | None:
        """How a destination is reached; None when there is no route."""
        answer = self._heard.ask(message.get_route(destination))
        return message.route(answer) if answer else None

    def add(
        self, index: int, addresses: Sequence[Vip], lease: Duration = 0
    ) -> list[KernelRefused | None]:
        """Install addresses with our tag; one result for each, None where it worked.

        An address that is there already is refused with EEXIST and left as it is. The kernel
        removes them when the lease has passed; 0 is for ever.
        """
        return self._results([message.new_address(index, vip, lease) for vip in addresses])

    def remove(self, index: int, addresses: Sequence[Vip]) -> list[KernelRefused | None]:
        """Remove addresses, whoever installed them; one result for each, None where it worked."""
        return self._results([message.delete_address(index, vip) for vip in addresses])

    def add_macvlan(self, name: str, parent: int, mac: bytes) -> int:
        """Make a macvlan in bridge mode, which is down; return its index. Raises: KernelRefused."""
        self._do(message.new_macvlan(name, parent, mac))
        return socket.if_nametoindex(name)

    def set_alias(self, index: int, alias: str) -> None:
        """Give an interface a text that `ip link` shows. Raises: KernelRefused."""
        self._do(message.set_alias(index, alias))

    def set_up(self, index: int) -> None:
        """Put an interface into use. Raises: KernelRefused."""
        self._do(message.set_up(index))

    def delete_link(self, index: int) -> None:
        """Delete an interface. Raises: KernelRefused."""
        self._do(message.delete_link(index))

    def route_link_local(self, index: int) -> None:
        """Let link-local IPv6 addresses be reached by an interface. Raises: KernelRefused."""
        self._do(message.route_link_local(index))

    def _do(self, request: bytes) -> None:
        """Have one thing done. Raises: KernelRefused."""
        for refused in self.order([request]).values():
            raise refused

    def _results(self, requests: Sequence[bytes]) -> list[KernelRefused | None]:
        refused = self.order(requests)
        return [refused.get(place) for place in range(len(requests))]

    def _saved(self, index: int) -> Iterator[tuple[AddressSeen, bytes]]:
        for data in self._heard.dump(message.dump_addresses(index)):
            for seen in message.changes(data):
                if isinstance(seen, AddressSeen) and index in (0, seen.index):
                    yield seen, data
