"""A crowd on the control sockets of two agents, friendly and not, while the address moves between
them at an interval of 100 ms: no advert is missed, and nothing grows."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from commanding import codes, said, wait_peer
from duo import duo, hosts, serving

from vipd.control.client import NoAgent, ask
from vipd.control.messages import FailoverRequest, OrderReply
from vipd.core.units import MILLISECOND
from vipd.lab.agent import Agent
from vipd.lab.bystander import Bystander
from vipd.lab.lab import Lab

pytestmark = pytest.mark.alone

PROGRAM = Path(__file__).parents[1] / "support/socket_load.py"
LOAD_S = 5.0
INTERVAL = 100 * MILLISECOND
MOST_GROWTH_KB = 5 * 1024
FEWEST_ANSWERS = 500
FEWEST_MOVES = 4
AT_REST = 5
"""So many adverts pass between two moves: a MASTER that is left in peace keeps its pace as well."""


def crowd(agent: Agent) -> subprocess.Popen[bytes]:
    """The crowd, on the host of an agent."""
    command = [sys.executable, str(PROGRAM), str(agent.socket), str(LOAD_S)]
    return agent.host.popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def came_of(program: subprocess.Popen[bytes]) -> dict[str, Any]:
    """What the crowd has seen, at its end."""
    out, errors = program.communicate(timeout=60)
    assert program.returncode == 0, errors.decode()
    seen: dict[str, Any] = json.loads(out)
    return seen


def rss_kb(agent: Agent) -> int:
    status = Path(f"/proc/{agent.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


def move(agents: tuple[Agent, Agent]) -> bool:
    """Order whoever serves to hand over; whether somebody did. The crowd may be in the way."""
    for agent in agents:
        try:
            reply = ask(agent.socket, FailoverRequest(), timeout_s=LOAD_S)
        except NoAgent:
            continue
        if isinstance(reply, OrderReply) and all(one.done for one in reply.outcomes):
            return True
    return False


def hear_more(lab: Lab, bystander: Bystander, count: int) -> None:
    """Wait until so many adverts more have passed."""
    enough = len(bystander.adverts()) + count
    lab.wait_until(lambda: len(bystander.adverts()) >= enough, 10, "adverts")


def test_a_crowd_delays_no_advert_while_the_address_moves(
    lab: Lab, record_property: Callable[[str, object], None]
) -> None:
    agents = serving(duo(lab, hosts(lab)))
    for agent in agents:
        wait_peer(lab, agent, "the other one is ready", ready=True)
    bystander = Bystander(lab, lab.add_host("eyes"))
    hear_more(lab, bystander, AT_REST)
    assert move(agents)
    before = [rss_kb(agent) for agent in agents]
    begun, moves = len(bystander.adverts()), 0
    crowds = [crowd(agent) for agent in agents]
    while any(one.poll() is None for one in crowds):
        moves += move(agents)
        hear_more(lab, bystander, AT_REST)
    seen = [came_of(one) for one in crowds]
    passed = bystander.adverts()[begun:]
    gaps = [after.time_ns - one.time_ns for one, after in pairwise(passed)]
    at_rest = [
        after.time_ns - one.time_ns for one, after in pairwise(passed) if one.host == after.host
    ]
    growth = [rss_kb(agent) - kb for agent, kb in zip(agents, before, strict=True)]
    answered = [each["seen"]["answered"] for each in seen]
    crowded = sum(sum(each["seen"].values()) for each in seen)
    record_property(
        "figure",
        f"{crowded / LOAD_S:,.0f} connections a second, {sum(answered) / LOAD_S:,.0f} answered, "
        f"the slowest in {max(each['slowest_s'] for each in seen) * 1000:.0f} ms; {moves} "
        f"failovers; {len(gaps)} adverts, at most {max(at_rest) / MILLISECOND:.0f} ms apart where "
        f"100 ms are usual, {max(gaps) / MILLISECOND:.0f} ms with the failovers; memory grown by "
        f"{max(growth)} KiB",
    )
    assert moves >= FEWEST_MOVES
    assert min(answered) >= FEWEST_ANSWERS
    assert max(gaps) <= 2 * INTERVAL
    assert max(growth) < MOST_GROWTH_KB
    for agent in agents:
        assert set(codes(agent, "transition")) <= {
            "started",
            "master_silent",
            "master_released",
            "failover",
        }
        assert [line for line in agent.log() if line["level"] in {"error", "critical"}] == []
        assert "web" in said(agent, "status")
