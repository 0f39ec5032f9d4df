"""The receipt: which files were written, and what was in them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

from vipd.errors import VipdError

_FORMAT: Final = 1


def digest(content: bytes) -> str:
    """What the receipt keeps of a file."""
    return sha256(content).hexdigest()


def write_receipt(version: str, files: Iterable[tuple[Path, bytes]]) -> bytes:
    """The receipt of these files, as it stands in its own."""
    digests = {str(path): digest(content) for path, content in files}
    document = {"format": _FORMAT, "version": version, "files": digests}
    return (json.dumps(document, indent=2) + "\n").encode()


def read_receipt(content: bytes | None, place: Path) -> Mapping[Path, str]:
    """The digests by path; none where nothing was ever installed. Raises: VipdError."""
    if content is None:
        return {}
    try:
        document = json.loads(content)
        if document["format"] != _FORMAT:
            raise ValueError
        return {Path(path): str(told) for path, told in document["files"].items()}
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise VipdError(
            f"{place} is not a receipt of this version of vipd.\n"
            "Move it away; the next `vipd install` writes another one."
        ) from error
