"""Lines that repeat: `~SEQ(N, 1, 3) 192.0.2.${N}` and `~LST({A, B}, {1, x}, {2, y}) ...`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from vipd.config.keepalived.tree import Place, refuse

Names: TypeAlias = dict[str, str]

MOST_REPEATED: Final = 65_536

_REPEAT: Final = re.compile(
    r"~(?P<kind>SEQx?|LST)\((?P<arguments>(?:[^(){}]|\$?\{[^{}]*\})*)\)(?P<rest>.*)", re.DOTALL
)
_ITEM: Final = re.compile(r"\s*(?:\{(?P<several>[^{}]*)\}|(?P<one>[^,]*))\s*(?:,|$)")
_NAME: Final = re.compile(r"[A-Za-z_]\w*", re.ASCII)


def repetitions(
    text: str, replace: Callable[[str], str], place: Place
) -> list[tuple[Names, str]] | None:
    """What the names of a repeating line are in turn, each with the rest of the line.

    None where the line does not repeat. Raises: ConfigError.
    """
    match = _REPEAT.fullmatch(text)
    if match is None:
        return None
    items = list(_items(replace(match["arguments"])))
    names = items[0] if items else ()
    if not names or not all(map(_NAME.fullmatch, names)):
        refuse(place, f"~{match['kind']} begins with the name of a variable", "such as ~SEQ(N, 3)")
    if match["kind"] == "LST":
        rows = items[1:]
    else:
        rows = [(one,) for one in _counted(match["kind"], items[1:], place)]
    if any(len(row) != len(names) for row in rows):
        hint = "such as ~LST({A, B}, {1, x}, {2, y})"
        refuse(place, f"~LST needs {len(names)} values each time", hint)
    return [(dict(zip(names, row, strict=True)), match["rest"]) for row in rows]


def _items(arguments: str) -> Iterator[tuple[str, ...]]:
    """The arguments; one in braces has several parts."""
    position = 0
    while position < len(arguments):
        match = _ITEM.match(arguments, position)
        if match is None or match.end() == position:
            return
        several, position = match["several"], match.end()
        parts = several.split(",") if several is not None else [match["one"]]
        yield tuple(part.strip() for part in parts)


def _counted(kind: str, items: list[tuple[str, ...]], place: Place) -> Iterator[str]:
    """The numbers from start to end, of which start and step may be missing."""
    try:
        numbers = [int(one, 16 if kind == "SEQx" else 10) for (one,) in items]
        start, step, end = _bounds(numbers)
    except ValueError:
        refuse(place, f"~{kind} counts whole numbers", "such as ~SEQ(N, 1, 3)")
    steps = range(start, end + (1 if step > 0 else -1), step)
    if len(steps) > MOST_REPEATED:
        refuse(place, f"~{kind} repeats more than {MOST_REPEATED} times")
    return (f"{one:x}" if kind == "SEQx" else str(one) for one in steps)


def _bounds(numbers: list[int]) -> tuple[int, int, int]:
    """Raises: ValueError for what is no sequence."""
    match numbers:
        case [end]:
            return (1, 1, end) if end > 0 else (-1, -1, end)
        case [start, end]:
            return start, 1 if end >= start else -1, end
        case [start, step, end] if step:
            return start, step, end
        case _:
            raise ValueError(numbers)
