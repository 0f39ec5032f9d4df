"""The command `vipd`: its help, its subcommands, how errors reach a person; completion."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from vipd import __version__
from vipd.cli.main import COMMANDS, Entry, LazyGroup, cli
from vipd.config.model import DEFAULT_PATH

LIST_MODULES = "import sys; print(*sorted(sys.modules), file=sys.stderr)"


def modules_after(*arguments: str) -> set[str]:
    """What is imported by the end of a command that ends by itself."""
    script = f"""
import sys
from vipd.cli.main import cli
try:
    cli({list(arguments)!r}, prog_name="vipd")
except SystemExit:
    pass
{LIST_MODULES}
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30
    )
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], []])
def test_only_a_command_in_use_is_imported(arguments: list[str]) -> None:
    modules = modules_after(*arguments)
    assert "click" in modules
    ours = {name for name in modules if name.startswith("vipd")}
    assert ours == {"vipd", "vipd.cli", "vipd.cli.main", "vipd.errors"}
    assert not modules & {"asyncio", "ipaddress", "msgspec", "pyroute2", "structlog", "tomllib"}


def test_the_version_is_one_word_after_the_name() -> None:
    result = CliRunner().invoke(cli, ["--version"])
    assert (result.exit_code, result.output) == (0, f"vipd {__version__}\n")


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_the_help_lists_every_command_with_its_line(option: str) -> None:
    result = CliRunner().invoke(cli, [option])
    assert result.exit_code == 0
    for name, entry in COMMANDS.items():
        assert f"  {name.ljust(11)}  {entry.line}\n" in result.output
    assert "Examples:\n" in result.output
    assert str(DEFAULT_PATH) in result.output


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_is_there_and_explains_itself(name: str) -> None:
    assert isinstance(COMMANDS[name].load(), click.Command)
    result = CliRunner().invoke(cli, [name, "--help"], prog_name="vipd")
    assert result.exit_code == 0
    assert result.output.startswith(f"Usage: vipd {name} ")


def test_an_unknown_command_is_refused() -> None:
    result = CliRunner().invoke(cli, ["chekc"])
    assert result.exit_code == 2
    assert "No such command 'chekc'" in result.stderr


def test_what_an_operator_can_mend_is_told_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "vipd_test_command_that_fails.py").write_text(
        "import click\n"
        "from vipd.errors import VipdError\n"
        "@click.command()\n"
        "def fail():\n"
        "    raise VipdError('the cable is not plugged in')\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    entry = Entry(target="vipd_test_command_that_fails:fail", line="Fail.")
    result = CliRunner().invoke(LazyGroup(name="vipd", entries={"fail": entry}), ["fail"])
    assert result.exit_code == 1
    assert (result.stdout, result.stderr) == ("", "the cable is not plugged in\n")


@pytest.mark.parametrize("command", [["vipd"], [sys.executable, "-m", "vipd"]])
def test_the_program_can_be_started(command: list[str]) -> None:
    program = [str(Path(sys.executable).parent / "vipd")] if command == ["vipd"] else command
    done = subprocess.run(
        [*program, "--version"], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout == f"vipd {__version__}\n"


# -- completion -----------------------------------------------------------------------------


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_asks_vipd(shell: str) -> None:
    named = CliRunner().invoke(cli, ["completion", shell])
    assert named.exit_code == 0
    assert f"_VIPD_COMPLETE={shell}_complete" in named.stdout
    own = CliRunner().invoke(cli, ["completion"], env={"SHELL": f"/usr/bin/{shell}"})
    assert own.stdout == named.stdout


def test_a_shell_that_cannot_be_guessed_is_asked_for() -> None:
    result = CliRunner().invoke(cli, ["completion"], env={"SHELL": "/bin/sh"})
    assert result.exit_code == 2
    assert "Which shell? Name one of bash, zsh, fish." in result.stderr


def test_the_help_says_how_to_install_the_completion() -> None:
    output = CliRunner().invoke(cli, ["completion", "--help"]).output
    assert "vipd completion bash > ~/.local/share/bash-completion/completions/vipd\n" in output


@pytest.mark.parametrize(
    ("words", "count", "completions"),
    [
        ("vipd c", 1, ["plain,check", "plain,capture", "plain,cleanup", "plain,completion"]),
        ("vipd check --j", 2, ["plain,--json"]),
        ("vipd nonsense s", 2, ["plain,status", "plain,scan"]),
        ("vipd completion z", 2, ["plain,zsh"]),
    ],
)
def test_words_are_completed(words: str, count: int, completions: list[str]) -> None:
    environ = {
        "_VIPD_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(count),
    }
    result = CliRunner().invoke(cli, prog_name="vipd", env=environ)
    assert result.output.splitlines() == completions
