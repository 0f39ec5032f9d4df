"""What keeps a host from serving, judged from facts."""

from __future__ import annotations

from vipd.core.cause import Cause, CauseCode
from vipd.core.config import InstanceConfig
from vipd.core.model import Family, LinkFacts, family_of

IP_HEADER_BYTES = {Family.IPV4: 20, Family.IPV6: 40}
ADVERT_HEADER_BYTES = 8
ADDRESS_BYTES = {Family.IPV4: 4, Family.IPV6: 16}


def datagram_bytes(family: Family, count: int) -> int:
    """The size of the IP datagram that carries `count` addresses. RFC: 9568 §5.1, §5.2."""
    return IP_HEADER_BYTES[family] + ADVERT_HEADER_BYTES + count * ADDRESS_BYTES[family]


def link_fault(config: InstanceConfig, link: LinkFacts) -> Cause | None:
    """The reason why this interface cannot carry this instance; None when it can."""
    if not link.exists:
        return Cause(CauseCode.INTERFACE_MISSING, f"{link.name} does not exist")
    if not link.up:
        return Cause(CauseCode.INTERFACE_DOWN, f"{link.name} is down")
    if not link.carrier:
        return Cause(CauseCode.NO_CARRIER, f"{link.name} has no carrier")
    if link.obstacle:
        return Cause(CauseCode.NO_ADVERTS, link.obstacle)
    faults = (_family_fault(config, link, family) for family in config.families)
    return next((fault for fault in faults if fault), None)


def _family_fault(config: InstanceConfig, link: LinkFacts, family: Family) -> Cause | None:
    if link.source(family) is None:
        kind = "IPv4 address" if family is Family.IPV4 else "IPv6 link-local address"
        return Cause(CauseCode.NO_SOURCE, f"{link.name} has no {kind} to send adverts from")
    count = sum(family_of(address) is family for address in config.addresses)
    size = datagram_bytes(family, count)
    if size > link.mtu:
        advert = f"an advert of {count} addresses takes {size} bytes"
        return Cause(CauseCode.MTU, f"{advert}, the MTU of {link.name} is {link.mtu}")
    return None
