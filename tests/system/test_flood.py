"""A flood of adverts of our own VRID, each of them wrong in another way: nobody is starved."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from vipd.core.model import State
from vipd.core.units import MILLISECOND
from vipd.lab.agent import Agent
from vipd.lab.lab import Host, Lab

pytestmark = pytest.mark.alone

PROGRAM = Path(__file__).parents[1] / "support/flood.py"
FLOOD_S, HEARD_S = 5.0, 6.0
PER_SECOND = 50_000
FEWEST = 100_000
"""A slow machine may not send as many in the time; fewer than this are no flood."""

VRID = 51
CONFIG = f"""
[instance.web]
interface = "eth0"
vrid = {VRID}
addresses = ["192.0.2.100/24"]
advert_interval = "100ms"
"""
INTERVAL = 100 * MILLISECOND
MOST_GROWTH_KB = 2048


def run(host: Host, *words: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(PROGRAM), *map(str, words)]
    return host.popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def said(program: subprocess.Popen[bytes]) -> list[int]:
    """What a program has counted."""
    out, errors = program.communicate(timeout=60)
    assert program.returncode == 0, errors.decode()
    counted: int | list[int] = json.loads(out)
    return counted if isinstance(counted, list) else [counted]


def rss_kb(agent: Agent) -> int:
    status = Path(f"/proc/{agent.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


def moves(agent: Agent) -> int:
    return sum(line["event"] == "transition" for line in agent.log())


def test_a_flood_of_bad_checksums_delays_no_advert(
    lab: Lab, record_property: Callable[[str, object], None]
) -> None:
    agent = Agent(lab, lab.add_host("h1", addresses=("192.0.2.11/24",)), CONFIG)
    agent.start()
    agent.wait_state(State.MASTER)
    stranger = lab.add_host("stranger", addresses=("192.0.2.13/24",))
    ear = run(lab.add_host("eyes"), "hear", HEARD_S, agent.host.mac)
    before, moved = rss_kb(agent), moves(agent)
    (sent,) = said(run(stranger, "flood", FLOOD_S, PER_SECOND, VRID))
    heard = said(ear)
    late = max(after - one for one, after in pairwise(heard)) - INTERVAL
    growth = rss_kb(agent) - before
    record_property(
        "figure",
        f"{sent / FLOOD_S:,.0f} bad adverts of our VRID a second for {FLOOD_S:g} s: the adverts of "
        f"100 ms at most {late / MILLISECOND:.1f} ms late, memory grown by {growth} KiB",
    )
    assert sent >= FEWEST
    assert len(heard) >= 10
    assert late < INTERVAL
    assert growth < MOST_GROWTH_KB
    assert moves(agent) == moved
