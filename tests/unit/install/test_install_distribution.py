"""What is built: the same bytes whenever and wherever, complete, and of use without a network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from vipd import __version__

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
WHEEL = f"vipd-{__version__}-py3-none-any.whl"
SDIST = f"vipd-{__version__}.tar.gz"
LEFT_OUT = {".ci", ".git", ".venv", "dist", "__pycache__"}


def run(*argv: object, cwd: Path | None = None, **environ: str) -> str:
    """What a program prints, which must end well."""
    done = subprocess.run(
        [*map(str, argv)],
        cwd=cwd,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def ours(root: Path) -> Iterator[Path]:
    """The files of the project, as git tracks them or would."""
    listed = run("git", "ls-files", "-co", "--exclude-standard", "-z", cwd=root)
    yield from (Path(name) for name in listed.split("\0") if name and (root / name).is_file())


def build(tree: Path, into: Path) -> Path:
    run(sys.executable, "-m", "hatchling", "build", "-d", into, cwd=tree)
    return into


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both distributions of the tree as it is."""
    return build(ROOT, tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory, built: Path) -> Path:
    """An environment with nothing in it but the wheel; what that needs is lent by ours.

    Why: there is no network. The lent packages come behind those of the environment itself.
    """
    place = tmp_path_factory.mktemp("clean") / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", place)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python")
    python = place / "bin/python"
    run(*pip, python, "install", "--quiet", "--no-index", "--no-deps", built / WHEEL)
    (packages,) = place.glob("lib/python*/site-packages")
    (packages / "lent.pth").write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    return place


def vipd(venv: Path, *arguments: object) -> str:
    return run(venv / "bin/vipd", *arguments, PYTHONPATH="", cwd=venv)


# -- the same bytes -------------------------------------------------------------------------


def test_another_time_and_place_make_the_same_bytes(built: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "a/place/elsewhere"
    for file in ours(ROOT):
        (elsewhere / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / file, elsewhere / file)
        (elsewhere / file).chmod((ROOT / file).stat().st_mode)
        os.utime(elsewhere / file, (1_000_000_000, 1_000_000_000))
    again = build(elsewhere, tmp_path / "again")
    for name in (WHEEL, SDIST):
        assert (again / name).read_bytes() == (built / name).read_bytes(), name


def test_the_source_distribution_makes_the_same_wheel(built: Path, tmp_path: Path) -> None:
    with tarfile.open(built / SDIST) as archive:
        archive.extractall(tmp_path, filter="data")
    again = build(tmp_path / SDIST.removesuffix(".tar.gz"), tmp_path / "again")
    assert (again / WHEEL).read_bytes() == (built / WHEEL).read_bytes()


# -- complete -------------------------------------------------------------------------------


def test_the_source_distribution_has_the_whole_project(built: Path) -> None:
    with tarfile.open(built / SDIST) as archive:
        packed = {Path(*Path(name).parts[1:]) for name in archive.getnames()}
    project = {path for path in ours(ROOT) if not LEFT_OUT & set(path.parts)}
    assert project - packed == set()
    assert packed - project == {Path("PKG-INFO")}


def test_the_wheel_has_the_package_and_the_units(built: Path) -> None:
    with zipfile.ZipFile(built / WHEEL) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    project = {str(path) for path in ours(ROOT) if path.parts[0] == "vipd"}
    units = {
        str(Path("vipd/install/material", *path.parts[1:]))
        for path in ours(ROOT)
        if path.parts[0] == "systemd"
    }
    assert packed == project | units


def test_the_version_comes_from_one_place(built: Path) -> None:
    with zipfile.ZipFile(built / WHEEL) as archive:
        metadata = archive.read(f"vipd-{__version__}.dist-info/METADATA").decode()
    assert f"\nVersion: {__version__}\n" in metadata
    assert f'"{__version__}"' not in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


# -- of use ---------------------------------------------------------------------------------


def test_a_clean_environment_has_the_command(venv: Path) -> None:
    assert vipd(venv, "--version") == f"vipd {__version__}\n"
    where = run(venv / "bin/python", "-c", "import vipd; print(vipd.__file__)", cwd=venv)
    assert Path(where.strip()).is_relative_to(venv)


def test_a_clean_environment_checks_a_configuration(venv: Path) -> None:
    file = ROOT / "systemd/examples/crossing.toml"
    assert "is valid: 2 instances, 1 tracker" in vipd(venv, "check", file)


def test_a_clean_environment_installs_what_a_checkout_does(venv: Path, tmp_path: Path) -> None:
    """The material is that inside the wheel; the units start the program of this environment."""
    assert "would write /usr/local/lib/systemd/system/vipd.service" in vipd(
        venv, "install", "--dry-run", "--root", tmp_path
    )
    assert [*tmp_path.iterdir()] == []
    vipd(venv, "install", "--root", tmp_path)
    unit = (tmp_path / "usr/local/lib/systemd/system/vipd.service").read_text(encoding="utf-8")
    original = (ROOT / "systemd/vipd.service").read_text(encoding="utf-8")
    assert unit == original.replace("/usr/bin/vipd", str((venv / "bin/vipd").resolve()))
    assert (tmp_path / "usr/local/share/doc/vipd/dropins/credentials.conf").is_file()
