"""Hooks: what runs when, and what could be misunderstood."""

from __future__ import annotations

import pytest

from vipd.config.load import MINIMAL, parse
from vipd.core.config import Hook, HookMoment, HooksConfig
from vipd.core.units import SECOND
from vipd.errors import ConfigError


def hooks_of(*lines: str) -> HooksConfig:
    source = "[instance.web]\n" + 'interface = "eth0"\nvrid = 51\naddresses = ["192.0.2.100"]\n'
    (instance,) = parse("\n".join([source, "[instance.web.hooks]", *lines]), "f", {}).instances
    return instance.hooks


def problems_of(*lines: str) -> list[tuple[str, str, str]]:
    source = "[instance.web]\n" + 'interface = "eth0"\nvrid = 51\naddresses = ["192.0.2.100"]\n'
    with pytest.raises(ConfigError) as caught:
        parse("\n".join([source, "[instance.web.hooks]", *lines]), "f", {})
    prefix = "instance.web.hooks."
    return [(p.path.removeprefix(prefix), p.problem, p.hint) for p in caught.value.problems]


def argvs(hooks: HooksConfig) -> list[tuple[str, ...]]:
    return [hook.argv for _, hook in hooks.hooks]


def test_a_list_of_strings_is_one_command_line() -> None:
    found = hooks_of('on_master = ["/etc/vipd/hooks/promote", "--now"]')
    hook = Hook(argv=("/etc/vipd/hooks/promote", "--now"))
    assert found == HooksConfig(hooks=((HookMoment.ON_MASTER, hook),))


def test_several_stand_in_a_list_of_lists_and_tables() -> None:
    found = hooks_of('on_any = [["/a"], ["/b", "/c"], { argv = ["/d"], timeout = "1s" }]')
    assert argvs(found) == [("/a",), ("/b", "/c"), ("/d",)]
    assert [hook.timeout for _, hook in found.hooks] == [10 * SECOND, 10 * SECOND, SECOND]


def test_one_table_needs_no_list() -> None:
    found = hooks_of(
        "before_master = { argv = ['/p'], user = 'redis', timeout = '3s', required = true, "
        "style = 'keepalived' }"
    )
    hook = Hook(
        argv=("/p",), user="redis", timeout=3 * SECOND, required=True, keepalived_style=True
    )
    assert found.at(HookMoment.BEFORE_MASTER) == (hook,)


def test_tables_of_toml_are_a_list() -> None:
    found = hooks_of(
        "[[instance.web.hooks.on_stop]]",
        'argv = ["/a"]',
        "[[instance.web.hooks.on_stop]]",
        'argv = ["/b"]',
    )
    assert argvs(found) == [("/a",), ("/b",)]


def test_hooks_run_by_moment_then_in_the_order_of_the_file() -> None:
    found = hooks_of(
        'on_any = ["/any"]',
        'on_fault = ["/fault"]',
        'on_backup = [["/b1"], ["/b2"]]',
        'on_master = ["/master"]',
        'before_release = ["/release"]',
        'fifo = "/run/vipd/notify.fifo"',
    )
    order = [("/release",), ("/master",), ("/b1",), ("/b2",), ("/fault",), ("/any",)]
    assert argvs(found) == order
    assert found.fifo == "/run/vipd/notify.fifo"


def test_a_group_has_hooks_too() -> None:
    source = f"""{MINIMAL}
    instance.db = {{ interface = "eth1", vrid = 51, addresses = ["192.0.2.101"] }}
    [group.edge]
    members = ["web", "db"]
    hooks.on_master = ["/a"]
    """
    (group,) = parse(source, "f", {}).groups
    assert argvs(group.hooks) == [("/a",)]


COMMAND = 'such as ["/etc/vipd/hooks/promote"], or [{ argv = ["/..."], timeout = "30s" }]'

BAD = [
    # line, key, problem, hint
    (
        'on_master = ["/a", "/b"]',
        "on_master",
        "may be one program and its arguments, or several programs",
        'write [["/a"], ["/b"]] for 2 programs, [["/a", "/b"]] for one',
    ),
    (
        'on_master = "/a --now"',
        "on_master",
        'must be a list, not the string "/a --now"',
        'there is no shell; write it as a list: ["/a", "--now"]',
    ),
    (
        'on_master = ["/a --now"]',
        "on_master",
        '"/a --now" has spaces in it',
        'there is no shell; write it as a list: ["/a", "--now"]',
    ),
    (
        'on_master = ["promote"]',
        "on_master",
        '"promote" is not the absolute path of a program',
        "no search path is used; write all of it, such as /usr/bin/systemctl",
    ),
    (
        'on_master = ["/a", ["/b"]]',
        "on_master",
        "mixes words and command lines",
        'write each command line as a list of its own: [["/a"], ...]',
    ),
    (
        'on_master = [["/a"], ["b"]]',
        "on_master[1]",
        '"b" is not the absolute path of a program',
        "no search path is used; write all of it, such as /usr/bin/systemctl",
    ),
    (
        'on_master = ["/a", "&&", "/b"]',
        "on_master[1]",
        '"&&" is for a shell',
        'there is no shell; ask for one: ["/bin/sh", "-c", "..."]',
    ),
    ("on_master = []", "on_master", "must not be empty", COMMAND),
    ("on_master = 7", "on_master", "must be a list, not the integer 7", COMMAND),
    ("on_master = ['/a', 7]", "on_master[1]", "must be a string, not the integer 7",
     "a word of the command line"),
    ("on_master = [{ user = 'x' }]", "on_master[0].argv", "is missing",
     'such as ["/usr/local/bin/check", "--fast"]'),
    ("on_master = [{ argv = ['/a'], tmeout = '1s' }]", "on_master[0].tmeout", "unknown key",
     "did you mean timeout?"),
    ("on_master = [{ argv = ['/a'], timeout = 5 }]", "on_master[0].timeout",
     "must be a string, not the integer 5", 'write it with its unit: "5s"'),
    ("on_master = [{ argv = ['/a'], style = 'keepalive' }]", "on_master[0].style",
     'must be "keepalived" or "vipd", not "keepalive"', 'did you mean "keepalived"?'),
    ("on_master = { argv = ['/a'], required = true }", "on_master.required",
     "is for before_master only", "leave it out: what follows a transition cannot prevent it"),
    ("on_mastr = ['/a']", "on_mastr", "unknown key", "did you mean on_master?"),
    ("fifo = 'x'", "fifo", 'must be an absolute path, not "x"',
     'such as "/run/vipd/notify.fifo"'),
    ("on_any = [" + "['/a'], " * 17 + "]", "on_any",
     "has 17 command lines, 16 are the most", "let one program run the others"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "key", "problem", "hint"), BAD)
def test_what_could_be_meant_otherwise_is_refused(
    line: str, key: str, problem: str, hint: str
) -> None:
    assert problems_of(line) == [(key, problem, hint)]


@pytest.mark.parametrize(
    "line",
    [
        'on_master = ["/sbin/conntrackd", "-C", "/etc/conntrackd.conf", "-c"]',
        'on_master = [["/bin/cp", "/a", "/b"]]',
        'on_master = ["/bin/sh", "-c", "a | b"]',
    ],
)
def test_paths_are_arguments_where_nothing_else_can_be_meant(line: str) -> None:
    assert len(hooks_of(line).hooks) == 1
