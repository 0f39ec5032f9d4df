"""The units and examples: inside an installed package, or beside the package in a checkout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import vipd
from vipd.errors import VipdError

_PACKAGE: Final = Path(vipd.__file__).parent
_PLACES: Final = (_PACKAGE / "install/material", _PACKAGE.parent / "systemd")
"""Where a wheel has it, and where a checkout does."""


def material() -> Path:
    """The folder. Raises: VipdError."""
    for place in _PLACES:
        if (place / "vipd.service").is_file():
            return place
    raise VipdError(
        f"this vipd has no units to install: {_PLACES[0]} is missing.\n"
        "Install vipd from its wheel, or from a whole checkout."
    )


def below(folder: str, suffix: str) -> Iterator[tuple[str, bytes]]:
    """The files of a folder of the material, by name. Raises: VipdError."""
    for file in sorted((material() / folder).iterdir()):
        if file.name.endswith(suffix):
            yield file.name, file.read_bytes()
