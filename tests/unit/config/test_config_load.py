"""From a file to values, or to every reason why not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Interface, IPv6Interface
from pathlib import Path

import pytest

from vipd.config import load as loading
from vipd.config.load import MINIMAL, load, parse
from vipd.config.model import AgentConfig, Config
from vipd.core.config import InstanceConfig, TakeoverProbe
from vipd.core.model import ChecksumForm
from vipd.errors import ConfigError, ConfigProblem

FULL = """
[agent]
control_socket = "/srv/vipd/agent.sock"
realtime = false
state_directory = "/srv/lib"
metrics = "[::1]:9112"
hellos = false
hello_port = 9569

[instance.web]
interface = "eth0.100"
vrid = 51
addresses = ["192.0.2.100/24", "2001:db8:51::100/64", "198.51.100.7"]
priority = 150
advert_interval = "250ms"
version = 3
preempt = false
checksum = "rfc9568"
announce_refresh = "5m"
linger = "50ms"
takeover_probe = "hold"
probe_hold_max = "90s"

[instance.internal]
interface = "eth1"
vrid = 51
addresses = ["203.0.113.9/31"]
"""

WEB = {
    "interface": '"eth0"',
    "vrid": "51",
    "addresses": '["192.0.2.100/24"]',
}

KEYS_HINT = (
    "the keys here are: interface, vrid, addresses, priority, advert_interval, version, "
    "preempt, checksum, announce_refresh, auth, unicast_peers, source, unicast_ttl, min_ttl, "
    "virtual_mac, lease, linger, takeover_probe, probe_hold_max, preempt_delay, startup_delay, "
    "track, hooks, peer_priorities"
)
NAME_HINT = "a name has 1 to 32 letters, digits, '_', '.' or '-' and begins with a letter or digit"
TABLE_HINT = "write [instance.NAME], such as [instance.web], above the keys of each instance"
MINIMAL_HINT = f"a minimal one: {MINIMAL}"
VRID_HINT = "such as vrid = 51, the same on every host of this virtual router"
PRIORITY_HINT = "the highest becomes MASTER; 100 is usual, 255 is for the owner of the addresses"
VERSION_HINT = "3 is VRRPv3 (the default), 2 is for peers that know nothing newer"
PREEMPT_HINT = "true: take over from a MASTER of lower priority; false: let it serve"
UNIT_HINT = 'a duration needs a unit: write it as "1s" or "100ms"'
INTERVAL_HINT = "VRRPv3 counts it in steps of 10 ms, up to 40.95 s; VRRPv2 in seconds, up to 255 s"
REFRESH_HINT = '"60s" is usual, "0s" turns the refresh off'
ADDRESS_HINT = 'such as "192.0.2.100/24" or "2001:db8::100/64"'
ADDRESSES_HINT = 'such as addresses = ["192.0.2.100/24", "2001:db8::100/64"]'
LINGER_HINT = '"20ms" is usual, and never longer than advert_interval; "0s" lets go at once'
PROBE_HINT = (
    'when an address answers though its MASTER is silent: "warn" says so and takes over, '
    '"hold" waits for probe_hold_max at most, "off" does not ask'
)
HOLD_HINT = '"60s" is usual; takeover_probe = "warn" does not wait at all'
REALTIME_HINT = "true: go before ordinary programs where permitted; false: be one of them"
SOCKET_HINT = 'such as "/run/vipd/control.sock"'


def web(**keys: str) -> str:
    """A good instance with some of its keys written otherwise."""
    lines = [f"{key} = {value}" for key, value in {**WEB, **keys}.items()]
    return "\n".join(("[instance.web]", *lines))


def problems_of(source: str | bytes) -> list[tuple[str, str, str]]:
    """All problems of a file."""
    with pytest.raises(ConfigError) as caught:
        parse(source, "vipd.toml", {})
    assert caught.value.file == "vipd.toml"
    return [(problem.path, problem.problem, problem.hint) for problem in caught.value.problems]


def test_a_full_file_loads_to_exact_values() -> None:
    assert parse(FULL, "vipd.toml", {}) == Config(
        agent=AgentConfig(
            control_socket=Path("/srv/vipd/agent.sock"),
            runtime_directory=Path("/srv/vipd"),
            state_directory=Path("/srv/lib"),
            realtime=False,
            metrics="[::1]:9112",
            hellos=False,
            hello_port=9569,
        ),
        instances=(
            InstanceConfig(
                name="web",
                interface="eth0.100",
                vrid=51,
                addresses=(
                    IPv4Interface("192.0.2.100/24"),
                    IPv6Interface("2001:db8:51::100/64"),
                    IPv4Interface("198.51.100.7/32"),
                ),
                priority=150,
                advert_interval=250_000_000,
                version=3,
                preempt=False,
                checksum=ChecksumForm.MESSAGE,
                announce_refresh=300_000_000_000,
                linger=50_000_000,
                takeover_probe=TakeoverProbe.HOLD,
                probe_hold_max=90_000_000_000,
            ),
            InstanceConfig(
                name="internal",
                interface="eth1",
                vrid=51,
                addresses=(IPv4Interface("203.0.113.9/31"),),
                priority=100,
                advert_interval=1_000_000_000,
                version=3,
                preempt=True,
                checksum=None,
                announce_refresh=60_000_000_000,
                linger=20_000_000,
                takeover_probe=TakeoverProbe.WARN,
                probe_hold_max=60_000_000_000,
            ),
        ),
    )


def test_the_minimal_configuration_of_the_hints_is_one() -> None:
    config = parse(MINIMAL, "vipd.toml", {})
    assert [instance.name for instance in config.instances] == ["web"]


@pytest.mark.parametrize("priority", [1, 255])
@pytest.mark.parametrize("vrid", [1, 255])
def test_the_ends_of_the_ranges_belong_to_them(priority: int, vrid: int) -> None:
    (instance,) = parse(web(priority=str(priority), vrid=str(vrid)), "f", {}).instances
    assert (instance.priority, instance.vrid) == (priority, vrid)


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("auto", None),
        ("rfc9568", ChecksumForm.MESSAGE),
        ("rfc5798", ChecksumForm.PSEUDO_HEADER),
    ],
)
def test_the_checksum_can_be_pinned(written: str, form: ChecksumForm | None) -> None:
    (instance,) = parse(web(checksum=f'"{written}"'), "f", {}).instances
    assert instance.checksum is form


@pytest.mark.parametrize(
    ("written", "linger"), [("0s", 0), ("1ms", 1_000_000), ("1s", 1_000_000_000)]
)
def test_a_linger_is_from_none_to_a_second(written: str, linger: int) -> None:
    (instance,) = parse(web(linger=f'"{written}"'), "f", {}).instances
    assert instance.linger == linger


@pytest.mark.parametrize("mode", TakeoverProbe)
def test_what_a_takeover_asks_first_is_one_of_three(mode: TakeoverProbe) -> None:
    (instance,) = parse(web(takeover_probe=f'"{mode.value}"'), "f", {}).instances
    assert instance.takeover_probe is mode


@pytest.mark.parametrize(("written", "hold"), [("1s", 1), ("1h", 3_600)])
def test_a_hold_has_an_end(written: str, hold: int) -> None:
    source = web(takeover_probe='"hold"', probe_hold_max=f'"{written}"')
    (instance,) = parse(source, "f", {}).instances
    assert instance.probe_hold_max == hold * 1_000_000_000


@pytest.mark.parametrize("written", ["999ms", "3601s", "0s"])
def test_a_hold_without_an_end_is_refused(written: str) -> None:
    source = web(takeover_probe='"hold"', probe_hold_max=f'"{written}"')
    problem = f'must be from "1s" to "1h", not "{written}"'
    assert problems_of(source) == [("instance.web.probe_hold_max", problem, HOLD_HINT)]


@pytest.mark.parametrize(("written", "expected"), [("", True), ("realtime = false", False)])
def test_an_agent_runs_in_real_time_unless_told_otherwise(written: str, *, expected: bool) -> None:
    assert parse(f"{web()}\n[agent]\n{written}", "f", {}).agent.realtime is expected


def test_real_time_is_a_yes_or_a_no() -> None:
    problem = "must be true or false, not the integer 50"
    assert problems_of(f"{web()}\n[agent]\nrealtime = 50") == [
        ("agent.realtime", problem, REALTIME_HINT)
    ]


def test_zero_turns_the_refresh_off() -> None:
    (instance,) = parse(web(announce_refresh='"0s"'), "f", {}).instances
    assert instance.announce_refresh == 0


def test_the_control_socket_follows_systemd_unless_the_file_says() -> None:
    environ = {"RUNTIME_DIRECTORY": "/run/vipd-blue"}
    assert parse(web(), "f", environ).agent.control_socket == Path("/run/vipd-blue/control.sock")
    assert parse(FULL, "f", environ).agent.control_socket == Path("/srv/vipd/agent.sock")


@pytest.mark.parametrize("source", [b"\xef\xbb\xbf" + web().encode(), web().replace("\n", "\r\n")])
def test_what_other_editors_write_is_read(source: str | bytes) -> None:
    assert parse(source, "f", {}) == parse(web(), "f", {})


BAD_KEYS = [
    # key, value, problem, hint
    ("vrid", "0", "must be an integer from 1 to 255, not 0", VRID_HINT),
    ("vrid", "256", "must be an integer from 1 to 255, not 256", VRID_HINT),
    ("vrid", "-1", "must be an integer from 1 to 255, not -1", VRID_HINT),
    ("vrid", "1.0", "must be an integer from 1 to 255, not the number 1.0", VRID_HINT),
    ("vrid", "nan", "must be an integer from 1 to 255, not the number nan", VRID_HINT),
    ("vrid", "true", "must be an integer from 1 to 255, not true", VRID_HINT),
    (
        "vrid",
        '"51"',
        'must be an integer from 1 to 255, not the string "51"',
        "write it without quotes: 51",
    ),
    ("vrid", "[51]", "must be an integer from 1 to 255, not a list", VRID_HINT),
    ("vrid", "{ id = 51 }", "must be an integer from 1 to 255, not a table", VRID_HINT),
    ("vrid", "2024-01-31", "must be an integer from 1 to 255, not a date", VRID_HINT),
    ("vrid", "2024-01-31T08:00:00Z", "must be an integer from 1 to 255, not a date", VRID_HINT),
    ("vrid", "08:00:00", "must be an integer from 1 to 255, not a time", VRID_HINT),
    (
        "vrid",
        "0x" + "f" * 9_000,
        "must be an integer from 1 to 255, not one of that size",
        VRID_HINT,
    ),
    ("priority", "0", "must be an integer from 1 to 255, not 0", PRIORITY_HINT),
    ("priority", "256", "must be an integer from 1 to 255, not 256", PRIORITY_HINT),
    (
        "priority",
        '"high"',
        'must be an integer from 1 to 255, not the string "high"',
        PRIORITY_HINT,
    ),
    ("version", "4", "must be 2 or 3, not 4", VERSION_HINT),
    ("version", '"3"', 'must be 2 or 3, not the string "3"', VERSION_HINT),
    ("version", "true", "must be 2 or 3, not true", VERSION_HINT),
    ("preempt", '"yes"', 'must be true or false, not the string "yes"', PREEMPT_HINT),
    ("preempt", "1", "must be true or false, not the integer 1", PREEMPT_HINT),
    (
        "checksum",
        '"rfc5789"',
        'must be "auto", "rfc5798" or "rfc9568", not "rfc5789"',
        'did you mean "rfc5798"?',
    ),
    (
        "checksum",
        '"crc32"',
        'must be "auto", "rfc5798" or "rfc9568", not "crc32"',
        '"auto" follows what the peers use',
    ),
    (
        "checksum",
        "9568",
        'must be "auto", "rfc5798" or "rfc9568", not the integer 9568',
        '"auto" follows what the peers use',
    ),
    ("advert_interval", "1", "must be a string, not the integer 1", UNIT_HINT),
    ("advert_interval", "0.1", "must be a string, not the number 0.1", UNIT_HINT),
    ("advert_interval", '"1"', 'must be a duration with a unit, not "1"', UNIT_HINT),
    (
        "advert_interval",
        '"0s"',
        'must be from "10ms" to "255s", not "0s"',
        INTERVAL_HINT,
    ),
    (
        "advert_interval",
        '"256s"',
        'must be from "10ms" to "255s", not "256s"',
        INTERVAL_HINT,
    ),
    (
        "advert_interval",
        '"25ms"',
        'must be a multiple of 10ms, not "25ms"',
        'write "20ms" or "30ms"',
    ),
    (
        "announce_refresh",
        '"2h"',
        'must be from "1s" to "1h", or "0s", not "2h"',
        REFRESH_HINT,
    ),
    ("announce_refresh", "60", "must be a string, not the integer 60", UNIT_HINT),
    ("linger", "20", "must be a string, not the integer 20", UNIT_HINT),
    ("linger", '"2s"', 'must be from "1ms" to "1s", or "0s", not "2s"', LINGER_HINT),
    ("linger", '"0.5ms"', 'must be from "1ms" to "1s", or "0s", not "0.5ms"', LINGER_HINT),
    (
        "takeover_probe",
        '"wran"',
        'must be "hold", "off" or "warn", not "wran"',
        'did you mean "warn"?',
    ),
    (
        "takeover_probe",
        "false",
        'must be "hold", "off" or "warn", not false',
        PROBE_HINT,
    ),
    ("interface", "0", "must be a string, not the integer 0", 'such as interface = "eth0"'),
    (
        "addresses",
        '"192.0.2.1"',
        'must be a list, not the string "192.0.2.1"',
        'put it in brackets: ["192.0.2.1"]',
    ),
    ("addresses", "7", "must be a list, not the integer 7", ADDRESSES_HINT),
    ("addresses", "[]", "must not be empty", ADDRESSES_HINT),
]


@pytest.mark.parametrize(("key", "value", "problem", "hint"), BAD_KEYS)
def test_a_bad_value_is_told_with_its_way_out(
    key: str, value: str, problem: str, hint: str
) -> None:
    assert problems_of(web(**{key: value})) == [(f"instance.web.{key}", problem, hint)]


def test_a_bad_address_is_told_by_its_place_in_the_list() -> None:
    source = web(addresses='["192.0.2.100/24", 7, "192.0.2.1/64"]')
    assert problems_of(source) == [
        ("instance.web.addresses[1]", "must be a string, not the integer 7", ADDRESS_HINT),
        (
            "instance.web.addresses[2]",
            'the prefix of an IPv4 address is from 1 to 32, not "64"',
            'such as "192.0.2.1/24", or "192.0.2.1" for the address alone',
        ),
    ]


REFRESH_NAME = "here it is called announce_refresh"
AGAIN = "there is none: a MASTER that hears a weaker one announces again at once"
REALTIME_NAME = "write realtime = true under [agent], or nothing: it is so where permitted"

UNKNOWN_KEYS = [
    # added to the end of [instance.web], path, hint
    ("prioritty = 7", "instance.web.prioritty", "did you mean priority?"),
    ("Priority = 7", "instance.web.Priority", "did you mean priority?"),
    (
        "state = 'MASTER'",
        "instance.web.state",
        "there is none: the election decides, by priority",
    ),
    ("nopreempt = true", "instance.web.nopreempt", "write preempt = false"),
    ("advert_int = 1", "instance.web.advert_int", "here it is called advert_interval"),
    ("unicast_peer = []", "instance.web.unicast_peer", "here it is called unicast_peers"),
    ("unicast_src_ip = 1", "instance.web.unicast_src_ip", "here it is called source"),
    ("[instance.web.authentication]", "instance.web.authentication", "here it is called auth"),
    (
        "zzz = 1",
        "instance.web.zzz",
        KEYS_HINT,
    ),
    (
        '"a b\\u001b[31m" = 1',
        'instance.web."a b\\x1b[31m"',
        KEYS_HINT,
    ),
    ("vrrp_garp_master_refresh = 60", "instance.web.vrrp_garp_master_refresh", REFRESH_NAME),
    ("garp_lower_prio_repeat = 3", "instance.web.garp_lower_prio_repeat", AGAIN),
    ("vrrp_garp_lower_prio_delay = 3", "instance.web.vrrp_garp_lower_prio_delay", AGAIN),
    (
        "garp_master_delay = 3",
        "instance.web.garp_master_delay",
        "there is none: the addresses are announced six times in the first 5 s",
    ),
    ("[agent]\nvrrp_rt_priority = 50", "agent.vrrp_rt_priority", REALTIME_NAME),
    ("[agent]\nvrrp_no_swap = true", "agent.vrrp_no_swap", REALTIME_NAME),
    (
        "[agent]\nvrrp_rlimit_rttime = 10000",
        "agent.vrrp_rlimit_rttime",
        "there is none: a loop that runs away is ended in any case",
    ),
    ("[agent]\nreal_time = true", "agent.real_time", "did you mean realtime?"),
    ("[agent]\ncontrol_sock = 1", "agent.control_sock", "did you mean control_socket?"),
    ("[agnet]", "agnet", "did you mean agent?"),
    ("[vrrp_instance.VI_1]", "vrrp_instance", "here it is called instance"),
    ("[whatever]", "whatever", "the keys here are: agent, instance, track, group"),
]


@pytest.mark.parametrize(("added", "path", "hint"), UNKNOWN_KEYS)
def test_an_unknown_key_is_an_error_that_names_the_right_one(
    added: str, path: str, hint: str
) -> None:
    assert problems_of(f"{web()}\n{added}") == [(path, "unknown key", hint)]


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("interface", 'such as interface = "eth0"'),
        ("vrid", VRID_HINT),
        ("addresses", ADDRESSES_HINT),
    ],
)
def test_a_missing_key_is_told(key: str, hint: str) -> None:
    source = "\n".join(line for line in web().split("\n") if not line.startswith(key))
    assert problems_of(source) == [(f"instance.web.{key}", "is missing", hint)]


def test_a_mistyped_key_is_not_missing_as_well() -> None:
    source = web().replace("vrid", "virtual_router_id").replace("interface", "interfce")
    assert problems_of(source) == [
        ("instance.web.interfce", "unknown key", "did you mean interface?"),
        ("instance.web.virtual_router_id", "unknown key", "here it is called vrid"),
    ]


BAD_FILES = [
    # source, path, problem, hint
    ("", "instance", "no instance is configured", MINIMAL_HINT),
    ("# nothing yet\n", "instance", "no instance is configured", MINIMAL_HINT),
    ("[agent]", "instance", "no instance is configured", MINIMAL_HINT),
    ("[instance]", "instance", "no instance is configured", MINIMAL_HINT),
    ("instance = 5", "instance", "must be a table, not the integer 5", TABLE_HINT),
    ("[instance]\nvrid = 5", "instance", 'has keys outside a named table: "vrid"', TABLE_HINT),
    (
        "[[instance]]\nvrid = 5",
        "instance",
        "must be a table, not a list",
        "write the name of the table in one pair of brackets",
    ),
    (
        web().replace("instance.web", 'instance."my web"'),
        'instance."my web"',
        '"my web" cannot be the name of an instance',
        NAME_HINT,
    ),
    (
        f"agent = 1\n{web()}",
        "agent",
        "must be a table, not the integer 1",
        "write [agent] above its keys",
    ),
    (
        f'agent.control_socket = "run/vipd.sock"\n{web()}',
        "agent.control_socket",
        'must be the absolute path of a file, not "run/vipd.sock"',
        SOCKET_HINT,
    ),
    (
        "[instance.web]\ninterface = eth0",
        "line 2, column 13",
        "not valid TOML: invalid value",
        "the line reads: interface = eth0",
    ),
    (
        "a = 1\na = 2\n\n",
        "line 2, column 6",
        "not valid TOML: cannot overwrite a value",
        "the line reads: a = 2",
    ),
    (
        'a = "\x1b[31m"',
        "line 1, column 6",
        "not valid TOML: illegal character '\\x1b'",
        'the line reads: a = "\\x1b[31m"',
    ),
    (
        "[instance.web]\naddresses = [",
        "end of file",
        "not valid TOML: invalid value",
        "a quote or a bracket may have been left open",
    ),
    ("a = " + "9" * 5_000, "", "has a number that is too long to read", ""),
    ("a = " + "[" * 50_000, "", "is nested too deeply", ""),
    (
        b"[instance.web]\n# caf\xe9\n",
        "line 2",
        "byte 0xe9 is not UTF-8 text",
        "save the file in the encoding UTF-8",
    ),
    (
        "[agent]".encode("utf-16"),
        "line 1",
        "byte 0xff is not UTF-8 text",
        "save the file in the encoding UTF-8",
    ),
]


@pytest.mark.parametrize(("source", "path", "problem", "hint"), BAD_FILES)
def test_a_file_that_is_no_configuration_is_told_why(
    source: str | bytes, path: str, problem: str, hint: str
) -> None:
    assert problems_of(source) == [(path, problem, hint)]


def test_all_problems_are_told_at_once_and_in_the_order_of_the_file() -> None:
    source = """
        [agent]
        control_socket = 7
        [instance.web]
        interface = "eth0"
        vrid = 256
        addresses = ["192.0.2.1/64", "192.0.2.9"]
        advert_interval = 1
        [instance.internal]
        interface = "eth0"
        addresses = ["192.0.2.9/24"]
        colour = "red"
        """
    assert [path for path, _, _ in problems_of(source)] == [
        "agent.control_socket",
        "instance.web.vrid",
        "instance.web.addresses[0]",
        "instance.web.advert_interval",
        "instance.internal.colour",
        "instance.internal.vrid",
        "instance.internal.addresses[0]",
    ]


def refusal(path: Path) -> ConfigProblem:
    """The one problem of a file on disk."""
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert caught.value.file == str(path)
    (problem,) = caught.value.problems
    return problem


@contextmanager
def as_nobody() -> Iterator[None]:
    """Give up root's right to read everything, for a while."""
    if os.geteuid() != 0:
        yield
        return
    try:
        os.seteuid(65534)
    except OSError:
        pytest.skip("the user namespace has no user but root")
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_file_on_disk_is_loaded(tmp_path: Path) -> None:
    file = tmp_path / "vipd.toml"
    file.write_text(FULL, encoding="utf-8")
    assert load(file, {}) == parse(FULL, str(file), {})


def test_a_missing_file_is_told_with_an_example(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.toml") == ConfigProblem(
        path="", problem="does not exist", hint=f"a minimal configuration: {MINIMAL}"
    )


def test_a_directory_is_not_a_file(tmp_path: Path) -> None:
    hint = f"name a file, such as {tmp_path}/vipd.toml"
    assert refusal(tmp_path) == ConfigProblem(path="", problem="is a directory", hint=hint)


def test_an_unreadable_file_is_told(tmp_path: Path) -> None:
    file = tmp_path / "vipd.toml"
    file.write_text(FULL, encoding="utf-8")
    file.chmod(0)
    with as_nobody():
        problem = refusal(file)
    assert problem == ConfigProblem(
        path="",
        problem="cannot be read: permission denied",
        hint="run this as root, or let your user read the file",
    )


def test_another_refusal_of_the_kernel_is_repeated(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    problem = refusal(tmp_path / "loop")
    assert problem.problem == "cannot be read: Too many levels of symbolic links"


def test_a_file_without_end_is_not_read_to_its_end() -> None:
    problem = refusal(Path("/dev/zero"))
    assert problem.problem == f"is larger than {loading.LARGEST_FILE} bytes"
