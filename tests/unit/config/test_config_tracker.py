"""Tables [track.NAME]: every kind to exact values, every mistake with its way out."""

from __future__ import annotations

from typing import Any

import pytest

from vipd.config.load import MINIMAL, parse
from vipd.core.config import TrackerConfig
from vipd.core.units import MILLISECOND, SECOND
from vipd.errors import ConfigError

SECRET = "s3cret-7"


def tracked(kind: str, *lines: str) -> str:
    return "\n".join([MINIMAL, "[track.t]", f'type = "{kind}"', *lines])


def tracker(kind: str, *lines: str) -> TrackerConfig:
    (only,) = parse(tracked(kind, *lines), "f", {}).trackers
    return only


def problems_of(source: str) -> list[tuple[str, str, str]]:
    with pytest.raises(ConfigError) as caught:
        parse(source, "f", {})
    assert SECRET not in str(caught.value)
    return [(one.path, one.problem, one.hint) for one in caught.value.problems]


HTTP: dict[str, Any] = {
    "url": "http://127.0.0.1/healthz",
    "method": "GET",
    "status": ((200, 399),),
    "body": None,
    "headers": {},
    "unix_socket": None,
    "verify": True,
    "ca": None,
    "server_name": None,
}
URL = 'url = "http://127.0.0.1/healthz"'
SCRIPT: dict[str, Any] = {"argv": ("/bin/a",), "user": None, "group": None, "environment": {}}
REDIS = {
    "address": "127.0.0.1",
    "port": 6379,
    "unix_socket": None,
    "password": None,
    "role": None,
    "lag_max": None,
}
DISK = {"path": "/", "free_min": None, "free_percent_min": None, "writable": True}
LOAD = dict.fromkeys(("cpu_some_avg10_max", "memory_some_avg10_max", "io_some_avg10_max"), None)

