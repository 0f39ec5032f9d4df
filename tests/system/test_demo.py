"""`vipd demo` with real agents: the whole story, and what stays when it is cut short: nothing."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys

import pytest
from offspring import Program, offspring, unprivileged_python

pytestmark = [pytest.mark.system, pytest.mark.slow]

DEMO = ("-m", "vipd", "demo")


def commands(guide: str) -> dict[str, list[str]]:
    """What the guide of a held lab offers, by what it is good for."""
    lines = [line.strip() for line in guide.splitlines() if line.startswith("   ")]
    return {
        what: shlex.split(command) for what, command in zip(lines[::2], lines[1::2], strict=True)
    }


def read_guide(demo: Program) -> str:
    """The guide, which ends with the command that follows the log."""
    assert demo.process.stderr is not None
    lines: list[str] = []
    for line in demo.process.stderr:
        lines.append(line)
        if "tail -f" in line:
            break
    return "".join(lines)


@pytest.mark.alone
@pytest.mark.usefixtures("namespaces")
def test_the_whole_story_then_a_lab_to_play_in() -> None:
    with Program(sys.executable, *DEMO, "--json", "--hold") as demo:
        guide = commands(read_guide(demo))
        status = subprocess.run(
            [*guide["the status of b"], "--json"], capture_output=True, text=True, check=False
        )
        assert json.loads(status.stdout)["instances"][0]["state"] == "MASTER", status.stderr
        for what in ("pull the cable of a", "plug it in again", "stop the agent of a"):
            subprocess.run(guide[what], check=True)
        demo.process.send_signal(signal.SIGINT)
        code, out, errors = demo.finish()
        demo.assert_nothing_stays()
    told = json.loads(out)
    assert code == 0, told["steps"]
    assert told["ok"]
    assert told["took_s"] < 30
    assert [
        (step["name"], step["owner_before"], step["owner_after"]) for step in told["steps"]
    ] == [
        ("election", None, "a"),
        ("cut", "a", "b"),
        ("return", "b", "a"),
        ("stop", "a", "b"),
        ("crash", "a", "a"),
        ("kill", "a", "b"),
    ]
    assert [step["protocol_ms"] for step in told["steps"]] == [
        *(3414.0625, 3609.375, 0, 0, 0, 3609.375),
    ]
    assert all(step["outage_ms"] <= step["allowed_ms"] for step in told["steps"])
    assert told["steps"][1]["outage_ms"] > 2_600, "an address cannot be back before a timer ends"
    states = {name: one["instances"][0]["state"] for name, one in told["statuses"].items()}
    assert states == {"a": "FAULT", "b": "MASTER"}
    assert "nothing is left behind" in errors


@pytest.mark.usefixtures("user_namespaces")
def test_it_is_told_for_people_and_ended_by_sigterm_without_root() -> None:
    with Program(*unprivileged_python(), *DEMO) as demo:
        verdict = demo.read_until("nobody → a")
        assert "✓" in verdict
        assert "allowed 3414 + 150 ms: master_down_interval of a" in verdict
        demo.read_until("2. The network cable of a")
        demo.process.send_signal(signal.SIGTERM)
        code, _, errors = demo.finish()
        assert code == 128 + signal.SIGTERM
        assert errors == "\nstopped by SIGTERM; nothing is left behind.\n"
        demo.assert_nothing_stays()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
@pytest.mark.usefixtures("namespaces")
def test_it_can_be_ended_while_the_agents_start(number: signal.Signals) -> None:
    with Program(sys.executable, *DEMO) as demo:
        demo.read_until("1. The agents of both hosts")
        assert offspring(demo.mark)
        demo.process.send_signal(number)
        demo.finish()
        demo.assert_nothing_stays()
