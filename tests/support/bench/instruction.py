"""How many instructions an event costs the pure core, counted by callgrind and so repeatable.

A fixed script (`stepping`) is run several times: with no more than the events that warm it up, and
with many of each kind. The differences, by the number of events, are the costs.
They are compared with those that are committed, of the same Python built by the same compiler.
"""

from __future__ import annotations

import json
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from bench.contender import SUPPORT, module
from vipd.errors import VipdError

REFERENCE = Path(__file__).with_name("instruction.json")
MOST: Final = 1.10
EVENTS = 1000
RUN_TIMEOUT_S = 120.0
KINDS = (
    "an advert that is news to a BACKUP",
    "an advert that a BACKUP hears again",
    "a deadline of a MASTER",
)
"""In the order in which the script is told how many."""

COLLECTED = re.compile(r"Collected : (\d+)")


def missing() -> str | None:
    """Why nothing can be counted here; None when it can."""
    return None if shutil.which("valgrind") else "valgrind is not installed"


def platform_name() -> str:
    """What a count depends on: Python, the architecture and the compiler."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{python} {platform.machine()} {platform.python_compiler().strip()}"


def count() -> dict[str, int]:
    """The instructions of each kind of event. Raises: VipdError when the script fails."""
    with tempfile.TemporaryDirectory(prefix="vipd-bench-") as place:
        _run(None, Path(place))  # So that all later ones find their bytecode written.
        idle = _run(None, Path(place))
        return {kind: (_run(kind, Path(place)) - idle) // EVENTS for kind in KINDS}


def _run(many: str | None, place: Path) -> int:
    """Count what one run takes that has many events of a kind, or of none.

    Why so few variables: hashes and the size of the environment change what is counted."""
    counts = [str(EVENTS if kind == many else 0) for kind in KINDS]
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={place / 'out'}"]
    done = subprocess.run(
        [*command, *module("stepping", *counts)[2:]],
        capture_output=True,
        text=True,
        timeout=RUN_TIMEOUT_S,
        env={"PATH": "/usr/bin:/bin", "PYTHONHASHSEED": "0", "PYTHONPATH": str(SUPPORT)},
        check=False,
    )
    found = COLLECTED.search(done.stderr)
    if done.returncode != 0 or found is None:
        raise VipdError(f"the script failed under callgrind: {done.stderr.strip()[-500:]}")
    return int(found[1])


def reference() -> Mapping[str, int] | None:
    """The committed counts for this Python; None where there are none."""
    known: Mapping[str, Mapping[str, int]] = json.loads(REFERENCE.read_text())
    return known.get(platform_name())


def commit(counted: Mapping[str, int]) -> None:
    """Make these the reference for this Python."""
    known = json.loads(REFERENCE.read_text()) if REFERENCE.exists() else {}
    known[platform_name()] = counted
    REFERENCE.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n")


def regressions(counted: Mapping[str, int], known: Mapping[str, int]) -> Iterator[str]:
    """What costs more than it may, for a person."""
    for kind, now in counted.items():
        if kind not in known:
            yield f"{kind}: has no reference; {now} instructions"
        elif now > known[kind] * MOST:
            yield f"{kind}: {now} instructions, {now / known[kind] - 1:+.1%} of {known[kind]}"
