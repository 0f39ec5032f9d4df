"""Spawn: starts a program, and the loop does not wait for it.

Theory of operation. However a program is started, the thread that starts it sleeps until the kernel
has loaded it. In Python that is the whole process: `os.posix_spawn` and `subprocess` keep the
interpreter's lock meanwhile. The child is an ordinary process, so on a busy host a loop in real
time would wait for ordinary programs: 11 to 16 ms at worst where 1 ms is normal, as measured with
Linux 6.18 on two cores. And from a file system that hangs a program is never loaded at all. So the
program is started by a thread of its own, through C's posix_spawn, which ctypes calls without the
lock: the loop was then 1 to 4 ms late at worst.

The child leads a session, so that all it starts can be ended by one signal; it has no signal
blocked or ignored, /dev/null for its input unless it is given one, and of our descriptors only
that and the one for its output. It is reaped by who asked for it.
Sources: posix_spawn(3), vfork(2).
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from shutil import which
from typing import Final, TypeAlias

from vipd.track.thread import begin_thread

Spawned: TypeAlias = Callable[[int | OSError], None]
"""Takes the number of a child, or why there is none."""

Scrutiny: TypeAlias = Callable[[], object]
"""Looks at the program before it is started, in the thread; OSError says why not to start it."""

_SETSIGDEF, _SETSIGMASK, _SETSID = 0x04, 0x08, 0x80
"""Of <spawn.h>; glibc and musl agree."""

_ROOM: Final = 1024
"""Units: bytes. The C types take 336 at most: glibc, posix_spawnattr_t on 64 bits."""

_STDIN, _STDOUT, _STDERR = 0, 1, 2


def spawn(
    argv: Sequence[str],
    environment: Mapping[str, str],
    output: int,
    spawned: Spawned,
    scrutiny: Scrutiny | None = None,
    stdin: int | None = None,
) -> None:
    """Start a program with `output` as its output and errors; `spawned` is called by the loop.

    Both descriptors are closed. Should the loop have ended before, the program is ended at once.
    Raises: OSError, when there can be no thread.
    """
    loop = asyncio.get_running_loop()

    def run() -> None:
        result: int | OSError
        try:
            result = _start(argv, environment, output, scrutiny, stdin)
        except OSError as error:
            result = error
        finally:
            _close(output, stdin)
        try:
            loop.call_soon_threadsafe(spawned, result)
        except RuntimeError:  # The loop has ended.
            _abandon(result)

    try:
        begin_thread(run)
    except OSError:
        _close(output, stdin)
        raise


def locate(name: str, environment: Mapping[str, str]) -> str:
    """A program as a path; one without a slash is looked for in the PATH of the child."""
    if "/" in name:
        return name
    return which(name, path=environment.get("PATH", os.defpath)) or name


def _start(
    argv: Sequence[str],
    environment: Mapping[str, str],
    output: int,
    scrutiny: Scrutiny | None,
    stdin: int | None,
) -> int:
    program = locate(argv[0], environment)
    if scrutiny:
        scrutiny()
    attributes, actions = _attributes(), ctypes.create_string_buffer(_ROOM)
    libc = _libc()
    libc.posix_spawn_file_actions_init(actions)
    if stdin is None:
        libc.posix_spawn_file_actions_addopen(actions, _STDIN, b"/dev/null", os.O_RDONLY, 0)
    else:
        libc.posix_spawn_file_actions_adddup2(actions, stdin, _STDIN)
    libc.posix_spawn_file_actions_adddup2(actions, output, _STDOUT)
    libc.posix_spawn_file_actions_adddup2(actions, output, _STDERR)
    if close_from := getattr(libc, "posix_spawn_file_actions_addclosefrom_np", None):
        close_from(actions, _STDERR + 1)  # What we ourselves were given; ours close by themselves.
    pid = ctypes.c_int()
    environ = _strings([f"{name}={value}" for name, value in environment.items()])
    path = os.fsencode(program)
    try:
        code = libc.posix_spawn(
            ctypes.byref(pid), path, actions, attributes, _strings(argv), environ
        )
    finally:
        libc.posix_spawn_file_actions_destroy(actions)
        libc.posix_spawnattr_destroy(attributes)
    if code:
        raise _refusal(code, program)
    return pid.value


def _close(*descriptors: int | None) -> None:
    for descriptor in descriptors:
        if descriptor is not None:
            os.close(descriptor)


def _refusal(code: int, program: str) -> OSError:
    """Why the kernel did not start it. It says "no such file" of a missing interpreter, too."""
    reason = os.strerror(code)
    if isinstance(OSError(code, ""), FileNotFoundError) and Path(program).exists():
        reason = "its interpreter is missing"
    return OSError(code, reason, program)


def _abandon(child: int | OSError) -> None:
    if isinstance(child, int):
        with suppress(OSError):
            os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)


# -- C --------------------------------------------------------------------------------------


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def _attributes() -> ctypes.Array[ctypes.c_char]:
    libc = _libc()
    attributes = ctypes.create_string_buffer(_ROOM)
    signals = ctypes.create_string_buffer(_ROOM)
    libc.posix_spawnattr_init(attributes)
    libc.sigemptyset(signals)
    libc.posix_spawnattr_setsigmask(attributes, signals)
    libc.sigfillset(signals)
    libc.posix_spawnattr_setsigdefault(attributes, signals)
    flags = ctypes.c_short(_SETSIGDEF | _SETSIGMASK | _SETSID)
    libc.posix_spawnattr_setflags(attributes, flags)
    return attributes


def _strings(values: Sequence[str]) -> ctypes.Array[ctypes.c_char_p]:
    return (ctypes.c_char_p * (len(values) + 1))(*[os.fsencode(value) for value in values], None)
