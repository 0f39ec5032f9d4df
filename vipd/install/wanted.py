"""What an installation consists of: files with their contents, as a function of the program."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vipd.errors import VipdError
from vipd.install.layout import TEMPLATE, UNIT, Layout
from vipd.install.material import below

PACKAGED: Final = b"/usr/bin/vipd"
"""The program that the units of the project name: that of a package."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9/._+@-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """What the command line makes: manual pages by file name, completion scripts by shell."""

    manuals: Mapping[str, str]
    completions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file as it should be."""

    path: Path
    content: bytes


def wanted(program: Path, layout: Layout, pages: Pages) -> tuple[Wanted, ...]:
    """Every file. Raises: VipdError.

    Order: the users come first, because others are made to belong to them.
    """
    return tuple(_files(_plain(program), layout, pages))


def _files(program: bytes, layout: Layout, pages: Pages) -> Iterator[Wanted]:
    for _, content in below("sysusers.d", "vipd.conf"):
        yield Wanted(layout.users, content)
    for name, content in below(".", ".service"):
        assert name in (UNIT, TEMPLATE), f"{name} would be left behind"
        yield Wanted(layout.units / name, content.replace(PACKAGED, program))
    for folder, suffix in (("examples", ".toml"), ("dropins", ".conf")):
        for name, content in below(folder, suffix):
            yield Wanted(layout.documentation / folder / name, content)
    for name, text in pages.manuals.items():
        yield Wanted(layout.manual(name), text.encode())
    for shell, text in pages.completions.items():
        yield Wanted(layout.completion(shell), text.encode())


def _plain(program: Path) -> bytes:
    """A path that means itself in a unit. Raises: VipdError."""
    if not _PLAIN.fullmatch(str(program)):
        raise VipdError(
            f"{program} cannot be named in a unit of systemd: it has a blank or a special "
            "character.\nInstall vipd elsewhere, such as in /opt/vipd."
        )
    return str(program).encode()
