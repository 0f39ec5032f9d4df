"""What stands in quotes: how durations, addresses and names are read, and why they are refused."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_interface
from pathlib import Path

from vipd.core.config import TakeoverProbe
from vipd.core.model import ChecksumForm, IPAddress, Vip
from vipd.core.units import MILLISECOND, SECOND, Duration
from vipd.endpoint import parse_endpoint

DURATION_HINT = 'a duration needs a unit: write it as "1s" or "100ms"'
EXAMPLE_ADDRESSES = '"192.0.2.100/24" or "2001:db8::100/64"'

LONGEST_INTERFACE_NAME = 15
"""Bytes. Source: Linux IFNAMSIZ (16) counts the closing zero byte."""

LONGEST_SOCKET_PATH = 107
"""Bytes. Source: Linux sockaddr_un has room for 108 with the closing zero byte."""

LONGEST_SHOWN = 60
"""How many characters of somebody else's text are repeated in a message."""

BROADCAST = IPv4Address("255.255.255.255")

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]{1,60}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_LEASES: dict[str, Duration | None] = {"auto": None, "off": 0}

LONGEST_PASSWORD = 8
"""Bytes. RFC: 2338 §5.3.6.2."""

_PREFIX = re.compile(r"[0-9]{1,3}")
_DURATION = re.compile(r"(?P<whole>[0-9]{1,9})(?:\.(?P<part>[0-9]{1,9}))?(?P<unit>ms|s|m|h)")
_SCALES: tuple[int, ...] = tuple(10**digits for digits in range(10))
_UNITS: dict[str, Duration] = {
    "h": 3_600 * SECOND,
    "m": 60 * SECOND,
    "s": SECOND,
    "ms": MILLISECOND,
}


class RefusedText(Exception):
    """A text that its key cannot take; without a hint the key's own applies."""

    def __init__(self, problem: str, hint: str = "") -> None:
        self.problem = problem
        self.hint = hint
        super().__init__(problem)


def harmless(text: str) -> str:
    """Repeat a text in a message: short, and without what a terminal would obey."""
    shown = text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "..."
    return shown if shown.isprintable() else shown.encode("unicode_escape").decode("ascii")


def quote(text: str) -> str:
    """Repeat a text in a message, in quotes."""
    return f'"{harmless(text)}"'


def join(path: str, key: str) -> str:
    """The path of a key within a table, quoted as TOML wants it."""
    shown = key if _BARE_KEY.fullmatch(key) else quote(key)
    return f"{path}.{shown}" if path else shown


# -- durations ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DurationText:
    """Reads a duration such as "1s" within bounds; `off` admits zero as well.

    Units: nanoseconds.
    """

    least: Duration
    most: Duration
    step: Duration
    why: str
    off: bool = False

    def __call__(self, text: str) -> Duration:
        """Read one duration.

        Raises: RefusedText.
        """
        match = _DURATION.fullmatch(text)
        if not match:
            raise RefusedText(f"must be a duration with a unit, not {quote(text)}")
        part = match["part"] or ""
        # Whole numbers only: a float would turn 40.95 s into something else.
        scaled, scale = int(match["whole"] + part) * _UNITS[match["unit"]], _SCALES[len(part)]
        if scaled == 0 and self.off:
            return 0
        if not self.least * scale <= scaled <= self.most * scale:
            raise RefusedText(f"must be from {self._bounds}, not {quote(text)}", self.why)
        steps, rest = divmod(scaled, self.step * scale)
        if rest:
            problem = f"must be a multiple of {write_duration(self.step)}, not {quote(text)}"
            below, above = (write_duration(n * self.step) for n in (steps, steps + 1))
            raise RefusedText(problem, f'write "{below}" or "{above}"')
        return steps * self.step

    @property
    def _bounds(self) -> str:
        bounds = f'"{write_duration(self.least)}" to "{write_duration(self.most)}"'
        return f'{bounds}, or "0s"' if self.off else bounds


def write_duration(duration: Duration) -> str:
    """Write a duration as the file does, in the largest unit that needs no fraction.

    From a second on a fraction is read more easily than a thousand milliseconds: "40.95s".
    """
    for unit, length in _UNITS.items():
        if duration % length == 0 and unit != "ms":
            return f"{duration // length}{unit}"
    if duration < SECOND:
        return f"{duration / MILLISECOND:.9g}ms"
    return f"{duration / SECOND:.9g}s"


