"""A real agent on a host of the lab: `vipd run` as a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from vipd.control.client import NoAgent, ask
from vipd.control.messages import ErrorReply, StatusRequest
from vipd.control.report import AgentReport, InstanceReport
from vipd.core.model import State
from vipd.errors import VipdError
from vipd.lab.lab import Host, Lab

ANSWER_TIMEOUT_S = 1.0
START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 10.0
LAST_WORDS = 5
"""How many log lines are quoted when an agent is not what it should be."""


class Agent:
    """One agent: its files lie in the host's directory, its process ends with the lab."""

    def __init__(self, lab: Lab, host: Host, instances: str) -> None:
        """Take the [instance...] tables as TOML; where the control socket is, is added."""
        self.host = host
        self.socket = host.directory / "control.sock"
        self.config = host.directory / "vipd.toml"
        self._lab = lab
        self._log = host.directory / "log.jsonl"
        self._process: subprocess.Popen[bytes] | None = None
        self.configure(instances)

    def configure(self, instances: str) -> None:
        """Write the configuration anew; an agent that runs reads it when it is reloaded."""
        places = {"control_socket": self.socket, "state_directory": self.host.directory / "lib"}
        head = "".join(f"{key} = {json.dumps(str(path))}\n" for key, path in places.items())
        self.config.write_text(f"[agent]\n{head}\n{instances}")

    def start(self) -> None:
        """Start the process, without waiting for anything."""
        assert self._process is None, "the agent runs already"
        command = [sys.executable, "-m", "vipd", "run", "--config", str(self.config)]
        with self._log.open("ab") as log:
            self._process = self.host.popen(
                [*command, "--log-format", "json"], stdout=log, stderr=log
            )

    @property
    def pid(self) -> int:
        """The process."""
        return self._running.pid

    @property
    def log_file(self) -> Path:
        """Where its log goes."""
        return self._log

    def reload(self) -> None:
        """Ask for the configuration to be read again (SIGHUP)."""
        self._signal(signal.SIGHUP)

    def stop(self) -> None:
        """End it as systemd would (SIGTERM). Raises: VipdError when it does not exit with 0."""
        self._signal(signal.SIGTERM)
        self.wait_stopped()

    def wait_stopped(self) -> None:
        """Wait for an end that was asked for. Raises: VipdError when it does not exit with 0."""
        process, self._process = self._running, None
        try:
            status = process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            process.kill()
            raise VipdError(f"the agent on {self.host.name} does not end on SIGTERM") from error
        if status != 0:
            raise VipdError(f"the agent on {self.host.name} ended with {status}: {self._said()}")

    def kill(self) -> None:
        """End it as the kernel does when memory is short (SIGKILL)."""
        self._signal(signal.SIGKILL)
        process, self._process = self._running, None
        process.wait()

    def freeze(self) -> None:
        """Hold it still, addresses and all (SIGSTOP)."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def status(self) -> AgentReport:
        """What it says of itself. Raises: NoAgent when it does not answer."""
        reply = ask(self.socket, StatusRequest(), timeout_s=ANSWER_TIMEOUT_S)
        assert not isinstance(reply, ErrorReply), "nothing was asked for by name"
        return reply.status

    def instance(self, name: str | None = None) -> InstanceReport:
        """What it says of one instance, by default of the first. Raises: NoAgent."""
        instances = self.status().instances
        return next(one for one in instances if name is None or one.name == name)

    def state(self, name: str | None = None) -> State | None:
        """What one instance is; None when nobody answers for it. Raises: VipdError if dead."""
        if self._process is not None and self._process.poll() is not None:
            raise VipdError(f"the agent on {self.host.name} has ended: {self._said()}")
        try:
            instances = self.status().instances
        except NoAgent:
            return None
        return next((one.state for one in instances if name in (None, one.name)), None)

    def wait_state(
        self, state: State, timeout_s: float = START_TIMEOUT_S, name: str | None = None
    ) -> None:
        """Wait until an instance is in a state. Raises: VipdError when it is not in time."""
        what = f"{self.host.name} becomes {state.value}"
        self._lab.wait_until(lambda: self.state(name) is state, timeout_s, what)

    def wait_started(self) -> None:
        """Wait until it answers and all instances are past INIT. Raises: VipdError."""
        what = f"the agent on {self.host.name} starts"
        settled = {State.BACKUP, State.MASTER, State.FAULT}
        self._lab.wait_until(lambda: self.state() in settled, START_TIMEOUT_S, what)

    def log(self) -> list[dict[str, Any]]:
        """The lines that it has logged."""
        lines = self._log.read_text(errors="replace").splitlines() if self._log.exists() else []
        return [json.loads(line) for line in lines if line.startswith("{")]

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the agent does not run"
        return self._process

    def _signal(self, number: signal.Signals) -> None:
        self._running.send_signal(number)

    def _said(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return "\n".join(lines[-LAST_WORDS:])
