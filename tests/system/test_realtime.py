"""Real time, with the real kernel: what it is good for, and that it cannot take the host."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import pytest
from offspring import ROOT, unprivileged_python

from vipd.agent.realtime import PRIORITY

pytestmark = pytest.mark.alone

LOADED = 3
"""How many busy programs there are for each processor."""

TIMEOUT_S = 60.0

ENTER = """
import sys
from vipd import log
from vipd.agent import realtime
log.configure("json")
"""

PULSE = (
    ENTER
    + """
import asyncio, json
if sys.argv[1] == "realtime":
    realtime.enter(log.get())
async def pulse():
    loop, late = asyncio.get_running_loop(), []
    due = loop.time()
    for _ in range(150):
        due += 0.02
        rung = loop.create_future()
        loop.call_at(due, rung.set_result, None)
        await rung
        late.append((loop.time() - due) * 1000)
    print(json.dumps(sorted(late)))
asyncio.run(pulse())
"""
)

RUN_AWAY = (
    ENTER
    + """
import asyncio, collections, itertools, signal
def in_python():
    while True:
        pass
def on_the_loop():
    asyncio.get_running_loop().call_soon(on_the_loop)
def in_c():
    collections.deque(itertools.repeat(0), maxlen=0)
def deaf():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGXCPU})
    in_python()
async def agent():
    realtime.enter(log.get(), runaway_after=200_000_000)
    asyncio.get_running_loop().call_soon(globals()[sys.argv[1]])
    await asyncio.get_running_loop().create_future()
asyncio.run(agent())
"""
)

OFFSPRING = (
    ENTER
    + """
import json, os, subprocess, threading
def what(pid):
    stat = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    status = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status"))
    size = {key: int(status[key].split()[0]) for key in ("VmLck", "VmRSS")}
    return {"policy": int(stat[38]), "priority": int(stat[37]), **size}
before = what("self")
realtime.enter(log.get())
after = what("self")
with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
    of_child = what(child.pid)
    child.stdin.close()
hold, seen = threading.Event(), []
def look():
    seen.append(what("thread-self"))
    hold.wait()
threads = [threading.Thread(target=look) for _ in range(5)]
for thread in threads:
    thread.start()
full = what("self")
hold.set()
for thread in threads:
    thread.join()
print(json.dumps({"before": before, "after": after, "child": of_child, "threads": seen,
                  "with_threads": full}))
