"""The hand: does one step of a plan. What a system refuses is told with its path."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final, assert_never

from vipd.errors import VipdError
from vipd.install.host import Host
from vipd.install.step import Make, Prune, Remove, Run, Step, Write

FILE_MODE: Final = 0o644
WITHIN_S: Final = 120.0
"""To stop an agent takes 75 s at most."""


def carry_out(step: Step, host: Host) -> str | None:
    """Do it; what there is to say of it, if anything. Raises: VipdError."""
    try:
        match step:
            case Write():
                _write(host.at(step.path), step.content)
            case Make():
                _make(host.at(step.path), step)
            case Remove():
                _remove(host.at(step.path), whole=step.whole)
            case Prune():
                with suppress(OSError):
                    host.at(step.path).rmdir()
            case Run():
                return _run(step)
            case _:
                assert_never(step)
    except OSError as error:
        raise VipdError(f"{error.filename}: {error.strerror}") from error
    return None


def _write(path: Path, content: bytes) -> None:
    """Replace it as a whole: nobody ever reads a half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), FILE_MODE)
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def _make(path: Path, step: Make) -> None:
    """Order: first whose it is, because that takes the group's bit from the mode."""
    path.mkdir(parents=True, exist_ok=True)
    if step.group:
        shutil.chown(path, group=step.group)
    path.chmod(step.mode)


def _remove(path: Path, *, whole: bool) -> None:
    if whole:
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _run(step: Run) -> str | None:
    said, code = _said(step.argv)
    if code == 0 and not (said and step.argv[0] == "systemd-analyze"):
        return None
    words = " ".join(step.argv)
    if step.must:
        raise VipdError(f"{words} failed with exit code {code}:\n{said}")
    return f"{words}: {said or f'exit code {code}'}"


def _said(argv: Sequence[str]) -> tuple[str, int]:
    try:
        done = subprocess.run(  # noqa: S603  (our own words, and no shell reads them)
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            timeout=WITHIN_S,
        )
    except subprocess.TimeoutExpired:
        return f"no end within {WITHIN_S:g} s", 1
    return done.stdout.strip(), done.returncode
