"""What a valid file comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vipd.core.config import InstanceConfig

DEFAULT_PATH = Path("/etc/vipd/vipd.toml")
"""The file that is read when none is named."""

RUNTIME_DIRECTORY = Path("/run/vipd")
"""Where a running agent writes when systemd does not name another place."""

CONTROL_SOCKET_NAME = "control.sock"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentConfig:
    """What concerns the agent as a whole."""

    control_socket: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A whole configuration; the instances stand in the file's order."""

    agent: AgentConfig
    instances: tuple[InstanceConfig, ...]


def default_control_socket(environ: Mapping[str, str]) -> Path:
    """Where the control socket lies when the file does not say.

    systemd lists its runtime directories in RUNTIME_DIRECTORY, separated by colons.
    """
    named = environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    return (Path(named) if named else RUNTIME_DIRECTORY) / CONTROL_SOCKET_NAME
