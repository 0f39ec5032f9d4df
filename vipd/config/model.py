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

CONTROL_SOCKET_NAME = "control.sock"
STATE_FILE_NAME = "state.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentConfig:
    """What concerns the agent as a whole.

    `state_file` is where it remembers what it was, for the life after a crash. `realtime` lets it
    go before ordinary programs, where that is permitted.
    """

    control_socket: Path
    state_file: Path
    realtime: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A whole configuration; what has a name stands in the file's order."""

    agent: AgentConfig
    instances: tuple[InstanceConfig, ...]
    trackers: tuple[TrackerConfig, ...] = ()
    groups: tuple[GroupConfig, ...] = ()


def default_control_socket(environ: Mapping[str, str]) -> Path:
    """Where the control socket lies when the file does not say."""
    return (_runtime_directory(environ) or RUNTIME_DIRECTORY) / CONTROL_SOCKET_NAME


def state_file(control_socket: Path, environ: Mapping[str, str]) -> Path:
    """Where an agent remembers what it was: beside its control socket, unless systemd says."""
    return (_runtime_directory(environ) or control_socket.parent) / STATE_FILE_NAME


def _runtime_directory(environ: Mapping[str, str]) -> Path | None:
    """What systemd made for the service: the first of a list that is separated by colons."""
    named = environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    return Path(named) if named else None
