"""`vipd track`: one tracker here and now, its exit codes, and the explanations."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from vipd.cli.main import cli
from vipd.config.explain import page
from vipd.config.load import MINIMAL
from vipd.config.track_schema import TRACKERS

DECLARED = f"""
{MINIMAL}
[track.good]
type = "script"
argv = ["/bin/echo", "all is well"]
interval = "100ms"
rise = 2
[track.bad]
type = "script"
argv = ["/bin/sh", "-c", "echo too bad; exit 3"]
interval = "100ms"
fall = 3
[track.hanging]
type = "script"
argv = ["/bin/sleep", "60"]
interval = "100ms"
[track.drain]
type = "file"
path = "{{drain}}"
present = "down"
[track.weight]
type = "file"
path = "{{weight}}"
number = true
[track.lo]
type = "interface"
interface = "lo"
[track.cut-off]
type = "route"
destination = "203.0.113.77/32"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration with trackers of programs and of files beside it."""
    path = tmp_path / "vipd.toml"
    source = DECLARED.replace("{drain}", f"{tmp_path}/drain")
    path.write_text(source.replace("{weight}", f"{tmp_path}/weight"), encoding="utf-8")
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["track", *map(str, arguments)])


def test_looks_are_shown_until_the_verdict(file: Path) -> None:
    result = run("good", "--config", file)
    assert result.exit_code == 0
    first, second, verdict = result.output.splitlines()
    assert first.startswith("   1  good")
    assert first.endswith("all is well")
    assert second.startswith("   2  good")
    assert verdict.startswith("good (script) is up: exit 0 in ")


def test_what_is_down_exits_with_1(file: Path) -> None:
    result = run("bad", "--config", file)
    assert result.exit_code == 1
    *looks, verdict = result.output.splitlines()
    assert [look[:9] for look in looks] == ["   1  bad", "   2  bad", "   3  bad"]
    assert verdict.startswith("bad (script) is down: 3 failures in a row: exit 3 in ")
    assert verdict.endswith("too bad")


def test_fewer_looks_than_a_verdict_takes_leave_it_as_it_was(file: Path) -> None:
    result = run("good", "--config", file, "--count", 1)
    assert result.exit_code == 1
    assert "good (script) is down: success 1 of 2: " in result.output


def test_a_program_that_hangs_is_a_failure(file: Path) -> None:
    result = run("hanging", "--config", file)
    assert result.exit_code == 1
    assert "within 100 ms" in result.output


def test_a_file_is_looked_at_once(file: Path) -> None:
    assert run("drain", "--config", file).exit_code == 0
    (file.parent / "drain").touch()
    result = run("drain", "--config", file)
    assert result.exit_code == 1
    assert "drain (file) is down: " in result.output


def test_what_the_kernel_tells_is_looked_at_once(file: Path) -> None:
    result = run("cut-off", "--config", file)
    assert result.exit_code == 1
    assert result.output.endswith(" is down: there is no route to 203.0.113.77/32\n")
    assert "lo (interface) is " in run("lo", "--config", file).output


def test_programs_get_json(file: Path) -> None:
    (file.parent / "weight").write_text("-20\n")
    answer = json.loads(run("weight", "--json", "--config", file).output)
    (look,) = answer.pop("looks")
    assert (look["ok"], look["up"], look["weight"]) == (True, True, -20)
    assert look["took_s"] >= 0
    assert answer == {"name": "weight", "kind": "file", "up": True, "verdict": look["text"]}


def test_a_weight_is_shown(file: Path) -> None:
    (file.parent / "weight").write_text("-20\n")
    assert "  weight -20\n" in run("weight", "--config", file).output


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("goood", "There is no tracker goood in {file}. Did you mean good?\n"),
        (
            "zzz",
            "Which tracker of {file}? There are: good, bad, hanging, drain, weight, lo, cut-off\n",
        ),
    ],
)
def test_another_name_is_refused(file: Path, name: str, said: str) -> None:
    result = run(name, "--config", file)
    assert (result.exit_code, result.stderr) == (2, said.format(file=file))


def test_a_name_must_be_given(file: Path) -> None:
    result = run("--config", file)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Which tracker of {file}?")


def test_a_broken_configuration_is_refused(file: Path) -> None:
    file.write_text("[instance.web]\n", encoding="utf-8")
    result = run("good", "--config", file)
    assert result.exit_code == 2
    assert f"{file}: instance.web.interface: is missing" in result.stderr


def test_where_nothing_is_declared_the_way_out_is_told(file: Path) -> None:
    file.write_text(MINIMAL, encoding="utf-8")
    result = run("good", "--config", file)
    said = f"{file} declares no tracker. See: vipd track --explain\n"
    assert (result.exit_code, result.stderr) == (2, said)


def test_names_are_completed(file: Path) -> None:
    environ = {
        "_VIPD_COMPLETE": "bash_complete",
        "COMP_WORDS": f"vipd track --config {file} g",
        "COMP_CWORD": "4",
    }
    result = CliRunner().invoke(cli, prog_name="vipd", env=environ)
    assert result.output.splitlines() == ["plain,good"]


def test_every_kind_is_explained() -> None:
    result = run("--explain")
    assert result.exit_code == 0
    for kind in TRACKERS:
        assert f'    type = "{kind}"\n' in result.output
    assert max(map(len, result.output.splitlines())) <= 96


def test_one_kind_is_explained_with_its_keys_and_an_example() -> None:
    lines = run("--explain", "tcp").output.splitlines()
    assert lines[:6] == [
        "tcp",
        "  Connects: up while somebody accepts, and says what is expected.",
        "",
        "  address      the host. Takes an address or a name; required.",
        "  port         the port. Takes an integer from 1 to 65535; required.",
        "  send         what is sent once connected. Takes a string; by default there is none.",
    ]
    assert "    [track.mail]" in lines


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("htp", "There is no kind of tracker htp. Did you mean http?\n"),
        ("zzz", f"There is no kind of tracker zzz. There are: {', '.join(TRACKERS)}\n"),
    ],
)
def test_an_unknown_kind_is_not_explained(kind: str, said: str) -> None:
    result = run("--explain", kind)
    assert (result.exit_code, result.stderr) == (2, said)


def test_the_page_is_printed_as_it_is() -> None:
    assert run("--explain", "--markdown").output == page()
