"""The witness and the scripted MASTER on a host of the lab, from this side."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict

from bench.capture import Capture, read
from bench.contender import module
from bench.voice import Script
from bench.witness import MAGIC
from vipd.errors import VipdError
from vipd.lab.lab import Host, Lab

START_TIMEOUT_S = 15.0
END_TIMEOUT_S = 20.0


class Eyes:
    """A witness on a host, until `close` or the end of the lab."""

    def __init__(self, lab: Lab, host: Host) -> None:
        self._file = host.directory / "witness.bin"
        self._said = host.directory / "witness.stderr"
        with self._file.open("wb") as out, self._said.open("wb") as errors:
            self._process = host.popen(module("witness"), stdout=out, stderr=errors)
        lab.wait_until(self._listens, START_TIMEOUT_S, "the witness listens")

    def _listens(self) -> bool:
        return self._file.stat().st_size >= len(MAGIC)

    def close(self) -> Capture:
        """End it, and return all that it saw. Raises: VipdError when it missed something."""
        self._process.terminate()
        try:
            self._process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            raise VipdError("the witness does not end") from error
        said = self._said.read_text().strip()
        if said != "0":
            raise VipdError(f"the witness has not seen everything: {said or 'it was killed'}")
        return read(self._file.read_bytes()[len(MAGIC) :])


class Voice:
    """A script that is played on a host."""

    def __init__(self, lab: Lab, host: Host, script: Script) -> None:
        self._lab = lab
        self._script = script
        self._said = host.directory / "voice.stderr"
        with self._said.open("wb") as errors:
            command = module("voice", json.dumps(asdict(script)))
            self._process = host.popen(command, stdout=errors, stderr=errors)

    def wait(self) -> None:
        """Wait for its end. Raises: VipdError when it fails, or does not end."""
        patience = self._script.lasts_s + START_TIMEOUT_S
        self._lab.wait_until(lambda: self._process.poll() is not None, patience, "the script ends")
        if self._process.returncode != 0:
            raise VipdError(f"the script has failed: {self._said.read_text().strip()}")
