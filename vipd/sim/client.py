"""A client of the addresses: it believes whoever announced them last."""

from __future__ import annotations

from vipd.core.model import IPAddress
from vipd.sim.packet import Announced


class Client:
    """The neighbor table of a host on the same link."""

    def __init__(self) -> None:
        self._table: dict[IPAddress, bytes] = {}

    def hear(self, announced: Announced) -> None:
        """Take in an announcement."""
        for address in announced.addresses:
            self._table[address] = announced.mac

    def asks(self, address: IPAddress) -> bytes | None:
        """The MAC that it sends to when it wants an address."""
        return self._table.get(address)