"""
)

TRY = """
import os
os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
"""


@pytest.fixture(scope="module")
def permitted() -> None:
    """Whether this user may have real time at all."""
    tried = run([sys.executable, "-c", TRY])
    if tried.returncode == 0:
        return
    reason = f"no real time here: {tried.stderr.strip().splitlines()[-1]}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S, cwd=ROOT
    )


def python(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run([sys.executable, "-c", script, *arguments])


def said(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """The lines of its log."""
    return [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]


@pytest.fixture
def load() -> Iterator[None]:
    """Busy programs, until the test ends."""
    with ExitStack() as stack:
        for _ in range(LOADED * (os.cpu_count() or 1)):
            busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            stack.callback(busy.wait)
            stack.callback(busy.kill)
        yield


@pytest.mark.usefixtures("permitted", "load")
def test_under_load_the_loop_is_on_time(record_property: Callable[[str, object], None]) -> None:
    p99 = {}
    for kind in ("ordinary", "realtime"):
        done = python(PULSE, kind)
        assert done.returncode == 0, done.stderr
        late = json.loads(done.stdout)
        p99[kind] = late[len(late) * 99 // 100 - 1]
        text = f"p99 {p99[kind]:.2f} ms, worst {late[-1]:.2f} ms"
        record_property("figure", f"lateness of a loop under {LOADED}x load, {kind}: {text}")
    assert p99["realtime"] < 50


@pytest.mark.usefixtures("permitted")
@pytest.mark.parametrize("where", ["in_python", "on_the_loop"])
def test_a_loop_that_runs_away_is_ended_and_says_where(where: str) -> None:
    began = time.monotonic()
    done = python(RUN_AWAY, where)
    assert done.returncode == -signal.SIGXCPU, done.stderr
    assert time.monotonic() - began < 10
    critical = [line for line in said(done) if line["level"] == "critical"]
    assert [line["event"].partition(":")[0] for line in critical] == ["the loop ran away"]
    assert critical[0]["where"]
    assert "(most recent call first)" in done.stderr
    assert where in done.stderr or where == "on_the_loop"


@pytest.mark.usefixtures("permitted")
@pytest.mark.parametrize(("where", "traced"), [("in_c", True), ("deaf", False)])
def test_what_does_not_get_to_its_signals_is_killed(where: str, *, traced: bool) -> None:
    """Even then it says where it was, unless it has blocked the signal."""
    done = python(RUN_AWAY, where)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert (f"in {where}" in done.stderr) is traced


@pytest.mark.usefixtures("permitted")
def test_children_and_threads_are_ordinary_and_nothing_grows(
    record_property: Callable[[str, object], None],
) -> None:
    done = python(OFFSPRING)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert (seen["after"]["policy"], seen["after"]["priority"]) == (os.SCHED_RR, PRIORITY)
    others = [seen["child"], *seen["threads"]]
    assert {one["policy"] for one in others} == {os.SCHED_OTHER}
    assert seen["child"]["VmLck"] == 0
    assert seen["after"]["VmLck"] > 0
    grown = {
        name: (seen[name]["VmRSS"] - seen["before"]["VmRSS"]) / 1024
        for name in ("after", "with_threads")
    }
    record_property(
        "figure",
        f"resident memory grows by {grown['after']:.1f} MB when it is locked, "
        f"by {grown['with_threads']:.1f} MB with five threads more",
    )
    assert grown["with_threads"] < 20


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take rights away from itself")
@pytest.mark.usefixtures("permitted")
def test_the_limits_of_the_unit_are_enough_without_a_capability() -> None:
    bounds = ["setpriv", "--bounding-set", "-all,+net_admin,+net_raw"]
    limits = ["prlimit", f"--rtprio={PRIORITY}", "--memlock=unlimited"]
    if run([*limits, "true"]).returncode != 0:
        pytest.skip("this root may not raise a limit: CAP_SYS_RESOURCE is missing")
    done = run([*limits, *bounds, sys.executable, "-c", f"{ENTER}realtime.enter(log.get())"])
    assert done.returncode == 0, done.stderr
    assert [line["event"] for line in said(done)] == ["runs in real time"]


def test_without_the_right_it_is_one_line_and_no_error() -> None:
    limits = ["prlimit", "--rtprio=0", f"--memlock={8 << 20}"]
    done = run([*limits, *unprivileged_python(), "-c", f"{ENTER}realtime.enter(log.get())"])
    assert done.returncode == 0, done.stderr
    (line,) = said(done)
    assert (line["event"], line["level"]) == ("runs as an ordinary program", "info")
    assert "grant CAP_SYS_NICE" in line["scheduling"]
    assert "grant CAP_IPC_LOCK" in line["memory"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take rights away from itself")
@pytest.mark.usefixtures("permitted")
def test_memory_that_has_a_limit_is_not_locked() -> None:
    """Locked, the next thread would not start: its stack counts, touched or not."""
    bounds = ["setpriv", "--bounding-set", "-ipc_lock"]
    script = f"{ENTER}realtime.enter(log.get())"
    limit = ["prlimit", f"--memlock={8 << 20}"]
    done = run([*limit, *bounds, sys.executable, "-c", script])
    (line,) = said(done)
    assert line["event"] == "runs in real time only in part"
    assert line["memory"].startswith("limited")


def test_a_limit_that_is_there_is_never_raised() -> None:
    script = (
        f"{ENTER}realtime.enter(log.get())\n"
        "import resource; print(resource.getrlimit(resource.RLIMIT_RTTIME))"
    )
    done = run(["prlimit", "--rttime=70000:90000", sys.executable, "-c", script])
    assert done.stdout == "(70000, 90000)\n", done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="real time is for root")
@pytest.mark.usefixtures("permitted")
@pytest.mark.parametrize(
    ("call", "policy"), [("enter", "SCHED_RR"), ("leave", "SCHED_OTHER")], ids=["wanted", "not"]
)
def test_what_the_service_manager_has_granted_is_kept_or_given_back(call: str, policy: str) -> None:
    granted = ["chrt", "--rr", "--reset-on-fork", "1"]
    script = (
        f"{ENTER}realtime.{call}(log.get())\n"
        "import os; now = os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK\n"
        f"print(now == os.{policy})"
    )
    done = run([*granted, sys.executable, "-c", script])
    assert done.stdout == "True\n", done.stderr
