"""`vipd install`: into a tree of files, and all that is refused."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from vipd.cli.main import cli
from vipd.install.material import material


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["install", *map(str, arguments)], prog_name="vipd")


def test_a_dry_run_tells_every_step_and_does_none(tmp_path: Path) -> None:
    result = run("--root", tmp_path, "--dry-run")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "would write /usr/local/lib/sysusers.d/vipd.conf"
    assert "would make the directory /etc/vipd" in lines
    assert "would write /usr/local/share/man/man8/vipd-install.8" in lines
    assert "would write /usr/local/share/zsh/site-functions/_vipd" in lines
    assert [*tmp_path.iterdir()] == []


def test_a_tree_gets_everything_and_a_second_time_nothing(tmp_path: Path) -> None:
    told = run("--root", tmp_path, "--prefix", "/usr").stdout.splitlines()
    assert "wrote /usr/lib/systemd/system/vipd.service" in told
    unit = (tmp_path / "usr/lib/systemd/system/vipd.service").read_text()
    assert " run --config /etc/vipd/vipd.toml\n" in unit
    before = snapshot(tmp_path)
    again = run("--root", tmp_path, "--prefix", "/usr").stdout.splitlines()
    assert again[0].endswith(" files are as they should be")
    assert snapshot(tmp_path) == before


def snapshot(place: Path) -> dict[str, tuple[int, int]]:
    """Every file, with which one it is and when it was written."""
    seen = {str(path): path.stat() for path in place.rglob("*")}
    return {path: (one.st_ino, one.st_mtime_ns) for path, one in seen.items()}


def test_the_completions_are_those_that_the_command_prints(tmp_path: Path) -> None:
    run("--root", tmp_path)
    share = tmp_path / "usr/local/share"
    for shell, place in (
        ("bash", "bash-completion/completions/vipd"),
        ("zsh", "zsh/site-functions/_vipd"),
        ("fish", "fish/vendor_completions.d/vipd.fish"),
    ):
        printed = CliRunner().invoke(cli, ["completion", shell], prog_name="vipd").stdout
        assert (share / place).read_text().strip() == printed.strip()


def test_the_material_is_installed_as_it_is(tmp_path: Path) -> None:
    run("--root", tmp_path)
    documentation = tmp_path / "usr/local/share/doc/vipd"
    for folder in ("examples", "dropins"):
        theirs = {path.name: path.read_bytes() for path in (material() / folder).iterdir()}
        ours = {path.name: path.read_bytes() for path in (documentation / folder).iterdir()}
        assert ours == theirs
        assert ours


def test_the_configuration_is_neither_written_nor_removed(tmp_path: Path) -> None:
    file = tmp_path / "etc/vipd/vipd.toml"
    file.parent.mkdir(parents=True)
    file.write_text("mine")
    assert run("--root", tmp_path, "--force").exit_code == 0
    result = run("--root", tmp_path, "--uninstall")
    assert "Left: /etc/vipd, " in result.stdout
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [file]
    assert file.read_text() == "mine"


def test_a_purge_takes_the_configuration_too(tmp_path: Path) -> None:
    run("--root", tmp_path)
    result = run("--root", tmp_path, "--uninstall", "--purge")
    assert "removed /etc/vipd and all in it" in result.stdout
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_programs_read_json(tmp_path: Path) -> None:
    answer = json.loads(run("--root", tmp_path, "--dry-run", "--json").stdout)
    assert answer["dry_run"] is True
    assert answer["unchanged"] == 0
    assert {"do": "make", "path": "/etc/vipd"} in answer["steps"]
    assert answer["notes"]


def test_another_program_can_be_named(tmp_path: Path) -> None:
    run("--root", tmp_path, "--program", "/usr/bin/vipd")
    unit = (tmp_path / "usr/local/lib/systemd/system/vipd.service").read_bytes()
    assert unit == (material() / "vipd.service").read_bytes()


# -- refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--purge"], "--purge goes with --uninstall."),
        (["--prefix", "usr"], "--prefix takes an absolute path, not usr."),
        (["--program", "vipd"], "--program takes an absolute path, not vipd."),
    ],
)
def test_options_that_do_not_go_together(arguments: list[str], text: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert text in result.stderr


def test_a_file_in_the_way_is_named_and_left(tmp_path: Path) -> None:
    unit = tmp_path / "usr/local/lib/systemd/system/vipd.service"
    unit.parent.mkdir(parents=True)
    unit.write_text("theirs")
    result = run("--root", tmp_path)
    assert result.exit_code == 1
    assert "/usr/local/lib/systemd/system/vipd.service is there already" in result.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [unit]


def test_a_host_without_systemd_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = run("--dry-run")
    assert result.exit_code == 1
    assert "this host has no systemd: systemctl and systemd-sysusers cannot be found." in (
        result.stderr
    )


def test_nothing_to_remove_is_told(tmp_path: Path) -> None:
    result = run("--root", tmp_path, "--uninstall")
    assert result.exit_code == 1
    assert "nothing is installed below /usr/local" in result.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user: needs root")
@pytest.mark.skipif(
    not shutil.which("systemd-sysusers") and os.environ.get("CI") != "true",
    reason="systemd-sysusers is missing: apt-get install systemd",
)
def test_without_the_right_it_says_so() -> None:
    """Order: all that is imported is, while this user may still read it."""
    script = (
        "import os; from click.testing import CliRunner; from vipd.cli.main import cli\n"
        "def install(*more): return CliRunner().invoke(\n"
        "    cli, ['install', '--program', '/bin/true', '--prefix', '/opt/new', *more])\n"
        "assert install('--dry-run').exit_code == 0\n"
        "os.seteuid(65534)\n"
        "assert install('--dry-run').exit_code == 0\n"
        "done = install()\n"
        "print(done.exit_code, done.output)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 this changes what belongs to root" in done.stdout, done.stderr
