"""The memory: what an agent was, for the life that follows a crash.

Theory of operation. A small file in the runtime directory tells, for each instance, its state and
when it last spoke as MASTER. A life that ends in order forgets: it removes the file, before it
gives anything away. So a file that is found tells of a crash, and by the time of the last advert
the next life knows whether the peers still take it for the MASTER.

- What is remembered may be older than what was so, never newer: a life that comes back too late
  does not carry on, and that is always safe.
- It is written by renaming a complete file into place, so that no reader sees half of one. When
  only time has passed, which is four times a second, the end of that file is written over: it has
  all the times, always at the same width, and a sum of them. Who is killed in the midst of that
  leaves a sum that is wrong. Nothing is ever forced to a disk: whatever loses it, a reboot, ends
  the life of its addresses, too.
- It is written by the loop itself. A thread would hold Python's interpreter lock, and an ordinary
  thread can be kept from the processor while it holds it; the loop would wait for both.
- Nothing in the file is believed before it is checked. One that is odd is ignored as a whole.

Times are CLOCK_MONOTONIC, which all processes of one boot share, unless they are in different time
namespaces: both are part of what the file says of its origin. Sources: time_namespaces(7).
"""

from __future__ import annotations

import errno
import json
import os
import stat
import zlib
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from vipd.agent.digest import digest_of
from vipd.agent.ports import Clock
from vipd.core.config import InstanceConfig
from vipd.core.model import State
from vipd.core.units import MILLISECOND, Duration, Instant
from vipd.log import Logger

SPOKEN_EVERY: Duration = 250 * MILLISECOND
"""How often a new last advert is written. Four times in the shortest interval at which a process
can be back in time; seldom enough to cost nothing at an interval of 10 ms."""

LARGEST_FILE: Final = 1024 * 1024
"""Units: bytes. Seven thousand instances fit."""

FORMAT: Final = 2
_TIME_DIGITS: Final = 19
"""As many as a signed number of 64 bits has."""

_SUM_DIGITS: Final = 10
_DIGEST_BYTES: Final = 8
_MODE: Final = 0o600
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_TIME_NAMESPACE: Final = Path("/proc/self/ns/time")


