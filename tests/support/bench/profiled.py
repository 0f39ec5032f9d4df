"""`vipd` under cProfile, which counts from SIGUSR1 to SIGUSR2 and then writes its file.

    python -m bench.profiled FILE run --config ...

Why: what an agent does once, at its start, would hide what it does all the time.
"""

from __future__ import annotations

import cProfile
import runpy
import signal
import sys
from pathlib import Path


def main() -> None:
    """Run from the command line."""
    file = Path(sys.argv[1])
    profile = cProfile.Profile()

    def end() -> None:
        profile.disable()
        unfinished = file.with_suffix(".part")
        profile.dump_stats(unfinished)
        unfinished.rename(file)

    signal.signal(signal.SIGUSR1, lambda _number, _frame: profile.enable())
    signal.signal(signal.SIGUSR2, lambda _number, _frame: end())
    sys.argv = ["vipd", *sys.argv[2:]]
    runpy.run_module("vipd", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
