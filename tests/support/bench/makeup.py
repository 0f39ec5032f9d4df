"""`python -m bench.makeup`: what the memory of an agent consists of, before it has an instance.

Theory of operation. A new process imports what the agent would, one library after the other, and
tells after each what it has resident. What several of them need counts for the first: the standard
library comes before all others, vipd last.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

LOADED: Final = "import sys, vipd.cli.run; print(*sys.modules)"
BARE: Final = "import sys; print(*sys.modules)"
WEIGH: Final = r"""
import sys

def weigh():
    with open("/proc/self/smaps_rollup") as file:
        lines = dict(line.split(":", 1) for line in file.read().splitlines()[1:])
    return [int(lines[what].split()[0]) for what in ("Rss", "Pss")]

found = [weigh()]
for step in sys.argv[1:]:
    exec(step)
    found.append(weigh())
import json
print(json.dumps(found))
"""
LIBRARIES: Final = ("click", "msgspec", "structlog", "pyroute2")
KIBIBYTES: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one part has added: modules, and memory, of which `pss` leaves out its share of what
    other processes have, too. Units: kibibytes."""

    name: str
    modules: int
    rss: int
    pss: int


def makeup() -> Sequence[Part]:
    """The parts of an agent that has loaded its code, in the order of their import."""
    modules = {"the interpreter": _names(BARE), **_modules()}
    weights = json.loads(_run(WEIGH, *_steps(modules)))
    before = [[0, 0], *weights]
    return [
        Part(name=name, modules=len(names), rss=rss - old_rss, pss=pss - old_pss)
        for (name, names), (rss, pss), (old_rss, old_pss) in zip(
            modules.items(), weights, before[:-1], strict=True
        )
    ]


def _modules() -> Mapping[str, Sequence[str]]:
    """The modules that the agent loads, by whose they are; those of C that others load not."""
    loaded, bare = _names(LOADED), _names(BARE)

    def of(package: str) -> list[str]:
        return [name for name in loaded if name.partition(".")[0] == package]

    top = sys.stdlib_module_names
    own = [name for name in loaded if name.partition(".")[0] in top and name not in bare]
    public = [name for name in own if not name.startswith(("_", "typing."))]
    return {
        "the standard library": public,
        **{library: of(library) for library in LIBRARIES},
        "vipd": of("vipd"),
    }


def _steps(modules: Mapping[str, Sequence[str]]) -> Sequence[str]:
    """The parts as code, with what the agent does without, as in `vipd.log` and in others."""
    begin = "from vipd.lean import in_parts, without\nin_parts('pyroute2')\n"
    absent = "with without('ssl', 'rich', 'better_exceptions'):\n    import "
    parts = [name for name in modules if name != "the interpreter"]
    return [begin + absent + ", ".join(modules[name]) for name in parts]


def _names(script: str) -> Sequence[str]:
    return _run(script).split()


def _run(script: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout


def main() -> None:
    """Print them, and what they come to."""
    parts = makeup()
    whole = Part(
        name="all of it",
        modules=sum(one.modules for one in parts),
        rss=sum(one.rss for one in parts),
        pss=sum(one.pss for one in parts),
    )
    lines = [f"{'':22}{'modules':>8}{'RSS':>10}{'PSS':>10}  MiB"]
    for one in (*parts, whole):
        rss, pss = one.rss / KIBIBYTES, one.pss / KIBIBYTES
        lines.append(f"{one.name:22}{one.modules:8}{rss:10.1f}{pss:10.1f}")
    sys.stdout.write("\n".join([*lines, ""]))


if __name__ == "__main__":
    main()
