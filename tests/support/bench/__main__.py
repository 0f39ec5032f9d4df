"""Measure vipd and keepalived in turn and print one table; exit 1 when something did not work."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from bench import instruction
from bench.contender import CONTENDERS, Contender
from bench.figure import Figure, Reading, figures
from bench.load import load
from bench.machine import machine
from bench.plan import FULL, MANY, QUICK, Plan
from bench.profiling import profiles
from bench.stop import stops
from bench.table import table
from bench.takeover import takeovers
from vipd.errors import VipdError
from vipd.lab.pause import Pause, StopRequested, StopSignals

AHEAD = -10
"""The niceness of everything here, where it is permitted: to measure the daemons, not what else a
shared machine does. Both daemons inherit it."""

Measure: TypeAlias = Callable[[Contender], Iterator[Reading]]
BREAKS = (VipdError, OSError, subprocess.SubprocessError)


@dataclass(slots=True)
class Results:
    """All that was read so far, and what did not work."""

    readings: list[tuple[str, Reading]] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def take(self, name: str, contender: Contender, measure: Measure) -> None:
        """Measure one contender; what breaks it off is noted."""
        try:
            self.readings += [(contender.name, one) for one in measure(contender)]
        except BREAKS as error:
            self.broken.append(f"{contender.name}, {name}: {error}")


def main() -> int:
    """Run from the command line."""
    options = _options()
    plan = QUICK if options.quick else FULL
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, AHEAD)
    try:
        with StopSignals() as signals:
            if options.instructions:
                return _count(write=options.write)
            if options.profile:
                return _say(*profiles(plan.profile_s, signals.pause))
            return _bench(options, plan, signals.pause)
    except (StopRequested, *BREAKS) as ended:
        _say(str(ended))
        return 1


def _bench(options: argparse.Namespace, plan: Plan, pause: Pause) -> int:
    began, about, results = time.monotonic(), machine(), Results()
    for name, measure in _measures(plan, pause):
        if options.only and options.only not in name:
            continue
        for contender in CONTENDERS:
            if reason := contender.missing():
                results.broken.append(f"{contender.name}, {name}: {reason}")
                continue
            results.take(name, contender, measure)
            _say(f"{time.monotonic() - began:4.0f} s  {contender.name}: {name}")
    found = figures(results.readings)
    seconds = round(time.monotonic() - began)
    _say(*table(found), *results.broken)
    _say(", ".join(f"{key} {value}" for key, value in about.items()) + f"; {seconds} s")
    kind = "quick" if options.quick else "full"
    report = {"machine": about, "run": kind, "seconds": seconds, "broken": results.broken}
    _say(str(_write(options.json, report, found)))
    return 1 if results.broken else 0


def _measures(plan: Plan, pause: Pause) -> Iterator[tuple[str, Measure]]:
    """Everything that can be measured, by the name that --only looks into."""
    for (count, interval_ms), takes in plan.takes.items():
        yield (
            f"takeover {count} x {interval_ms} ms",
            partial(takeovers, count=count, interval_ms=interval_ms, takes=takes, pause=pause),
        )
    for interval_ms in plan.load_s:
        yield (
            f"load {MANY} x {interval_ms} ms",
            partial(load, interval_ms=interval_ms, plan=plan, pause=pause),
        )
    for interval_ms, times in plan.stops.items():
        yield (
            f"stop {interval_ms} ms",
            partial(stops, interval_ms=interval_ms, times=times, pause=pause),
        )


def _write(file: Path | None, report: dict[str, Any], found: Sequence[Figure]) -> Path:
    """Write the report for a script, and say where: where nobody said, in a file of its own."""
    if file is None:
        handle, name = tempfile.mkstemp(prefix="vipd-bench-", suffix=".json")
        os.close(handle)
        file = Path(name)
    whole = {**report, "figures": [one.as_json() for one in found]}
    file.write_text(json.dumps(whole, indent=2, allow_nan=False) + "\n")
    return file


def _count(*, write: bool) -> int:
    """Print the instructions of each kind of event, and judge them by the reference."""
    if reason := instruction.missing():
        return 1 + _say(f"skipped: {reason}")
    counted = instruction.count()
    if write:
        instruction.commit(counted)
    known = instruction.reference()
    _say(*(f"{now:8} instructions: {kind}" for kind, now in counted.items()))
    if known is None:
        return 1 + _say(f"no reference for {instruction.platform_name()}: make one with --write")
    said = list(instruction.regressions(counted, known))
    return bool(said) + _say(*said)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", metavar="TEXT", help="only measurements with this in their name")
    parser.add_argument(
        "--quick", action="store_true", help="short spans, not all of them: less than two minutes"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write all values")
    parser.add_argument(
        "--profile", action="store_true", help="where the CPU of an agent goes, by function"
    )
    parser.add_argument(
        "--instructions", action="store_true", help="instructions per event of the pure core"
    )
    parser.add_argument(
        "--write", action="store_true", help="with --instructions: make them the reference"
    )
    return parser.parse_args()


def _say(*lines: str) -> int:
    for line in lines:
        sys.stdout.write(line + "\n")
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
