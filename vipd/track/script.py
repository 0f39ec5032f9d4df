"""The script tracker: runs a program and believes its exit code.

Theory of operation. The program runs without a shell, in a session of its own and with a clean
environment; as another user it runs through setpriv(1), which cannot gain rights again: to change
the user by hand would mean to copy the whole agent first (fork), at 4 ms a time. The last line that
it prints is kept to be shown. On a timeout the whole group is ended, then killed. There are never
two runs at once: a look while the last run still ends waits for that, and tells how it ended.

What root runs must be root's: a program that others may write, or replace, is not run. That is
looked at before each run, in the thread that starts it: a file system may hang.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from vipd.core.config import TrackerConfig
from vipd.core.units import format_duration
from vipd.program import fault_of, stats_of, trusted_users
from vipd.track.child import Child, Ended
from vipd.track.ending import describe_ending
from vipd.track.outcome import Outcome, Report, Tracker
from vipd.track.polling import Polling
from vipd.track.spawn import locate

SEARCH_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where programs find other programs, unless the configuration says it."""

ROOT: Final = 0


def make(config: TrackerConfig) -> Tracker:
    """A tracker that runs `argv`."""
    return ScriptTracker(config)


class ScriptTracker(Polling):
    """Runs a program time and again; stopped, it gives no grace."""

    __slots__ = ("_check",)

    def __init__(self, config: TrackerConfig) -> None:
        self._check = ScriptCheck(config)
        super().__init__(config, self._check)

    def stop(self) -> None:
        """Look no more, and kill what runs: the agent may be gone before a grace is over."""
        super().stop()
        self._check.kill()


class ScriptCheck:
    """Runs one program once."""

    __slots__ = (
        "_argv", "_child", "_config", "_done", "_environment", "_group", "_overdue", "_user",
    )  # fmt: skip

    def __init__(self, config: TrackerConfig) -> None:
        self._config = config
        self._argv: tuple[str, ...] = config.options["argv"]
        self._user: str | None = config.options.get("user")
        self._group: str | None = config.options.get("group")
        configured: Mapping[str, str] = config.options.get("environment") or {}
        own = {"PATH": SEARCH_PATH, "VIPD_TRACKER": config.name}
        self._environment: Mapping[str, str] = {**own, **configured}
        self._child: Child | None = None
        self._overdue = False
        self._done: Report | None = None

    def check(self, done: Report) -> Callable[[], None]:
        """Run it; to cancel is to end the whole group."""
        if self._child:
            self._done = done
            return self._still_ending
        argv, environment, uid = self._argv, self._environment, os.geteuid()
        if self._user is not None or self._group is not None:
            user = _user(self._user)
            argv = (*_setpriv(user, self._group), *argv)
            environment = {**_home(user), **environment}
            uid = user.pw_uid
        scrutiny = partial(self._scrutinize, as_root=uid == ROOT)
        self._child = Child(argv, environment, self._ended, scrutiny)
        self._overdue = False
        self._done = done
        return self._end

    def kill(self) -> None:
        """Kill what runs, if anything does."""
        if self._child:
            self._child.kill()

    def _scrutinize(self, *, as_root: bool) -> None:
        """Refuse what cannot or must not be run. Raises: OSError, with the reason."""
        program = locate(self._argv[0], self._environment)
        fault = fault_of(program, stats_of(program), as_root=as_root, trusted=trusted_users())
        if fault is not None:
            raise OSError(f"{program} {fault}")

    def _ended(self, result: Ended | OSError) -> None:
        self._child = None
        late = f"{self._lateness}, " if self._overdue else ""
        self._tell(_outcome(result, self._argv[0], late))

    def _end(self) -> None:
        """End a run that takes too long, or is not wanted any more."""
        if self._child:
            self._child.end()
            self._overdue = True
            self._tell_late(self._lateness)

    def _still_ending(self) -> None:
        """Say of a run that should have ended long ago that it has not."""
        if self._child:
            self._tell_late(f"{self._lateness}, nor after {format_duration(self._child.took)}")

    def _tell_late(self, text: str) -> None:
        assert self._child, "it runs"
        self._tell(Outcome(ok=False, text=_with_line(text, self._child.last_line)))

    @property
    def _lateness(self) -> str:
        return f"no end within {format_duration(self._config.timeout)}"

    def _tell(self, outcome: Outcome) -> None:
        done, self._done = self._done, None
        if done:
            done(outcome)


def _user(name: str | None) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(name) if name is not None else pwd.getpwuid(os.geteuid())
    except KeyError:
        raise OSError(f"there is no user {name or os.geteuid()}") from None


def _home(user: pwd.struct_passwd) -> dict[str, str]:
    return {"USER": user.pw_name, "LOGNAME": user.pw_name, "HOME": user.pw_dir}


def _setpriv(user: pwd.struct_passwd, group: str | None) -> tuple[str, ...]:
    """The program that becomes the user and then runs the rest.

    Why: who is that user already needs no right to become it, and keeps its groups.
    """
    identity: tuple[str, ...] = ()
    if user.pw_uid != os.geteuid():
        identity = (f"--reuid={user.pw_uid}", f"--regid={group or user.pw_gid}", "--init-groups")
    elif group is not None:
        identity = (f"--regid={group}", "--clear-groups")
    return ("setpriv", *identity, "--no-new-privs", "--")


def _outcome(result: Ended | OSError, program: str, late: str) -> Outcome:
    """What a run has come to; one that was `late` has failed, whatever it says of itself."""
    if isinstance(result, OSError):
        return Outcome(ok=False, text=_refusal(result, program))
    text = f"{late}{describe_ending(result.code)} in {format_duration(result.took)}"
    ok = result.code == 0 and not late
    return Outcome(ok=ok, text=_with_line(text, result.line), took=result.took)


def _refusal(error: OSError, program: str) -> str:
    return f"cannot run {program}: {error.strerror}" if error.strerror else str(error)


def _with_line(text: str, line: str) -> str:
    return f"{text}: {line}" if line else text
