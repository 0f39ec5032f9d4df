"""What keepalived's users write: each is answered with what to write here."""

from __future__ import annotations

import pytest
from msgspec import Struct

from vipd.config.foreign import (
    FOREIGN_KEYS,
    FOREIGN_KINDS,
    RENAMED_KEYS,
    keepalived_problem,
)
from vipd.config.hook_schema import Hooks
from vipd.config.load import MINIMAL, parse
from vipd.config.schema import Agent, File, Group, Instance
from vipd.config.track_schema import TRACKERS
from vipd.errors import ConfigError

WEB = """
[instance.web]
interface = "eth0"
vrid = 51
addresses = ["192.0.2.100/24"]
"""
AT_USE = 'it stands where the tracker is used: track = [{ name = "NAME", weight = -50 }]'
IN_HOOKS = "it stands in the table hooks: [instance.NAME.hooks] or [group.NAME.hooks]"
SCRIPT = 'declare [track.NAME] with type = "script", and name it here: track = ["NAME"]'
USER = 'write user = "NAME" in each [track.NAME] of type "script" and in each hook'

ANSWERS = [
    # the end of a file, the path, the hint
    (f"{WEB}track_script = ['x']", "instance.web.track_script", SCRIPT),
    (
        f"{WEB}track_interface = ['x']",
        "instance.web.track_interface",
        SCRIPT.replace('"script"', '"interface" and interface = "eth1"'),
    ),
    (
        f"{WEB}notify_master = '/x'",
        "instance.web.notify_master",
        'write on_master = ["/path/of/the/program"] in the table hooks below this one',
    ),
    (
        f"{WEB}notify = '/x'",
        "instance.web.notify",
        'write on_any = ["/path/of/the/program"] in the table hooks below this one',
    ),
    (f"{WEB}on_master = ['/x']", "instance.web.on_master", IN_HOOKS),
    (
        f"{WEB}[instance.web.hooks]\nnotify_backup = ['/x']",
        "instance.web.hooks.notify_backup",
        "here it is called on_backup",
    ),
    (f"{WEB}vrrp_startup_delay = 9", "instance.web.vrrp_startup_delay",
     "here it is called startup_delay"),
    (f"{WEB}[agent]\nvrrp_startup_delay = 9", "agent.vrrp_startup_delay",
     "write startup_delay in each [instance.NAME]"),
    (f"{WEB}[agent]\nscript_user = 'x'", "agent.script_user", USER),
    (f"{WEB}[agent]\nenable_script_security = true", "agent.enable_script_security",
     "there is none: what others can write is never run as root"),
    (f"{WEB}[vrrp_script.a]", "vrrp_script", "here it is called track"),
    (f"{WEB}[vrrp_sync_group.a]", "vrrp_sync_group", "here it is called group"),
    (f"{WEB}[track.a]\ntype = 'script'\nscript = '/x'", "track.a.script",
     "here it is called argv"),
    (f"{WEB}[track.a]\ntype = 'script'\nargv = ['/x']\nweight = 2", "track.a.weight", AT_USE),
    (f"{WEB}[track.a]\ntype = 'script'\nargv = ['/x']\ninit_fail = true", "track.a.init_fail",
     'write initial = "down", or nothing: it is so'),
    (f"{WEB}[track.a]\ntype = 'process'\nprocess = 'x'\nexecutable = 'x'", "track.a.process",
     "here it is called executable"),
    (f"{WEB}track = [{{ name = 'a', reverse = true }}]\n[track.a]\ntype = 'redis'",
     "instance.web.track[0].reverse",
     "there is none: give the tracker a weight above 0, which counts while it is up"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "path", "hint"), ANSWERS)
def test_a_key_of_keepalived_is_answered(source: str, path: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(source, "f", {})
    (problem,) = caught.value.problems
    assert (problem.path, problem.problem, problem.hint) == (path, "unknown key", hint)


def test_what_is_renamed_has_a_key_here_by_its_new_name() -> None:
    tables: tuple[type[Struct], ...] = (File, Agent, Instance, Group, Hooks, *TRACKERS.values())
    known = {key for table in tables for key in table.__struct_fields__}
    others = {"type", "password"}
    assert set(RENAMED_KEYS.values()) - known - others == set()
    assert set(FOREIGN_KINDS.values()) <= set(TRACKERS)


def test_what_is_answered_is_not_a_key_of_an_instance() -> None:
    assert set(FOREIGN_KEYS).isdisjoint(Instance.__struct_fields__)
    assert parse(MINIMAL, "f", {}).trackers == ()


KEEPALIVED = [
    # a text, the line of keepalived's in it
    ("vrrp_instance VI_1 { state MASTER; }", 1),
    ("! Configuration File\n\nglobal_defs {\n}\n", 3),
    ("$A=1\n  vrrp_sync_group G\n{\n", 2),
    ("@host1 vrrp_script s {\n", 1),
    ("include conf.d/*.conf\n", 1),
    ("virtual_server 192.0.2.1 80 {\n", 1),
]


@pytest.mark.parametrize(("text", "line"), KEEPALIVED)
def test_a_file_of_keepalived_s_is_known_for_what_it_is(text: str, line: int) -> None:
    problem = keepalived_problem(text, "k.conf")
    assert problem is not None
    assert str(problem) == (
        f"line {line}: this is a configuration of keepalived "
        "(`vipd import k.conf` says it in vipd's words)"
    )
