"""Hooks where it takes root: other users, missing rights, a real-time loop on a busy host."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fake_world import World
from hook_bench import FACTS, WEB, Scripts, nothing_stays, occasion, report, run, runs, until

from vipd.agent.hook import Hooks, drain
from vipd.agent.hook_runner import ChildRunner
from vipd.core.config import Hook, HookMoment, HooksConfig
from vipd.core.model import State
from vipd.core.units import MILLISECOND, SECOND
from vipd.lab.pause import wait_until

ROOT = Path(__file__).parents[2]
BUSY = 8
"""Programs without a pause, on however many processors."""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")


@pytest.fixture
def scripts() -> Iterator[Scripts]:
    """Scripts that every user can reach and that leave their traces where every user may write."""
    directory = Path(tempfile.mkdtemp(prefix="vipd-t-", dir="/tmp"))
    directory.chmod(0o1777)
    try:
        with nothing_stays():
            yield Scripts(directory)
    finally:
        shutil.rmtree(directory)


def test_a_hook_runs_as_its_user_with_that_users_groups_and_home(scripts: Scripts) -> None:
    body = "id -u > $D/who; id -G >> $D/who; echo $HOME $USER >> $D/who; cat > $D/json"
    done = asyncio.run(run(scripts.hook("a", body, user="nobody")))
    assert done.ok, done.text
    nobody = pwd.getpwnam("nobody")
    groups = os.getgrouplist("nobody", nobody.pw_gid)
    uid, ids, home = scripts.read("who").splitlines()
    assert int(uid) == nobody.pw_uid
    assert sorted(map(int, ids.split())) == sorted(groups)
    assert home == f"{nobody.pw_dir} nobody"
    assert '"instance": "web"' in scripts.read("json")


def test_what_others_may_change_is_run_as_another_user_but_not_as_root(scripts: Scripts) -> None:
    """There it has no more rights than those who may change it could have by themselves."""
    path = scripts.write("a", "id -un")
    Path(path).chmod(0o777)
    assert asyncio.run(run(Hook(argv=(path,), user="nobody"))).line == "nobody"
    assert "written by everybody" in asyncio.run(run(Hook(argv=(path,)))).text


def test_a_user_without_the_right_to_a_program_is_told_so(scripts: Scripts) -> None:
    path = scripts.write("a", "exit 0", mode=0o700)
    done = asyncio.run(run(Hook(argv=(path,), user="nobody")))
    assert not done.ok
    assert "Permission denied" in done.line


def test_another_user_has_none_of_our_capabilities(scripts: Scripts) -> None:
    body = "grep -E 'CapInh|CapPrm|CapEff|CapAmb' /proc/self/status > $D/caps"
    hook = scripts.hook("a", body, user="nobody")
    assert asyncio.run(run(hook)).ok
    assert [int(line.split()[1], 16) for line in scripts.read("caps").splitlines()] == [0] * 4


WITHOUT_THE_RIGHT_TO_KILL = """
import asyncio, sys
from hook_bench import Scripts, run
from pathlib import Path
scripts = Scripts(Path(sys.argv[1]))
hook = scripts.hook("stuck", "echo $$ > $D/pid; exec sleep 60", timeout_s=0.2, user="nobody")
print(asyncio.run(run(hook)).text)
"""


def test_what_cannot_be_killed_holds_up_nobody_for_long(scripts: Scripts) -> None:
    """As where a service has no CAP_KILL, or a program hangs in the kernel."""
    paths = [str(ROOT / "tests/support"), str(ROOT)]
    python = [sys.executable, "-c", WITHOUT_THE_RIGHT_TO_KILL, str(scripts.directory)]
    said = subprocess.run(
        ["setpriv", "--bounding-set=-kill", "--inh-caps=-kill", *python],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    (pid,) = scripts.numbers("pid")
    os.kill(pid, signal.SIGKILL)
    assert said.stdout.startswith("does not end when it is killed, after ")


# -- what it costs --------------------------------------------------------------------------


class Lateness:
    """How late a loop comes to what is due every two milliseconds, as an advert would be."""

    EVERY_S = 0.002

    def __init__(self) -> None:
        self.worst_s = 0.0
        self._loop = asyncio.get_running_loop()
        self._due = self._loop.time() + self.EVERY_S
        self._timer = self._loop.call_at(self._due, self._ring)

    def stop(self) -> float:
        self._timer.cancel()
        return self.worst_s * 1_000

    def _ring(self) -> None:
        now = self._loop.time()
        self.worst_s = max(self.worst_s, now - self._due)
        self._due = now + self.EVERY_S
        self._timer = self._loop.call_at(self._due, self._ring)


@contextmanager
def busy_host(programs: int) -> Iterator[None]:
    """Programs that take all the processor time there is."""
    forever = [sys.executable, "-c", "print(1, flush=True)\nwhile True: pass"]
    hogs = [subprocess.Popen(forever, stdout=subprocess.PIPE) for _ in range(programs)]
    try:
        for hog in hogs:
            assert hog.stdout is not None
            hog.stdout.read(1)
        yield
    finally:
        for hog in hogs:
            hog.kill()
            hog.communicate()


@contextmanager
def real_time() -> Iterator[None]:
    """This thread as the agent schedules its own."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    except PermissionError:
        pytest.skip("no real-time budget here")
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


