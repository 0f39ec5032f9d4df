"""What stands in quotes of trackers and hooks: sizes, status codes, URLs, patterns, programs."""

from __future__ import annotations

import json
import re
import shlex
import warnings
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from vipd.config.text import RefusedText, harmless, quote, read_host, read_socket_path

STATUS_CODES = range(100, 600)
"""RFC: 9110 §15."""

OWNED_HEADERS = ("content-length", "transfer-encoding", "connection")
"""What a tracker says itself, since it sends no body and one request."""

_STATUS = re.compile(r"(?P<least>[0-9]{1,9})(?:-(?P<most>[0-9]{1,9}))?")
_SIZE = re.compile(r"(?P<number>[0-9]{1,9}(?:\.[0-9]{1,6})?) ?(?P<unit>[A-Za-z%]*)")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HOST_NAME = re.compile(r"(?=.{1,253}\.?$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
                        r"(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\.?")  # fmt: skip
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,30}\$?|[0-9]{1,10}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_UNIT_NAME = re.compile(r"[A-Za-z0-9:_.\\@-]{1,255}")

_UNITS: dict[str, int] = {
    "B": 1,
    **{f"{letter}B": 1000**power for power, letter in enumerate("kMGTP", 1)},
    **{f"{letter}iB": 1024**power for power, letter in enumerate(("K", "M", "G", "T", "P"), 1)},
}

LARGEST_SIZE = 2**63 - 1
"""Bytes. Linux counts them with a sign, in 64 bits."""

LONGEST_LIST = 200
"""How many characters of somebody else's command line are repeated in a message."""

SHELL_WORDS = frozenset({"|", "||", "&", "&&", ";", ">", ">>", "<", "2>&1"})
"""What only a shell obeys; to a program it is one more argument."""


# -- programs -------------------------------------------------------------------------------


def as_list(value: object) -> str:
    """How to write a command line as a list."""
    if not isinstance(value, str):
        return ""
    try:
        words = shlex.split(value)
    except ValueError:
        words = value.split()
    return f"there is no shell; write it as a list: {toml_list(words or [value])}"


def toml_list(words: list[str]) -> str:
    """Write a list of strings as TOML does, with nothing in it that a terminal would obey."""
    written = json.dumps(words, ensure_ascii=False)
    if len(written) > LONGEST_LIST:
        return '["...", "..."]'
    return written if written.isprintable() else json.dumps(words)


def read_argument(text: str) -> str:
    """Read one word of a command line.

    Raises: RefusedText.
    """
    if "\0" in text:
        raise RefusedText(f"{quote(text)} has a zero byte in it")
    if text in SHELL_WORDS:
        hint = 'there is no shell; ask for one: ["/bin/sh", "-c", "..."]'
        raise RefusedText(f"{quote(text)} is for a shell", hint)
    return text


def program_problem(program: str) -> tuple[str, str] | None:
    """Why the first word of a command line is no program, and the way out."""
    words = program.split()
    if len(words) > 1:
        return f"{quote(program)} has spaces in it", as_list(program)
    if not program.startswith("/") or program.endswith("/"):
        hint = "no search path is used; write all of it, such as /usr/bin/systemctl"
        return f"{quote(program)} is not the absolute path of a program", hint
    return None


def read_path(text: str) -> str:
    """Read an absolute path.

    Raises: RefusedText.
    """
    if not text.startswith("/") or "\0" in text:
        raise RefusedText(f"must be an absolute path, not {quote(text)}")
    return text


def read_server_socket(text: str) -> str:
    """Read the absolute path of a unix socket to connect to.

    Raises: RefusedText.
    """
    read_socket_path(text)
    return text


def read_user(text: str) -> str:
    """Read the name or number of a user or a group.

    Raises: RefusedText.
    """
    if _USER.fullmatch(text):
        return text
    raise RefusedText(f"{quote(text)} cannot be the name of a user or a group")


def read_variable(text: str) -> str:
    """Read the name of an environment variable.

    Raises: RefusedText.
    """
    if _VARIABLE.fullmatch(text):
        return text
    raise RefusedText(f"{quote(text)} cannot be the name of a variable")


