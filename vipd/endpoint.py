"""Where somebody listens: a host's address and a port, or a unix socket, as an operator writes it.

`127.0.0.1:9112`, `[::1]:9112` and `/run/vipd/web.sock`. Names are refused: what a name resolves to
may be different tomorrow, and a resolver may not answer while a host starts.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, TypeAlias

LONGEST_SOCKET: Final = 107
"""Units: bytes. Source: unix(7), sun_path, without its final NUL."""

_HIGHEST_PORT: Final = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpEndpoint:
    """A port of one address of this host, or of all, where that is 0.0.0.0 or ::."""

    host: IPv4Address | IPv6Address
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if self.host.version == 6 else f"{self.host}"
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnixEndpoint:
    """A unix socket, by its path."""

    path: str

    def __str__(self) -> str:
        return self.path


Endpoint: TypeAlias = TcpEndpoint | UnixEndpoint


def parse_endpoint(text: str) -> Endpoint:
    """Read where to listen. Raises: ValueError, whose text says what is wrong and how it is right.

    What it returns is written as it was read, but for the spelling of an IPv6 address.
    """
    if "/" in text:
        return _unix(text)
    host, colon, port = text.rpartition(":")
    if not colon or not host:
        raise ValueError(f"{text!r} has no port: write ADDRESS:PORT, as 127.0.0.1:9112")
    return TcpEndpoint(host=_host(host), port=_port(port))


def _unix(text: str) -> UnixEndpoint:
    if not text.startswith("/"):
        raise ValueError(f"{text!r} is not an absolute path: write /run/vipd/web.sock")
    if "\0" in text or len(text.encode(errors="surrogateescape")) > LONGEST_SOCKET:
        raise ValueError(f"a unix socket has a path of at most {LONGEST_SOCKET} bytes")
    return UnixEndpoint(path=text)


def _host(text: str) -> IPv4Address | IPv6Address:
    bracketed = text.startswith("[") and text.endswith("]")
    try:
        host = ip_address(text[1:-1] if bracketed else text)
    except ValueError:
        raise ValueError(f"{text!r} is not an IP address: write 127.0.0.1 or [::1]") from None
    if bracketed != (host.version == 6):
        way_out = f"[{host}]" if host.version == 6 else f"{host}"
        raise ValueError(f"an IPv6 address stands in brackets, and no other: write {way_out}")
    return host


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:6]) <= _HIGHEST_PORT:
        raise ValueError(f"{text!r} is not a port: there are 1 to {_HIGHEST_PORT}")
    return int(text)
