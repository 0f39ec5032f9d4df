"""The file tracker: what a file's presence means, or the number that is in it.

A drain is a file whose presence is down. With `number` the content is the weight; a file that does
not exist then means what the absence of a present file means, without a weight. It belongs on a
local file system: the loop itself reads it.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from vipd.core.config import TrackerConfig
from vipd.track.following import Following
from vipd.track.outcome import Outcome, Tracker

HEAVIEST: Final = 253
"""More than that no priority can rise or fall."""

_LONGEST: Final = 64
"""Units: bytes. What is longer is no such number."""


def make(config: TrackerConfig) -> Tracker:
    """A tracker that follows `path`."""
    path = Path(config.options["path"])
    number: bool = config.options.get("number", False)
    present_is_up: bool = config.options.get("present", "up") == "up"

    def look() -> Outcome:
        try:
            return _read_weight(path) if number else _see(path, present_is_up=present_is_up)
        except (FileNotFoundError, NotADirectoryError):
            return Outcome(ok=not present_is_up, text=f"{path} does not exist")
        except OSError as error:
            return Outcome(ok=False, text=f"{path}: {error.strerror or error}")

    return Following(path, look, config.interval)


def _see(path: Path, *, present_is_up: bool) -> Outcome:
    path.stat()
    return Outcome(ok=present_is_up, text=f"{path} exists")


def _read_weight(path: Path) -> Outcome:
    """Read the weight. Why not blocking: the path may be a pipe that nobody writes to."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return Outcome(ok=False, text=f"{path} is no regular file")
        content = os.read(descriptor, _LONGEST + 1)
    finally:
        os.close(descriptor)
    return _weigh(path, content)


def _weigh(path: Path, content: bytes) -> Outcome:
    said = repr(content.decode(errors="replace").strip())
    try:
        weight = int(content)
    except ValueError:
        return Outcome(ok=False, text=f"{path} has no number in it, but {said}")
    if abs(weight) > HEAVIEST:
        return Outcome(ok=False, text=f"{path} says {said}, not within -{HEAVIEST}..{HEAVIEST}")
    return Outcome(ok=True, text=f"weight {weight}", weight=weight)
