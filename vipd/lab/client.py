"""A client's eyes: the probe process on a host of the lab, and what it has seen so far."""

from __future__ import annotations

import json
import subprocess
import sys
from types import TracebackType
from typing import Any, Self

from vipd.errors import VipdError
from vipd.lab.lab import Host, Lab
from vipd.lab.record import Record, Reply

PROBE_INTERVAL_MS = 2.0
START_TIMEOUT_S = 15.0
STOP_TIMEOUT_S = 5.0


class Probe:
    """Asks one address for an echo, again and again, from `with` to the end of the block."""

    def __init__(
        self, lab: Lab, host: Host, address: str, interval_ms: float = PROBE_INTERVAL_MS
    ) -> None:
        self.address = address
        self._lab = lab
        self._host = host
        self._command = [sys.executable, "-m", "vipd.lab.probe", address]
        self._command += ["--interval-ms", str(interval_ms)]
        self._file = host.directory / f"probe-{address.replace(':', '-')}.jsonl"
        self._errors = self._file.with_suffix(".stderr")
        self._read_to = 0
        self._started = False
        self._seen: list[Reply] = []
        self._latest: Reply | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop; after an error the lab does it, so that nothing is said of the probe instead."""
        if kind is None:
            self.stop()

    def start(self) -> None:
        """Start asking, without waiting for anything."""
        with self._file.open("wb") as out, self._errors.open("wb") as errors:
            self._process = self._host.popen(self._command, stdout=out, stderr=errors)

    def stop(self) -> None:
        """Ask no more; `record` stays. Raises: VipdError when the probe had failed."""
        if self._process is None:
            return
        process, self._process = self._process, None
        process.terminate()
        try:
            status = process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
        if status != 0:
            raise VipdError(f"the probe of {self.address} ended with {status}: {self._said()}")

    def record(self) -> Record:
        """All that was seen until now, in the order of asking."""
        self._read()
        self._seen.sort(key=lambda reply: reply.sent_ns)
        return Record(tuple(self._seen))

    def owner(self) -> str | None:
        """Which host answered the latest request that is decided; None when nobody did."""
        self._read()
        return self._latest.owner if self._latest else None

    def wait_owner(self, name: str, timeout_s: float) -> None:
        """Wait until a host answers. Raises: VipdError when it does not in time."""
        what = f"{name} answers at {self.address}"
        self._lab.wait_until(lambda: self.owner() == name, timeout_s, what)

    def wait_started(self) -> None:
        """Wait until the probe asks. Raises: VipdError with the probe's last words."""
        self._lab.wait_until(self._has_started, START_TIMEOUT_S, f"a probe of {self.address}")

    def _has_started(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise VipdError(f"the probe of {self.address} failed: {self._said()}")
        self._read()
        return self._started

    def _read(self) -> None:
        """Take in the lines that the probe has written since the last time."""
        with self._file.open("rb") as lines:
            lines.seek(self._read_to)
            for line in lines:
                if not line.endswith(b"\n"):
                    return
                self._read_to += len(line)
                self._take(json.loads(line))

    def _take(self, seen: dict[str, Any]) -> None:
        if "sent_ns" not in seen:
            self._started = True
            return
        owner = None if seen["mac"] is None else self._lab.host_with_mac(seen["mac"])
        reply = Reply(sent_ns=seen["sent_ns"], answered_ns=seen["answered_ns"], owner=owner)
        self._seen.append(reply)
        if self._latest is None or reply.sent_ns > self._latest.sent_ns:
            self._latest = reply

    def _said(self) -> str:
        return self._errors.read_text(errors="replace").strip()
