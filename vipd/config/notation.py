"""What is attached to the types of the schema: the words and readers that a type cannot have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import UNSET, Meta, Struct

left_out: Final[Any] = UNSET
"""The default of every key that the file need not have."""


def written(
    hint: str,
    read: Callable[[Any], object] | None = None,
    *,
    secret: bool = False,
    instead: Callable[[object], str] | None = None,
    kinds: Mapping[str, type[Struct]] | None = None,
) -> Meta:
    """Attach to a type the hint for its problems and the reader of its text.

    What is secret is never repeated in a problem. `instead` says how to write what stands there so
    that the key takes it; it goes before the hint. A table with `kinds` has the keys of the kind
    that its key `type` names.
    """
    extra = {"hint": hint, "read": read, "secret": secret, "instead": instead, "kinds": kinds}
    return Meta(extra=extra)


def told(about: str, *, takes: str = "", absent: str = "") -> Meta:
    """Attach to a type what the documentation says of its key.

    `takes` is for where the type alone does not tell; `absent` is what holds without the key.
    """
    return Meta(extra={"about": about, "takes": takes, "absent": absent})
