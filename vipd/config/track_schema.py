"""What may stand in a table [track.NAME]: one Struct per kind, one line per key.

The defaults are written as in the file, so that they can be shown, and are read as the file is. A
kind that the kernel tells of changes has no keys that are about looking time and again: `rise = 2`
would wait for a second event that never comes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from vipd.config.notation import left_out, told, written
from vipd.config.secret import PasswordFile
from vipd.config.text import DURATION_HINT, DurationText, read_interface, with_unit
from vipd.config.track_text import (
    UrlText,
    as_list,
    read_argument,
    read_destination,
    read_executable,
    read_free,
    read_header,
    read_header_value,
    read_host_name,
    read_ip,
    read_method,
    read_path,
    read_pattern,
    read_server_socket,
    read_status,
    read_target,
    read_unit,
    read_user,
    read_value,
    read_variable,
)
from vipd.core.units import MILLISECOND, SECOND, Duration

SHORTEST_INTERVAL = 100 * MILLISECOND
"""Looking more often than this costs more than it tells."""

LONGEST_INTERVAL = 3_600 * SECOND
LONGEST_WINDOW = 24 * 3_600 * SECOND
LONGEST_ROW = 100
MOST_FLAPS = 100

LONGEST_LAG = 24 * 3_600 * SECOND
LARGEST_COUNT = 1_000_000


def _duration(least: Duration, most: Duration, why: str, step: Duration = MILLISECOND) -> Meta:
    read = DurationText(least=least, most=most, step=step, why=why)
    return written(DURATION_HINT, read, instead=with_unit)


Interval = Annotated[
    str,
    _duration(SHORTEST_INTERVAL, LONGEST_INTERVAL, '"1s" is usual'),
    told("from one look to the next", takes="a duration"),
]
Timeout = Annotated[
    str,
    _duration(MILLISECOND, LONGEST_INTERVAL, "not longer than interval"),
    told("a look that takes longer has failed", takes="a duration", absent="as interval"),
]
Row = Annotated[int, Meta(ge=1, le=LONGEST_ROW), written("1 is usual for rise, 3 for fall")]
Rise = Annotated[Row, told("so many good looks in a row make it up")]
Fall = Annotated[Row, told("so many bad looks in a row make it down")]
Initial = Annotated[
    Literal["down", "up"],
    written('"down" waits for the first good look, "up" for the first bad one'),
    told("what it is before anything is known"),
]
Flaps = Annotated[
    int,
    Meta(ge=0, le=MOST_FLAPS),
    written("such as flaps = 5; 0 turns it off"),
    told("more changes than this within flap_window, and it is held down; 0 never"),
]
FlapWindow = Annotated[
    str,
    _duration(SECOND, LONGEST_WINDOW, '"60s" is usual'),
    told(
        "how long changes are counted, and how long it is then held down",
        takes="a duration",
        absent='"60s"',
    ),
]

Argv = Annotated[
    list[Annotated[str, written("a word of the command line", read_argument)]],
    Meta(min_length=1),
    written('such as ["/usr/local/bin/check", "--fast"]', instead=as_list),
]
User = Annotated[str, written('such as "nobody"', read_user)]
Path = Annotated[str, written('such as "/etc/vipd/drain"', read_path)]
SocketPath = Annotated[
    str,
    written('such as "/run/app.sock"', read_server_socket),
    told("connect to this unix socket instead of an address", takes="a path"),
]
Port = Annotated[int, Meta(ge=1, le=65_535), written("such as port = 5432")]
Target = Annotated[str, written('such as "127.0.0.1"', read_target)]
IP = Annotated[str, written('such as "192.0.2.1"', read_ip)]
Interface = Annotated[str, written('such as interface = "eth0"', read_interface)]
Pattern = Annotated[str, written('such as "ready|ok"', read_pattern)]
Code = Annotated[int, written('such as 200 or "200-399"', read_status)]
CodeText = Annotated[str, written('such as 200 or "200-399"', read_status)]
Status = Annotated[
    Code
    | CodeText
    | Annotated[list[Code | CodeText], Meta(min_length=1), written('such as [200, "300-399"]')],
    told("the status codes that are good", takes="a code, a range or a list of them"),
]
Percent = Annotated[
    float, Meta(ge=0, le=100), written("a share of the time, such as 80; see /proc/pressure")
]


EVENTS = "this kind has none: the kernel tells at once what has changed"
TLS = 'it is for type = "https" only'
LOOKS = ("interval", "timeout", "rise", "fall")


class Watched(Struct, frozen=True, kw_only=True):
    """What all kinds have in common.

    `foreign` has the keys that other kinds have, and why this one has not.
    """

    foreign: ClassVar[Mapping[str, str]] = dict.fromkeys(
        (*LOOKS, "fork_delay", "terminate_delay"), EVENTS
    )

    initial: Initial = "down"
    flaps: Flaps = 0
    flap_window: FlapWindow = left_out


class Polled(Watched, frozen=True, kw_only=True):
    """What those have in common that look time and again."""

    interval: Interval = "1s"
    timeout: Timeout = left_out
    rise: Rise = 1
    fall: Fall = 1


class Script(Polled, frozen=True, kw_only=True):
    """Runs a program: up while it exits with 0. There is no shell."""

    argv: Annotated[Argv, told("the program, by its absolute path, and its arguments")]
    user: Annotated[User, told("who it runs as", absent="as the agent: vipd")] = left_out
    group: Annotated[User, told("the group it runs as", absent="that of the user")] = left_out
    environment: Annotated[
        dict[
            Annotated[str, written("letters, digits and '_'", read_variable)],
            Annotated[str, written('a string, such as LEVEL = "3"', read_value)],
        ],
        written('such as environment = { LANG = "C" }'),
        told("variables that it gets besides PATH", takes="a table of strings"),
    ] = left_out


class Http(Polled, frozen=True, kw_only=True):
    """Asks a web server: up while it answers with a good status. Redirects are not followed."""

    foreign: ClassVar[Mapping[str, str]] = dict.fromkeys(("verify", "ca", "server_name"), TLS)

    url: Annotated[
        str,
        written('such as "http://127.0.0.1/healthz"', UrlText(scheme="http")),
        told("what is asked for", takes="a URL"),
    ]
    method: Annotated[str, written('"GET" is usual', read_method), told("how it is asked for")] = (
        "GET"
    )
    status: Status = "200-399"
    body: Annotated[Pattern, told("the answer must contain this", takes="a regular expression")] = (
        left_out
    )
    headers: Annotated[
        dict[
            Annotated[str, written('such as Host = "www.example.net"', read_header)],
            Annotated[str, written("one line of text", read_header_value, secret=True)],
        ],
        written('such as headers = { Host = "www.example.net" }'),
        told("headers that are sent", takes="a table of strings"),
    ] = left_out
    unix_socket: SocketPath = left_out


class Https(Http, frozen=True, kw_only=True):
    """Asks a web server over TLS: up while it answers with a good status."""

    url: Annotated[
        str,
        written('such as "https://www.example.net/healthz"', UrlText(scheme="https")),
        told("what is asked for", takes="a URL"),
    ]
    verify: Annotated[
        bool,
        written("false trusts any certificate"),
        told("whether its certificate must be good"),
    ] = True
    ca: Annotated[
        str,
        written('such as "/etc/ssl/certs/example-ca.pem"', read_path),
        told("who signs good certificates", takes="a path", absent="the system's list"),
    ] = left_out
    server_name: Annotated[
        str,
        written('such as "www.example.net"', read_host_name),
        told("the name that the certificate must have", absent="the host of url"),
    ] = left_out


class Tcp(Polled, frozen=True, kw_only=True):
    """Connects: up while somebody accepts, and says what is expected."""

    address: Annotated[Target, told("the host", takes="an address or a name")]
    port: Annotated[Port, told("the port")]
    send: Annotated[str, written('such as "PING\\r\\n"'), told("what is sent once connected")] = (
        left_out
    )
    expect: Annotated[
        Pattern, told("what is received must contain this", takes="a regular expression")
    ] = left_out


class Dns(Polled, frozen=True, kw_only=True):
    """Asks a name server: up while it has an answer."""

    server: Annotated[IP, told("the name server", takes="an address")]
    name: Annotated[
        str, written('such as "www.example.net"', read_host_name), told("what is asked for")
    ]
    record: Annotated[
        Literal["A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"],
        written('"A" is usual'),
        told("the type of the records"),
    ] = "A"
    expect: Annotated[IP, told("an address that must be among the answers", takes="an address")] = (
        left_out
    )
    port: Annotated[Port, told("the port of the name server")] = 53


class Redis(Polled, frozen=True, kw_only=True):
    """Asks a Redis server: up while it answers PING, and has the role that is wanted."""

    address: Annotated[
        Target, told("the host", takes="an address or a name", absent='"127.0.0.1"')
    ] = left_out
    port: Annotated[Port, told("the port", absent="6379")] = left_out
    unix_socket: SocketPath = left_out
    password: Annotated[
        str, written("the password of the server", secret=True), told("what AUTH is given")
    ] = left_out
    password_file: PasswordFile = left_out
    role: Annotated[
        Literal["master", "replica"],
        written('"master" or "replica"'),
        told("the role it must have"),
    ] = left_out
    lag_max: Annotated[
        str,
        _duration(SECOND, LONGEST_LAG, "Redis counts seconds", SECOND),
        told(
            "for how long a replica may not have heard of its master; without a link it is down",
            takes="a duration",
        ),
    ] = left_out


class Ping(Polled, frozen=True, kw_only=True):
    """Sends an ICMP echo request: up while it is answered."""

    address: Annotated[IP, told("the host", takes="an address")]
    interface: Annotated[
        Interface, told("where it is sent from", absent="where the route leads")
    ] = left_out


class Gateway(Polled, frozen=True, kw_only=True):
    """Asks the link for a neighbour, by ARP or ND: up while it answers. Is this host cut off?"""

    interface: Annotated[Interface, told("the link")]
    address: Annotated[
        IP, told("the neighbour", takes="an address", absent="the default gateway")
    ] = left_out


class Load(Polled, frozen=True, kw_only=True):
    """Reads /proc/pressure: up while no pressure is above its limit, as an average over 10 s."""

    cpu_some_avg10_max: Annotated[
        Percent, told("some task waits for the CPU for that share of the time")
    ] = left_out
    memory_some_avg10_max: Annotated[Percent, told("some task waits for memory")] = left_out
    io_some_avg10_max: Annotated[Percent, told("some task waits for storage")] = left_out
    interval: Interval = "2s"


class Disk(Polled, frozen=True, kw_only=True):
    """Looks at a file system: up while there is room, and it can be written to."""

    path: Annotated[
        str,
        written('such as "/var/lib/data"', read_path),
        told("any place on the file system", takes="a path"),
    ]
    free_min: Annotated[
        str,
        written('such as "1GiB" or "5%"', read_free),
        told("how much must be free", takes="a size or a share"),
    ] = left_out
    writable: Annotated[
        bool, written("true: a read-only file system is down"), told("whether it must be writable")
    ] = True
    interval: Interval = "10s"


class Process(Watched, frozen=True, kw_only=True):
    """Follows processes, told by the kernel: up while enough of them run."""

    executable: Annotated[
        str,
        written('such as "nginx" or "/usr/sbin/nginx"', read_executable),
        told("the program, by its path or its base name", takes="a path or a name"),
    ] = left_out
    unit: Annotated[
        str, written('such as "nginx.service"', read_unit), told("or the systemd unit")
    ] = left_out
    minimum: Annotated[
        int,
        Meta(ge=1, le=LARGEST_COUNT),
        written("1 is usual"),
        told("so many must run"),
    ] = 1


class File(Watched, frozen=True, kw_only=True):
    """Follows a file, told by the kernel: what its presence means, or the number in it."""

    path: Annotated[Path, told("the file; it may come and go", takes="a path")]
    present: Annotated[
        Literal["down", "up"],
        written('"down": while the file is there, this host does not serve (maintenance)'),
        told("what it means that the file is there"),
    ] = left_out
    number: Annotated[
        bool,
        written("true: the number in the file is the weight"),
        told("or: the number in the file, -253 to 253, is the weight; no file is down"),
    ] = False


class InterfaceState(Watched, frozen=True, kw_only=True):
    """Follows another interface, told by the kernel: up while it is up and has a carrier."""

    interface: Annotated[Interface, told("the interface; it may come and go")]


class Route(Watched, frozen=True, kw_only=True):
    """Follows the routing table, told by the kernel: up while there is such a route."""

    destination: Annotated[
        str,
        written(
            'such as "default" or "198.51.100.0/24"; "::/0" is the default of IPv6',
            read_destination,
        ),
        told("where it leads to", takes='a network or "default"'),
    ]
    via: Annotated[IP, told("its gateway", takes="an address", absent="any")] = left_out
    interface: Annotated[Interface, told("its interface", absent="any")] = left_out


TRACKERS: Mapping[str, type[Watched]] = {
    "script": Script,
    "http": Http,
    "https": Https,
    "tcp": Tcp,
    "dns": Dns,
    "redis": Redis,
    "ping": Ping,
    "gateway": Gateway,
    "process": Process,
    "file": File,
    "interface": InterfaceState,
    "route": Route,
    "load": Load,
    "disk": Disk,
}
"""Every kind, by what its key `type` says."""