def read_value(text: str) -> str:
    """Read the value of an environment variable.

    Raises: RefusedText.
    """
    if "\0" in text:
        raise RefusedText("has a zero byte in it", "a variable ends there; leave it out")
    return text


def read_executable(text: str) -> str:
    """Read an executable: its absolute path, or its base name.

    Raises: RefusedText.
    """
    if not text or text.endswith("/") or "\0" in text or ("/" in text and text[0] != "/"):
        raise RefusedText(f"{quote(text)} is neither a name nor an absolute path")
    return text


def read_unit(text: str) -> str:
    """Read the name of a systemd unit; without a suffix it is a service.

    Raises: RefusedText.
    """
    if not _UNIT_NAME.fullmatch(text):
        raise RefusedText(f"{quote(text)} cannot be the name of a systemd unit")
    return text if "." in text else f"{text}.service"


# -- numbers --------------------------------------------------------------------------------


def read_status(code: int | str) -> tuple[int, int]:
    """Read a status code such as 200, or a range such as "200-399".

    Raises: RefusedText.
    """
    match = _STATUS.fullmatch(str(code))
    shown = quote(code) if isinstance(code, str) else str(code)
    if not match:
        raise RefusedText(f"{shown} is neither a status code nor a range")
    least, most = int(match["least"]), int(match["most"] or match["least"])
    if least not in STATUS_CODES or most not in STATUS_CODES:
        raise RefusedText(f"status codes are from 100 to 599, not {shown}")
    if least > most:
        raise RefusedText(f"{shown} runs backwards", f'write "{most}-{least}"')
    return least, most


def read_free(text: str) -> int | float:
    """Read how much of a disk is free: bytes such as "1GiB" are whole, "5%" is a float.

    Raises: RefusedText.
    """
    match = _SIZE.fullmatch(text)
    if not match:
        raise RefusedText(f"must be a size or a share, not {quote(text)}")
    number, unit = match["number"], match["unit"]
    if unit == "%":
        if not 0 < float(number) < 100:
            raise RefusedText(f"a share is more than 0 % and less than 100 %, not {quote(text)}")
        return float(number)
    if unit not in _UNITS:
        meant = next((known for known in _UNITS if known.lower() == unit.lower()), "")
        hint = f'write "{number}{meant}"' if meant else f"the units are % {' '.join(_UNITS)}"
        raise RefusedText(f"{quote(text)} has no unit that is known", hint)
    whole, _, part = number.partition(".")
    size: int = int(whole + part) * _UNITS[unit] // 10 ** len(part)
    if size > LARGEST_SIZE:
        raise RefusedText(f"{quote(text)} is more than any file system has")
    return size


# -- places in the network ------------------------------------------------------------------


def read_target(text: str) -> str:
    """Read a host to connect to: an address or a name.

    Raises: RefusedText.
    """
    try:
        return str(ip_address(text))
    except ValueError:
        pass
    host, colon, port = text.rpartition(":")
    if colon and port.isdigit():
        hint = f"write address = {quote(host.strip('[]'))} and port = {port}"
        raise RefusedText(f"{quote(text)} has a port in it", hint)
    if not _is_host_name(text):
        raise RefusedText(f"{quote(text)} is neither an address nor the name of a host")
    return text


def read_host_name(text: str) -> str:
    """Read the name of a host.

    Raises: RefusedText.
    """
    if not _is_host_name(text):
        raise RefusedText(f"{quote(text)} is not the name of a host")
    return text


def _is_host_name(text: str) -> bool:
    """Why digits are looked for: what has nothing else is an address that went wrong."""
    return _HOST_NAME.fullmatch(text) is not None and not text.replace(".", "").isdigit()


def read_ip(text: str) -> str:
    """Read an address that may be a loopback address, too.

    Raises: RefusedText.
    """
    try:
        address = ip_address(text)
    except ValueError:
        if "/" in text or "%" in text:
            return str(read_host(text))
        raise RefusedText(f"{quote(text)} is not an IPv4 or IPv6 address") from None
    if address.is_unspecified or address.is_multicast:
        raise RefusedText(f"{quote(text)} is not the address of one host")
    return str(address)