OPTIONS: list[tuple[str, list[str], dict[str, Any]]] = [
    ("script", ['argv = ["/bin/a"]'], SCRIPT),
    (
        "script",
        [
            'argv = ["/bin/a", "-v"]',
            'user = "nobody"',
            'group = "65534"',
            'environment = { LANG = "C" }',
        ],
        {
            "argv": ("/bin/a", "-v"),
            "user": "nobody",
            "group": "65534",
            "environment": {"LANG": "C"},
        },
    ),
    ("http", [URL], HTTP),
    ("http", [URL, "status = 204"], {**HTTP, "status": ((204, 204),)}),
    ("http", [URL, 'status = "200-299"'], {**HTTP, "status": ((200, 299),)}),
    ("http", [URL, 'status = [200, "300-399"]'], {**HTTP, "status": ((200, 200), (300, 399))}),
    (
        "http",
        [
            URL,
            'method = "HEAD"',
            'body = "ok|ready"',
            'headers = { Host = "www.example.net", X-Probe = "1" }',
            'unix_socket = "/run/app.sock"',
        ],
        {
            **HTTP,
            "method": "HEAD",
            "body": "ok|ready",
            "headers": {"Host": "www.example.net", "X-Probe": "1"},
            "unix_socket": "/run/app.sock",
        },
    ),
    (
        "https",
        ['url = "https://[2001:db8::1]:8443/"', "verify = false", 'ca = "/etc/ca.pem"',
         'server_name = "www.example.net"'],
        {
            **HTTP,
            "url": "https://[2001:db8::1]:8443/",
            "verify": False,
            "ca": "/etc/ca.pem",
            "server_name": "www.example.net",
        },
    ),
    (
        "tcp",
        ['address = "localhost"', "port = 25"],
        {"address": "localhost", "port": 25, "send": None, "expect": None},
    ),
    (
        "tcp",
        ['address = "::1"', "port = 6379", 'send = "PING\\r\\n"', "expect = '^\\+PONG'"],
        {"address": "::1", "port": 6379, "send": "PING\r\n", "expect": "^\\+PONG"},
    ),
    (
        "dns",
        ['server = "127.0.0.1"', 'name = "example.net."'],
        {"server": "127.0.0.1", "port": 53, "name": "example.net.", "type": "A", "expect": None},
    ),
    (
        "dns",
        ['server = "::1"', "port = 5353", 'name = "_vrrp._udp.example.net"', 'record = "AAAA"',
         'expect = "2001:db8::1"'],
        {
            "server": "::1",
            "port": 5353,
            "name": "_vrrp._udp.example.net",
            "type": "AAAA",
            "expect": "2001:db8::1",
        },
    ),
    ("redis", [], REDIS),
    (
        "redis",
        ['address = "192.0.2.9"', "port = 7", f'password = "{SECRET}"', 'role = "replica"',
         'lag_max = "2m"'],
        {**REDIS, "address": "192.0.2.9", "port": 7, "password": SECRET, "role": "replica",
         "lag_max": 120},
    ),
    ("redis", ['unix_socket = "/run/r.sock"'], {**REDIS, "unix_socket": "/run/r.sock"}),
    ("ping", ['address = "192.0.2.1"'], {"address": "192.0.2.1", "interface": None}),
    (
        "ping",
        ['address = "fe80::1"', 'interface = "eth0"'],
        {"address": "fe80::1", "interface": "eth0"},
    ),
    ("gateway", ['interface = "eth0"'], {"interface": "eth0", "address": None}),
    (
        "process",
        ['executable = "nginx"'],
        {"executable": "nginx", "unit": None, "minimum": 1},
    ),
    (
        "process",
        ['unit = "nginx"', "minimum = 3"],
        {"executable": None, "unit": "nginx.service", "minimum": 3},
    ),
    (
        "file",
        ['path = "/etc/vipd/drain"', 'present = "down"'],
        {"path": "/etc/vipd/drain", "present": "down", "number": False},
    ),
    (
        "file",
        ['path = "/run/weight"', "number = true"],
        {"path": "/run/weight", "present": "up", "number": True},
    ),
    ("interface", ['interface = "eth1"'], {"interface": "eth1"}),
    (
        "route",
        ['destination = "default"'],
        {"destination": "0.0.0.0/0", "via": None, "interface": None},
    ),
    (
        "route",
        ['destination = "2001:db8::/32"', 'via = "fe80::1"', 'interface = "eth0"'],
        {"destination": "2001:db8::/32", "via": "fe80::1", "interface": "eth0"},
    ),
    ("load", ["cpu_some_avg10_max = 80"], {**LOAD, "cpu_some_avg10_max": 80.0}),
    ("load", ["io_some_avg10_max = 0.5"], {**LOAD, "io_some_avg10_max": 0.5}),
    ("disk", ['path = "/"'], DISK),
    ("disk", ['path = "/"', 'free_min = "1.5GiB"'], {**DISK, "free_min": 1_610_612_736}),
    ("disk", ['path = "/"', 'free_min = "500MB"'], {**DISK, "free_min": 500_000_000}),
    ("disk", ['path = "/"', 'free_min = "0B"'], {**DISK, "free_min": 0}),
    (
        "disk",
        ['path = "/"', 'free_min = "2.5%"', "writable = false"],
        {**DISK, "free_percent_min": 2.5, "writable": False},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "lines", "options"), OPTIONS)
def test_every_kind_gets_all_of_its_options(
    kind: str, lines: list[str], options: dict[str, Any]
) -> None:
    found = tracker(kind, *lines)
    assert (found.name, found.kind) == ("t", kind)
    assert found.options == options


def test_what_is_left_out_has_defaults() -> None:
    assert tracker("http", URL) == TrackerConfig(
        name="t", kind="http", interval=SECOND, timeout=SECOND, options=HTTP
    )


@pytest.mark.parametrize(
    ("kind", "line", "interval"),
    [("load", "cpu_some_avg10_max = 1", 2), ("disk", 'path = "/"', 10)],
)
def test_what_changes_slowly_is_looked_at_rarely(kind: str, line: str, interval: int) -> None:
    found = tracker(kind, line)
    assert (found.interval, found.timeout) == (interval * SECOND, interval * SECOND)


