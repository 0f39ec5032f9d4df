"""What may stand in the file: one Struct per table, one line per key.

A type says what TOML value a key takes and in which range. `written` adds what the type cannot
say: how a text is read, and the hint that goes with every problem of that key. The defaults are
not here but in `vipd.core.config`: a key that is left out leaves the core's default in force.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, Struct

from vipd.config.text import (
    DURATION_HINT,
    EXAMPLE_ADDRESSES,
    DurationText,
    read_address,
    read_checksum,
    read_host,
    read_instance_name,
    read_interface,
    read_lease,
    read_password,
    read_socket_path,
    read_takeover_probe,
)
from vipd.core.units import CENTISECOND, MILLISECOND, SECOND

LONGEST_INTERVAL = 255 * SECOND
"""RFC: 3768 §5.3.7: eight bits of seconds. That VRRPv3 ends sooner is judged with the version."""

LONGEST_REFRESH = 3_600 * SECOND
"""A refresh rarer than this helps nobody: switches and hosts forget much sooner."""

LONGEST_LINGER = SECOND
"""Clients have long learned where the addresses are by then."""

LONGEST_HOLD = 3_600 * SECOND
"""Who has not come by then does not come: better two that serve than none."""

left_out: Final[Any] = UNSET
"""The default of every key that the file need not have."""


def written(
    hint: str, read: Callable[[Any], object] | None = None, *, secret: bool = False
) -> Meta:
    """Attach to a type the hint for its problems and the reader of its text.

    What is secret is never repeated in a problem.
    """
    return Meta(extra={"hint": hint, "read": read, "secret": secret})


SocketPath = Annotated[str, written('such as "/run/vipd/control.sock"', read_socket_path)]
InstanceName = Annotated[
    str,
    written(
        "a name has 1 to 32 letters, digits, '_', '.' or '-' and begins with a letter or digit",
        read_instance_name,
    ),
]
Interface = Annotated[str, written('such as interface = "eth0"', read_interface)]
Vrid = Annotated[
    int,
    Meta(ge=1, le=255),
    written("such as vrid = 51, the same on every host of this virtual router"),
]
Address = Annotated[str, written(f"such as {EXAMPLE_ADDRESSES}", read_address)]
Addresses = Annotated[
    list[Address],
    Meta(min_length=1),
    written('such as addresses = ["192.0.2.100/24", "2001:db8::100/64"]'),
]
Priority = Annotated[
    int,
    Meta(ge=1, le=255),
    written("the highest becomes MASTER; 100 is usual, 255 is for the owner of the addresses"),
]
AdvertInterval = Annotated[
    str,
    written(
        DURATION_HINT,
        DurationText(
            least=CENTISECOND,
            most=LONGEST_INTERVAL,
            step=CENTISECOND,
            why="VRRPv3 counts it in steps of 10 ms, up to 40.95 s; VRRPv2 in seconds, up to 255 s",
        ),
    ),
]
AnnounceRefresh = Annotated[
    str,
    written(
        DURATION_HINT,
        DurationText(
            least=SECOND,
            most=LONGEST_REFRESH,
            step=SECOND,
            why='"60s" is usual, "0s" turns the refresh off',
            off=True,
        ),
    ),
]
Lease = Annotated[
    str,
    written(
        '"auto" fits the interval, "off" keeps addresses for ever; or a duration such as "5s"',
        read_lease,
    ),
]
Version = Annotated[
    Literal[2, 3], written("3 is VRRPv3 (the default), 2 is for peers that know nothing newer")
]
Preempt = Annotated[
    bool, written("true: take over from a MASTER of lower priority; false: let it serve")
]
Checksum = Annotated[
    Literal["auto", "rfc9568", "rfc5798"],
    written('"auto" follows what the peers use', read_checksum),
]
AuthType = Annotated[
    Literal["pass"], written('"pass" is the one type that VRRPv2 has, simple text')
]
Password = Annotated[
    str, written("the same on every host; it has 1 to 8 bytes", read_password, secret=True)
]
Host = Annotated[str, written('such as "192.0.2.12"', read_host)]
Peers = Annotated[
    list[Host],
    Meta(min_length=1),
    written('such as unicast_peers = ["192.0.2.12"]; leave the key out for multicast'),
]
Source = Annotated[
    Host | list[Host],
    written('such as source = "192.0.2.11", or a list with one address in each family'),
]
VirtualMac = Annotated[
    bool, written("true: serve from the virtual router's own MAC address; false is usual")
]
Ttl = Annotated[int, Meta(ge=1, le=255), written("255 is what no router has touched")]
Linger = Annotated[
    str,
    written(
        DURATION_HINT,
        DurationText(
            least=MILLISECOND,
            most=LONGEST_LINGER,
            step=MILLISECOND,
            why='"20ms" is usual, and never longer than advert_interval; "0s" lets go at once',
            off=True,
        ),
    ),
]
TakeoverProbe = Annotated[
    Literal["warn", "hold", "off"],
    written(
        'when an address answers though its MASTER is silent: "warn" says so and takes over, '
        '"hold" waits for probe_hold_max at most, "off" does not ask',
        read_takeover_probe,
    ),
]
ProbeHoldMax = Annotated[
    str,
    written(
        DURATION_HINT,
        DurationText(
            least=SECOND,
            most=LONGEST_HOLD,
            step=MILLISECOND,
            why='"60s" is usual; takeover_probe = "warn" does not wait at all',
        ),
    ),
]
Realtime = Annotated[
    bool, written("true: go before ordinary programs where permitted; false: be one of them")
]


class Auth(Struct, frozen=True, kw_only=True):
    """The table `auth` of an instance."""

    type: AuthType
    password: Password


class Agent(Struct, frozen=True, kw_only=True):
    """The table [agent]."""

    control_socket: SocketPath = left_out
    realtime: Realtime = left_out


class Instance(Struct, frozen=True, kw_only=True):
    """A table [instance.NAME]."""

    interface: Interface
    vrid: Vrid
    addresses: Addresses
    priority: Priority = left_out
    advert_interval: AdvertInterval = left_out
    version: Version = left_out
    preempt: Preempt = left_out
    checksum: Checksum = left_out
    announce_refresh: AnnounceRefresh = left_out
    auth: Annotated[
        Auth, written('such as auth = { type = "pass", password = "..." }', secret=True)
    ] = left_out
    unicast_peers: Peers = left_out
    source: Source = left_out
    unicast_ttl: Ttl = left_out
    min_ttl: Ttl = left_out
    virtual_mac: VirtualMac = left_out
    lease: Lease = left_out
    linger: Linger = left_out
    takeover_probe: TakeoverProbe = left_out
    probe_hold_max: ProbeHoldMax = left_out


class File(Struct, frozen=True, kw_only=True):
    """The whole file."""

    agent: Annotated[Agent, written("write [agent] above its keys")] = left_out
    instance: Annotated[
        dict[InstanceName, Instance],
        written("write [instance.NAME], such as [instance.web], above the keys of each instance"),
    ] = left_out


RENAMED_KEYS = {
    "virtual_router_id": "vrid",
    "virtual_ipaddress": "addresses",
    "advert_int": "advert_interval",
    "advertisement_interval": "advert_interval",
    "garp_master_refresh": "announce_refresh",
    "vrrp_garp_master_refresh": "announce_refresh",
    "vrrp_version": "version",
    "unicast_peer": "unicast_peers",
    "unicast_src_ip": "source",
    "mcast_src_ip": "source",
    "authentication": "auth",
    "auth_type": "type",
    "auth_pass": "password",
    "use_vmac": "virtual_mac",
    "vrrp_instance": "instance",
}
"""What an administrator knows from keepalived or FRR by another name."""

_REPEATED = ("delay", "repeat")
_REALTIME = "write realtime = true under [agent], or nothing: it is so where permitted"
_ANNOUNCED_AGAIN = "there is none: a MASTER that hears a weaker one announces again at once"
_ANNOUNCED_AFTER_CLAIM = "there is none: the addresses are announced six times in the first 5 s"

FOREIGN_KEYS = {
    "state": "there is none: the election decides, by priority",
    "nopreempt": "write preempt = false",
    "virtual_ipaddress_excluded": "list every address in addresses",
    "vrrp_rt_priority": _REALTIME,
    "vrrp_no_swap": _REALTIME,
    "vrrp_rlimit_rttime": "there is none: a loop that runs away is ended in any case",
    "vrrp_rlimit_rtime": "there is none: a loop that runs away is ended in any case",
    "vrrp_priority": "leave realtime on, or set Nice= in the unit of the service",
    "vrrp_cpu_affinity": "set CPUAffinity= in the unit of the service",
    **dict.fromkeys(
        (f"{prefix}garp_lower_prio_{what}" for prefix in ("", "vrrp_") for what in _REPEATED),
        _ANNOUNCED_AGAIN,
    ),
    **dict.fromkeys(
        (f"{prefix}garp_master_{what}" for prefix in ("", "vrrp_") for what in _REPEATED),
        _ANNOUNCED_AFTER_CLAIM,
    ),
}
"""What an administrator looks for in vain, and what to write instead."""
