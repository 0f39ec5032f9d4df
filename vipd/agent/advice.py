"""Advice: what a person should do about an advert that was dropped."""

from __future__ import annotations

from vipd.core.config import InstanceConfig
from vipd.core.units import SECOND, format_duration
from vipd.wire.vrrp import Datagram, DropReason

_PLAIN = {
    DropReason.TYPE: "it is no advert; whoever sends it is no VRRP router",
    DropReason.TRUNCATED: "it ends too soon; look for a broken sender, or an MTU on the way",
    DropReason.OVERLONG: "bytes follow its addresses; its sender does not keep to the RFC",
    DropReason.CHECKSUM: "its checksum is wrong; it was damaged, or its sender sums otherwise",
    DropReason.VRID: "its VRID is 0, which no router may have",
    DropReason.NO_ADDRESSES: "it advertises no address; look at the addresses of the peer",
    DropReason.INTERVAL: "it announces an interval of 0, which nobody can follow",
    DropReason.PASSWORD: "its password is not ours; set the same on both",
    DropReason.PEER: "its sender is not among unicast_peers; add it, or stop it",
    DropReason.OWN: (
        "it came from our own address: the network has a loop, or another host (a cloned "
        "machine?) has the same address"
    ),
}


def advice(reason: DropReason, datagram: Datagram, config: InstanceConfig) -> str:
    """Say what is wrong and what helps, for a person who maintains both ends."""
    match reason:
        case DropReason.TTL if config.unicast:
            return (
                f"it came with TTL {datagram.ttl}; if the peer is behind a router, or does not "
                f"send 255 (keepalived over IPv6), set min_ttl = {datagram.ttl}"
            )
        case DropReason.TTL:
            return f"it came with TTL {datagram.ttl}, so its sender is not on this link"
        case DropReason.VERSION:
            theirs = datagram.payload[0] >> 4
            return f"it is VRRPv{theirs}, we are set to version = {config.version}"
        case DropReason.AUTH_TYPE:
            ours = "without" if config.password is None else 'with auth.type = "pass"'
            return f"its authentication is of type {datagram.payload[4]}, we are set up {ours}"
        case DropReason.INTERVAL_MISMATCH:
            theirs_text = format_duration(datagram.payload[5] * SECOND)
            return (
                f"the peer advertises every {theirs_text}, we are set to "
                f"{format_duration(config.advert_interval)}: VRRPv2 requires the same interval"
            )
        case _:
            return _PLAIN[reason]
