"""What hosts need of this machine, held by one process and gone when that ends."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from vipd.errors import VipdError
from vipd.lab.lab import Lab
from vipd.lab.namespace import environment

KEEP = """
set -eu
cgroup=/sys/fs/cgroup/$1
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/systemd "$2"
mount -t tmpfs -o mode=755 tmpfs "$2"
umount -R /sys/fs/cgroup 2>/dev/null || umount -l /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir "$cgroup"
echo ready
read -r _ || :
echo 1 >"$cgroup/cgroup.kill"
while grep -q "populated 1" "$cgroup/cgroup.events"; do sleep 0.02; done
find "$cgroup" -depth -type d -exec rmdir {} ";"
"""
"""What the keeper does: $1 is the cgroup, $2 the directory that lies in memory.

The cgroups are those that a systemd expects, also on a machine that still has the older ones."""

END_TIMEOUT_S = 15.0


class Keeper:
    """A mount namespace and a cgroup, beside the switch of a lab, from `with` to the end."""

    def __init__(self, lab: Lab) -> None:
        self.cgroup = f"vipd-hosts-{os.getpid()}"
        self.directory = lab.directory / "disks"
        self._lab = lab

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [
                *self._lab.switch.namespace.enter,
                *("unshare", "--mount", "--propagation", "private", "--"),
                *("/bin/sh", "-c", KEEP, "keep", self.cgroup, str(self.directory)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
            start_new_session=True,
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            _, said = self._process.communicate()
            raise VipdError(f"this machine cannot have hosts: {said.strip()}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go, and wait until everything is gone."""
        self._process.communicate(timeout=END_TIMEOUT_S)

    @property
    def enter(self) -> tuple[str, ...]:
        """What to put before a command that is to see the switch and the disks."""
        return ("nsenter", "-t", str(self._process.pid), "-m", "-n", "-u", "--")

    def run(self, script: str, *arguments: str) -> None:
        """Run a shell script there. Raises: VipdError when it fails."""
        done = subprocess.run(
            [*self.enter, "/bin/sh", "-euc", script, "keeper", *arguments],
            capture_output=True,
            text=True,
            env=environment(),
            check=False,
        )
        if done.returncode != 0:
            raise VipdError(f"`{script}` failed: {done.stderr.strip()}")

    def path(self, place: Path) -> Path:
        """How a file that lies there is reached from here."""
        return Path(f"/proc/{self._process.pid}/root{place}")
