"""Where the CPU of an agent goes: 255 virtual routers at 20 ms, as MASTER and as BACKUP.

The agent runs under cProfile, which makes every call dearer: read the shares, not the seconds. The
shares are of the time in which it did not wait.
"""

from __future__ import annotations

import io
import pstats
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from chaos.daemon import Part, Vipd
from interop_mode import address

from bench.contender import module, routers
from bench.eyes import Voice
from bench.plan import MANY
from bench.voice import Script
from vipd.control.client import NoAgent, ask
from vipd.control.messages import ErrorReply, StatusRequest
from vipd.core.model import State
from vipd.lab.lab import Host, Lab
from vipd.lab.pause import Pause

INTERVAL_MS = 20
PRIORITY = 100
HEAVIEST = 25
WAITING = "select.epoll"
START_TIMEOUT_S = 60.0
REST_S = 6.0
ROOT = Path(__file__).parents[3]


def profiles(seconds: float, pause: Pause) -> Iterator[str]:
    """The heaviest functions of a MASTER, then those of a BACKUP, as lines for a person."""
    for state in (State.MASTER, State.BACKUP):
        yield f"{state.value} of {MANY} instances at {INTERVAL_MS} ms, {seconds:g} s of cProfile:"
        yield from _told(_profile(state, seconds, pause))


def _profile(state: State, seconds: float, pause: Pause) -> pstats.Stats:
    """Profile an agent that has been in a state for a while."""
    with Lab(pause=pause) as lab:
        host, peer = (
            lab.add_host(name, addresses=[str(address(4, number))])
            for name, number in (("a", 11), ("peer", 12))
        )
        modes = routers(MANY, INTERVAL_MS)
        Vipd(lab, host, Part(modes=modes, priority=PRIORITY))  # It writes the configuration.
        file = host.directory / "profile"
        if state is State.BACKUP:
            Voice(lab, peer, _script(peer, seconds + REST_S + START_TIMEOUT_S))
        agent = _start(host, file)
        what = f"the agent is {state.value} everywhere"
        lab.wait_until(lambda: _all_are(host, state), START_TIMEOUT_S, what)
        lab.pause(REST_S)
        agent.send_signal(signal.SIGUSR1)
        lab.pause(seconds)
        agent.send_signal(signal.SIGUSR2)
        lab.wait_until(file.exists, START_TIMEOUT_S, "the profile is written")
        return pstats.Stats(str(file), stream=io.StringIO())


def _start(host: Host, file: Path) -> subprocess.Popen[bytes]:
    config = str(host.directory / "vipd.toml")
    command = module("profiled", str(file), "run", "--config", config, "--log-format", "json")
    with (host.directory / "log.jsonl").open("wb") as log:
        return host.popen(command, stdout=log, stderr=log)


def _script(peer: Host, seconds: float) -> Script:
    return Script(
        mac=peer.mac,
        source=str(address(4, 12).ip),
        count=MANY,
        interval_ms=INTERVAL_MS,
        takes=1,
        speak_s=seconds,
        silent_s=0,
    )


def _all_are(host: Host, state: State) -> bool:
    try:
        reply = ask(host.directory / "control.sock", StatusRequest())
    except NoAgent:
        return False
    assert not isinstance(reply, ErrorReply), "nothing was asked for by name"
    return all(one.state is state for one in reply.status.instances)


def _told(stats: pstats.Stats) -> Iterator[str]:
    """One line for each of the heaviest functions, by the time spent in itself."""
    everything = stats.stats.items()  # type: ignore[attr-defined]
    working = (entry for entry in everything if WAITING not in entry[0][2])
    entries = sorted(working, key=lambda entry: -entry[1][2])
    total = sum(entry[1][2] for entry in entries)
    yield f"{'share':>7}  {'own s':>7}  {'calls':>8}  function"
    for (place, line, name), (_, calls, own, _, _) in entries[:HEAVIEST]:
        yield f"{own / total:7.1%}  {own:7.3f}  {calls:8}  {_where(place, line)}{name}"


def _where(file: str, line: int) -> str:
    """A short name for a place; built-in functions have none."""
    if file == "~":
        return ""
    path = Path(file)
    short = path.relative_to(ROOT) if path.is_relative_to(ROOT / "vipd") else path.name
    return f"{short}:{line} "
