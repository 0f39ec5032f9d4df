"""Where a look goes: an address, a Unix socket, or a name whose addresses are looked up.

An address that is written as one is known at once and never looked up. A name is asked for off the
loop, see `vipd.track.resolve`.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from socket import SocketType
from typing import Any, Final, TypeAlias

from vipd.track.resolve import Address, names, numeric

_FLAGS: Final = socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK

Option: TypeAlias = tuple[int, int, int | bytes]
"""A level, an option and a value of setsockopt(2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """What a socket connects to; `label` names it for a person."""

    label: str
    family: int
    kind: int
    address: Any
    protocol: int = 0
    options: tuple[Option, ...] = ()

    def open(self) -> SocketType:
        """A socket that can connect there and never blocks. Raises: OSError.

        Why: it is what `socket.socket` is made on; what that adds is not needed, and takes time.
        """
        opened = SocketType(self.family, self.kind | _FLAGS, self.protocol)
        try:
            for option in self.options:
                opened.setsockopt(*option)
        except OSError:
            opened.close()
            raise
        return opened


Found: TypeAlias = Callable[[tuple[Endpoint, ...] | str], None]
"""Takes the endpoints of a name, at least one, or says why there are none."""


class Target:
    """Where looks go to. `endpoints` is empty while they are known by name only."""

    __slots__ = ("_host", "_kind", "_port", "endpoints")

    endpoints: tuple[Endpoint, ...]

    def __init__(self, host: str, port: int, kind: int = socket.SOCK_STREAM) -> None:
        self._host = host
        self._port = port
        self._kind = kind
        address = numeric(host)
        self.endpoints = (self._endpoint(address),) if address else ()

    @classmethod
    def at(cls, *endpoints: Endpoint) -> Target:
        """What needs no looking up."""
        target = cls.__new__(cls)
        target.endpoints = endpoints
        return target

    def find(self, found: Found) -> Callable[[], None]:
        """Look the name up; what is returned forgets the question."""

        def take(answer: tuple[Address, ...] | str) -> None:
            if isinstance(answer, str):
                found(answer)
            else:
                found(tuple(self._endpoint(each, self._host) for each in answer))

        return names().find(self._host, take)

    def _endpoint(self, address: Address, name: str = "") -> Endpoint:
        host, *rest = address.socket_address
        where = f"[{host}]:{self._port}" if rest else f"{host}:{self._port}"
        return Endpoint(
            label=f"{name} ({where})" if name else where,
            family=address.family,
            kind=self._kind,
            address=(host, self._port, *rest),
        )


def unix(path: str) -> Endpoint:
    """The endpoint of a server that listens on a Unix socket."""
    return Endpoint(label=path, family=socket.AF_UNIX, kind=socket.SOCK_STREAM, address=path)
