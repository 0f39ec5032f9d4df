"""How hooks are run: as children of this process, without a wait on the loop.

A hook runs in a session of its own, in a clean environment, with the occasion in variables and as
a JSON document on its standard input. When its timeout has passed its whole group is ended, then
killed; what it has left running when it ended by itself goes on, and what that prints is not read.
Another user's hook is run through setpriv(1). What root would run must be root's; whether it is, is
looked at before each run, beside the loop, because a file system may hang.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import signal
from collections.abc import Callable
from functools import partial

from vipd.agent.hook_occasion import Occasion, document_of, environment_of, keepalived_words
from vipd.agent.hook_queue import Run, Running
from vipd.core.config import Hook, HookMoment
from vipd.core.units import MILLISECOND, SECOND, Duration, format_duration
from vipd.program import fault_of, stats_of, trusted_users
from vipd.track.child import GRACE, Child, Ended

DEATH_TAKES: Duration = 250 * MILLISECOND
"""How long what was killed is waited for. What hangs in the kernel does not even die of that, and
who waits for it must go on."""

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_ROOT = 0


class ChildRunner:
    """Runs hooks on the loop that is running."""

    def run(
        self, hook: Hook, moment: HookMoment, occasion: Occasion, done: Callable[[Run], None]
    ) -> Running:
        """Begin one run."""
        return _ChildRun(hook, moment, occasion, done)

    def after(self, wait: Duration, call: Callable[[], None]) -> Callable[[], None]:
        """Call later."""
        return asyncio.get_running_loop().call_later(wait / SECOND, call).cancel


class _ChildRun:
    """One run of one hook."""

    __slots__ = ("_began", "_child", "_done", "_hook", "_loop", "_timed_out", "_timer")

    def __init__(
        self, hook: Hook, moment: HookMoment, occasion: Occasion, done: Callable[[Run], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._hook = hook
        self._done: Callable[[Run], None] | None = done
        self._timed_out = False
        self._child: Child | None = None
        self._began = self._loop.time()
        try:
            self._child = _child(hook, moment, occasion, self._ended)
        except OSError as error:
            self._timer: asyncio.Handle = self._loop.call_soon(self._ended, error)
        else:
            self._timer = self._loop.call_later(hook.timeout / SECOND, self._expire)

    def end(self) -> None:
        """Ask the whole group to end; kill it after a grace."""
        if self._child and self._done:
            self._child.end()
            self._give_up_after(GRACE + DEATH_TAKES)

    def kill(self) -> None:
        """Kill the whole group."""
        if self._child and self._done:
            self._child.kill()
            self._give_up_after(DEATH_TAKES)

    def _expire(self) -> None:
        self._timed_out = True
        self.end()

    def _give_up_after(self, wait: Duration) -> None:
        self._timer.cancel()
        self._timer = self._loop.call_later(wait / SECOND, self._give_up)

    def _give_up(self) -> None:
        took = self._took()
        text = f"does not end when it is killed, after {format_duration(took)}"
        self._tell(Run(ok=False, text=text, timed_out=True, took=took))

    def _ended(self, result: Ended | OSError) -> None:
        if isinstance(result, OSError):
            self._tell(Run(ok=False, text=_refusal(result), took=self._took()))
            return
        way = _way(result.code)
        if self._timed_out:
            way = f"did not end within {format_duration(self._hook.timeout)}"
        run = Run(
            ok=result.code == 0 and not self._timed_out,
            text=f"{way}: {result.line}" if result.line else way,
            code=result.code,
            timed_out=self._timed_out,
            line=result.line,
            took=result.took,
        )
        self._tell(run)

    def _took(self) -> Duration:
        return int((self._loop.time() - self._began) * SECOND)

    def _tell(self, run: Run) -> None:
        self._timer.cancel()
        done, self._done = self._done, None
        if done:
            done(run)


def _child(
    hook: Hook, moment: HookMoment, occasion: Occasion, ended: Callable[[Ended | OSError], None]
) -> Child:
    """Start it. Raises: OSError."""
    user = _user(hook.user)
    words = keepalived_words(occasion) if hook.keepalived_style else ()
    return Child(
        (*_become(user), *hook.argv, *words),
        _environment(user) | environment_of(moment, occasion),
        ended,
        partial(_require_sound, hook.argv[0], as_root=user.pw_uid == _ROOT),
        stdin=document_of(moment, occasion),
        spares=True,
    )


def _user(name: str | None) -> pwd.struct_passwd:
    """A user by name, or who we are, who need not have a name. Raises: OSError."""
    uid = os.geteuid()
    try:
        return pwd.getpwuid(uid) if name is None else pwd.getpwnam(name)
    except KeyError:
        if name is not None:
            raise OSError(f"there is no user {name}") from None
        return pwd.struct_passwd((str(uid), "", uid, os.getegid(), "", "/", "/bin/sh"))


def _become(user: pwd.struct_passwd) -> tuple[str, ...]:
    """The program that becomes another user and then runs the rest.

    Why: to change the user by hand would mean to copy the whole agent first (fork). Capabilities
    that an agent without root has as ambient ones would outlive the change.
    """
    if user.pw_uid == os.geteuid():
        return ()
    identity = (f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--init-groups")
    return ("setpriv", *identity, "--inh-caps=-all", "--")


def _environment(user: pwd.struct_passwd) -> dict[str, str]:
    name = user.pw_name
    return {
        "PATH": SEARCH_PATH,
        "LANG": "C.UTF-8",
        "HOME": user.pw_dir,
        "USER": name,
        "LOGNAME": name,
    }


def _require_sound(program: str, *, as_root: bool) -> None:
    """Refuse what cannot or must not be run. Raises: OSError, with the reason."""
    if not program.startswith("/"):
        raise OSError("is not an absolute path")
    fault = fault_of(program, stats_of(program), as_root=as_root, trusted=trusted_users())
    if fault is not None:
        raise OSError(fault)


def _way(code: int) -> str:
    if code >= 0:
        return f"exit {code}"
    try:
        return f"ended by {signal.Signals(-code).name}"
    except ValueError:  # A real-time signal has no name of its own.
        return f"ended by signal {-code}"


def _refusal(error: OSError) -> str:
    return f"not started: {error.strerror or error}"
