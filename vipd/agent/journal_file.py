"""The file of the journal: a line for each event, for the next life and for `vipd why`.

Theory of operation. It lies beside the control socket. Its first line tells the number that the
journal began with; each other line is an event, as `vipd events --json` prints it.

- A life begins with a file of its own: the first time that it writes, and whenever the file has
  twice as many lines as are kept, it renames a complete file into place. So it appends to nothing
  but what it has made itself, whoever may have prepared something there.
- Whatever goes wrong makes it begin with a new file the next time. It is never forced to a disk.
- What is read is not believed before it is checked, line by line: a line that is odd, such as the
  last one of a life that crashed, costs itself and not the others.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from io import FileIO
from pathlib import Path
from typing import Final

from vipd.agent.journal_ring import RING, Ring
from vipd.control.access import READERS, group_id
from vipd.control.messages import decode_event
from vipd.control.report import EventReport
from vipd.errors import VipdError

MOST_LINES: Final = 2 * RING
"""A file with more lines than this is written anew."""

LARGEST_READ: Final = 8 * 1024 * 1024
"""Units: bytes. The end of a file that is larger has all the lines that matter."""

LARGEST_NUMBER: Final = 2**53 - 1
"""Greater numbers are not the same in every reader of JSON. Source: RFC 8259 §6."""

_MODE: Final = 0o640


class NoJournal(VipdError):
    """There is something in the place of the journal that is none, and why."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file tells; None: nothing at all. `odd` is how many lines were left out."""

    ring: Ring | None
    odd: int


def journal_beside(control_socket: Path) -> Path:
    """Where the journal of the agent lies that answers on this socket."""
    return control_socket.with_name("journal.jsonl")


def read_journal(file: Path, owner: int | None = None) -> Reading:
    """Read what is sound, if the file is this user's; None: whoever's it is.

    Raises: OSError; NoJournal.
    """
    first, *lines = _lines(_contents(file, owner))
    born = _born(first)
    events = tuple(_sound_ones(lines if born is not None else [first, *lines]))
    odd = sum(map(bool, lines)) + (born is None and bool(first)) - len(events)
    if not events:
        return Reading(None, odd)
    if born is None or born > events[0].seq:
        born = events[0].seq
    return Reading(Ring(born, events), odd)


class JournalFile:
    """The file that this life writes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._new = path.with_name(f"{path.name}.new")
        self._readers = group_id(READERS) if os.geteuid() == 0 else None
        self._out: FileIO | None = None
        self._lines = 0

    def append(self, lines: Sequence[bytes]) -> bool:
        """Write these lines; False when the file has to be written anew instead.

        Raises: OSError.
        """
        out = self._out
        if out is None or self._lines + len(lines) > MOST_LINES or not _has_name(out):
            return False
        try:
            _write(out, lines)
        except OSError:
            self.close()
            raise
        self._lines += len(lines)
        return True

    def rewrite(self, born: int, lines: Sequence[bytes]) -> None:
        """Put a complete file with these lines into place. Raises: OSError."""
        self.close()
        self._new.unlink(missing_ok=True)
        out = FileIO(self._new, "x", opener=_create)
        try:
            self._let_group_look(out)
            _write(out, [_head(born), *lines])
            self._new.replace(self._path)
        except OSError:
            out.close()
            with suppress(OSError):
                self._new.unlink()
            raise
        self._out, self._lines = out, len(lines)

    def close(self) -> None:
        """Write no more to the present file."""
        if self._out is not None:
            self._out.close()
            self._out = None

    def _let_group_look(self, out: FileIO) -> None:
        """Whoever may look at the agent may read what it did. Order: first whose, then what."""
        if self._readers is not None:
            with suppress(OSError):
                os.fchown(out.fileno(), -1, self._readers)
        os.fchmod(out.fileno(), _MODE)


def _create(name: str, flags: int) -> int:
    return os.open(name, flags, _MODE)


def _has_name(out: FileIO) -> bool:
    """Whether somebody could find the file: a directory may be emptied while we write."""
    return os.fstat(out.fileno()).st_nlink > 0


def _write(out: FileIO, lines: Sequence[bytes]) -> None:
    """Write all of it. Raises: OSError."""
    data = b"".join(lines)
    if out.write(data) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


# -- lines ----------------------------------------------------------------------------------


def _head(born: int) -> bytes:
    return json.dumps({"journal": 1, "born": born}).encode() + b"\n"


def _born(line: bytes) -> int | None:
    """The number in a first line; None when it is another line."""
    try:
        head = json.loads(line)
    except (ValueError, RecursionError):
        return None
    match head:
        case {"journal": 1, "born": int(born)} if 0 < born <= LARGEST_NUMBER:
            return born
        case _:
            return None


def _lines(contents: bytes) -> list[bytes]:
    """The first line, and the last ones: no file makes more work than one of ours."""
    first, _, rest = contents.partition(b"\n")
    return [first, *rest.rsplit(b"\n", MOST_LINES + 1)[-MOST_LINES - 1 :]]


def _sound_ones(lines: Iterable[bytes]) -> Iterator[EventReport]:
    last = 0
    for line in lines:
        try:
            event = decode_event(line)
        except VipdError:
            continue
        if last < event.seq <= LARGEST_NUMBER and _is_sound(event):
            last = event.seq
            yield event


def _is_sound(event: EventReport) -> bool:
    """Whether it could be one that we wrote: its moment is one, and no terminal obeys its text."""
    try:
        datetime.fromisoformat(event.at)
    except ValueError:
        return False
    texts = (event.kind, event.code, event.text, event.instance or "", *event.evidence)
    return all(text.isprintable() for text in (*texts, *event.timings_ms))


def _contents(path: Path, owner: int | None) -> bytes:
    """Read the end of a file. Raises: OSError; NoJournal."""
    with open(path, "rb", opener=_open_warily) as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise NoJournal("it is not a file")
        if owner not in (None, found.st_uid):
            raise NoJournal("it belongs to another user")
        file.seek(max(0, found.st_size - LARGEST_READ))
        return file.read(LARGEST_READ)


def _open_warily(name: str, flags: int) -> int:
    """Neither follow a link, nor wait for who may write into a pipe. Raises: OSError."""
    return os.open(name, flags | os.O_NONBLOCK | os.O_NOFOLLOW)
