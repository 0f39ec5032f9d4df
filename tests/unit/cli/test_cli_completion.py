"""Completion in real shells: the script of `vipd completion` is loaded, and Tab is pressed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_agent import MadeAgent, internal, report, web

pytestmark = pytest.mark.slow

PROGRAMS = Path(sys.executable).parent

BASH = """\
eval "$(vipd completion bash)"
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
"$(complete -p vipd | sed 's/.*-F \\([^ ]*\\).*/\\1/')" vipd
printf '%s\\n' "${COMPREPLY[@]}"
"""

FISH = """\
vipd completion fish | source
complete -C "$argv" | cut -f1
"""

ZSH = """\
autoload -Uz compinit
compinit -u -D
eval "$(vipd completion zsh)"
print $_comps[vipd]
"""


@pytest.fixture
def socket(tmp_path: Path) -> Iterator[Path]:
    """The control socket of an agent with two instances, both in one group."""
    made = report(web(group="edge"), internal(group="edge"))
    agent = MadeAgent(socket=tmp_path / "control.sock", report=made)
    with agent.running():
        yield agent.socket


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration with a tracker."""
    path = tmp_path / "vipd.toml"
    path.write_text(
        '[instance.web]\ninterface = "eth0"\nvrid = 51\naddresses = ["192.0.2.100/24"]\n'
        '[track.nginx]\ntype = "process"\nexecutable = "nginx"\n',
        encoding="utf-8",
    )
    return path


def shell(name: str, *arguments: str, socket: Path | None = None) -> list[str]:
    """What a shell prints, with the command `vipd` where it looks for commands."""
    if not shutil.which(name) and os.environ.get("CI") != "true":
        pytest.skip(f"{name} is missing: apt-get install {name}")
    path = f"{PROGRAMS}:{os.environ['PATH']}"
    done = subprocess.run(
        [name, *arguments],
        env={**os.environ, "PATH": path, **({"VIPD_SOCKET": str(socket)} if socket else {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def tab(*words: str, socket: Path | None = None) -> list[str]:
    """What bash offers for the last word."""
    return shell("bash", "--norc", "-c", BASH, "bash", "vipd", *words, socket=socket)


def test_bash_completes_commands_and_options() -> None:
    assert tab("ma") == ["maintenance", "man"]
    assert tab("maintenance", "") == ["off", "on"]
    assert tab("maintenance", "on", "--f") == ["--for", "--force"]
    assert tab("man", "vi") == ["vipd.toml"]


@pytest.mark.parametrize("command", ["status", "why", "events", "failover", "priority", "announce"])
def test_bash_completes_the_names_that_the_agent_has(command: str, socket: Path) -> None:
    assert tab(command, "w", socket=socket) == ["web"]


@pytest.mark.parametrize("command", ["failover", "priority", "announce"])
def test_bash_completes_groups_where_they_can_be_named(command: str, socket: Path) -> None:
    assert tab(command, "", socket=socket) == ["web", "internal", "edge"]


def test_bash_completes_trackers_and_their_kinds(file: Path) -> None:
    assert tab("track", "--config", str(file), "") == ["nginx"]
    assert tab("track", "--explain", "red") == ["redis"]


def test_without_an_agent_there_are_no_names(tmp_path: Path) -> None:
    assert tab("failover", "", socket=tmp_path / "nobody.sock") == []


def test_fish_completes_commands_options_and_names(socket: Path) -> None:
    def pressed(line: str) -> list[str]:
        return shell("fish", "--no-config", "-c", FISH, line, socket=socket)

    assert pressed("vipd mai") == ["maintenance"]
    assert "--plan" in pressed("vipd reload --p")
    assert pressed("vipd failover e") == ["edge"]


def test_zsh_takes_the_script() -> None:
    assert shell("zsh", "-f", "-c", ZSH) == ["_vipd_completion"]