def read_destination(text: str) -> str:
    """Read where a route leads to: a network, or "default" for 0.0.0.0/0.

    Raises: RefusedText.
    """
    if text == "default":
        return "0.0.0.0/0"
    try:
        return str(ip_network(text))
    except ValueError:
        pass
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise RefusedText(f"{quote(text)} is neither a network nor an address") from None
    raise RefusedText(f"{quote(text)} has bits beyond its prefix", f'write "{network}"')


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlText:
    """Reads a URL of one scheme."""

    scheme: str

    def __call__(self, text: str) -> str:
        """Read it.

        Raises: RefusedText.
        """
        shown = _shown_url(text)
        if not text.isascii() or not text.isprintable() or " " in text:
            raise RefusedText(f"{shown} has a character that a URL must not have")
        try:
            url = urlsplit(text)
        except ValueError:
            raise RefusedText(f"{shown} is not a URL") from None
        self._judge_scheme(shown, url.scheme)
        if "@" in url.netloc:
            hint = 'write headers = { Authorization = "Basic ..." }'
            raise RefusedText("must not have a user name or a password in it", hint)
        _judge_place(shown, url)
        if "#" in text:
            raise RefusedText(f"{shown} has a '#'", "leave out what begins with '#'")
        return text

    def _judge_scheme(self, shown: str, scheme: str) -> None:
        if scheme == self.scheme:
            return
        if scheme in ("http", "https"):
            raise RefusedText(f"{shown} is a URL of {scheme}", f'write type = "{scheme}"')
        raise RefusedText(f"{shown} does not begin with {self.scheme}://")


def _shown_url(text: str) -> str:
    """Repeat a URL in a message, unless a password may be in it."""
    return "the URL, which has an '@'," if "@" in text else quote(text)


def _judge_place(shown: str, url: SplitResult) -> None:
    """Refuse what is no host, or no port of one."""
    if not url.hostname:
        raise RefusedText(f"{shown} names no host")
    try:
        port = url.port
    except ValueError:
        port = 0
    if port == 0:
        raise RefusedText(f"{shown} has a port that is not from 1 to 65535")
    read_target(url.hostname)


def read_header(text: str) -> str:
    """Read the name of a header. RFC: 9110 §5.1.

    Raises: RefusedText.
    """
    if not _TOKEN.fullmatch(text):
        raise RefusedText(f"{quote(text)} cannot be the name of a header")
    if text.lower() in OWNED_HEADERS:
        raise RefusedText(f"{text} is said by vipd itself", "leave it out")
    return text


def read_header_value(text: str) -> str:
    """Read the value of a header, which is one line. RFC: 9110 §5.5.

    Raises: RefusedText.
    """
    if text.isprintable():
        return text
    raise RefusedText("must be one line of printable characters")


def read_method(text: str) -> str:
    """Read a method, which is in capitals. RFC: 9110 §9.1.

    Raises: RefusedText.
    """
    if not _TOKEN.fullmatch(text):
        raise RefusedText(f"{quote(text)} cannot be a method")
    if not text.isupper():
        raise RefusedText(f"{quote(text)} is not in capitals", f'write "{text.upper()}"')
    return text


def read_pattern(text: str) -> str:
    """Read a regular expression.

    Raises: RefusedText.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)
            re.compile(text)
    except FutureWarning as warning:
        why = harmless(str(warning)).lower()
        hint = 'write a "[", "-", "&", "~" or "|" that stands in brackets with a \\ before it'
        raise RefusedText(f"{quote(text)} can be read in two ways: {why}", hint) from None
    except (re.error, RecursionError, OverflowError) as error:
        raise RefusedText(
            f"{quote(text)} is not a regular expression: {harmless(str(error))}"
        ) from None
    return text


def is_ipv4(address: str) -> bool:
    """Whether an address that was read is one of IPv4."""
    return isinstance(ip_address(address), IPv4Address)
