"""Hooks of a real agent: what runs at which moment, in which order, and what waits for it."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from duo import VIP, duo, hosts, serving, transitions

from vipd.core.model import State
from vipd.lab.agent import Agent
from vipd.lab.lab import Host, Lab

pytestmark = pytest.mark.system

MOMENTS = ("on_master", "on_backup", "on_fault", "on_stop")


def script(host: Host, name: str, body: str) -> Path:
    """A script of a host; in it, $D is the directory of the host."""
    path = host.directory / name
    path.write_text(f"#!/bin/sh\nD={host.directory}\n{body}\n")
    path.chmod(0o755)
    return path


def told(agent: Agent) -> list[str]:
    """What its hooks have noted."""
    notes = agent.host.directory / "notes"
    return notes.read_text().split() if notes.exists() else []


def noting(pair: tuple[Host, Host], wait: str = "") -> str:
    """Tables for hooks that note the moment they run at."""
    for host in pair:
        script(host, "note", f"{wait}\necho $1 >> $D/notes")
    lines = "\n".join(f'{moment} = [["HERE/note", "{moment}"]]' for moment in MOMENTS)
    return f"[instance.web.hooks]\n{lines}\n"


DRAIN = '[track.drain]\ntype = "file"\npath = "HERE/drain"\npresent = "down"\n'


def test_hooks_are_told_of_each_state_in_order_and_of_the_end(lab: Lab) -> None:
    pair = hosts(lab)
    one, two = serving(duo(lab, pair, 'track = ["drain"]', DRAIN + noting(pair)))
    drain = one.host.directory / "drain"
    want = ["on_fault", "on_backup", "on_master"]
    lab.wait_until(lambda: told(one)[-1:] == ["on_master"], 5, "the first one is told")
    begun = len(told(one))
    drain.touch()
    lab.wait_until(lambda: told(one)[begun:] == want[:1], 5, "it is told of FAULT")
    drain.unlink()
    one.wait_state(State.MASTER)
    lab.wait_until(lambda: told(one)[begun:] == want, 5, "it is told that it serves again")
    hook = next(each for each in one.instance().hooks if each.moment == "on_master")
    assert (hook.ok, hook.program) == (True, f"{one.host.directory}/note")
    one.stop()
    assert told(one)[-1] == "on_stop"
    two.wait_state(State.MASTER)
    lab.wait_until(lambda: told(two)[-1] == "on_master", 5, "the second one is told")


def test_under_fast_transitions_the_last_state_wins(lab: Lab) -> None:
    pair = hosts(lab)
    tables = DRAIN + noting(pair, wait="sleep 0.4")
    one, _ = serving(duo(lab, pair, 'track = ["drain"]', tables))
    drain = one.host.directory / "drain"
    for _ in range(3):
        drain.touch()
        one.wait_state(State.FAULT)
        drain.unlink()
        one.wait_state(State.MASTER)
    lab.wait_until(lambda: told(one)[-1:] == ["on_master"], 5, "the last one is told")
    happened = [new for _, new, _ in transitions(one)]
    assert len(told(one)) < len(happened)
    one.stop()
    assert told(one)[-1] == "on_stop"


def test_before_master_delays_the_claim_until_it_has_ended(lab: Lab) -> None:
    first, second = hosts(lab)
    for host in (first, second):
        body = "cp $D/at-once /dev/null || { touch $D/asked; until [ -e $D/go ]; do :; done; }"
        script(host, "promote", body)
    (first.directory / "at-once").touch()
    table = '[instance.web.hooks]\nbefore_master = { argv = ["HERE/promote"], timeout = "10s" }\n'
    one, two = serving(duo(lab, (first, second), "", table))
    one.kill()
    lab.wait_until((second.directory / "asked").exists, 5, "the hook is asked")
    assert two.state() is State.BACKUP
    assert VIP not in second.addresses()
    (second.directory / "go").touch()
    two.wait_state(State.MASTER)
    assert VIP in second.addresses()
    (hook,) = two.instance().hooks
    assert (hook.moment, hook.ok) == ("before_master", True)


def test_a_required_hook_that_fails_is_fault_and_a_peer_serves(lab: Lab) -> None:
    first, second = hosts(lab)
    script(first, "promote", "echo no such replica; exit 3")
    script(second, "promote", "exit 0")
    table = '[instance.web.hooks]\nbefore_master = { argv = ["HERE/promote"], required = true }\n'
    one, two = duo(lab, (first, second), "", table)
    one.wait_state(State.FAULT)
    cause = one.instance().cause
    assert "before_master" in cause
    assert "exit 3: no such replica" in cause
    two.wait_state(State.MASTER)
    assert VIP not in first.addresses()


def test_before_release_runs_while_the_address_is_still_there(lab: Lab) -> None:
    pair = hosts(lab)
    for host in pair:
        script(
            host, "drain", "sleep 0.3; ip -br address show dev eth0 > $D/then; echo $1 >> $D/notes"
        )
        script(host, "note", "echo $1 >> $D/notes")
    table = '[instance.web.hooks]\nbefore_release = [["HERE/drain", "before_release"]]\n'
    table += 'on_stop = [["HERE/note", "on_stop"]]\n'
    one, two = serving(duo(lab, pair, "", table))
    one.stop()
    assert told(one) == ["before_release", "on_stop"]
    assert str(VIP) in (one.host.directory / "then").read_text()
    two.wait_state(State.MASTER)


def test_a_second_signal_waits_for_no_hook_that_holds_up_the_release(lab: Lab) -> None:
    pair = hosts(lab)
    for host in pair:
        script(host, "drain", "touch $D/asked; sleep 60")
    table = '[instance.web.hooks]\nbefore_release = { argv = ["HERE/drain"], timeout = "60s" }\n'
    one, two = serving(duo(lab, pair, "", table))
    one._signal(signal.SIGTERM)
    lab.wait_until((one.host.directory / "asked").exists, 5, "the hook is asked")
    assert VIP in one.host.addresses()
    one.stop()
    assert VIP not in one.host.addresses()
    two.wait_state(State.MASTER)
