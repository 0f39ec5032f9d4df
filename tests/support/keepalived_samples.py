"""Configurations of keepalived, in the styles that are found in the wild, and how they are read."""

from __future__ import annotations

from pathlib import Path

from vipd.cli.import_ import include
from vipd.config.keepalived.convert import Imported, convert
from vipd.config.keepalived.parse import Document, parse

DIRECTORY = Path(__file__).parents[1] / "golden/import"
SAMPLES = sorted(file.stem for file in DIRECTORY.glob("*.conf"))
HOST = "lb1"
"""What conditions are compared with."""

PROGRAMS = {name: f"/usr/bin/{name}" for name in ("pidof", "pgrep", "killall")} | {
    "ip": "/usr/sbin/ip"
}


def read(name: str) -> Document:
    """A sample as a tree; it is called by its name, wherever the tests are."""
    text = (DIRECTORY / f"{name}.conf").read_text(encoding="utf-8")
    return parse(text, f"{name}.conf", host=HOST, include=_include)


def imported(name: str) -> Imported:
    """What becomes of a sample on a host with a few programs."""
    return convert(read(name), f"{name}.conf", PROGRAMS.get)


def _include(pattern: str, directory: str) -> list[tuple[str, str]]:
    found = include(pattern, str(DIRECTORY / directory))
    return [(str(Path(path).relative_to(DIRECTORY)), text) for path, text in found]
