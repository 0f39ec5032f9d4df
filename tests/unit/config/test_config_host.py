"""What a configuration needs of the host that it is for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vipd.config.host import host_problems, load_checked
from vipd.config.load import load, parse
from vipd.errors import ConfigError

WEB = """
[instance.web]
interface = "eth0"
vrid = 51
addresses = ["192.0.2.100/24"]
"""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, who owns what root runs")


@pytest.fixture
def program(tmp_path: Path) -> Path:
    file = tmp_path / "a"
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    return file


def problems_of(source: str) -> list[tuple[str, str]]:
    return [(each.path, each.problem) for each in host_problems(parse(WEB + source, "f", {}))]


def script(program: Path | str, *lines: str) -> str:
    return "\n".join(['[track.t]\ntype = "script"', f'argv = ["{program}"]', *lines])


def test_what_this_host_has_is_no_problem() -> None:
    assert problems_of(script("/bin/sh")) == []


def test_a_missing_script_is_told() -> None:
    assert problems_of(script("/bin/no-such-thing")) == [
        ("track.t.argv", "/bin/no-such-thing does not exist")
    ]


def test_a_script_that_is_not_executable_is_told(program: Path) -> None:
    program.chmod(0o644)
    assert problems_of(script(program)) == [("track.t.argv", f"{program} is not executable")]


@needs_root
def test_a_script_that_others_may_write_is_not_for_root(program: Path) -> None:
    program.chmod(0o777)
    fault = f"{program} is run as root, but can be written by everybody"
    assert problems_of(script(program)) == [("track.t.argv", fault)]
    assert problems_of(script(program, 'user = "root"')) == [("track.t.argv", fault)]
    assert problems_of(script(program, 'user = "nobody"')) == []


def test_users_and_groups_must_exist() -> None:
    lines = ('user = "no-such-user"', 'group = "no-such-group"')
    assert problems_of(script("/bin/sh", *lines)) == [
        ("track.t.user", 'there is no user "no-such-user" on this host'),
        ("track.t.group", 'there is no group "no-such-group" on this host'),
    ]


def test_a_number_is_a_user_without_a_name() -> None:
    assert problems_of(script("/bin/sh", 'user = "12345"', 'group = "12345"')) == []


def test_hooks_of_instances_and_groups_are_looked_at() -> None:
    source = """
    hooks.on_any = ["/bin/no-a"]
    hooks.on_master = [["/bin/sh"], { argv = ["/bin/no-b"], user = "no-such-user" }]
    [instance.db]
    interface = "eth1"
    vrid = 51
    addresses = ["192.0.2.101/24"]
    [group.edge]
    members = ["web", "db"]
    hooks.before_master = ["/bin/no-c"]
    """
    assert problems_of(source) == [
        ("instance.web.hooks.on_master[1]", "/bin/no-b does not exist"),
        ("instance.web.hooks.on_master[1]", 'there is no user "no-such-user" on this host'),
        ("instance.web.hooks.on_any", "/bin/no-a does not exist"),
        ("group.edge.hooks.before_master", "/bin/no-c does not exist"),
    ]


def test_a_missing_authority_is_told(tmp_path: Path) -> None:
    source = f'[track.t]\ntype = "https"\nurl = "https://a/"\nca = "{tmp_path}/ca.pem"'
    assert problems_of(source) == [("track.t.ca", f"{tmp_path}/ca.pem cannot be read")]


def test_a_file_is_read_with_what_the_host_does_not_have(tmp_path: Path) -> None:
    file = tmp_path / "vipd.toml"
    file.write_text(WEB + script("/bin/no-such-thing"))
    config, problems = load_checked(file)
    assert config == load(file)
    assert [each.path for each in problems] == ["track.t.argv"]
    file.write_text("")
    with pytest.raises(ConfigError):
        load_checked(file)
