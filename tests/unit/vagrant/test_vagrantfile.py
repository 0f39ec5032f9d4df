"""What lies in `vagrant/`, judged by vagrant, by ruby and by the shell, and by what it is for."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from installed import needs

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parents[3] / "vagrant"
SCRIPTS = ("lab/box", "lab/test", "provision/host", "provision/package")


@pytest.fixture
def validate(tmp_path: Path) -> list[str]:
    """The command that judges a Vagrantfile, and keeps what it writes out of the tree."""
    keep_out = [f"VAGRANT_HOME={tmp_path}/home", f"VAGRANT_DOTFILE_PATH={tmp_path}/state"]
    silent = ["VAGRANT_CHECKPOINT_DISABLE=1", "VAGRANT_DEFAULT_PROVIDER=libvirt"]
    return ["env", *keep_out, *silent, "vagrant", "validate"]


@needs("vagrant", "vagrant vagrant-libvirt")
def test_vagrant_has_nothing_to_say_about_the_vagrantfile(validate: list[str]) -> None:
    said = subprocess.run(validate, cwd=FOLDER, check=False, capture_output=True, text=True)
    assert (said.returncode, said.stderr) == (0, "")
    assert "validated successfully" in said.stdout


@needs("vagrant", "vagrant vagrant-libvirt")
@pytest.mark.parametrize(
    ("right", "wrong"), [("vm.memory", "vm.memorry"), ("host.vm.hostname", "host.vm.hostnam")]
)
def test_vagrant_would_have_found_a_key_that_is_misspelt(
    validate: list[str], tmp_path: Path, right: str, wrong: str
) -> None:
    text = (FOLDER / "Vagrantfile").read_text()
    assert right in text
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab/Vagrantfile").write_text(text.replace(right, wrong))
    where = tmp_path / "lab"
    said = subprocess.run(validate, cwd=where, check=False, capture_output=True, text=True)
    assert said.returncode != 0
    assert wrong.removeprefix("host.vm.").removeprefix("vm.") in said.stdout + said.stderr


@needs("ruby", "ruby")
@pytest.mark.parametrize("name", ["Vagrantfile", "lab/box.rb"])
def test_ruby_reads_it_without_a_warning(name: str) -> None:
    said = subprocess.run(
        ["ruby", "-wc", FOLDER / name], check=False, capture_output=True, text=True
    )
    assert (said.returncode, said.stdout, said.stderr) == (0, "Syntax OK\n", "")


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_shell_reads_it_and_it_can_be_run(name: str) -> None:
    script = FOLDER / name
    shell = script.read_text().splitlines()[0].split("/")[-1].split()[-1]
    said = subprocess.run([shell, "-n", script], check=False, capture_output=True, text=True)
    assert (said.returncode, said.stderr) == (0, "")
    assert os.access(script, os.X_OK)


def test_the_addresses_are_those_of_the_documentation() -> None:
    """Nobody has them: the lab clashes with no network that it is used in."""
    text = "".join((FOLDER / name).read_text() for name in ("Vagrantfile", "failover", *SCRIPTS))
    assert "192.0.2.11" in text
    assert "192.168.121." not in text
