"""What this process may do: look at the agent and answer, and nothing else.

It reads what strangers send, so it gives up all that it does not need before it reads the first
byte. Root becomes the user `nobody`, with the group of the control socket, if that one may still
open the socket; otherwise it stays root, but without any capability. Sources: capabilities(7).
"""

from __future__ import annotations

import ctypes
import os
import pwd
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

NOBODY: Final = "nobody"

_ROOT: Final = 0
_PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 24, 38, 47
"""Source: linux/prctl.h."""

_PR_CAP_AMBIENT_IS_SET, _PR_CAP_AMBIENT_CLEAR_ALL = 1, 4
_CAPABILITY_VERSION_3: Final = 0x20080522
_MOST_CAPABILITIES: Final = 64


def begin_without_ambient() -> None:
    """Begin anew without the capabilities of the agent, if there are any that outlive a start.

    Why: the sandbox of the service forbids capset(2); what is not ambient any more ends with exec.
    Order: before anything else, because all of it is done twice.
    """
    libc = ctypes.CDLL(None)
    ambient = (
        libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_IS_SET, number, 0, 0) == 1
        for number in range(_MOST_CAPABILITIES)
    )
    if os.geteuid() != _ROOT and any(ambient):
        libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606  (ourselves, with our own words)


def give_up(control_socket: Path) -> str:
    """Become as harmless as possible; say what this process is from now on.

    Order: the bounding set first, because it takes a capability to drop one from it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    for number in range(_MOST_CAPABILITIES):
        libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)
    libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    became = os.geteuid() == _ROOT and _become_nobody(control_socket)
    _drop_capabilities(libc)
    if became:
        return NOBODY
    return "root without capabilities" if os.geteuid() == _ROOT else f"user {os.geteuid()}"


def _become_nobody(control_socket: Path) -> bool:
    """Change the user, if the control socket can be opened after that: whether it was done.

    Why: whether it can is tried with the effective user alone, which can be taken back.
    """
    try:
        user, group = pwd.getpwnam(NOBODY).pw_uid, control_socket.stat().st_gid
        before = os.getgroups()
        os.setgroups([])
    except (KeyError, OSError):
        return False
    if _may_open(control_socket, user, group):
        with suppress(OSError):
            os.setresgid(group, group, group)
            os.setresuid(user, user, user)
            return True
    with suppress(OSError):
        os.setgroups(before)
    return False


def _may_open(control_socket: Path, user: int, group: int) -> bool:
    own_user, own_group = os.geteuid(), os.getegid()
    try:
        os.setegid(group)
        os.seteuid(user)
        return os.access(control_socket, os.R_OK | os.W_OK, effective_ids=True)
    except OSError:
        return False
    finally:
        os.seteuid(own_user)
        os.setegid(own_group)


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    """Have none, and none to take up again. A user without any is refused nothing by that."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    libc.capset(header, (ctypes.c_uint32 * 6)())
