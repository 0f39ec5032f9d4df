"""The program that the units start: the one that is asked, if a service can and may run it."""

from __future__ import annotations

import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import vipd
from vipd.errors import VipdError
from vipd.program import fault_of, stats_of, trusted_users

HIDDEN: Final = tuple(map(Path, ("/home", "/root", "/run/user", "/tmp", "/var/tmp")))  # noqa: S108
"""What a service with ProtectHome=yes and PrivateTmp=yes does not see."""

WAY_OUT: Final = (
    "Install vipd where every user can run it and root alone can change it:\n"
    "  python3 -m venv /opt/vipd && /opt/vipd/bin/pip install vipd\n"
    "or\n"
    "  PIPX_HOME=/opt/pipx PIPX_BIN_DIR=/usr/local/bin pipx install vipd\n"
    "and run `vipd install` of that one."
)


def own_program() -> Path:
    """The program of this process, where it really is. Raises: VipdError."""
    called = Path(sys.argv[0])
    beside = Path(sys.executable).with_name("vipd")
    for candidate in (called, beside):
        if candidate.name == "vipd" and candidate.is_absolute() and candidate.is_file():
            return candidate.resolve()
    raise VipdError(f"cannot tell which program runs: {beside} does not exist.\n{WAY_OUT}")


def require_sound(program: Path) -> None:
    """Refuse a program that the service could not run, or that others can change.

    Raises: VipdError.
    """
    fault = next(_faults(_parts(program)), None)
    if fault:
        raise VipdError(f"{fault}.\n{WAY_OUT}")


def _parts(program: Path) -> tuple[Path, ...]:
    """What it takes to run it; of another program than ours, only that is known."""
    python = Path(sys.executable)
    if program.parent != python.parent.resolve():
        return (program,)
    return (program, python, Path(vipd.__file__))


def _faults(parts: tuple[Path, ...]) -> Iterator[str]:
    """Order: what is simple comes first, because the rest may follow from it."""
    for part in parts:
        for place in dict.fromkeys((part, part.resolve())):
            yield from _unseen(place)
    for part in parts[:2]:
        if fault := fault_of(str(part), stats_of(str(part)), as_root=True, trusted=trusted_users()):
            what = fault.removeprefix("is run as root, but ")
            yield f"the service cannot rely on {part}: {what}"


def _unseen(part: Path) -> Iterator[str]:
    for hidden in HIDDEN:
        if part.is_relative_to(hidden):
            yield f"{part} is not there for the service: its sandbox hides {hidden}"
    for place in reversed(part.parents):
        if place.exists() and not place.stat().st_mode & stat.S_IXOTH:
            yield f"the service, as the user vipd, cannot reach {part}: {place} is closed to it"
