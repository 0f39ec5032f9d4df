"""Programs whose whole offspring can be told from all others, to see that nothing stays behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

import pytest

from vipd.lab.pause import wait_until

ROOT = Path(__file__).parents[2]
MARK = "VIPD_TEST_MARK"
NOBODY = "65534"
END_TIMEOUT_S = 10.0


class Program:
    """A program, from `with` to the end of the block; its temporary files are its own."""

    def __init__(self, *argv: str) -> None:
        self._argv = argv
        self.mark = str(uuid4())
        # The path is short, because a socket's path must be.
        self.directory = Path(tempfile.mkdtemp(prefix="vipd-t-", dir="/tmp"))

    def __enter__(self) -> Self:
        self.directory.chmod(0o777)
        self.process = subprocess.Popen(
            self._argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                MARK: self.mark,
                "TMPDIR": str(self.directory),
                "PYTHONUNBUFFERED": "1",
            },
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        with self.process:
            shutil.rmtree(self.directory)

    def read_until(self, text: str) -> str:
        """Read lines of the output until one has this text in it; return that one."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if text in line:
                return line
        assert self.process.stderr is not None
        raise AssertionError(f"no {text!r}: {self.process.stderr.read()}")

    def finish(self) -> tuple[int, str, str]:
        """Close the input, wait for the end: exit code, output, errors."""
        out, errors = self.process.communicate(timeout=60)
        return self.process.returncode, out, errors

    def assert_nothing_stays(self) -> None:
        """No process, hence no namespace (none has a name), and no file."""
        wait_until(lambda: not offspring(self.mark), END_TIMEOUT_S, "every process ends")
        wait_until(lambda: not [*self.directory.iterdir()], END_TIMEOUT_S, "every file goes")


def offspring(mark: str) -> list[str]:
    """What runs now of a program that was started with this mark."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def unprivileged_python() -> Sequence[str]:
    """How to run Python as a user without any right; skips where that user can run none."""
    if os.geteuid() != 0:
        return [sys.executable]
    drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    path = os.pathsep.join(entry for entry in (str(ROOT), *sys.path) if entry)
    for python in (sys.executable, "/usr/bin/python3"):
        found = [*drop, "env", f"PYTHONPATH={path}", "PYTHONDONTWRITEBYTECODE=1", python]
        code = "import os, sys, vipd.lab.agent; assert os.access(sys.executable, os.X_OK)"
        if subprocess.run([*found, "-c", code], capture_output=True, check=False).returncode == 0:
            return found
    pytest.skip("a user without rights cannot run this project's Python")
