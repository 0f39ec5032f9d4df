"""An agent is real-time unless it is told otherwise."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vipd.core.model import State
from vipd.lab.agent import Agent
from vipd.lab.lab import Lab

WEB = '[instance.web]\ninterface = "eth0"\nvrid = 51\naddresses = ["192.0.2.100/24"]\n'


def policy(pid: int) -> int:
    stat = Path(f"/proc/{pid}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[38])


@pytest.mark.skipif(os.geteuid() != 0, reason="real time is for root")
@pytest.mark.parametrize(
    ("written", "events", "expected"),
    [
        ("true", ["runs in real time"], os.SCHED_RR),
        ("false", [], os.SCHED_OTHER),
    ],
)
def test_real_time_can_be_switched_off(
    lab: Lab, written: str, events: list[str], expected: int
) -> None:
    agent = Agent(lab, lab.add_host("h1", addresses=("192.0.2.11/24",)), WEB)
    text = agent.config.read_text()
    agent.config.write_text(text.replace("[agent]", f"[agent]\nrealtime = {written}"))
    agent.start()
    agent.wait_state(State.MASTER)
    assert policy(agent.pid) == expected
    assert [line["event"] for line in agent.log() if "real time" in line["event"]] == events
