"""From a clean checkout to two hosts that fail over, and how long each step takes.

Nothing that was made before is used: neither the virtual environment nor the file system nor the
package. Run it as root: `PYTHONPATH=tests/support python -m hosts`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from hosts.package import TREE, built
from hosts.rack import Rack
from hosts.root import CACHE_VARIABLE, root_file_system

FAILOVER_TIMEOUT_S = 15.0


def main() -> None:
    """Do it once, in a directory of its own."""
    began = time.monotonic()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vipd-hosts-")))
        tree = directory / "checkout"
        with step("check out"):
            check_out(tree)
        with step("make deb"):
            subprocess.run(["make", "--silent", "deb"], cwd=tree, check=True, stdout=sys.stderr)
        with step("make the hosts' file system"):
            os.environ[CACHE_VARIABLE] = str(directory / "cache")
            root = root_file_system()
        with step("boot two hosts"):
            rack = stack.enter_context(Rack(root))
        with step("install the package, h1 serves"):
            rack.install(built(tree))
            rack.enable()
            rack.settle()
        with step("stop h1, h2 serves"):
            rack.h1.run("systemctl", "stop", "vipd")
            rack.wait_owner(rack.h2, FAILOVER_TIMEOUT_S)
        say("from a clean checkout to the first failover", began)


def check_out(tree: Path) -> None:
    """Copy what belongs to the project, and nothing that was made from it."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(listing, cwd=TREE, capture_output=True, check=True).stdout
    tree.mkdir()
    pack = ["tar", "--create", "--null", "--files-from=-", "--ignore-failed-read"]
    packed = subprocess.run(pack, cwd=TREE, input=files, capture_output=True, check=True).stdout
    subprocess.run(["tar", "--extract"], cwd=tree, input=packed, check=True)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say how long something took."""
    began = time.monotonic()
    yield
    say(what, began)


def say(what: str, began: float) -> None:
    """One line of the account."""
    sys.stdout.write(f"{time.monotonic() - began:6.1f} s  {what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
