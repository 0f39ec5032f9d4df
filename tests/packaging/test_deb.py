"""The Debian package, built from this tree and looked at without being installed."""

from __future__ import annotations

import fcntl
import gzip
import importlib.util
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.parser import Parser
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest
from hosts.package import package
from installed import needs

from vipd import __version__
from vipd.cli.main import COMMANDS

pytestmark = [pytest.mark.slow, needs("dh", "debhelper")]

TREE = Path(__file__).parents[2]
PYTHON = "/usr/bin/python3"
"""The distribution's own, which the package is for."""

UNCHECKED_HASH = 0b01
"""A compiled file that is never compared with its source. Source: PEP 552."""


@contextmanager
def alone() -> Iterator[None]:
    """Keep other processes of this test run from building the same."""
    (TREE / "dist").mkdir(exist_ok=True)
    with (TREE / "dist/.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="module")
def deb() -> Path:
    """The package."""
    with alone():
        return package()


@pytest.fixture(scope="module")
def members(deb: Path) -> Mapping[str, tarfile.TarInfo]:
    """What it installs, by path without the first slash."""
    with tarfile.open(fileobj=BytesIO(asked("dpkg-deb", "--fsys-tarfile", deb))) as archive:
        return {one.name.removeprefix("./"): one for one in archive.getmembers()}


@pytest.fixture(scope="module")
def root(deb: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with its files."""
    place = tmp_path_factory.mktemp("deb")
    asked("dpkg-deb", "--extract", deb, place)
    return place


@pytest.fixture(scope="module")
def scripts(deb: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with what dpkg reads and runs."""
    place = tmp_path_factory.mktemp("control")
    asked("dpkg-deb", "--control", deb, place)
    return place


def asked(*command: str | Path) -> bytes:
    return subprocess.run(list(map(str, command)), check=True, capture_output=True).stdout


def python_says(expression: str) -> str:
    program = f"import sys, importlib.util; print({expression})"
    return asked(PYTHON, "-c", program).decode().strip()


# -- what it is -----------------------------------------------------------------------------


def test_it_is_the_version_of_the_tree_for_the_python_that_is_here(scripts: Path) -> None:
    control = Parser().parsestr((scripts / "control").read_text())
    minor = int(python_says("sys.version_info[1]"))
    assert control["Package"] == "vipd"
    assert control["Version"].rpartition("-")[0] == __version__
    depends = set(control["Depends"].split(", "))
    assert {f"python3 (>= 3.{minor})", f"python3 (<< 3.{minor + 1})"} <= depends
    assert "systemd | systemd-standalone-sysusers | systemd-sysusers" in depends


def test_its_changelog_tells_of_that_version(root: Path) -> None:
    text = gzip.decompress((root / "usr/share/doc/vipd/changelog.Debian.gz").read_bytes()).decode()
    assert text.startswith(f"vipd ({__version__}-")


def test_no_file_is_a_configuration_that_dpkg_asks_about(
    scripts: Path, members: Mapping[str, tarfile.TarInfo]
) -> None:
    assert not (scripts / "conffiles").exists()
    assert [name for name in members if name.startswith("etc/")] == ["etc/vipd"]


# -- what it brings -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "installed"),
    [
        ("systemd/vipd.service", "lib/systemd/system/vipd.service"),
        ("systemd/vipd@.service", "lib/systemd/system/vipd@.service"),
        ("systemd/sysusers.d/vipd.conf", "usr/lib/sysusers.d/vipd.conf"),
        ("debian/launcher", "usr/bin/vipd"),
        ("debian/restart_agents.py", "usr/lib/vipd/libexec/restart-agents"),
    ],
)
def test_it_brings_the_files_of_the_tree(root: Path, source: str, installed: str) -> None:
    assert (root / installed).read_bytes() == (TREE / source).read_bytes()


@pytest.mark.parametrize(("folder", "suffix"), [("examples", "toml"), ("dropins", "conf")])
def test_it_brings_every_example(root: Path, folder: str, suffix: str) -> None:
    brought = root / "usr/share/doc/vipd" / folder
    there = {file.name: file.read_bytes() for file in brought.glob(f"*.{suffix}")}
    wanted = {file.name: file.read_bytes() for file in (TREE / "systemd" / folder).iterdir()}
    assert there == wanted != {}


def test_it_brings_a_manual_page_for_every_command(root: Path) -> None:
    manuals = root / "usr/share/man"
    pages = {file.name for file in manuals.rglob("*.gz")}
    assert pages == {"vipd.8.gz", "vipd.toml.5.gz", *(f"vipd-{name}.8.gz" for name in COMMANDS)}
    for page in manuals.rglob("*.gz"):
        source = TREE / "docs/man" / page.stem
        assert gzip.decompress(page.read_bytes()) == source.read_bytes()


@pytest.mark.parametrize(
    ("shell", "file"),
    [
        ("bash", "bash-completion/completions/vipd"),
        ("zsh", "zsh/vendor-completions/_vipd"),
        ("fish", "fish/vendor_completions.d/vipd.fish"),
    ],
)
def test_shells_complete_it(root: Path, shell: str, file: str) -> None:
    assert f"_VIPD_COMPLETE={shell}_complete" in (root / "usr/share" / file).read_text()


def test_it_keeps_to_its_own_places(members: Mapping[str, tarfile.TarInfo]) -> None:
    places = (
        "etc/vipd",
        "lib/systemd/system/vipd",
        "usr/bin/vipd",
        "usr/lib/sysusers.d/vipd.conf",
        "usr/lib/vipd/",
        "usr/share/bash-completion/completions/vipd",
        "usr/share/doc/vipd/",
        "usr/share/fish/vendor_completions.d/vipd.fish",
        "usr/share/lintian/overrides/vipd",
        "usr/share/man/man5/vipd",
        "usr/share/man/man8/vipd",
        "usr/share/zsh/vendor-completions/_vipd",
    )
    files = [name for name, one in members.items() if not one.isdir()]
    assert [name for name in files if not name.startswith(places)] == []


def test_everything_belongs_to_root_who_alone_may_write(
    members: Mapping[str, tarfile.TarInfo],
) -> None:
    assert {(one.uname, one.gname) for one in members.values()} == {("root", "root")}
    files = [one for one in members.values() if not one.issym()]
    assert [one.name for one in files if one.mode & 0o7022] == []


# -- whether it works -----------------------------------------------------------------------

LOADED = """
import json, sys
sys.path.append(sys.argv[1])
import vipd.agent.main, vipd.capture.source, vipd.cli.main, vipd.cli.watch, vipd.web.process
import msgspec
print(json.dumps([module.__file__ for module in (vipd, msgspec)]))
"""


def test_all_libraries_are_there_for_that_python(root: Path) -> None:
    """Without `site` (-S), nothing is looked for in the packages of the distribution."""
    (site,) = root.glob("usr/lib/vipd/lib/python3.*/site-packages")
    found = json.loads(asked(PYTHON, "-ISB", "-c", LOADED, site))
    assert all(file.startswith(str(site)) for file in found)


def test_it_is_compiled_for_that_python_once_and_for_all(root: Path) -> None:
    (site,) = root.glob("usr/lib/vipd/lib/python3.*/site-packages")
    tag = python_says("sys.implementation.cache_tag")
    magic = bytes.fromhex(python_says("importlib.util.MAGIC_NUMBER.hex()"))
    for source in site.rglob("*.py"):
        compiled = source.parent / "__pycache__" / f"{source.stem}.{tag}.pyc"
        head = compiled.read_bytes()[:16]
        assert (head[:4], int.from_bytes(head[4:8], "little")) == (magic, UNCHECKED_HASH)
        assert head[8:] == importlib.util.source_hash(source.read_bytes())


def test_nothing_in_it_tells_where_it_was_built(root: Path) -> None:
    assert [
        str(file.relative_to(root))
        for file in root.rglob("*")
        if file.is_file() and not file.is_symlink() and b"/tmp/tmp." in file.read_bytes()
    ] == []


@pytest.mark.parametrize("name", ["postinst", "prerm", "postrm"])
def test_the_scripts_are_sound(scripts: Path, name: str) -> None:
    script = scripts / name
    asked("sh", "-n", script)
    text = script.read_text()
    assert text.startswith("#!/bin/sh\n")
    assert "\nset -e\n" in text
    assert "#DEBHELPER#" not in text


def test_an_upgrade_stops_nothing(scripts: Path) -> None:
    """The stop of the prerm is for a removal; what the upgrade does is for `restart-agents`."""
    prerm = (scripts / "prerm").read_text()
    assert prerm.count("deb-systemd-invoke stop") == 1
    assert 'if [ "$1" = remove ] && [ -d /run/systemd/system ]' in prerm
    assert not (scripts / "preinst").exists()


def test_the_same_tree_makes_the_same_bytes_without_a_network(
    deb: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with alone():
        first = tmp_path / "first.deb"
        shutil.copyfile(package(), first)
        monkeypatch.setenv("WHEELHOUSE", str(deb.parent / "wheelhouse"))
        second = without_network(TREE)
    assert sha256(first.read_bytes()).digest() == sha256(second.read_bytes()).digest()


def without_network(tree: Path) -> Path:
    unshare = ["unshare", "--net", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    said = asked(*unshare, str(tree / "debian/build")).decode()
    return Path(said.strip())
