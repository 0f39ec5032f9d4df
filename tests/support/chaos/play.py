"""The plays: which scenario, at which interval, how often; and how each becomes table rows."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Event
from types import TracebackType
from typing import Final, Self

from chaos import scenario
from chaos.daemon import KINDS
from chaos.scenario import Scenario
from chaos.seen import Row, Seen
from chaos.stage import Stage
from vipd.errors import VipdError
from vipd.lab.lab import Lab
from vipd.lab.namespace import SEARCH_PATH
from vipd.lab.pause import Pause

HOLD: Final = ('takeover_probe = "hold"',)
NFT: Final = {"nft": "nftables"}
VIPD, KEEPALIVED = "vipd", "keepalived"


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """One scenario, done `times` times to one kind of daemon at one interval.

    `rows` are those of the table that it fills. `needs` are programs with their packages.
    """

    scenario: Scenario
    rows: tuple[str, ...]
    interval_ms: int
    times: int
    daemon: str = VIPD
    instances: int = 1
    more: tuple[str, ...] = ()
    needs: Mapping[str, str] | None = None

    def __str__(self) -> str:
        """What it is called in a list."""
        return f"{' + '.join(self.rows)}, {self.interval_ms} ms"

    def missing(self) -> str | None:
        """Why it cannot be played here; None when it can."""
        programs = {**KINDS[self.daemon].PROGRAMS, **(self.needs or {})}
        for program, package in programs.items():
            if shutil.which(program, path=SEARCH_PATH) is None:
                return f"{program} is not installed: apt-get install {package}"
        if KINDS[self.daemon].PROGRAMS and os.geteuid() != 0:
            return f"{self.daemon} needs root, not only a user namespace"
        return None

    def perform(self, pause: Pause) -> tuple[Row, ...]:
        """Play it in a lab of its own; what breaks it off is in its rows."""
        seen: dict[str, list[Seen]] = {row: [] for row in self.rows}
        name, broken = self.daemon, None
        try:
            with Lab(pause=pause) as lab:
                stage = Stage(
                    lab,
                    KINDS[self.daemon],
                    self.interval_ms,
                    instances=self.instances,
                    more=self.more,
                )
                name = stage.a.version
                for row, one in self.scenario(stage, self.times):
                    seen[row].append(one)
        except (VipdError, OSError, subprocess.SubprocessError) as error:
            broken = str(error)
        return tuple(
            Row(
                scenario=row,
                interval_ms=self.interval_ms,
                daemon=name,
                seen=tuple(seen[row]),
                broken=broken,
            )
            for row in self.rows
        )


class Curtain(Exception):
    """The house closes before the play is over."""


class House:
    """Plays side by side, each in a lab and a thread of its own, until the block ends.

    Why threads: a lab's processes die with the thread that has started them, and each thread does
    little but wait.
    """

    def __init__(self, stages: int) -> None:
        self._pool = ThreadPoolExecutor(max_workers=stages)
        self._closing = Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let what plays end at its next pause, which takes its lab down."""
        self._closing.set()
        self._pool.shutdown(cancel_futures=True)

    def begin(self, play: Play) -> Future[tuple[Row, ...]]:
        """Play it as soon as a stage is free."""
        return self._pool.submit(play.perform, self._pause)

    def _pause(self, seconds: float) -> None:
        if self._closing.wait(seconds):
            raise Curtain


def plays(interval_ms: int, times: int) -> tuple[Play, ...]:
    """Every scenario for vipd at one interval, `times` times each where nothing else is said.

    Order: what takes longest begins first.
    """

    def play(what: Scenario, *rows: str, times: int = times, more: tuple[str, ...] = ()) -> Play:
        return Play(scenario=what, rows=rows, interval_ms=interval_ms, times=times, more=more)

    firewalls = (
        play(scenario.firewall_in, scenario.FIREWALL_IN),
        play(scenario.firewall_out, scenario.FIREWALL_OUT),
        play(scenario.hold_in, scenario.HOLD_IN, more=HOLD),
        play(scenario.hold_out, scenario.HOLD_OUT, more=HOLD),
    )
    return (
        play(scenario.frozen_four_seconds, scenario.FROZEN_4S, times=4 * times),
        play(scenario.recreated, scenario.RECREATED, times=6 * times),
        play(scenario.frozen_and_thawed, scenario.FROZEN),
        play(scenario.stopped_and_returned, scenario.STOPPED, scenario.RETURNED),
        play(scenario.killed, scenario.KILLED),
        play(scenario.restarted, scenario.RESTARTED),
        play(scenario.cut, scenario.CUT),
        replace(
            play(scenario.deleted, scenario.DELETED, times=10 * times),
            instances=2 * times,
        ),
        *(replace(one, needs=NFT) for one in firewalls),
    )


def rival(play: Play) -> Play | None:
    """The same for keepalived; None where it has no such thing.

    Why fewer: a deleted address costs it an election, and twenty times the same is no news.
    """
    if play.more:
        return None
    most: dict[Scenario, int] = {
        scenario.deleted: 5,
        scenario.frozen_four_seconds: 5,
        scenario.recreated: 10,
    }
    times = min(play.times, most.get(play.scenario, play.times))
    return replace(play, daemon=KEEPALIVED, instances=1, times=times)