def test_common_keys() -> None:
    found = tracker(
        "http", URL, 'interval = "2s"', 'timeout = "500ms"', "rise = 2", "fall = 3",
        'initial = "up"', "flaps = 5", 'flap_window = "90s"',
    )  # fmt: skip
    assert found == TrackerConfig(
        name="t",
        kind="http",
        interval=2 * SECOND,
        timeout=500 * MILLISECOND,
        rise=2,
        fall=3,
        initially_up=True,
        flaps=5,
        flap_window=90 * SECOND,
        options=HTTP,
    )


EVENTS = "this kind has none: the kernel tells at once what has changed"
ARGV = 'such as ["/usr/local/bin/check", "--fast"]'
STATUS = 'such as 200 or "200-399"'
SIZE = 'such as "1GiB" or "5%"'

BAD: list[tuple[str, list[str], str, str, str]] = [
    # kind, lines, key, problem, hint
    ("script", ['argv = "/bin/a -v"'], "argv", 'must be a list, not the string "/bin/a -v"',
     'there is no shell; write it as a list: ["/bin/a", "-v"]'),
    ("script", ['argv = "a \'b"'], "argv", 'must be a list, not the string "a \'b"',
     'there is no shell; write it as a list: ["a", "\'b"]'),
    ("script", ['argv = [""]'], "argv", '"" is not the absolute path of a program',
     "no search path is used; write all of it, such as /usr/bin/systemctl"),
    ("script", ["argv = []"], "argv", "must not be empty", ARGV),
    ("script", ['argv = ["/bin/a -v"]'], "argv", '"/bin/a -v" has spaces in it',
     'there is no shell; write it as a list: ["/bin/a", "-v"]'),
    ("script", ['argv = ["pgrep", "x"]'], "argv", '"pgrep" is not the absolute path of a program',
     "no search path is used; write all of it, such as /usr/bin/systemctl"),
    ("script", ['argv = ["/bin/a", "|", "/bin/b"]'], "argv[1]", '"|" is for a shell',
     'there is no shell; ask for one: ["/bin/sh", "-c", "..."]'),
    ("script", ['argv = ["/bin/a"]', 'user = "a b"'], "user",
     '"a b" cannot be the name of a user or a group', 'such as "nobody"'),
    ("script", ['argv = ["/bin/a"]', "environment = { LEVEL = 3 }"], "environment.LEVEL",
     "must be a string, not the integer 3", 'a string, such as LEVEL = "3"'),
    ("script", ['argv = ["/bin/a"]', "environment = { 1A = 'x' }"], "environment.1A",
     '"1A" cannot be the name of a variable', "letters, digits and '_'"),
    ("http", [], "url", "is missing", 'such as "http://127.0.0.1/healthz"'),
    ("http", ['url = "https://a/"'], "url", '"https://a/" is a URL of https',
     'write type = "https"'),
    ("http", ['url = "127.0.0.1/x"'], "url", '"127.0.0.1/x" does not begin with http://',
     'such as "http://127.0.0.1/healthz"'),
    ("http", ['url = "http:///x"'], "url", '"http:///x" names no host',
     'such as "http://127.0.0.1/healthz"'),
    ("http", ['url = "http://[::1/"'], "url", '"http://[::1/" is not a URL',
     'such as "http://127.0.0.1/healthz"'),
    ("http", [f'url = "http://me:{SECRET}@a/"'], "url",
     "must not have a user name or a password in it",
     'write headers = { Authorization = "Basic ..." }'),
    ("http", ['url = "http://a/#x"'], "url", '"http://a/#x" has a \'#\'',
     "leave out what begins with '#'"),
    ("http", [URL, "status = 99"], "status", "status codes are from 100 to 599, not 99", STATUS),
    ("http", [URL, 'status = "2xx"'], "status", '"2xx" is neither a status code nor a range',
     STATUS),
    ("http", [URL, 'status = "399-200"'], "status", '"399-200" runs backwards',
     'write "200-399"'),
    ("http", [URL, "status = [200, true]"], "status[1]", "must be an integer, not true", STATUS),
    ("http", [URL, 'method = "get"'], "method", '"get" is not in capitals', 'write "GET"'),
    ("http", [URL, 'headers = { "a b" = "x" }'], 'headers."a b"',
     '"a b" cannot be the name of a header', 'such as Host = "www.example.net"'),
    ("http", [URL, 'headers = { Connection = "x" }'], "headers.Connection",
     "Connection is said by vipd itself", "leave it out"),
    ("http", [URL, f'headers = {{ X = "{SECRET}\\r\\nY: 1" }}'], "headers.X",
     "must be one line of printable characters", "one line of text"),
    ("http", [URL, 'body = "("'], "body",
     '"(" is not a regular expression: missing ), unterminated subpattern at position 0',
     'such as "ready|ok"'),
    ("http", [URL, "verify = false"], "verify", "unknown key", 'it is for type = "https" only'),
    ("http", [URL, 'time_out = "1s"'], "time_out", "unknown key", "did you mean timeout?"),
    ("http", [URL, "interval = 2"], "interval", "must be a string, not the integer 2",
     'write it with its unit: "2s"'),
    ("http", [URL, 'interval = "50ms"'], "interval", 'must be from "100ms" to "1h", not "50ms"',
     '"1s" is usual'),
    ("http", [URL, 'timeout = "2s"'], "timeout", "2s is longer than interval (1s)",
     "a look is over before the next begins"),
    ("http", [URL, "rise = 0"], "rise", "must be an integer from 1 to 100, not 0",
     "1 is usual for rise, 3 for fall"),
    ("http", [URL, 'initial = "UP"'], "initial", 'must be "down" or "up", not "UP"',
     'did you mean "up"?'),
    ("http", [URL, 'flap_window = "5s"'], "flap_window", "is for flaps only",
     "write flaps = 5 too, or leave it out"),
    ("tcp", ['address = "127.0.0.1:25"', "port = 25"], "address",
     '"127.0.0.1:25" has a port in it', 'write address = "127.0.0.1" and port = 25'),
    ("tcp", ['address = "192.0.2.256"', "port = 25"], "address",
     '"192.0.2.256" is neither an address nor the name of a host', 'such as "127.0.0.1"'),
    ("tcp", ['address = "a"', "port = 0"], "port", "must be an integer from 1 to 65535, not 0",
     "such as port = 5432"),
    ("dns", ['server = "ns1"', 'name = "a"'], "server", '"ns1" is not an IPv4 or IPv6 address',
     'such as "192.0.2.1"'),
    ("dns", ['server = "::1"', 'name = "a"', 'expect = "::1"'], "expect",
     '::1 is no answer to record = "A"', 'write record = "AAAA", or leave expect out'),
    ("redis", ["password = 7"], "password", "must be a string", "the password of the server"),
    ("redis", ['unix_socket = "/a"', "port = 7"], "port", "is not for a unix socket",
     "leave it out, or leave unix_socket out"),
    ("redis", ['lag_max = "5s"'], "lag_max", "is for a replica only",
     'write role = "replica", or leave lag_max out'),
    ("ping", ['address = "0.0.0.0"'], "address", '"0.0.0.0" is not the address of one host',
     'such as "192.0.2.1"'),
    ("gateway", ['interface = "eth0:1"'], "interface", '"eth0:1" has a \':\' in it',
     'an alias is not an interface; name the interface itself: "eth0"'),
    ("process", [], "", "follows nothing",
     'such as executable = "nginx" or unit = "nginx.service"'),
    ("process", ['executable = "a"', 'unit = "a"'], "unit", "stands beside executable",
     "give one of them"),
    ("process", ['executable = "a/b"'], "executable",
     '"a/b" is neither a name nor an absolute path', 'such as "nginx" or "/usr/sbin/nginx"'),
    ("process", ['unit = "a b"'], "unit", '"a b" cannot be the name of a systemd unit',
     'such as "nginx.service"'),
    ("process", ['executable = "a"', "rise = 2"], "rise", "unknown key", EVENTS),
    ("file", ['path = "drain"', 'present = "up"'], "path", 'must be an absolute path, not "drain"',
     'such as "/etc/vipd/drain"'),
    ("file", ['path = "/d"'], "", "does not say what the file means",
     'present = "down" is a drain: while the file is there, another host serves; or number = true'),
    ("file", ['path = "/d"', 'present = "up"', "number = true"], "present",
     "stands beside number = true", "give one of them"),
    ("file", ['path = "/d"', 'present = "up"', 'interval = "1s"'], "interval", "unknown key",
     EVENTS),
    ("interface", ['interface = "eth1"', "fall = 2"], "fall", "unknown key", EVENTS),
    ("route", ['destination = "198.51.100.1/24"'], "destination",
     '"198.51.100.1/24" has bits beyond its prefix', 'write "198.51.100.0/24"'),
    ("route", ['destination = "x"'], "destination", '"x" is neither a network nor an address',
     'such as "default" or "198.51.100.0/24"; "::/0" is the default of IPv6'),
    ("load", [], "", "has no limit", "such as cpu_some_avg10_max = 80"),
    ("load", ["cpu_some_avg10_max = 101"], "cpu_some_avg10_max",
     "must be a number from 0 to 100, not the integer 101",
     "a share of the time, such as 80; see /proc/pressure"),
    ("load", ["cpu_some_avg10_max = nan"], "cpu_some_avg10_max",
     "must be a number from 0 to 100, not nan",
     "a share of the time, such as 80; see /proc/pressure"),
    ("disk", ['path = "/"', "free_min = 5"], "free_min", "must be a string, not the integer 5",
     SIZE),
    ("disk", ['path = "/"', 'free_min = "5gb"'], "free_min", '"5gb" has no unit that is known',
     'write "5GB"'),
    ("disk", ['path = "/"', 'free_min = "5X"'], "free_min", '"5X" has no unit that is known',
     "the units are % B kB MB GB TB PB KiB MiB GiB TiB PiB"),
    ("disk", ['path = "/"', 'free_min = "-1GB"'], "free_min",
     'must be a size or a share, not "-1GB"', SIZE),
    ("disk", ['path = "/"', 'free_min = "100%"'], "free_min",
     'a share is more than 0 % and less than 100 %, not "100%"', SIZE),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "lines", "key", "problem", "hint"), BAD)
