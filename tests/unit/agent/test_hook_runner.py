"""Hooks as real processes: what they get, what they may do, and that all of it ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hook_bench import Scripts, nothing_stays, occasion, run, runs, until

from vipd.agent.hook_occasion import environment_of
from vipd.agent.hook_queue import Run
from vipd.agent.hook_runner import DEATH_TAKES, ChildRunner
from vipd.core.config import Hook, HookMoment
from vipd.core.model import State
from vipd.core.units import MILLISECOND, SECOND
from vipd.lab.pause import wait_until
from vipd.track.child import GRACE

ORDINARY_SIGNALS = (1 << 31) - 1
"""Units: a bit for each. What comes after is real-time, and the first two of it are the C library's
own."""


@pytest.fixture
def scripts(tmp_path: Path) -> Iterator[Scripts]:
    with nothing_stays():
        yield Scripts(tmp_path)


def do(hook: Hook, text: str = "a test") -> Run:
    return asyncio.run(run(hook, occasion(text=text)))


# -- what it gets ---------------------------------------------------------------------------


def test_a_hook_gets_the_occasion_in_a_clean_environment_and_as_json(scripts: Scripts) -> None:
    os.environ["SECRET"] = "not for hooks"
    try:
        done = do(scripts.hook("a", "env > $D/env; cat > $D/json; echo well done"))
    finally:
        del os.environ["SECRET"]
    assert (done.ok, done.code, done.text) == (True, 0, "exit 0: well done")
    lines = dict(line.split("=", 1) for line in scripts.read("env").splitlines())
    told = environment_of(HookMoment.ON_MASTER, occasion())
    assert {name: lines[name] for name in told} == told
    by_shell = {"PWD", "SHLVL", "_", "OLDPWD"}
    assert set(lines) - set(told) - by_shell == {"PATH", "LANG", "HOME", "USER", "LOGNAME"}
    document = json.loads(scripts.read("json"))
    assert (document["instance"], document["new"], document["vrid"]) == ("web", "MASTER", 51)


def test_keepalived_style_appends_its_four_arguments(scripts: Scripts) -> None:
    path = scripts.write("a", 'printf "%s|" "$@" > $D/arguments')
    hook = Hook(argv=(path, "own one"), keepalived_style=True)
    assert do(hook).ok
    assert scripts.read("arguments") == "own one|INSTANCE|web|MASTER|150|"


def test_without_that_style_a_hook_has_its_own_arguments_only(scripts: Scripts) -> None:
    path = scripts.write("a", 'printf "%s|" "$@" > $D/arguments')
    assert do(Hook(argv=(path, "own"))).ok
    assert scripts.read("arguments") == "own|"


def test_a_hook_that_does_not_read_more_than_a_pipe_holds_holds_up_nobody(
    scripts: Scripts,
) -> None:
    assert do(scripts.hook("a", "exit 0"), text="x" * 100_000).ok
    assert do(scripts.hook("b", "exec <&-; exit 0"), text="x" * 100_000).ok
    done = do(scripts.hook("c", "wc -c"), text="x" * 100_000)
    assert int(done.line) > 100_000


def test_a_hook_has_default_signals_and_none_of_our_descriptors(scripts: Scripts) -> None:
    """What is inheritable was given to this test by who began it."""
    own = [entry.name for entry in Path("/proc/self/fd").iterdir()]
    given = {name for name in own if _is_inheritable(int(name))}
    body = "grep -E 'SigBlk|SigIgn' /proc/self/status > $D/signals; ls -C -w0 /proc/self/fd"
    with Path(__file__).open():
        done = do(scripts.hook("a", body))
    assert set(done.line.split()) - given == {"3"}, "ls itself has the directory open"
    masks = [int(line.split()[1], 16) for line in scripts.read("signals").splitlines()]
    assert [mask & ORDINARY_SIGNALS for mask in masks] == [0, 0]


def _is_inheritable(descriptor: int) -> bool:
    try:
        return os.get_inheritable(descriptor)
    except OSError:
        return False


# -- how it ends ----------------------------------------------------------------------------


def test_a_failure_tells_the_exit_code_and_the_last_line(scripts: Scripts) -> None:
    done = do(scripts.hook("a", "echo one; echo 'no such table' >&2; exit 3"))
    assert done.text == "exit 3: no such table"
    assert (done.ok, done.code, done.timed_out) == (False, 3, False)


def test_a_signal_is_told_by_its_name(scripts: Scripts) -> None:
    done = do(scripts.hook("a", "kill -SEGV $$"))
    assert (done.code, done.text) == (-signal.SIGSEGV, "ended by SIGSEGV")
    assert do(scripts.hook("b", "kill -40 $$")).text == "ended by signal 40"


def test_on_a_timeout_the_whole_group_is_gone_even_who_ignores_it(scripts: Scripts) -> None:
    body = """
    trap '' TERM
    for number in 1 2 3; do
        (trap '' TERM; echo $$ >/dev/null; sleep 60) &
        echo $! >> $D/pids
    done
    echo $$ >> $D/pids
    echo still at it
    wait; sleep 60
    """
    done = do(scripts.hook("a", body, timeout_s=0.3))
    assert done.timed_out
    assert not done.ok
    assert done.text == "did not end within 300 ms: still at it"
    assert done.took < 300 * MILLISECOND + GRACE + DEATH_TAKES + SECOND
    pids = scripts.numbers("pids")
    assert len(pids) == 4
    wait_until(lambda: not any(runs(pid) for pid in pids), 5, "the whole group is dead")


def test_who_cleans_up_when_asked_to_end_has_the_time_for_it(scripts: Scripts) -> None:
    body = "trap 'echo cleaned up; exit 0' TERM; sleep 60 & wait"
    done = do(scripts.hook("a", body, timeout_s=0.3))
    assert done.text == "did not end within 300 ms: cleaned up"
    assert done.took < 300 * MILLISECOND + GRACE


def test_a_child_that_escaped_with_the_pipe_holds_up_nobody(scripts: Scripts) -> None:
    body = "setsid sh -c 'echo $$ > $0/pid; exec sleep 60' $D & echo begun; exit 0"
    done = do(scripts.hook("a", body))
    assert done.text == "exit 0: begun"
    assert done.took < 5 * SECOND
    _end_what_stays(scripts)


def test_what_a_hook_leaves_running_goes_on(scripts: Scripts) -> None:
    """Scripts written for keepalived do that."""
    done = do(scripts.hook("a", "sleep 60 & echo $! > $D/pid"))
    assert done.ok
    _end_what_stays(scripts)


def _end_what_stays(scripts: Scripts) -> None:
    asyncio.run(until(lambda: scripts.numbers("pid") != []))
    (pid,) = scripts.numbers("pid")
    assert runs(pid)
    os.kill(pid, signal.SIGKILL)


def test_a_hook_may_be_ended_before_it_has_even_begun(scripts: Scripts) -> None:
    async def end() -> Run:
        ended: asyncio.Future[Run] = asyncio.get_running_loop().create_future()
        hook = scripts.hook("a", "sleep 60")
        ChildRunner().run(hook, HookMoment.ON_ANY, occasion(), ended.set_result).end()
        return await asyncio.wait_for(ended, 5)

    assert asyncio.run(end()).text == "ended by SIGKILL"


def test_ten_megabytes_of_output_are_read_and_the_last_line_is_kept(scripts: Scripts) -> None:
    done = do(scripts.hook("a", "yes | head -c 10485760; echo; echo the end"))
    assert done.text == "exit 0: the end"


def test_output_without_end_does_not_keep_a_hook_from_its_timeout(scripts: Scripts) -> None:
    done = do(scripts.hook("a", "exec yes", timeout_s=0.3))
    assert done.text == "did not end within 300 ms: y"


def test_a_line_cannot_move_the_cursor_of_who_reads_it(scripts: Scripts) -> None:
    done = do(scripts.hook("a", r"printf '\033[2Jgone\n\n'"))
    assert "\033" not in done.line
    assert "gone" in done.line


# -- what is not run ------------------------------------------------------------------------


def test_what_cannot_be_run_is_a_failure_that_says_so(scripts: Scripts) -> None:
    there = scripts.write("there", "exit 0")
    odd = scripts.directory / "odd"
    odd.write_text("#!/no/such/interpreter\n")
    odd.chmod(0o755)
    refused = {
        argv0: do(Hook(argv=(argv0,))).text
        for argv0 in ("/no/such/hook", "relative", str(odd), str(scripts.directory))
    }
    assert "does not exist" in refused["/no/such/hook"]
    assert refused["relative"] == "not started: is not an absolute path"
    assert "interpreter" in refused[str(odd)]
    assert "directory" in refused[str(scripts.directory)]
    Path(there).chmod(0o644)
    assert do(Hook(argv=(there,))).text == "not started: is not executable"
    assert do(Hook(argv=(there,), user="nobody-of-this-name")).text == (
        "not started: there is no user nobody-of-this-name"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="it is about what root runs")
def test_root_does_not_run_what_others_may_change(scripts: Scripts) -> None:
    hook = scripts.hook("a", "touch $D/ran")
    Path(hook.argv[0]).chmod(0o777)
    done = do(hook)
    assert not done.ok
    assert "written by everybody" in done.text
    assert not (scripts.directory / "ran").exists()


def test_a_script_that_is_deleted_while_it_runs_runs_to_its_end(scripts: Scripts) -> None:
    hook = scripts.hook("a", "rm $0; echo gone; exit 0")
    assert do(hook).text == "exit 0: gone"
    done = do(hook)
    assert not done.ok
    assert "does not exist" in done.text


def test_every_state_has_its_word() -> None:
    assert {occasion(state).moment for state in State} == {
        HookMoment.ON_STOP,
        HookMoment.ON_BACKUP,
        HookMoment.ON_MASTER,
        HookMoment.ON_FAULT,
    }
