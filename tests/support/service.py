"""Real servers on the hosts of the lab, from Debian's packages."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from contextlib import suppress

import pytest

from vipd.lab.lab import Host

NGINX = """
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/nginx.log;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {directory}/nginx-body;
  proxy_temp_path {directory}/nginx-proxy;
  fastcgi_temp_path {directory}/nginx-fastcgi;
  uwsgi_temp_path {directory}/nginx-uwsgi;
  scgi_temp_path {directory}/nginx-scgi;
  server {{ listen 80; location / {{ return 200 "{name}\\n"; }} }}
}}
"""


def need(program: str, package: str) -> str:
    """The path of a program; without it the test is skipped, and fails in CI."""
    if path := shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin"):
        return path
    reason = f"no {program}: install the package {package}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


class Server:
    """A server and its children on a host."""

    def __init__(self, host: Host, argv: list[str]) -> None:
        self.host = host
        self._argv = argv
        self._log = host.directory / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it, without waiting for anything."""
        with self._log.open("ab") as log:
            self._process = self.host.popen(self._argv, stdout=log, stderr=log)

    def kill(self) -> None:
        """End all of it as the kernel does when memory is short."""
        self._signal(signal.SIGKILL)
        assert self._process is not None, "it was started"
        self._process.wait()

    def freeze(self) -> None:
        """Hold all of it still; the kernel accepts connections for it all the same."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "it was started"
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


def nginx(host: Host) -> Server:
    """A web server that answers with the name of its host."""
    program = need("nginx", "nginx-light")
    file = host.directory / "nginx.conf"
    file.write_text(NGINX.format(directory=host.directory, name=host.name))
    return Server(host, [program, "-c", str(file), "-e", str(host.directory / "nginx.log")])
