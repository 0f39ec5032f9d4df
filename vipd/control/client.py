"""The command line's end of the control socket: ask, wait a bounded time, read one line."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, overload

from vipd.control.messages import (
    ErrorReply,
    FollowRequest,
    HistoryReply,
    HistoryRequest,
    NotAReply,
    Order,
    OrderReply,
    ReloadReply,
    ReloadRequest,
    Reply,
    Request,
    StatusReply,
    StatusRequest,
    decode_event,
    decode_reply,
    encode,
)
from vipd.control.report import EventReport
from vipd.errors import VipdError

TIMEOUT_S: Final = 5.0
"""Longer than an agent takes under any load it can still serve under."""

LARGEST_REPLY: Final = 16 * 1024 * 1024
"""Units: bytes. Thousands of instances fit; what never ends does not."""

CHUNK: Final = 64 * 1024

START = "Start one with `systemctl start vipd`, or in the foreground with `vipd run`."
HANGS = "Its log says more: `journalctl -u vipd`; `systemctl restart vipd` starts it anew."
FORBIDDEN = "Ask as root, for example with `sudo`, or as a member of the group vipd."
LOOK = "See what listens there with `ss -xlp`."


class NoAgent(VipdError):
    """Nobody answers on the control socket; the text says why, and how to start one."""

    def __init__(self, path: Path, why: str, way_out: str) -> None:
        super().__init__(f"no vipd agent answers on {path}: {why}.\n{way_out}")


@overload
def ask(
    path: Path, request: StatusRequest, *, timeout_s: float = ...
) -> StatusReply | ErrorReply: ...


@overload
def ask(
    path: Path, request: HistoryRequest, *, timeout_s: float = ...
) -> HistoryReply | ErrorReply: ...


@overload
def ask(
    path: Path, request: ReloadRequest, *, timeout_s: float = ...
) -> ReloadReply | ErrorReply: ...


@overload
def ask(path: Path, request: Order, *, timeout_s: float = ...) -> OrderReply | ErrorReply: ...


def ask(path: Path, request: Request, *, timeout_s: float = TIMEOUT_S) -> Reply:
    """Ask the agent and return its reply.

    Raises: NoAgent when there is none, when it may not be asked, and when it does not answer.
    """
    with _explained(path, timeout_s):
        return decode_reply(_exchange(path, encode(request), timeout_s), request)


def follow(path: Path, request: FollowRequest) -> Iterator[EventReport]:
    """Yield each event as it happens, until the agent ends.

    Raises: NoAgent when there is none, or when it may not be asked; VipdError when it refuses.
    """
    with _explained(path, TIMEOUT_S), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.settimeout(TIMEOUT_S)
        peer.connect(os.fspath(path))
        _send(peer, encode(request))
        peer.settimeout(None)
        with peer.makefile("rb") as lines:
            while line := lines.readline(LARGEST_REPLY):
                yield decode_event(line)


@contextmanager
def _explained(path: Path, timeout_s: float) -> Iterator[None]:
    """Say of whatever goes wrong on the way why, and how to go on."""
    try:
        yield
    except FileNotFoundError as error:
        raise NoAgent(path, "there is no such socket", START) from error
    except ConnectionRefusedError as error:
        raise NoAgent(path, "the socket is there, but nobody listens", START) from error
    except PermissionError as error:
        raise NoAgent(path, "this user may not open the socket", FORBIDDEN) from error
    except TimeoutError as error:
        why = f"something listens, but said nothing for {timeout_s:g} s"
        raise NoAgent(path, why, HANGS) from error
    except BlockingIOError as error:
        raise NoAgent(path, "something listens, but does not accept connections", HANGS) from error
    except NotAReply as error:
        raise NoAgent(path, str(error), LOOK) from error
    except OSError as error:
        raise NoAgent(path, error.strerror or str(error), START) from error


def _exchange(path: Path, line: bytes, timeout_s: float) -> bytes:
    deadline = time.monotonic() + timeout_s
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        _limit(peer, deadline)
        peer.connect(os.fspath(path))
        _send(peer, line)
        return _read_line(peer, deadline)


def _send(peer: socket.socket, line: bytes) -> None:
    """Send the request. An agent that refuses hangs up early: its reply then says why."""
    try:
        peer.sendall(line)
    except (BrokenPipeError, ConnectionResetError):
        return


def _read_line(peer: socket.socket, deadline: float) -> bytes:
    received = bytearray()
    while not received.endswith(b"\n"):
        _limit(peer, deadline)
        chunk = peer.recv(CHUNK)
        if not chunk:
            raise NotAReply("it hung up before it had answered")
        received += chunk
        if len(received) > LARGEST_REPLY:
            raise NotAReply("it says more than an agent would")
    return bytes(received)


def _limit(peer: socket.socket, deadline: float) -> None:
    """Let the next call on the socket end at the deadline."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    peer.settimeout(left)
