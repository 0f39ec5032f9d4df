"""What may stand in the file: one Struct per table, one line per key.

A type says what TOML value a key takes and in which range. `written` adds what the type cannot
say: how a text is read, and the hint that goes with every problem of that key. The defaults are
not here but in `vipd.core.config`: a key that is left out leaves the core's default in force.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from vipd.config.hook_schema import Hooks
from vipd.config.notation import left_out, written
from vipd.config.secret import PasswordFile
from vipd.config.text import (
    DURATION_HINT,
    EXAMPLE_ADDRESSES,
    DurationText,
    NameText,
    read_address,
    read_checksum,
    read_directory,
    read_endpoint,
    read_host,
    read_interface,
    read_lease,
    read_password,
    read_socket_path,
    read_takeover_probe,
    read_weight,
    with_unit,
)
from vipd.config.track_schema import TRACKERS
from vipd.core.units import CENTISECOND, MILLISECOND, SECOND

LONGEST_INTERVAL = 255 * SECOND
"""RFC: 3768 §5.3.7: eight bits of seconds. That VRRPv3 ends sooner is judged with the version."""

LONGEST_REFRESH = 3_600 * SECOND
"""A refresh rarer than this helps nobody: switches and hosts forget much sooner."""

LONGEST_LINGER = SECOND
"""Clients have long learned where the addresses are by then."""

LONGEST_HOLD = 3_600 * SECOND
"""Who has not come by then does not come: better two that serve than none."""

LONGEST_DELAY = 3_600 * SECOND
"""A host that waits longer than this had better not preempt."""

LARGEST_WEIGHT = 253
"""It takes the strongest host, 254, down to the weakest, 1."""

SocketPath = Annotated[str, written('such as "/run/vipd/control.sock"', read_socket_path)]
NAME_HINT = "a name has 1 to 32 letters, digits, '_', '.' or '-' and begins with a letter or digit"
InstanceName = Annotated[str, written(NAME_HINT, NameText("an instance"))]
TrackerName = Annotated[str, written(NAME_HINT, NameText("a tracker"))]
GroupName = Annotated[str, written(NAME_HINT, NameText("a group"))]
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
Delay = Annotated[
    str,
    written(
        DURATION_HINT,
        DurationText(
            least=MILLISECOND,
            most=LONGEST_DELAY,
            step=MILLISECOND,
            why='such as "30s"; "0s" does not wait',
            off=True,
        ),
        instead=with_unit,
    ),
]
PeerPriorities = Annotated[
    list[Annotated[int, Meta(ge=1, le=255), written("the priority of another host")]],
    Meta(min_length=1),
    written("such as peer_priorities = [100], the priorities of the other hosts, for vipd check"),
]
Weight = Annotated[
    int,
    Meta(ge=-LARGEST_WEIGHT, le=LARGEST_WEIGHT),
    written(
        "above 0 it counts while the tracker is up, below while it is down; "
        "without a weight its failure is FAULT",
        read_weight,
    ),
]
USE_HINT = 'such as track = ["nginx", { name = "uplink", weight = -50 }]'
HOOKS_HINT = "write [instance.NAME.hooks] or [group.NAME.hooks] above its keys"
Tracker = Annotated[
    dict[str, Any], written('such as [track.nginx] with type = "http"', kinds=TRACKERS)
]
Realtime = Annotated[
    bool, written("true: go before ordinary programs where permitted; false: be one of them")
]
Directory = Annotated[str, written('such as "/var/lib/vipd"', read_directory)]
Metrics = Annotated[
    str, written('such as "127.0.0.1:9112", "[::1]:9112" or "/run/vipd/web.sock"', read_endpoint)
]
Hellos = Annotated[
    bool, written("true: tell the other agents whether this one is ready; false: tell nothing")
]
Port = Annotated[
    int, Meta(ge=1, le=65535), written("a UDP port, the same on every host, such as 9568")
]


class Auth(Struct, frozen=True, kw_only=True):
    """The table `auth` of an instance."""

    type: AuthType
    password: Password = left_out
    password_file: PasswordFile = left_out


class Use(Struct, frozen=True, kw_only=True):
    """A tracker where it is used, with its weight."""

    name: TrackerName
    weight: Weight = left_out


Uses = Annotated[list[TrackerName | Use], Meta(min_length=1), written(USE_HINT)]


class Agent(Struct, frozen=True, kw_only=True):
    """The table [agent]."""

    control_socket: SocketPath = left_out
    state_directory: Directory = left_out
    realtime: Realtime = left_out
    metrics: Metrics = left_out
    hellos: Hellos = left_out
    hello_port: Port = left_out


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
    preempt_delay: Delay = left_out
    startup_delay: Delay = left_out
    track: Uses = left_out
    hooks: Annotated[Hooks, written(HOOKS_HINT)] = left_out
    peer_priorities: PeerPriorities = left_out


class Group(Struct, frozen=True, kw_only=True):
    """A table [group.NAME]."""

    members: Annotated[
        list[InstanceName],
        Meta(min_length=1),
        written('such as members = ["web", "internal"], the names of instances'),
    ]
    track: Uses = left_out
    hooks: Annotated[Hooks, written(HOOKS_HINT)] = left_out


class File(Struct, frozen=True, kw_only=True):
    """The whole file."""

    agent: Annotated[Agent, written("write [agent] above its keys")] = left_out
    instance: Annotated[
        dict[InstanceName, Instance],
        written("write [instance.NAME], such as [instance.web], above the keys of each instance"),
    ] = left_out
    track: Annotated[
        dict[TrackerName, Tracker],
        written("write [track.NAME], such as [track.nginx], above the keys of each tracker"),
    ] = left_out
    group: Annotated[
        dict[GroupName, Group],
        written("write [group.NAME], such as [group.edge], above the keys of each group"),
    ] = left_out
