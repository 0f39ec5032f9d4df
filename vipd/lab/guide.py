"""What a person can do in a lab that is held open: the commands, ready to be pasted."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from vipd.lab.agent import Agent
from vipd.lab.lab import Host, Lab
from vipd.lab.namespace import SEARCH_PATH


def guide(
    lab: Lab, agents: Sequence[Agent], client: Host, address: str
) -> tuple[tuple[str, str], ...]:
    """Pairs of what a command does, and the command."""
    first = agents[0]
    name = first.host.name
    run = [*_vipd(), "run", "--config", str(first.config)]
    return (
        *((f"the status of {agent.host.name}", _status(agent)) for agent in agents),
        ("ping from the client", _at(client, _ping(address))),
        (f"pull the cable of {name}", _cable(lab, first.host, "down")),
        ("plug it in again", _cable(lab, first.host, "up")),
        (f"stop the agent of {name}", f"kill {first.pid}"),
        ("start one in its place", _at(first.host, run)),
        (f"a shell on {name}", _at(first.host, ["bash"])),
        (f"the log of {name}", shlex.join(["tail", "-f", str(first.log_file)])),
    )


def _status(agent: Agent) -> str:
    return shlex.join([*_vipd(), "status", "--socket", str(agent.socket)])


def _vipd() -> list[str]:
    """How this program was called."""
    called = shutil.which(sys.argv[0])
    if called and Path(called).name == "vipd":
        return [str(Path(called).absolute())]
    return [sys.executable, "-m", "vipd"]


def _cable(lab: Lab, host: Host, direction: str) -> str:
    return _at(lab.switch, [_ip(), "link", "set", "dev", host.port, direction])


def _ip() -> str:
    """`ip`, with its directory where the shell of an ordinary user would not find it."""
    return "ip" if shutil.which("ip") else shutil.which("ip", path=SEARCH_PATH) or "ip"


def _ping(address: str) -> list[str]:
    """`ping`, or our own where it is not installed."""
    if shutil.which("ping"):
        return ["ping", address]
    return [sys.executable, "-m", "vipd.lab.probe", "--interval-ms", "500", address]


def _at(host: Host, argv: Sequence[str]) -> str:
    return shlex.join([*host.namespace.enter, *argv])
