"""How texts are read, and why they are refused."""

from __future__ import annotations

from ipaddress import ip_interface
from pathlib import Path

import pytest

from vipd.config.text import (
    DurationText,
    NameText,
    RefusedText,
    join,
    quote,
    read_address,
    read_interface,
    read_socket_path,
    write_duration,
)

INTERVAL = DurationText(least=10_000_000, most=40_950_000_000, step=10_000_000, why="because")
REFRESH = DurationText(
    least=1_000_000_000, most=3_600_000_000_000, step=1_000_000_000, why="because", off=True
)


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("10ms", 10_000_000),
        ("1s", 1_000_000_000),
        ("0.01s", 10_000_000),
        ("1.000000000s", 1_000_000_000),
        ("40.95s", 40_950_000_000),
        ("40950ms", 40_950_000_000),
        ("0.5m", 30_000_000_000),
        ("0.01h", 36_000_000_000),
    ],
)
def test_a_duration_is_read_exactly(text: str, nanoseconds: int) -> None:
    assert INTERVAL(text) == nanoseconds


@pytest.mark.parametrize(
    "text",
    [
        *("", "s", "1", "1 s", " 1s", "1s\n", "1S", "-1s", "+1s", "1e3ms", "1,5s", ".5s", "1.s"),
        *("1us", "1s500ms", "\u0661s", "0000000000s", "1.0000000000s", "\u221es", "nan"),
    ],
)
def test_what_is_no_duration_needs_a_unit(text: str) -> None:
    with pytest.raises(RefusedText, match="must be a duration with a unit, not"):
        INTERVAL(text)


@pytest.mark.parametrize("text", ["0s", "0ms", "9ms", "9.999999999ms", "40.951s", "1m", "9h"])
def test_a_duration_has_bounds(text: str) -> None:
    with pytest.raises(RefusedText) as caught:
        INTERVAL(text)
    assert caught.value.problem == f'must be from "10ms" to "40.95s", not "{text}"'
    assert caught.value.hint == "because"


@pytest.mark.parametrize(
    ("text", "below", "above"),
    [
        ("25ms", "20ms", "30ms"),
        ("10.000000001ms", "10ms", "20ms"),
        ("0.999s", "990ms", "1s"),
        ("1.005s", "1s", "1.01s"),
    ],
)
def test_a_duration_between_two_steps_is_refused_with_both(
    text: str, below: str, above: str
) -> None:
    with pytest.raises(RefusedText) as caught:
        INTERVAL(text)
    assert caught.value.problem == f'must be a multiple of 10ms, not "{text}"'
    assert caught.value.hint == f'write "{below}" or "{above}"'


@pytest.mark.parametrize("text", ["0s", "0ms", "0.0h"])
def test_zero_turns_off_what_can_be_turned_off(text: str) -> None:
    assert REFRESH(text) == 0


def test_the_bounds_mention_zero_where_it_is_one() -> None:
    with pytest.raises(RefusedText, match='must be from "1s" to "1h", or "0s", not "500ms"'):
        REFRESH("500ms")


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (10_000_000, "10ms"),
        (2_500_000, "2.5ms"),
        (1_000_000_000, "1s"),
        (1_010_000_000, "1.01s"),
        (40_950_000_000, "40.95s"),
        (90_000_000_000, "90s"),
        (120_000_000_000, "2m"),
        (3_600_000_000_000, "1h"),
    ],
)
def test_a_duration_is_written_as_the_file_does(nanoseconds: int, text: str) -> None:
    assert write_duration(nanoseconds) == text


