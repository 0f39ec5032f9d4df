"""Who asks, and what they may ask for.

The socket's mode lets root and the group of the socket in, to look. What changes anything is for
root, for the user that the agent runs as, and for the members of the group `vipd-admin`. The kernel
says who the peer is: nothing that it sends counts. Sources: unix(7), SO_PEERCRED and SO_PEERGROUPS.
"""

from __future__ import annotations

import grp
import os
import socket
import struct
from ctypes import CDLL, byref, c_uint32
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vipd.control.messages import LOOKING, ErrorReply, Request

READERS: Final = "vipd"
"""The group whose members may look."""

ADMINISTRATORS: Final = "vipd-admin"
"""The group whose members may order."""

_LIBC: Final = CDLL(None)
_UCRED: Final = struct.Struct("iII")
_SO_PEERGROUPS: Final = 59
"""Source: asm-generic/socket.h; Python has no name for it."""

_MOST_GROUPS: Final = 65536
"""Source: NGROUPS_MAX in linux/limits.h."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The process at the other end, as it was when it connected."""

    pid: int
    uid: int
    groups: frozenset[int]

    def __str__(self) -> str:
        """Why a number: who is asked for a name may be a server that is away."""
        return f"uid {self.uid}" if self.uid else "root"


def caller_of(peer: socket.socket) -> Caller:
    """Ask the kernel who is at the other end."""
    raw = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    pid, uid, gid = _UCRED.unpack(raw)
    return Caller(pid=pid, uid=uid, groups=_groups(peer) | {gid})


def _groups(peer: socket.socket) -> frozenset[int]:
    """The supplementary groups; none where the kernel does not tell.

    Why: `socket.getsockopt` reads 1024 bytes at most, and people of a directory are in more groups.
    """
    found, size = (c_uint32 * _MOST_GROUPS)(), c_uint32(4 * _MOST_GROUPS)
    asked = (peer.fileno(), socket.SOL_SOCKET, _SO_PEERGROUPS, found, byref(size))
    if _LIBC.getsockopt(*asked) != 0:
        return frozenset()
    return frozenset(found[: size.value // 4])


def administrators() -> int | None:
    """The number of the group that may order. Order: once, before anybody waits for this agent."""
    return group_id(ADMINISTRATORS)


def refusal(request: Request, caller: Caller, admins: int | None) -> ErrorReply | None:
    """Why this caller may not ask for this; None when it may. `admins` is who may order, too."""
    if isinstance(request, LOOKING) or caller.uid in {0, os.geteuid()}:
        return None
    if admins is not None and admins in caller.groups:
        return None
    command = type(request).__struct_config__.tag
    return ErrorReply(
        error=(
            f"you may look, but {command} is for root and for the group {ADMINISTRATORS}: ask with "
            f"sudo, or have root run `usermod -aG {READERS},{ADMINISTRATORS} USER`, and log "
            "in again"
        ),
        denied=True,
    )


def group_id(name: str) -> int | None:
    """The number of a group; None where there is none of this name."""
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def let_group_look(socket_file: Path) -> None:
    """Let the members of the group `vipd` open the socket, where there is such a group.

    Why: an agent that may not give the file away leaves it to its own group.
    """
    readers = group_id(READERS)
    if readers is not None and os.geteuid() == 0:
        os.chown(socket_file, -1, readers)
