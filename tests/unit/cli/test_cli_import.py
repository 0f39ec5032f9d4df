"""`vipd import`: what it prints where, what it writes, and how it exits."""

from __future__ import annotations

import json
import os
import stat
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from keepalived_samples import DIRECTORY

from vipd.cli.main import cli

BOOK = DIRECTORY / "book_one_line.conf"
INVALID = "vrrp_instance A {\n virtual_router_id 5\n}\n"
HINT = "`vipd import {}` says it in vipd's words"


def run(*arguments: object, stdin: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["import", *map(str, arguments)], input=stdin)


def test_the_text_of_the_books_is_imported() -> None:
    result = run(BOOK)
    assert result.exit_code == 0
    found = tomllib.loads(result.stdout)["instance"]["VI_1"]
    assert found == {
        "interface": "eth0",
        "vrid": 51,
        "version": 2,
        "addresses": ["192.168.1.1"],
        "priority": 100,
        "advert_interval": "1s",
        "auth": {"type": "pass", "password": "password"},
    }
    assert "Carried over with a different meaning" in result.stderr
    assert result.stderr.endswith(
        "0 to be looked at; next: write it with --output FILE, then vipd check\n"
    )


def test_what_is_written_is_accepted_and_is_for_its_group_at_most(tmp_path: Path) -> None:
    file = tmp_path / "vipd.toml"
    result = run(BOOK, "--output", file)
    assert (result.exit_code, result.stdout) == (0, "")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert f"next: vipd check {file}" in result.stderr
    assert CliRunner().invoke(cli, ["check", str(file)]).exit_code == 0


def test_nothing_is_written_over_unless_told_to(tmp_path: Path) -> None:
    file = tmp_path / "vipd.toml"
    file.write_text("mine")
    refused = run(BOOK, "--output", file)
    assert refused.exit_code == 1
    assert refused.stderr == f"{file} is there already (--force writes over it)\n"
    assert file.read_text() == "mine"
    assert run(BOOK, "--output", file, "--force").exit_code == 0
    assert file.read_text().startswith("# Imported by `vipd import`")


def test_a_directory_that_is_not_there_is_told(tmp_path: Path) -> None:
    result = run(BOOK, "--output", tmp_path / "no/vipd.toml")
    assert result.exit_code == 1
    assert "cannot be written: No such file or directory" in result.stderr


def test_programs_get_the_report_as_json() -> None:
    result = run(BOOK, "--json")
    report = json.loads(result.stderr)
    assert set(report) == {"file", "valid", "problems", "carried", "different", "not_carried"}
    assert report["valid"] is True
    assert {
        "file": str(BOOK),
        "line": 1,
        "keepalived": "interface eth0",
        "vipd": 'interface = "eth0"',
        "table": "instance.VI_1",
    } in report["carried"]
    assert tomllib.loads(result.stdout)["instance"]


def test_what_is_not_valid_yet_is_told_last() -> None:
    result = run("-", stdin=INVALID)
    assert result.exit_code == 1
    assert "instance: no instance is configured" in result.stderr
    assert "standard input" not in result.stdout
    assert result.stderr.endswith("; not valid yet\n")


def test_a_line_is_read_as_the_host_that_is_named() -> None:
    conf = DIRECTORY / "definitions.conf"
    priorities = {
        host: tomllib.loads(run(conf, "-i", host).stdout)["instance"]["WEB"]["priority"]
        for host in ("lb1", "lb2")
    }
    assert priorities == {"lb1": 150, "lb2": 100}


def test_includes_are_opened_relative_to_the_file() -> None:
    found = tomllib.loads(run(DIRECTORY / "ansible_unicast.conf").stdout)
    assert set(found["instance"]) == {"external", "internal"}


def test_an_error_names_file_and_line(tmp_path: Path) -> None:
    file = tmp_path / "k.conf"
    file.write_text("vrrp_instance A {\n\n")
    result = run(file)
    assert result.exit_code == 1
    expected = "the block of vrrp_instance is never closed (a } is missing)"
    assert result.stderr == f"{file}: line 1: {expected}\n"
    assert result.stdout == ""


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    missing = run(tmp_path / "no.conf")
    assert missing.exit_code == 1
    assert missing.stderr.endswith(
        "cannot be read: no such file or directory (name another file)\n"
    )
    assert "is a directory" in run(tmp_path).stderr


def test_old_encodings_and_line_ends_do_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "k.conf"
    text = BOOK.read_text().replace("; ", "\r\n").replace("{ ", "{\r\n").replace("} ", "}\r\n")
    file.write_bytes("# Büro\r\n".encode("latin-1") + text.encode())
    assert tomllib.loads(run(file).stdout)["instance"]["VI_1"]["vrid"] == 51


def test_the_keywords_are_printed_as_markdown() -> None:
    result = run("--keywords")
    assert result.exit_code == 0
    assert "| `virtual_router_id` | vrid |  |" in result.stdout


@pytest.mark.parametrize(("command", "code"), [("check", 1), ("run --config", os.EX_CONFIG)])
def test_a_file_of_keepalived_s_is_refused_with_the_way_out(command: str, code: int) -> None:
    result = CliRunner().invoke(cli, [*command.split(), str(BOOK)])
    assert result.exit_code == code
    assert "this is a configuration of keepalived" in result.output
    assert HINT.format(BOOK) in result.output


def test_the_help_has_an_example() -> None:
    assert "vipd import --output /etc/vipd/vipd.toml" in run("--help").stdout
