"""Play everything for both daemons side by side and print one table; exit 1 when vipd misses."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, wait

from chaos.play import KEEPALIVED, VIPD, House, Play, plays, rival
from chaos.seen import Row
from chaos.table import judged, table
from vipd.lab.pause import StopRequested, StopSignals

STAGES = 4
TIMES = 5
INTERVALS_MS = (1000, 100)
LOOK_EVERY_S = 0.2


def main() -> int:
    """Run from the command line; the exit status says whether vipd has reached every bound."""
    options = _options()
    wanted = tuple(_wanted(options))
    missing = sorted({f"{one.daemon}: {one.missing()}" for one in wanted if one.missing()})
    for reason in missing:
        _say(f"skipped, {reason}")
    began = time.monotonic()
    try:
        rows = _played([one for one in wanted if not one.missing()], options.stages)
    except StopRequested as stopped:
        _say(str(stopped))
        return 1
    for line in table(rows):
        _say(line)
    missed = sum(bool(judged(row, rows)) for row in rows)
    _say(f"{len(rows)} rows in {time.monotonic() - began:.0f} s; vipd misses {missed}")
    return 1 if missed or (missing and os.environ.get("CI") == "true") else 0


def _played(wanted: Sequence[Play], stages: int) -> list[Row]:
    """Play them, and return their rows in the order of the plays. Raises: StopRequested."""
    began = time.monotonic()
    with StopSignals() as signals, House(stages) as house:
        playing = {house.begin(one): one for one in wanted}
        waiting = set(playing)
        while waiting:
            done, waiting = wait(waiting, LOOK_EVERY_S, FIRST_COMPLETED)
            for future in done:
                play = playing[future]
                _say(f"{time.monotonic() - began:4.0f} s  {play.daemon}: {play}")
            signals.pause(0)
        return [row for future in playing for row in future.result()]


def _wanted(options: argparse.Namespace) -> Iterator[Play]:
    for interval_ms in options.interval or INTERVALS_MS:
        for play in plays(interval_ms, options.times):
            if options.only and not any(options.only in row for row in play.rows):
                continue
            for one in (rival(play), play):
                if one and one.daemon in (options.daemon or (KEEPALIVED, VIPD)):
                    yield one


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--times", type=int, default=TIMES, help="repetitions (default: 5)")
    parser.add_argument("--stages", type=int, default=STAGES, help="plays at a time (default: 4)")
    parser.add_argument("--interval", type=int, action="append", metavar="MS")
    parser.add_argument("--daemon", choices=(KEEPALIVED, VIPD), action="append")
    parser.add_argument("--only", metavar="TEXT", help="only rows with this in their name")
    return parser.parse_args()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
