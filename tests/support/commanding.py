"""A person at the command line of a host of the lab, and what that host's agent has noted."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from subprocess import CompletedProcess

from vipd.control.client import ask
from vipd.control.messages import MOST_EVENTS, HistoryReply, HistoryRequest
from vipd.control.report import EventReport, PeerReport
from vipd.lab.agent import Agent
from vipd.lab.lab import Lab

LONG_S = 20.0
"""What a test waits before it counts as failed; never what it takes."""

AS_ROOT: Sequence[str] = (sys.executable,)
"""How to run Python; another user needs other words before it."""


def vipd(agent: Agent, *words: str, python: Sequence[str] = AS_ROOT) -> CompletedProcess[str]:
    """Run `vipd WORDS` beside an agent, to its end."""
    command = [*python, "-m", "vipd", *words, "--socket", str(agent.socket)]
    return agent.host.run(command, check=False)


def said(agent: Agent, *words: str, code: int = 0, python: Sequence[str] = AS_ROOT) -> str:
    """What `vipd WORDS` says, in one line, when it ends with this exit code."""
    done = vipd(agent, *words, python=python)
    assert done.returncode == code, f"{done.returncode}: {done.stdout}{done.stderr}"
    return " ".join((done.stdout + done.stderr).split())


def events(agent: Agent, kind: str | None = None) -> list[EventReport]:
    """What the agent has noted, in order."""
    reply = ask(agent.socket, HistoryRequest(kind=kind, limit=MOST_EVENTS))
    assert isinstance(reply, HistoryReply)
    return list(reply.events)


def codes(agent: Agent, kind: str) -> list[str]:
    """The codes of what it has noted of one kind."""
    return [event.code for event in events(agent, kind)]


def wait_peer(lab: Lab, agent: Agent, what: str, /, **wanted: object) -> PeerReport:
    """Wait until an agent's first instance knows of one peer, and it is so; it, as it is then."""
    known: tuple[PeerReport, ...] = ()

    def is_so() -> bool:
        nonlocal known
        known = agent.instance().peers
        return len(known) == 1 and all(
            getattr(known[0], name) == value for name, value in wanted.items()
        )

    agent.wait_started()
    try:
        lab.wait_until(is_so, LONG_S, what)
    except Exception as error:
        raise AssertionError(f"{agent.host.name}: {what}, not {known}") from error
    return known[0]