def test_a_mistake_is_told_with_its_way_out(
    kind: str, lines: list[str], key: str, problem: str, hint: str
) -> None:
    path = f"track.t.{key}" if key else "track.t"
    assert (path, problem, hint) in problems_of(tracked(kind, *lines))


KINDS = (
    "one of script, http, https, tcp, dns, redis, ping, gateway, process, file, interface, route, "
    "load, disk"
)


@pytest.mark.parametrize(
    ("line", "problem", "hint"),
    [
        ("", "is missing", KINDS),
        ("type = 7", "must be a string", KINDS),
        ('type = "htpp"', 'there is no kind "htpp"', 'did you mean "http"?'),
        ('type = "exec"', 'there is no kind "exec"', 'did you mean "script"?'),
        ('type = "zzz"', 'there is no kind "zzz"', KINDS),
    ],
)
def test_a_tracker_must_have_a_kind(line: str, problem: str, hint: str) -> None:
    source = f"{MINIMAL}\n[track.t]\n{line}\nurl = 7"
    assert problems_of(source) == [("track.t.type", problem, hint)]


def test_a_long_command_line_is_not_repeated() -> None:
    ((_, _, hint),) = problems_of(tracked("script", f"argv = '/bin/a {'b' * 300}'"))
    assert hint == 'there is no shell; write it as a list: ["...", "..."]'


def test_all_problems_of_all_trackers_are_told_at_once() -> None:
    source = f"""{MINIMAL}
    [track.a]
    type = "http"
    url = "x"
    rise = 0
    [track."b c"]
    type = "ping"
    [track.d]
    type = "nope"
    """
    assert [path for path, _, _ in problems_of(source)] == [
        "track.a.url",
        "track.a.rise",
        'track."b c"',
        'track."b c".address',
        "track.d.type",
    ]


def test_the_keys_of_a_tracker_stand_in_its_table() -> None:
    hint = "write [track.NAME], such as [track.nginx], above the keys of each tracker"
    problem = 'has keys outside a named table: "type"'
    assert problems_of(f'{MINIMAL}\n[track]\ntype = "http"') == [("track", problem, hint)]
