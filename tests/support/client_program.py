"""A client that runs as a program of its own on a host of the lab, and tells what it sees in lines.

The program is the very module that asks for it: run with an address, it writes a JSON object in a
line for each thing that it has seen, until it is killed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from vipd.errors import VipdError
from vipd.lab.lab import Host, Lab


class ClientProgram:
    """Runs `python PROGRAM ADDRESS` on a host, from `with` to the end of the block."""

    def __init__(self, lab: Lab, host: Host, program: str, address: str) -> None:
        self.lab = lab
        self._host = host
        self._argv = [sys.executable, program, address]
        self._file = host.directory / f"{Path(program).stem}-{address}.jsonl"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._file.open("wb") as out:
            self._process = self._host.popen(self._argv, stdout=out, stderr=subprocess.STDOUT)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        process, self._process = self._process, None
        if process:
            process.kill()
            process.wait()

    def lines(self) -> list[dict[str, Any]]:
        """What it has told so far. Raises: VipdError, when it has ended by itself."""
        if self._process and self._process.poll() is not None:
            raise VipdError(f"the client has ended: {self._file.read_text()}")
        whole = self._file.read_text().rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]


def tell(**seen: object) -> None:
    """Tell one thing, in the program."""
    sys.stdout.write(json.dumps(seen) + "\n")
    sys.stdout.flush()