Standing: TypeAlias = tuple[str, State, int, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is remembered of one instance.

    `key` is what `key_of` makes of its configuration. `spoke` is when a MASTER sent its last
    advert of a priority above 0; None for all who have nothing to carry on: who is no MASTER, and
    who has begun to hand over.
    """

    key: str
    state: State
    priority: int
    spoke: Instant | None

    @property
    def standing(self) -> Standing:
        """All but the time: what is worth to be written at once when it changes."""
        return (self.key, self.state, self.priority, self.spoke is None)


def key_of(config: InstanceConfig) -> str:
    """Say which virtual router this is; what it serves and how is in it, as a hash.

    Why: a life with another configuration has nothing to carry on. Derive it once, not every time.
    """
    served = sorted(str(vip) for vip in config.addresses)
    terms = (served, config.advert_interval, config.virtual_mac, config.unicast)
    digest = digest_of(repr(terms).encode(), _DIGEST_BYTES).hex()
    return f"{config.name} {config.interface} {config.vrid} v{config.version} {digest}"


def this_boot() -> str:
    """Whose monotonic clock this is; empty where that cannot be told."""
    try:
        boot = _BOOT_ID.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
    with suppress(OSError):  # A kernel without time namespaces has one time.
        boot += f" {_TIME_NAMESPACE.readlink()}"
    return boot


class Memory:
    """What this agent was, in a file of its own. The control socket's lock keeps others away."""

    def __init__(self, file: Path, clock: Clock, log: Logger, boot: str | None = None) -> None:
        self._file = file
        self._new = file.with_name(f"{file.name}.new")
        self._clock = clock
        self._log = log
        self._boot = this_boot() if boot is None else boot
        self._identity: tuple[int, int] | None = None
        self._times_at = 0
        self._saved: Sequence[Entry] | None = None
        self._standings: Sequence[Standing] = ()
        self._saved_at: Instant = 0
        self._forgot = False
        self._complained = False

    def recall(self) -> Mapping[str, Entry]:
        """What an earlier life of this boot was, by key; nothing when it ended in order.

        Why: a file that is of no use, whatever it is, only means to start from nothing.
        """
        try:
            document = _document(_contents(self._file))
            return _entries(document, self._boot, self._clock())
        except FileNotFoundError:
            return {}
        except OSError as error:
            reason = f"it cannot be read: {error.strerror}"
        except _Useless as error:
            reason = str(error)
        self._log.warning(
            "ignored what an earlier life left behind", file=str(self._file), reason=reason
        )
        return {}

    def save(self, entries: Collection[Entry]) -> None:
        """Remember this, if it is worth it: call it as often as you like; it never raises."""
        now, entries = self._clock(), tuple(entries)
        if self._forgot or entries == self._saved:
            return
        standings = [one.standing for one in entries]
        only_later = self._saved is not None and standings == self._standings
        if only_later and now - self._saved_at < SPOKEN_EVERY:
            return
        self._saved, self._standings, self._saved_at = entries, standings, now
        try:
            if not (only_later and self._refresh(entries)):
                self._write(entries)
        except OSError as error:
            self._complain(error)
            # What stands there is no longer so.
            with suppress(OSError):
                self._file.unlink(missing_ok=True)

    def forget(self) -> None:
        """Remember nothing any more: this life ends in order, and nobody is to carry on.

        Order: before a priority of 0 is sent or anything is released; `save` does nothing after.
        """
        self._forgot = True
        try:
            self._file.unlink(missing_ok=True)
        except OSError as error:
            self._complain(error)

    def _write(self, entries: Sequence[Entry]) -> None:
        """Put a complete file into place. Raises: OSError.

        Why: the new file is made anew, so that nobody can have prepared it in an open directory.
        """
        self._new.unlink(missing_ok=True)
        head = _encode_standings(entries, self._boot)
        with open(self._new, "xb", buffering=0, opener=_create_private) as file:
            _write_whole(file.fileno(), head + _encode_times(entries), 0)
            self._identity, self._times_at = _identity(file.fileno()), len(head)
        self._new.replace(self._file)

    def _refresh(self, entries: Sequence[Entry]) -> bool:
        """Write the times over those in the file, if it is still there. Raises: OSError."""
        try:
            descriptor = os.open(self._file, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return False
        try:
            if _identity(descriptor) != self._identity:
                return False
            _write_whole(descriptor, _encode_times(entries), self._times_at)
            return True
        finally:
            os.close(descriptor)

    def _complain(self, error: OSError) -> None:
        """Say once that the next life will know nothing of this one."""
        if not self._complained:
            self._complained = True
            text = "cannot remember what this agent is; after a crash it starts from nothing"
            self._log.warning(text, file=str(self._file), error=str(error.strerror))


# -- the file -------------------------------------------------------------------------------


class _Useless(Exception):
    """A file that tells us nothing, and why."""


def _identity(descriptor: int) -> tuple[int, int]:
    """What tells a file from all others, as long as it is there. Raises: OSError."""
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino


def _write_whole(descriptor: int, contents: bytes, offset: int) -> None:
    """Raises: OSError."""
    if os.pwrite(descriptor, contents, offset) != len(contents):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _encode_standings(entries: Sequence[Entry], boot: str) -> bytes:
    instances = [
        {"key": one.key, "state": one.state.value, "priority": one.priority} for one in entries
    ]
    document = json.dumps({"format": FORMAT, "boot": boot, "instances": instances})
    return document.removesuffix("}").encode()


def _encode_times(entries: Sequence[Entry]) -> bytes:
    """The end of the document, as long as it was if nobody has begun or ceased to speak."""
    times = [one.spoke for one in entries]
    said = ", ".join(f"{'null' if one is None else one:>{_TIME_DIGITS}}" for one in times)
    return f', "spoke": [{said}], "sum": {_sum_of(times):{_SUM_DIGITS}}}}\n'.encode()


def _sum_of(times: Sequence[object]) -> int:
    return zlib.crc32(repr(times).encode())


def _create_private(name: str, flags: int) -> int:
    return os.open(name, flags, _MODE)


def _contents(path: Path) -> bytes:
    """Read the file. Raises: OSError; _Useless, when it is not what we write."""
    with open(path, "rb", opener=_open_warily) as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise _Useless("it is not a file")
        if found.st_uid != os.geteuid():
            raise _Useless("it belongs to another user")
        contents = file.read(LARGEST_FILE + 1)
    if len(contents) > LARGEST_FILE:
        raise _Useless(f"it is larger than {LARGEST_FILE} bytes")
    return contents


def _open_warily(name: str, flags: int) -> int:
    """Neither follow a link, nor wait for who may write into a pipe. Raises: OSError."""
    return os.open(name, flags | os.O_NONBLOCK | os.O_NOFOLLOW)


def _document(contents: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(contents)
    except (ValueError, RecursionError):
        raise _Useless("it is not valid JSON") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise _Useless("it is in a format that this version does not know")
    return document


def _entries(document: Mapping[str, Any], boot: str, now: Instant) -> dict[str, Entry]:
    if not boot or document.get("boot") != boot:
        raise _Useless("it was written before this boot, or by another clock")
    instances, times = document.get("instances"), document.get("spoke")
    if not isinstance(instances, list) or not isinstance(times, list):
        raise _Useless("it has no list of instances")
    if document.get("sum") != _sum_of(times):
        raise _Useless("it was not written to its end")
    if len(instances) != len(times):
        raise _Useless("it has another number of times than of instances")
    entries = [_entry(one, spoke) for one, spoke in zip(instances, times, strict=True)]
    if any(one.spoke is not None and one.spoke > now for one in entries):
        raise _Useless("it tells of a time that has not come yet")
    return {one.key: one for one in entries}


def _entry(said: object, spoke: object) -> Entry:
    match said, spoke:
        case (
            {
                "key": str(key),
                "state": "INIT" | "BACKUP" | "MASTER" | "FAULT" as state,
                "priority": int(priority),
            },
            None | int() as time,
        ) if time is None or state == State.MASTER.value:
            return Entry(key=key, state=State(state), priority=priority, spoke=time)
        case _:
            raise _Useless("it has an instance that is none")
