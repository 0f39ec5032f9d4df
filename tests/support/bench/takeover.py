"""Takeovers after silence: how long after the protocol's limit a BACKUP speaks and announces.

A scripted MASTER falls silent again and again. The limit of a virtual router is the last advert on
the wire and Master_Down_Interval, for the priority of the BACKUP. RFC: 9568 §6.1.
"""

from __future__ import annotations

from collections.abc import Iterator

from chaos.daemon import Daemon, Part
from interop_mode import address

from bench.capture import Capture
from bench.contender import Contender, Router, routers
from bench.eyes import Eyes, Voice
from bench.figure import Reading
from bench.plan import MANY
from bench.process import listens, memory_kb, time_start
from bench.silence import Limit, excesses, last_ones
from bench.voice import Script
from vipd.control.client import NoAgent, ask
from vipd.control.messages import StatusRequest
from vipd.core.units import SECOND
from vipd.lab.lab import Host, Lab
from vipd.lab.pause import Pause

PRIORITY = 100
SPEAK_S = {1: 0.3, MANY: 1.0}
"""Time to yield, and to be quiet again; never less than two adverts."""

BEYOND_S = {1: 0.3, MANY: 1.0}
"""How long beyond the limit a takeover is waited for."""

MEBIBYTE_KB = 1024


def takeovers(
    contender: Contender, count: int, interval_ms: int, takes: int, pause: Pause
) -> Iterator[Reading]:
    """Have one daemon with so many routers take over so often; what it took to start it, too."""
    modes = routers(count, interval_ms)
    with Lab(pause=pause) as lab:
        host, peer = (
            lab.add_host(name, addresses=[str(address(4, number))])
            for name, number in (("a", 11), ("peer", 12))
        )
        daemon = contender.kind(lab, host, Part(modes=modes, priority=PRIORITY))
        eyes = Eyes(lab, peer)
        yield from _start(lab, contender, daemon, count)
        Voice(lab, peer, _script(peer, modes, takes)).wait()
        yield from _memory(daemon, count)
        yield from _read(eyes.close(), host, peer, modes)


def _script(peer: Host, modes: tuple[Router, ...], takes: int) -> Script:
    interval_s = modes[0].interval_ms / 1000
    return Script(
        mac=peer.mac,
        source=str(address(4, 12).ip),
        count=len(modes),
        interval_ms=modes[0].interval_ms,
        takes=takes,
        speak_s=max(SPEAK_S[len(modes)], interval_s),
        silent_s=modes[0].down_after(PRIORITY) / SECOND + BEYOND_S[len(modes)],
    )


def _start(lab: Lab, contender: Contender, daemon: Daemon, count: int) -> Iterator[Reading]:
    after = time_start(lab, daemon, contender.command)

    def reading(what: str, value: float) -> Reading:
        text = f"{what}, {_of(count)}"
        return Reading(topic="start-up, from exec", what=text, unit="ms", values=[value])

    yield reading("listens to adverts", after(lambda: listens(daemon.host)))
    if contender.is_ours:
        yield reading("answers `vipd status`", after(lambda: _answers(daemon.host)))


def _answers(host: Host) -> bool:
    try:
        ask(host.directory / "control.sock", StatusRequest())
    except NoAgent:
        return False
    return True


def _memory(daemon: Daemon, count: int) -> Iterator[Reading]:
    for what in ("Rss", "Pss"):
        values = [memory_kb(daemon.pids(), what) / MEBIBYTE_KB]
        text = f"{what.upper()}, {_of(count)}"
        yield Reading(topic="memory, all processes", what=text, unit="MiB", values=values)


def _read(capture: Capture, host: Host, peer: Host, modes: tuple[Router, ...]) -> Iterator[Reading]:
    """The excesses of all routers, and what they come to."""
    limit = Limit(interval=modes[0].interval, down=modes[0].down_after(PRIORITY))
    spoken = {mode: capture.adverts_of(peer.mac, mode.vrid) for mode in modes}
    adverts = [
        excesses(spoken[mode], capture.adverts_of(host.mac, mode.vrid), limit) for mode in modes
    ]
    announced = [
        excesses(spoken[mode], capture.announcements_of(host.mac, mode.vip.ip.packed), limit)
        for mode in modes
    ]
    topic = f"takeover after its limit, {_of(len(modes))} at {modes[0].interval_ms} ms"
    found = {
        "first advert": [value for router in adverts for value in router],
        "first announcement": [value for router in announced for value in router],
    }
    if len(modes) > 1:
        found["the last address announced"] = last_ones(announced)
    for what, values in found.items():
        yield Reading(topic=topic, what=what, unit="ms", values=values)


def _of(count: int) -> str:
    return f"{count} instance" if count == 1 else f"{count} instances"
