"""What a valid file comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vipd.core.config import GroupConfig, InstanceConfig, TrackerConfig

DEFAULT_PATH = Path("/etc/vipd/vipd.toml")
"""The file that is read when none is named."""

RUNTIME_DIRECTORY = Path("/run/vipd")
"""Where a running agent writes when systemd does not name another place."""

STATE_DIRECTORY = Path("/var/lib/vipd")
"""Where it keeps what outlives a reboot, when neither systemd nor the file names another place."""

CONTROL_SOCKET_NAME = "control.sock"

HELLO_PORT = 9568
"""The UDP port of the hellos: the number of the RFC that VRRP is described in, and nobody's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentConfig:
    """What concerns the agent as a whole.

    What it writes for its next life lies in `runtime_directory`, what is to outlive a reboot in
    `state_directory`. `realtime` lets it go before ordinary programs, where that is permitted.
    `metrics` is where the metrics and the status page are served; None: nowhere. `hellos` is
    whether the other agents are told of this one, by UDP at `hello_port`.
    """

    control_socket: Path
    runtime_directory: Path
    state_directory: Path
    realtime: bool = True
    metrics: str | None = None
    hellos: bool = True
    hello_port: int = HELLO_PORT

    @property
    def state_file(self) -> Path:
        """Where it remembers what it was, for the life after a crash."""
        return self.runtime_directory / "state.json"

    @property
    def maintenance_file(self) -> Path:
        """Where it keeps the order of a maintenance."""
        return self.state_directory / "maintenance.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A whole configuration; what has a name stands in the file's order."""

    agent: AgentConfig
    instances: tuple[InstanceConfig, ...]
    trackers: tuple[TrackerConfig, ...] = ()
    groups: tuple[GroupConfig, ...] = ()


def default_control_socket(environ: Mapping[str, str]) -> Path:
    """Where the control socket lies when the file does not say."""
    return (_made("RUNTIME_DIRECTORY", environ) or RUNTIME_DIRECTORY) / CONTROL_SOCKET_NAME


def runtime_directory(control_socket: Path, environ: Mapping[str, str]) -> Path:
    """Where an agent writes for its next life: beside its control socket, unless systemd says."""
    return _made("RUNTIME_DIRECTORY", environ) or control_socket.parent


def default_state_directory(environ: Mapping[str, str]) -> Path:
    """Where it writes what outlives a reboot when the file does not say."""
    return _made("STATE_DIRECTORY", environ) or STATE_DIRECTORY


def _made(variable: str, environ: Mapping[str, str]) -> Path | None:
    """What systemd made for the service: the first of a list that is separated by colons."""
    named = environ.get(variable, "").split(":")[0]
    return Path(named) if named else None
