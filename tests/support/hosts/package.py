"""What is installed on the hosts: the Debian package of this tree, and one of a later version."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from hosts.machine import Machine
from vipd.errors import VipdError

TREE = Path(__file__).parents[3]
INGREDIENTS = ("debian", "docs", "systemd", "vipd", "pyproject.toml", "requirements.lock")
"""What the package is made of."""

CHOSEN_VARIABLE = "VIPD_HOSTS_PACKAGE"
"""A package to be tested instead, such as the one that is about to be released."""

LATER = "+later"
BUILD_TIMEOUT_S = 300.0


def package() -> Path:
    """The package, built now if the tree has changed since. Raises: VipdError."""
    if chosen := os.environ.get(CHOSEN_VARIABLE):
        return Path(chosen)
    if not list(_packages(TREE)) or _age(built(TREE)) < max(map(_age, _ingredients())):
        _build()
    return built(TREE)


def built(tree: Path) -> Path:
    """The package that was built last in a tree."""
    return max(_packages(tree), key=_age)


def _packages(tree: Path) -> Iterator[Path]:
    return (tree / "dist").glob("vipd_*.deb")


def _build() -> None:
    done = subprocess.run(
        [str(TREE / "debian/build")],
        cwd=TREE,
        capture_output=True,
        text=True,
        timeout=BUILD_TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        raise VipdError(f"debian/build failed:\n{done.stdout}{done.stderr}")


def later(package: Path, directory: Path) -> Path:
    """The same package under a later version."""
    tree = directory / "later"
    subprocess.run(["dpkg-deb", "--raw-extract", str(package), str(tree)], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)^(Version: .*)$", rf"\1{LATER}", control.read_text()))
    made = directory / "later.deb"
    pack = ["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(made)]
    subprocess.run(pack, check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)
    return made


def install(machine: Machine, package: Path) -> str:
    """Install a package on a host, or upgrade to it, and return what it says."""
    place = "/root/vipd.deb"
    shutil.copyfile(package, machine.file(place))
    said = machine.run("env", "DEBIAN_FRONTEND=noninteractive", "dpkg", "--install", place)
    machine.file(place).unlink()
    return said


def installed_version(machine: Machine) -> str:
    """Which version a host has."""
    return machine.run("dpkg-query", "--show", "--showformat=${Version}", "vipd")


def _ingredients() -> Iterator[Path]:
    for name in INGREDIENTS:
        place = TREE / name
        yield place
        yield from (file for file in place.rglob("*") if "__pycache__" not in file.parts)


def _age(file: Path) -> float:
    return file.stat().st_mtime
