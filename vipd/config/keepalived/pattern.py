"""The braces of an include's pattern: `conf.d/{a,b}.conf` is two patterns."""

from __future__ import annotations

import re
from typing import Final

MOST_PATTERNS: Final = 1_000

_INNERMOST: Final = re.compile(r"\{([^{}]*)\}")


def patterns(written: str) -> list[str]:
    """The patterns that one with braces stands for, in the order of the shell's."""
    found = [written]
    done: list[str] = []
    while found and len(found) + len(done) <= MOST_PATTERNS:
        one = found.pop(0)
        match = _INNERMOST.search(one)
        if match is None:
            done.append(one)
        else:
            before, after = one[: match.start()], one[match.end() :]
            found[:0] = [f"{before}{part}{after}" for part in match[1].split(",")]
    return list(dict.fromkeys(done))
