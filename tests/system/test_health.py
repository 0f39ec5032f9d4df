"""Health decides who serves: real servers fail on the MASTER, and its peer serves instead."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from duo import ADDRESS, duo, hosts, serving, transitions
from http_client import HttpClient
from service import Server, nginx
from wiretap import Wiretap

from vipd.control.report import TrackerReport
from vipd.core.model import State
from vipd.core.units import MILLISECOND
from vipd.lab.agent import Agent
from vipd.lab.lab import Lab

pytestmark = pytest.mark.system

Record = Callable[[str, object], None]
Act = Callable[[Server], None]

WATCHES_NGINX = """
[track.nginx]
type = "http"
url = "http://127.0.0.1/"
interval = "100ms"
timeout = "100ms"
fall = 2
rise = 2
"""
PREEMPT_DELAY = timedelta(milliseconds=600)


def tracker(agent: Agent, name: str) -> TrackerReport:
    """What an agent says of one of its trackers."""
    return next(one for one in agent.status().trackers if one.name == name)


def put(file: Path, text: str) -> None:
    """Write a file so that nobody sees half of it."""
    draft = file.with_suffix(".draft")
    draft.write_text(text)
    draft.rename(file)


@pytest.mark.alone
@pytest.mark.parametrize(
    ("fail", "mend"), [(Server.kill, Server.start), (Server.freeze, Server.thaw)]
)
def test_a_dead_or_frozen_web_server_moves_the_address_and_its_return_brings_it_back(
    lab: Lab, record_property: Record, fail: Act, mend: Act
) -> None:
    pair = hosts(lab)
    server, _ = map(nginx, pair)
    keys = f'track = ["nginx"]\npreempt_delay = "{PREEMPT_DELAY.microseconds // 1_000}ms"'
    one, two = serving(duo(lab, pair, keys, WATCHES_NGINX))
    client = lab.add_host("client", addresses=("192.0.2.13/24",))
    with HttpClient(lab, client, ADDRESS) as http:
        http.wait_who("h1")
        lost = http.during(lambda: _fails(server, fail, http, one, two))
        returned = http.during(lambda: _is_mended(server, mend, http, one))
    record_property(
        "figure", f"HTTP, nginx {fail.__name__} on the MASTER: {lost}; back: {returned}"
    )
    assert 0 < lost.outage_ms < 1_500
    assert len(returned.failed) <= 1
    waits = next(at for at, new, _ in reversed(transitions(one)) if new == "BACKUP")
    serves = next(at for at, new, _ in reversed(transitions(one)) if new == "MASTER")
    assert serves - waits >= PREEMPT_DELAY - timedelta(milliseconds=5)


def _fails(server: Server, fail: Act, http: HttpClient, one: Agent, two: Agent) -> None:
    fail(server)
    http.wait_who("h2")
    two.wait_state(State.MASTER)
    one.wait_state(State.FAULT)
    assert one.instance().cause.startswith("nginx: 2 failures in a row: ")
    assert not tracker(one, "nginx").up


def _is_mended(server: Server, mend: Act, http: HttpClient, one: Agent) -> None:
    mend(server)
    one.wait_state(State.MASTER)
    http.wait_who("h1")


@pytest.mark.alone
def test_a_drain_by_a_file_loses_nothing(lab: Lab, record_property: Record) -> None:
    pair = hosts(lab)
    for host in pair:
        nginx(host)
    drain = '[track.drain]\ntype = "file"\npath = "HERE/drain"\npresent = "down"\n'
    one, two = serving(duo(lab, pair, 'track = ["drain"]', drain))
    client = lab.add_host("client", addresses=("192.0.2.13/24",))
    file = one.host.directory / "drain"

    def drained() -> None:
        file.touch()
        http.wait_who("h2")
        one.wait_state(State.FAULT)
        assert one.instance().cause == f"drain: {file} exists"

    def back() -> None:
        file.unlink()
        one.wait_state(State.MASTER)
        http.wait_who("h1")

    with HttpClient(lab, client, ADDRESS) as http:
        http.wait_who("h1")
        away, home = http.during(drained), http.during(back)
    record_property("figure", f"HTTP, the MASTER is drained by a file: {away}; back: {home}")
    assert two.state() is State.BACKUP
    assert len(away.failed) + len(home.failed) <= 2
    assert max(away.outage_ms, home.outage_ms) < 50


def test_the_number_in_a_file_moves_the_address(lab: Lab) -> None:
    pair = hosts(lab)
    for host in pair:
        put(host.directory / "weight", "0\n")
    table = '[track.load]\ntype = "file"\npath = "HERE/weight"\nnumber = true\n'
    one, two = serving(duo(lab, pair, 'track = ["load"]', table))
    put(one.host.directory / "weight", "-60\n")
    two.wait_state(State.MASTER)
    one.wait_state(State.BACKUP)
    report = one.instance()
    assert (report.priority, report.effective_priority) == (150, 90)
    assert [(each.tracker, each.adds) for each in report.track] == [("load", -60)]
    put(one.host.directory / "weight", "0\n")
    one.wait_state(State.MASTER)
    two.wait_state(State.BACKUP)


def test_a_tracker_that_flaps_is_held_down_and_it_shows(lab: Lab) -> None:
    table = '[track.drain]\ntype = "file"\npath = "HERE/drain"\npresent = "down"\nflaps = 3\n'
    one, two = serving(duo(lab, hosts(lab), 'track = ["drain"]', table))
    file = one.host.directory / "drain"

    def down() -> bool:
        return not tracker(one, "drain").up

    # Its first result, up, was a change, too.
    file.touch()
    lab.wait_until(down, 5, "down")
    file.unlink()
    lab.wait_until(lambda: not down(), 5, "up again")
    file.touch()
    lab.wait_until(down, 5, "down once more")
    file.unlink()
    held = "held down: changed more than 3 times in 1 min"
    lab.wait_until(lambda: tracker(one, "drain").text.startswith(held[:40]), 5, "held down")
    two.wait_state(State.MASTER)
    one.wait_state(State.FAULT)
    assert down()


SCRIPTS = {
    "hangs": "sleep 60 & sleep 60 & wait",
    "floods": "head -c 10000000 /dev/zero | tr '\\0' x; exit 1",
    "vanishes": 'rm -f "$0"; exit 0',
}


@pytest.mark.alone
def test_scripts_at_their_worst_delay_no_advert(
    lab: Lab, record_property: Record, tmp_path: Path
) -> None:
    pair = hosts(lab)
    uses, tables = [], ""
    for name, body in SCRIPTS.items():
        for host in pair:
            script = host.directory / name
            script.write_text(f"#!/bin/sh\n{body}\n")
            script.chmod(0o755)
        uses.append(f'{{ name = "{name}", weight = 5 }}')
        tables += f'[track.{name}]\ntype = "script"\nargv = ["HERE/{name}"]\n'
        tables += 'interval = "200ms"\ntimeout = "150ms"\n'
    wire = Wiretap(lab, tmp_path / "wire.pcap")
    one, two = duo(lab, pair, f"track = [{', '.join(uses)}]", tables, interval="20ms")
    serving((one, two))
    gone = f"{one.host.directory}/vanishes"
    lab.wait_until(lambda: gone in tracker(one, "vanishes").text, 10, "the script is missed")
    sent = len(wire.adverts())
    lab.wait_until(lambda: len(wire.adverts()) > sent + 150, 10, "150 adverts more")
    late = "no end within"
    lab.wait_until(lambda: late in tracker(one, "hangs").text, 5, "it is said to hang")
    assert tracker(one, "floods").text.endswith("xxx")
    times = [each.time_ns for each in wire.adverts()[sent:] if each.mac == one.host.mac]
    gaps = [(later - earlier) / MILLISECOND for earlier, later in pairwise(times)]
    text = f"three bad scripts at 200 ms, adverts every 20 ms: at most {max(gaps):.1f} ms apart"
    record_property("figure", text)
    # A host that is shared may stall once; what a script delays, every run of it would.
    assert len([gap for gap in gaps if gap > 25]) <= 1
    assert [new for _, new, _ in transitions(two)][-1] == "BACKUP"
    one.stop()
    sleepers = ["pgrep", "--nslist", "net", "--ns", str(one.host.namespace.pid), "-x", "sleep"]
    lab.wait_until(lambda: not one.host.run(sleepers, check=False).stdout, 5, "no child is left")
