"""Claims: what ARP and Neighbor Discovery tell a whole link of who has an address."""

from __future__ import annotations

from dataclasses import dataclass

from vipd.core.model import IPAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Somebody says that an address is at a MAC address."""

    address: IPAddress
    mac: bytes
