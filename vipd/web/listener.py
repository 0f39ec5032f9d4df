"""The socket that strangers connect to."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Final

from vipd.endpoint import Endpoint, TcpEndpoint, UnixEndpoint
from vipd.errors import VipdError

KEY: Final = "agent.metrics"
"""The key of the configuration that says where to listen."""

BACKLOG: Final = 32
SOCKET_MODE: Final = 0o660


def listen(endpoint: Endpoint, control_socket: Path) -> socket.socket:
    """Take the place. Raises: VipdError, which names the key of the configuration.

    A unix socket is for the group that may look at the agent, as the control socket is.
    """
    try:
        match endpoint:
            case TcpEndpoint():
                return _tcp(endpoint)
            case UnixEndpoint(path=path):
                return _unix(Path(path), control_socket)
    except OSError as error:
        reason = error.strerror or str(error)
        raise VipdError(f'cannot listen on {KEY} = "{endpoint}": {reason}') from error


def _tcp(endpoint: TcpEndpoint) -> socket.socket:
    family = socket.AF_INET6 if endpoint.host.version == 6 else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(_name(endpoint))
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def _name(endpoint: TcpEndpoint) -> tuple[object, ...]:
    """The address as the kernel takes it, with the number of a link-local one's interface."""
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    (found, *_) = socket.getaddrinfo(
        f"{endpoint.host}", endpoint.port, type=socket.SOCK_STREAM, flags=flags
    )
    return found[4]


def _unix(path: Path, control_socket: Path) -> socket.socket:
    """Make the socket; one that nobody answers on any more is replaced."""
    _clear(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        before = os.umask(0o777 & ~SOCKET_MODE)
        try:
            listener.bind(os.fspath(path))
        finally:
            os.umask(before)
        if os.geteuid() == 0 and control_socket.exists():
            os.chown(path, -1, control_socket.stat().st_gid)
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def _clear(path: Path) -> None:
    """Remove what an earlier life left behind. Raises: VipdError, OSError."""
    if not path.exists() and not path.is_symlink():
        return
    if not path.is_socket():
        raise VipdError(f'cannot listen on {KEY} = "{path}": there is something else in its place')
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink()
        except BlockingIOError:
            pass
    if path.exists():
        raise VipdError(f'cannot listen on {KEY} = "{path}": another process answers there')
