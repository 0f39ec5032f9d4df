"""Where things are, for FILES and ENVIRONMENT of the manual pages: said once, for all pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from vipd.config.model import (
    CONTROL_SOCKET_NAME,
    DEFAULT_PATH,
    RUNTIME_DIRECTORY,
    STATE_DIRECTORY,
    AgentConfig,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A file, or a variable: what it is for, and the words by which a help speaks of it."""

    name: str
    about: str
    signs: tuple[str, ...]


_USUAL: Final = AgentConfig(
    control_socket=RUNTIME_DIRECTORY / CONTROL_SOCKET_NAME,
    runtime_directory=RUNTIME_DIRECTORY,
    state_directory=STATE_DIRECTORY,
)

FILES: Final = (
    Place(
        name=str(DEFAULT_PATH),
        about="The configuration, see `vipd.toml(5)`.",
        signs=(str(DEFAULT_PATH), "vipd.toml"),
    ),
    Place(
        name=str(_USUAL.control_socket),
        about="The control socket: where the agent answers. The key `control_socket` of [agent] "
        "puts it elsewhere, and with it what lies beside it.",
        signs=("control socket", "--socket"),
    ),
    Place(
        name=f"{_USUAL.control_socket}.lock",
        about="Held by the agent that runs: of two with one control socket the second ends.",
        signs=(),
    ),
    Place(
        name=str(RUNTIME_DIRECTORY / "journal.jsonl"),
        about="The journal: the last events, a line of JSON for each. It is read where no agent "
        "answers.",
        signs=("journal",),
    ),
    Place(
        name=str(_USUAL.state_file),
        about="What the agent was, so that one that is restarted at once carries on as MASTER.",
        signs=(),
    ),
    Place(
        name=str(_USUAL.maintenance_file),
        about="The order of a maintenance, which outlives a reboot. Where the file is gone, the "
        "next start of the agent knows of no maintenance.",
        signs=("maintenance off",),
    ),
    Place(
        name="/etc/keepalived/keepalived.conf",
        about="The configuration of keepalived; it is only read.",
        signs=("/etc/keepalived",),
    ),
)

VARIABLES: Final = (
    Place(
        name="VIPD_SOCKET",
        about="The control socket to ask, as `--socket` says it; what stands on the command line "
        "counts more.",
        signs=("VIPD_SOCKET",),
    ),
    Place(name="NO_COLOR", about="When it is set, nothing is coloured.", signs=()),
    Place(
        name="SHELL",
        about="The shell that is meant where none is named.",
        signs=("completion bash",),
    ),
)


def mentioned(places: tuple[Place, ...], text: str) -> tuple[tuple[str, str], ...]:
    """Those that a text speaks of."""
    found = (place for place in places if any(sign in text for sign in place.signs))
    return tuple((place.name, place.about) for place in found)