async def cost(hook: Hook, runs: int) -> tuple[float, float]:
    """What beginning a run takes of the loop, at the median, and the worst lateness: in ms."""
    began = []
    lateness = Lateness()
    for _ in range(runs):
        ended: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        before = time.perf_counter()
        ChildRunner().run(hook, HookMoment.ON_MASTER, occasion(), ended.set_result)
        began.append(time.perf_counter() - before)
        await ended
    return statistics.median(began) * 1_000, lateness.stop()


@pytest.mark.alone
@pytest.mark.parametrize("programs", [0, BUSY])
def test_a_hook_costs_the_loop_little_even_on_a_busy_host(
    programs: int, record_property: Callable[[str, object], None]
) -> None:
    with nothing_stays(), busy_host(programs), real_time():
        median, worst = asyncio.run(cost(Hook(argv=("/bin/true",)), 50))
    text = f"a hook, {programs} busy programs: {median:.2f} ms of the loop to begin it"
    record_property("figure", f"{text}, the loop at most {worst:.1f} ms late")
    assert median < 5
    assert worst < 50


@pytest.mark.alone
def test_a_flood_of_output_leaves_the_loop_alone(
    scripts: Scripts, record_property: Callable[[str, object], None]
) -> None:
    hook = scripts.hook("flood", "exec yes", timeout_s=1)

    async def play() -> float:
        lateness = Lateness()
        assert (await run(hook)).timed_out
        return lateness.stop()

    worst = asyncio.run(play())
    record_property("figure", f"a hook that prints without end: the loop {worst:.1f} ms late")
    assert worst < 100


def test_a_hundred_queues_with_stuck_hooks_are_all_ended(scripts: Scripts) -> None:
    """No child, no thread, no descriptor and no task stays."""
    stuck = scripts.hook("stuck", "echo $$ >> $D/pids; sleep 60 & wait", timeout_s=60)
    config = HooksConfig(hooks=((HookMoment.ON_ANY, stuck),))
    world = World()

    async def play() -> None:
        every = [Hooks(config, WEB, world.clock, world.log) for _ in range(100)]  # type: ignore[arg-type]
        for hooks in every:
            hooks.transition(report(State.MASTER), FACTS)
        await until(lambda: len(scripts.numbers("pids")) == 100)
        began = time.monotonic_ns()
        assert not await drain(every, 100 * MILLISECOND)
        assert time.monotonic_ns() - began < 3 * SECOND
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(play())
    dead = scripts.numbers("pids")
    wait_until(lambda: not any(runs(pid) for pid in dead), 5, "every child is dead")
