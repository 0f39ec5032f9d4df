"""The file system that all hosts stand on: a small Debian, made once and kept.

It is made by mmdebstrap from the repositories of the distribution that this machine itself uses.
One is kept; another recipe or another release replaces it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vipd.errors import VipdError

PACKAGES = (
    "dbus",
    "iproute2",
    "iputils-ping",
    "libcap2-bin",
    "procps",
    "python3",
    "systemd",
    "systemd-sysv",
    "udev",
)
"""What the hosts have; what the package of vipd depends on must be among it."""

MASKED = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "systemd-firstboot.service",
    "console-getty.service",
    "getty@.service",
)
"""What a host of the lab has no use for, and what would cost it time when it boots."""

CACHE_VARIABLE = "VIPD_HOSTS_CACHE"
BUILD_TIMEOUT_S = 300.0
LAST_WORDS = 10

TARGET = "$(CREATED_BY)|$(ORIGIN)|$(REPO_URI)|$(CODENAME)|$(COMPONENT)"
"""What is asked of apt for each of its repositories."""

FINISH = f"""
set -eu
cd "$1"
rm -f etc/hostname etc/resolv.conf
for unit in {" ".join(MASKED)}; do ln -sf /dev/null "etc/systemd/system/$unit"; done
ln -sf /lib/systemd/system/systemd-networkd.service etc/systemd/system/multi-user.target.wants/
ln -sf /etc/machine-id var/lib/dbus/machine-id
echo uninitialized >etc/machine-id
mkdir -p var/log/journal
"""
"""What mmdebstrap does last, with the new root as $1. The identity of a host is made when it boots,
and a journal that lies on its disk outlives that."""


def cache_directory() -> Path:
    """Where the file system is kept: outside of the checkout, whatever happens to that."""
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vipd-hosts"


def root_file_system() -> Path:
    """The file system, made now if it is not there. Raises: VipdError, with mmdebstrap's words."""
    sources = _sources()
    recipe = "\n".join((*sources, *PACKAGES, FINISH))
    cache = cache_directory()
    root = cache / hashlib.sha256(recipe.encode()).hexdigest()[:16]
    cache.mkdir(parents=True, exist_ok=True)
    with _alone(cache / "lock"):
        if not root.exists():
            for old in cache.iterdir():
                if old.is_dir():
                    shutil.rmtree(old)
            _build(sources, root)
    return root


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Only one program at a time makes the file system."""
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _sources() -> tuple[str, ...]:
    """The distribution's own repositories, in the words of sources.list(5).

    Raises: VipdError when apt knows of none.
    """
    distribution = platform.freedesktop_os_release()
    asked = subprocess.run(
        ["apt-get", "indextargets", "--format", TARGET], capture_output=True, text=True, check=True
    )
    targets = (line.split("|") for line in asked.stdout.splitlines())
    found = dict.fromkeys(
        f"deb {uri} {suite} {component}"
        for kind, origin, uri, suite, component in targets
        if kind == "Packages" and origin.lower() == distribution["ID"]
    )
    if not found:
        raise VipdError("apt knows no package of this distribution: apt-get update")
    return tuple(found)


def _ways_to_the_mirror() -> list[str]:
    """What apt is told here of proxies and certificates."""
    asked = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True)
    return [line for line in asked.stdout.splitlines() if line.startswith("Acquire::http")]


def _build(sources: tuple[str, ...], root: Path) -> None:
    """Make it beside its place, so that what lies there is whole."""
    unfinished = root.with_suffix(".unfinished")
    suite = platform.freedesktop_os_release()["VERSION_CODENAME"]
    command = ["mmdebstrap", "--mode=root", "--variant=apt", "--skip=output/dev"]
    command += [f"--include={','.join(PACKAGES)}", f"--customize-hook={FINISH}"]
    command += [f"--aptopt={line}" for line in _ways_to_the_mirror()]
    built = subprocess.run(
        [*command, suite, str(unfinished), "-"],
        input="\n".join(sources) + "\n",
        capture_output=True,
        text=True,
        timeout=BUILD_TIMEOUT_S,
        check=False,
    )
    if built.returncode != 0:
        said = "\n".join(built.stderr.splitlines()[-LAST_WORDS:])
        raise VipdError(f"mmdebstrap failed:\n{said}")
    unfinished.rename(root)
