"""Two hosts with an agent each, as most tests of the lab have them."""

from __future__ import annotations

from datetime import datetime
from ipaddress import ip_interface

from vipd.core.model import State
from vipd.lab.agent import Agent
from vipd.lab.lab import Host, Lab

VIP = ip_interface("192.0.2.100/24")
ADDRESS = str(VIP.ip)
PRIORITIES = (150, 100)
START_WITHIN_S = 20.0
SETTLED = {State.MASTER, State.FAULT}


def hosts(lab: Lab) -> tuple[Host, Host]:
    """Two hosts on the switch."""
    first = lab.add_host("h1", addresses=("192.0.2.11/24",))
    return first, lab.add_host("h2", addresses=("192.0.2.12/24",))


def duo(
    lab: Lab, pair: tuple[Host, Host], keys: str = "", tables: str = "", interval: str = "100ms"
) -> tuple[Agent, Agent]:
    """Agents on two hosts, started; HERE in their configuration is the directory of the host.

    The second one is started when the first one is what it will be.
    """
    agents: list[Agent] = []
    for host, priority in zip(pair, PRIORITIES, strict=True):
        config = (
            f'[instance.web]\ninterface = "eth0"\nvrid = 51\naddresses = ["{VIP}"]\n'
            f'priority = {priority}\nadvert_interval = "{interval}"\n{keys}\n{tables}\n'
        )
        agents.append(Agent(lab, host, config.replace("HERE", str(host.directory))))
        agents[-1].start()
        lab.wait_until(lambda: agents[0].state() in SETTLED, START_WITHIN_S, "the first one starts")
    return agents[0], agents[1]


def serving(agents: tuple[Agent, Agent]) -> tuple[Agent, Agent]:
    """The same, once the first one serves and the second one follows."""
    agents[0].wait_state(State.MASTER)
    agents[1].wait_state(State.BACKUP)
    return agents


def transitions(agent: Agent) -> list[tuple[datetime, str, str]]:
    """When an instance became what, and why."""
    return [
        (datetime.fromisoformat(line["timestamp"]), line["new"], line["cause"])
        for line in agent.log()
        if line["event"] == "transition"
    ]