@pytest.mark.parametrize(
    ("text", "vip"),
    [
        ("192.0.2.100/24", "192.0.2.100/24"),
        ("192.0.2.100", "192.0.2.100/32"),
        ("192.0.2.0", "192.0.2.0/32"),
        ("192.0.2.0/31", "192.0.2.0/31"),
        ("192.0.2.1/31", "192.0.2.1/31"),
        ("192.0.2.255/23", "192.0.2.255/23"),
        ("10.0.0.1/1", "10.0.0.1/1"),
        ("169.254.7.7/16", "169.254.7.7/16"),
        ("2001:db8::100/64", "2001:db8::100/64"),
        ("2001:DB8:0::100", "2001:db8::100/128"),
        ("2001:db8::/127", "2001:db8::/127"),
        ("2001:db8::ffff:ffff:ffff:ffff/64", "2001:db8::ffff:ffff:ffff:ffff/64"),
        ("fe80::51/64", "fe80::51/64"),
    ],
)
def test_an_address_is_read_with_its_prefix(text: str, vip: str) -> None:
    assert read_address(text) == ip_interface(vip)


ONE_HOST = 'name the address of one host, such as "192.0.2.100/24" or "2001:db8::100/64"'
NO_ADDRESS = [
    "",
    "/24",
    "web",
    "192.0.2",
    "192.0.2.300",
    "192.0.2.1.1",
    "192.0.02.1",
    " 192.0.2.1",
    "192.0.2.1 /24",
    "3221225985",
    "2001:db8::1::2",
    "2001:db8::g",
    "[2001:db8::1]",
    "\u0661.2.3.4",
]
NO_PREFIX_4 = ["/", "/0", "/33", "/64", "/128", "/-1", "/ 24", "/24 ", "/255.255.255.0", "/24/24"]
NO_PREFIX_4 += ["/0000024", "/\u0662"]


@pytest.mark.parametrize("text", NO_ADDRESS)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(RefusedText) as caught:
        read_address(text)
    assert caught.value.problem == f"{quote(text)} is not an IPv4 or IPv6 address"


@pytest.mark.parametrize("prefix", NO_PREFIX_4)
def test_an_ipv4_prefix_has_bounds(prefix: str) -> None:
    with pytest.raises(RefusedText) as caught:
        read_address(f"192.0.2.1{prefix}")
    problem = f"the prefix of an IPv4 address is from 1 to 32, not {quote(prefix[1:])}"
    assert caught.value.problem == problem
    assert caught.value.hint == 'such as "192.0.2.1/24", or "192.0.2.1" for the address alone'


@pytest.mark.parametrize("prefix", ["", "0", "129", "999"])
def test_an_ipv6_prefix_has_bounds(prefix: str) -> None:
    with pytest.raises(RefusedText) as caught:
        read_address(f"2001:db8::1/{prefix}")
    assert caught.value.problem == (
        f'the prefix of an IPv6 address is from 1 to 128, not "{prefix}"'
    )
    assert caught.value.hint == 'such as "2001:db8::1/64", or "2001:db8::1" for the address alone'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0.0.0.0", "is the unspecified address"),
        ("::", "is the unspecified address"),
        ("127.0.0.1/8", "is a loopback address"),
        ("127.255.255.255/8", "is a loopback address"),
        ("::1", "is a loopback address"),
        ("224.0.0.18", "is a multicast address"),
        ("ff02::12", "is a multicast address"),
        ("255.255.255.255", "is the broadcast address"),
        ("192.0.2.0/24", "is the address of the network 192.0.2.0/24 itself"),
        ("192.0.2.64/30", "is the address of the network 192.0.2.64/30 itself"),
        ("192.0.2.255/24", "is the broadcast address of 192.0.2.0/24"),
        ("2001:db8::/64", "is the address of the network 2001:db8::/64 itself"),
    ],
)
def test_an_address_that_no_host_can_have_is_refused(text: str, why: str) -> None:
    with pytest.raises(RefusedText) as caught:
        read_address(text)
    assert caught.value.problem == f'"{text}" {why}'
    assert caught.value.hint == ONE_HOST


