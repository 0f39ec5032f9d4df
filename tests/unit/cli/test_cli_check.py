"""`vipd check`: what it prints and how it exits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from vipd.cli.main import cli
from vipd.config.model import DEFAULT_PATH

GOOD = """
[instance.web]
interface = "eth0"
vrid = 51
addresses = ["192.0.2.100/24", "2001:db8:51::100/64"]
priority = 150

[instance.internal]
interface = "eth0.100"
vrid = 7
addresses = ["198.51.100.1", "198.51.100.2", "198.51.100.3", "198.51.100.4", "198.51.100.5"]
advert_interval = "100ms"
"""

BAD = """
[instance.web]
interface = "eth0"
vrid = 256
addresses = ["192.0.2.100/24"]
colour = "a\\u001b[31mb"
"\\u001b[31m" = 1
"""

VRID_HINT = "such as vrid = 51, the same on every host of this virtual router"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the configuration of a test is written."""
    return tmp_path / "vipd.toml"


def run(*arguments: object, color: bool = False, **environ: str) -> Result:
    """Run the command, on a terminal if `color` is asked for."""
    argv = ["check", *map(str, arguments)]
    return CliRunner().invoke(cli, argv, color=color, env={"NO_COLOR": None, **environ})


def test_a_valid_file_is_summed_up_in_a_line_per_instance(file: Path) -> None:
    file.write_text(GOOD, encoding="utf-8")
    result = run(file)
    assert result.exit_code == 0
    web = "192.0.2.100/24, 2001:db8:51::100/64"
    internal = "198.51.100.1/32, 198.51.100.2/32, 198.51.100.3/32, 198.51.100.4/32 and 1 more"
    assert result.output.splitlines() == [
        f"{file} is valid: 2 instances",
        f"  web       eth0      vrid 51  priority 150  every 1 s     {web}",
        f"  internal  eth0.100  vrid 7   priority 100  every 100 ms  {internal}",
    ]


def test_every_problem_is_printed_with_its_file_key_and_hint(file: Path) -> None:
    file.write_text(BAD, encoding="utf-8")
    result = run(file)
    assert result.exit_code == 1
    blocks = result.output.split("\n\n")
    assert blocks[0].splitlines() == [
        f"{file}: instance.web.vrid",
        "  must be an integer from 1 to 255, not 256",
        f"  hint: {VRID_HINT}",
    ]
    assert blocks[1].startswith(f"{file}: instance.web.colour\n  unknown key\n  hint: ")
    assert blocks[2].startswith(f'{file}: instance.web."\\x1b[31m"\n')
    assert blocks[3] == f"3 problems in {file}\n"
    assert "\x1b" not in result.output


def test_a_problem_of_the_file_itself_has_no_key(file: Path) -> None:
    result = run(file)
    assert result.exit_code == 1
    first, second, *_ = result.output.splitlines()
    assert (first, second) == (str(file), "  does not exist")
    assert result.output.endswith(f"\n\n1 problem in {file}\n")


def test_a_problem_without_a_hint_has_no_line_for_it(file: Path) -> None:
    file.write_text("a = " + "9" * 5_000, encoding="utf-8")
    lines = run(file).output.splitlines()
    assert lines == [str(file), "  has a number that is too long to read", "", lines[-1]]


@pytest.mark.parametrize("source", [GOOD, BAD])
def test_a_terminal_gets_colours_unless_told_otherwise(file: Path, source: str) -> None:
    file.write_text(source, encoding="utf-8")
    assert "\x1b[" in run(file, color=True).output
    assert "\x1b[" in run(file, color=True, NO_COLOR="").output
    assert "\x1b[" not in run(file, color=True, NO_COLOR="1").output


def test_programs_get_json_of_a_valid_file(file: Path) -> None:
    file.write_text(GOOD, encoding="utf-8")
    result = run("--json", file)
    assert result.exit_code == 0
    assert json.loads(result.output) == {
        "file": str(file),
        "valid": True,
        "problems": [],
        "warnings": [],
    }


def test_programs_get_json_of_every_problem(file: Path) -> None:
    file.write_text(BAD, encoding="utf-8")
    result = run("--json", file)
    assert result.exit_code == 1
    answer = json.loads(result.output)
    assert (answer["file"], answer["valid"]) == (str(file), False)
    assert answer["problems"][0] == {
        "path": "instance.web.vrid",
        "problem": "must be an integer from 1 to 255, not 256",
        "hint": VRID_HINT,
    }
    assert len(answer["problems"]) == 3


def test_the_usual_file_is_checked_when_none_is_named() -> None:
    assert json.loads(run("--json").output)["file"] == str(DEFAULT_PATH)


TRAPPED = f"""
{GOOD}
[track.idle]
type = "ping"
address = "192.0.2.1"
"""

MISSING = """
[instance.web]
interface = "eth0"
vrid = 51
addresses = ["192.0.2.100/24"]
hooks.on_master = ["/bin/no-such-program"]
"""

HINT = 'name it where it counts: track = ["idle"], or remove it'


def test_a_warning_does_not_make_a_file_invalid(file: Path) -> None:
    file.write_text(TRAPPED, encoding="utf-8")
    result = run(file)
    assert result.exit_code == 0
    assert result.output.splitlines()[:5] == [
        f"{file}: track.idle",
        "  warning: is not used",
        f"  hint: {HINT}",
        "",
        f"{file} is valid: 2 instances, 1 tracker, 1 warning",
    ]


@pytest.mark.parametrize(("source", "code"), [(TRAPPED, 1), (GOOD, 0)])
def test_the_strict_do_not_let_a_warning_pass(file: Path, source: str, code: int) -> None:
    file.write_text(source, encoding="utf-8")
    assert run("--strict", file).exit_code == code


def test_programs_get_json_of_warnings(file: Path) -> None:
    file.write_text(TRAPPED, encoding="utf-8")
    answer = json.loads(run("--json", file).output)
    assert answer["valid"] is True
    assert answer["warnings"] == [{"path": "track.idle", "problem": "is not used", "hint": HINT}]


def test_a_program_must_be_there_unless_the_file_is_for_another_host(file: Path) -> None:
    file.write_text(MISSING, encoding="utf-8")
    result = run(file)
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        f"{file}: instance.web.hooks.on_master",
        "  /bin/no-such-program does not exist",
        "  hint: install it, or correct the path",
        "",
        f"1 problem in {file}",
    ]
    assert json.loads(run("--json", file).output)["valid"] is False
    elsewhere = run("--elsewhere", file)
    assert elsewhere.exit_code == 0
    assert elsewhere.output.startswith(f"{file} is valid: 1 instance\n")


def test_groups_are_counted(file: Path) -> None:
    group = 'priority = 150\n[group.edge]\nmembers = ["web", "internal"]'
    file.write_text(f"{GOOD}\n{group}", encoding="utf-8")
    assert run(file).output.startswith(f"{file} is valid: 2 instances, 1 group\n")