def with_unit(value: object) -> str:
    """How to write a number of seconds, as keepalived has them, as a duration."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        return ""
    return f'write it with its unit: "{value}s"'


# -- addresses ------------------------------------------------------------------------------


def read_address(text: str) -> Vip:
    """Read "ADDR[/PREFIX]"; without a prefix the address stands alone: /32 or /128.

    Raises: RefusedText.
    """
    host, slash, prefix = text.partition("/")
    address = _read_host(host, text)
    length = _read_prefix(prefix, address) if slash else address.max_prefixlen
    vip = ip_interface(f"{address}/{length}")
    if why := _unusable(vip):
        raise RefusedText(
            f"{quote(text)} {why}", f"name the address of one host, such as {EXAMPLE_ADDRESSES}"
        )
    return vip


def _read_host(host: str, text: str) -> IPAddress:
    if "%" in host:
        hint = "leave it out: the key interface names it already"
        raise RefusedText(f"{quote(text)} names an interface behind '%'", hint)
    try:
        address = ip_address(host)
    except ValueError:
        raise RefusedText(f"{quote(text)} is not an IPv4 or IPv6 address") from None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        hint = f'write "{address.ipv4_mapped}"'
        raise RefusedText(f"{quote(text)} is an IPv4 address in IPv6 form", hint)
    return address


def _read_prefix(prefix: str, address: IPAddress) -> int:
    most, usual = address.max_prefixlen, 24 if address.version == 4 else 64
    if _PREFIX.fullmatch(prefix) and 1 <= int(prefix) <= most:
        return int(prefix)
    hint = f'such as "{address}/{usual}", or "{address}" for the address alone'
    raise RefusedText(
        f"the prefix of an IPv{address.version} address is from 1 to {most}, not {quote(prefix)}",
        hint,
    )


def _unusable(vip: Vip) -> str | None:
    """Why no host can have this address; None when one can."""
    address, network = vip.ip, vip.network
    if address.is_unspecified:
        return "is the unspecified address"
    if address.is_loopback:
        return "is a loopback address"
    if address.is_multicast:
        return "is a multicast address"
    if address == BROADCAST:
        return "is the broadcast address"
    if network.prefixlen >= address.max_prefixlen - 1:
        return None  # RFC: 3021, 6164: a /31 and a /127 have no network or broadcast address.
    if address == network.network_address:
        return f"is the address of the network {network} itself"
    if address.version == 4 and address == network.broadcast_address:
        return f"is the broadcast address of {network}"
    return None


# -- names ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NameText:
    """Reads the name of something: one that needs no quotes in a shell, a log or a file name."""

    whose: str

    def __call__(self, text: str) -> str:
        """Read one name.

        Raises: RefusedText.
        """
        if _NAME.fullmatch(text):
            return text
        raise RefusedText(f"{quote(text)} cannot be the name of {self.whose}")


def read_interface(text: str) -> str:
    """Read a name that Linux allows for an interface. Source: dev_valid_name() of Linux.

    Raises: RefusedText.
    """
    device, colon, _ = text.partition(":")
    if colon:
        hint = f"an alias is not an interface; name the interface itself: {quote(device)}"
        raise RefusedText(f"{quote(text)} has a ':' in it", hint)
    size = len(os.fsencode(text))
    if not 1 <= size <= LONGEST_INTERFACE_NAME:
        problem = f"an interface name has 1 to {LONGEST_INTERFACE_NAME} bytes, {quote(text)} has"
        raise RefusedText(f"{problem} {size}")
    if text in (".", "..") or "/" in text or "\0" in text or any(map(str.isspace, text)):
        raise RefusedText(f"{quote(text)} cannot be the name of an interface")
    return text


def read_socket_path(text: str) -> Path:
    """Read the absolute path of a unix socket.

    Raises: RefusedText.
    """
    if not text.startswith("/") or text.endswith("/") or "\0" in text:
        raise RefusedText(f"must be the absolute path of a file, not {quote(text)}")
    if len(os.fsencode(text)) > LONGEST_SOCKET_PATH:
        problem = f"the path of a socket has at most {LONGEST_SOCKET_PATH} bytes"
        raise RefusedText(f"{problem}, this one has {len(os.fsencode(text))}")
    return Path(text)


def read_directory(text: str) -> Path:
    """Read the absolute path of a directory.

    Raises: RefusedText.
    """
    if not text.startswith("/") or "\0" in text:
        raise RefusedText(f"must be the absolute path of a directory, not {quote(text)}")
    return Path(text)


def read_endpoint(text: str) -> str:
    """Read where to listen: an address with a port, or the path of a unix socket.

    Raises: RefusedText.
    """
    try:
        return str(parse_endpoint(text))
    except ValueError as error:
        raise RefusedText(str(error)) from error


def read_checksum(text: str) -> ChecksumForm | None:
    """Read the form of the IPv4 checksum; "auto" pins none."""
    return None if text == "auto" else ChecksumForm(text)


def read_host(text: str) -> IPAddress:
    """Read the address of one host, without a prefix.

    Raises: RefusedText.
    """
    if "/" in text:
        problem = f"{quote(text)} has a prefix; a host is written without"
        raise RefusedText(problem, f"write {quote(text.partition('/')[0])}")
    return read_address(text).ip


def read_lease(text: str) -> Duration | None:
    """Read for how long the kernel keeps an address: None for "auto", 0 for "off".

    Raises: RefusedText.
    """
    if text in _LEASES:
        return _LEASES[text]
    why = 'the kernel counts whole seconds; or write "auto" or "off"'
    return DurationText(least=SECOND, most=3_600 * SECOND, step=SECOND, why=why)(text)


def read_takeover_probe(text: str) -> TakeoverProbe:
    """Read what a BACKUP does about an address that answers while its MASTER is silent."""
    return TakeoverProbe(text)


def read_password(text: str) -> bytes:
    """Read the simple text of VRRPv2; what is refused is not repeated. RFC: 2338 §5.3.6.2.

    Raises: RefusedText.
    """
    password = text.encode()
    if not 1 <= len(password) <= LONGEST_PASSWORD:
        hint = "keepalived cuts a longer one silently: there, only its first 8 bytes count"
        problem = f"must have 1 to {LONGEST_PASSWORD} bytes, this one has {len(password)}"
        raise RefusedText(problem, hint if len(password) > LONGEST_PASSWORD else "")
    return password


def read_weight(number: int) -> int:
    """Read what a tracker adds to or takes from the priority.

    Raises: RefusedText.
    """
    if number:
        return number
    raise RefusedText("a weight of 0 changes nothing", "leave it out: the failure is then FAULT")
