"""What the kernel says of the agent's process. Sources: proc(5)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessFacts:
    """One process at one moment; what this user may not see is None.

    Units: as the names end; `started` is in seconds since the Unix epoch.
    """

    cpu_s: float
    resident_bytes: int
    virtual_bytes: int
    threads: int
    started: float
    open_files: int | None
    most_files: int | None


class ProcessView:
    """Looks at processes. The parent's open files can be counted from the beginning alone.

    Why: only root may list them, and this process will not stay root. A directory that is open
    stays so.
    """

    def __init__(self) -> None:
        self._parent = os.getppid()
        self._files: int | None = None
        with suppress(OSError):
            self._files = os.open(f"/proc/{self._parent}/fd", os.O_RDONLY | os.O_DIRECTORY)

    def look(self, pid: int) -> ProcessFacts | None:
        """What is to be said of a process; None when there is none, or when it is hidden."""
        place = Path(f"/proc/{pid}")
        try:
            stat = (place / "stat").read_text(encoding="ascii", errors="replace")
            fields = stat.rpartition(")")[2].split()
            return ProcessFacts(
                cpu_s=(int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"),
                threads=int(fields[17]),
                started=_boot_time() + int(fields[19]) / os.sysconf("SC_CLK_TCK"),
                virtual_bytes=int(fields[20]),
                resident_bytes=int(fields[21]) * os.sysconf("SC_PAGE_SIZE"),
                open_files=self._open_files(pid),
                most_files=_most_files(place),
            )
        except (OSError, ValueError, IndexError):
            return None

    def _open_files(self, pid: int) -> int | None:
        with suppress(OSError):
            if pid == self._parent and self._files is not None:
                return len(os.listdir(self._files))  # noqa: PTH208  (a descriptor, not a path)
            return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
        return None


def _boot_time() -> float:
    return float(next(_values(Path("/proc/stat"), "btime")))


def _most_files(place: Path) -> int | None:
    with suppress(OSError, StopIteration, ValueError):
        return int(next(_values(place / "limits", "Max open files")))
    return None


def _values(file: Path, name: str) -> Iterator[str]:
    """The first word after a name, on each line that begins with it."""
    for line in file.read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith(name):
            yield line.removeprefix(name).split()[0]
