"""The way of a configuration from the process that has read it: what arrives, and what does not."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest

from vipd import __version__
from vipd.config.load import parse
from vipd.config.model import Config
from vipd.config.transfer import pack, pack_problems, unpack
from vipd.errors import ConfigError, ConfigProblem

EVERYTHING = r"""
[agent]
control_socket = "/run/vipd/ü.sock"
[instance.web]
interface = "eth0"
vrid = 51
addresses = ["192.0.2.100/24", "2001:db8::100/64"]
unicast_peers = ["192.0.2.12", "2001:db8::12"]
source = "192.0.2.11"
lease = "off"
checksum = "rfc9568"
takeover_probe = "hold"
peer_priorities = [150]
track = ["nginx", { name = "data", weight = -50 }]
[instance.web.hooks]
before_master = { argv = ["/bin/a", "-v"], required = true }
on_any = [["/bin/a"], { argv = ["/bin/b"], user = "nobody", style = "keepalived" }]
fifo = "/run/fifo"
[instance.old]
interface = "eth1"
vrid = 52
version = 2
addresses = ["192.0.2.101/24"]
auth = { type = "pass", password = "ä\"\\1" }
[track.nginx]
type = "http"
url = "http://127.0.0.1/"
status = [200, "300-399"]
headers = { Host = "a" }
[track.data]
type = "disk"
path = "/"
free_min = "5%"
[group.edge]
members = ["web", "old"]
track = [{ name = "nginx", weight = 20 }]
"""


def arrived(packed: bytes) -> Config:
    """What comes out at the end of all steps."""
    steps = unpack(packed, "vipd.toml")
    while True:
        try:
            next(steps)
        except StopIteration as end:
            config: Config = end.value
            return config


def refused(packed: bytes) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        arrived(packed)
    return caught.value


def test_a_configuration_with_everything_arrives_as_it_was_sent() -> None:
    config = parse(EVERYTHING, "f", {})
    assert arrived(pack(config)) == config
    assert repr(asdict(arrived(pack(config)))) == repr(asdict(config))


def test_what_is_written_is_one_line() -> None:
    assert b"\n" not in pack(parse(EVERYTHING, "f", {}))
    assert b"\n" not in pack_problems([ConfigProblem(path="", problem="a\nb")])


def test_there_is_a_step_for_each_part() -> None:
    """So the loop waits for the longest of them, and not for all."""
    assert len(list(unpack(pack(parse(EVERYTHING, "f", {})), "f"))) == 2 + 2 + 1


def test_problems_arrive_as_an_error_of_the_file() -> None:
    problems = (ConfigProblem(path="a.b", problem="is wrong", hint="mend it"),) * 2
    error = refused(pack_problems(problems))
    assert (error.file, error.problems) == ("vipd.toml", problems)


def test_another_version_is_not_understood() -> None:
    """An upgrade replaces the program of the child, but not the agent that runs."""
    answer: dict[str, Any] = json.loads(pack(parse(EVERYTHING, "f", {})))
    (problem,) = refused(json.dumps({**answer, "version": "99.0"}).encode()).problems
    assert problem.problem == f"vipd 99.0 is installed now, and this agent is vipd {__version__}"
    assert problem.hint == "restart the agent: systemctl restart vipd"


@pytest.mark.parametrize("garbage", [b"", b"{", b"[]", b'{"version": 1}', b"\xff"])
def test_garbage_is_an_error_and_no_crash(garbage: bytes) -> None:
    (problem,) = refused(garbage).problems
    assert problem.problem.startswith("what was read of it cannot be understood: ")