@pytest.mark.parametrize(
    ("text", "problem", "hint"),
    [
        (
            "fe80::1%eth0/64",
            "\"fe80::1%eth0/64\" names an interface behind '%'",
            "leave it out: the key interface names it already",
        ),
        (
            "::ffff:192.0.2.1",
            '"::ffff:192.0.2.1" is an IPv4 address in IPv6 form',
            'write "192.0.2.1"',
        ),
    ],
)
def test_an_odd_form_is_refused_with_the_plain_one(text: str, problem: str, hint: str) -> None:
    with pytest.raises(RefusedText) as caught:
        read_address(text)
    assert (caught.value.problem, caught.value.hint) == (problem, hint)


@pytest.mark.parametrize("name", ["w", "web", "web-1", "web.example_2", "1", "a" * 32])
def test_an_instance_name_is_a_plain_word(name: str) -> None:
    assert NameText("an instance")(name) == name


@pytest.mark.parametrize("name", ["", "-web", ".web", "_web", "a" * 33, "a b", "a/b", "ä", "web\n"])
def test_other_instance_names_are_refused(name: str) -> None:
    with pytest.raises(RefusedText, match="cannot be the name of an instance"):
        NameText("an instance")(name)


@pytest.mark.parametrize("name", ["eth0", "eth0.100", "br-lan", "a" * 15, "wg@home", "ü" * 7])
def test_an_interface_name_is_what_linux_allows(name: str) -> None:
    assert read_interface(name) == name


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", 'an interface name has 1 to 15 bytes, "" has 0'),
        ("a" * 16, f'an interface name has 1 to 15 bytes, "{"a" * 16}" has 16'),
        ("ü" * 8, f'an interface name has 1 to 15 bytes, "{"ü" * 8}" has 16'),
        (".", '"." cannot be the name of an interface'),
        ("..", '".." cannot be the name of an interface'),
        ("a/b", '"a/b" cannot be the name of an interface'),
        ("a b", '"a b" cannot be the name of an interface'),
        ("a\t", '"a\\t" cannot be the name of an interface'),
        ("a\0", '"a\\x00" cannot be the name of an interface'),
        ("eth0:1", "\"eth0:1\" has a ':' in it"),
        ("eth0:", "\"eth0:\" has a ':' in it"),
    ],
)
def test_what_linux_does_not_allow_is_refused(name: str, problem: str) -> None:
    with pytest.raises(RefusedText) as caught:
        read_interface(name)
    assert caught.value.problem == problem


def test_an_alias_is_refused_with_the_name_of_its_interface() -> None:
    with pytest.raises(RefusedText) as caught:
        read_interface("eth0:1")
    hint = 'an alias is not an interface; name the interface itself: "eth0"'
    assert caught.value.hint == hint


def test_a_socket_path_is_absolute_and_fits_the_kernel() -> None:
    longest = "/" + "x" * 106
    assert read_socket_path(longest) == Path(longest)
    with pytest.raises(RefusedText, match="has at most 107 bytes, this one has 108"):
        read_socket_path(longest + "x")


@pytest.mark.parametrize("text", ["", "run/vipd.sock", "~/vipd.sock", "/run/vipd/", "/a\0b"])
def test_other_socket_paths_are_refused(text: str) -> None:
    with pytest.raises(RefusedText, match="must be the absolute path of a file, not"):
        read_socket_path(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("eth0", '"eth0"'),
        ("\x1b[2J", '"\\x1b[2J"'),
        ("a\u202eb", '"a\\u202eb"'),
        ("x" * 61, f'"{"x" * 60}..."'),
    ],
)
def test_a_repeated_text_is_short_and_harmless(text: str, shown: str) -> None:
    assert quote(text) == shown


@pytest.mark.parametrize(
    ("path", "key", "joined"),
    [
        ("", "agent", "agent"),
        ("instance", "web-1", "instance.web-1"),
        ("instance", "web.1", 'instance."web.1"'),
        ("instance", "", 'instance.""'),
    ],
)
def test_a_path_is_written_as_toml_does(path: str, key: str, joined: str) -> None:
    assert join(path, key) == joined
