"""`vipd capture` with files: what is printed, what is written, how it ends."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from captured import ethernet, ipv4, message, pcap, pcapng
from click.testing import CliRunner, Result

from vipd.capture.file import read_frames
from vipd.cli.main import cli

PACKETS = (
    ethernet(ipv4(message())),
    ethernet(ipv4(message(version=2, password=b"s3cret"))),
    ethernet(ipv4(message(), protocol=17)),
    ethernet(ipv4(message(vrid=7), ttl=64)),
)
SHOWN = (PACKETS[0], PACKETS[1], PACKETS[3])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A capture with three VRRP packets and another one."""
    written = tmp_path / "in.pcap"
    written.write_bytes(pcap(*PACKETS))
    return written


def capture(*arguments: object, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(cli, ["capture", *map(str, arguments)], input=stdin)


def objects(result: Result) -> list[dict[str, object]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_each_packet_is_a_line_that_ends_with_the_verdict(file: Path) -> None:
    result = capture("--read", file)
    lines = result.stdout.splitlines()
    assert (result.exit_code, result.stderr, len(lines)) == (0, "", 3)
    assert lines[0].endswith("  accepted")
    assert "  dropped: auth_type 1 (" in lines[1]
    assert "  dropped: ttl 64 (" in lines[2]
    assert "s3cret" not in result.output


def test_each_packet_is_an_object(file: Path) -> None:
    result = capture("--json", "--read", file)
    assert result.exit_code == 0
    assert [(one["vrid"], one["accepted"], one["drop_reasons"]) for one in objects(result)] == [
        (51, True, []),
        (51, False, ["auth_type"]),
        (7, False, ["ttl"]),
    ]
    assert objects(result)[0]["time"] == "2023-11-14T22:13:20.123456Z"
    assert "s3cret" not in result.output


def test_pcapng_is_told_by_its_content(file: Path) -> None:
    expected = capture("--json", "--read", file).stdout.splitlines()[0]
    file.write_bytes(pcapng(*PACKETS))
    assert capture("--json", "--read", file).stdout.splitlines()[0] == expected


@pytest.mark.parametrize(("vrid", "count"), [(51, 2), (7, 1)])
def test_one_vrid_alone(file: Path, vrid: int, count: int) -> None:
    assert [one["vrid"] for one in objects(capture("--json", "--vrid", vrid, "--read", file))] == [
        vrid
    ] * count


def test_nothing_found_is_said(file: Path) -> None:
    result = capture("--read", file, "--vrid", 99)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "no VRRP packet of VRID 99\n"
    file.write_bytes(pcap())
    assert capture("--read", file).stderr == "no VRRP packet\n"


def test_it_ends_after_a_count_of_packets_that_are_shown(file: Path) -> None:
    file.write_bytes(pcap(*PACKETS)[:-1])
    result = capture("--read", file, "--count", 2)
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 2)


@pytest.mark.parametrize("make", [pcap, pcapng])
def test_a_damaged_file_is_an_error_after_what_could_be_read(file: Path, make: object) -> None:
    assert callable(make)
    file.write_bytes(make(*PACKETS)[:-1])
    result = capture("--json", "--read", file)
    assert (result.exit_code, len(objects(result))) == (1, 2)
    assert result.stderr.startswith(f"{file}: the file is cut off at byte ")


def test_standard_input_is_a_file() -> None:
    result = capture("--read", "-", stdin=pcap(*PACKETS))
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 3)
    assert capture("--read", "-", stdin=b"").stderr == (
        "standard input: this is not a capture file: it is too short for one\n"
    )


def test_what_is_shown_is_written(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.pcap"
    assert capture("--read", file, "--write", out).exit_code == 0
    assert [one.data for one in read_frames(io.BytesIO(out.read_bytes()))] == list(SHOWN)
    assert capture("--read", out).stdout == capture("--read", file).stdout
    assert capture("--read", file, "--vrid", 7, "--write", out).exit_code == 0
    assert [one.data for one in read_frames(io.BytesIO(out.read_bytes()))] == [PACKETS[3]]


def test_a_file_is_not_written_over_itself(file: Path) -> None:
    before = file.read_bytes()
    result = capture("--read", file, "--write", file)
    assert (result.exit_code, file.read_bytes()) == (1, before)
    assert result.stderr == f"{file} cannot be read and written at once\n"


def test_files_that_cannot_be_opened_are_told(tmp_path: Path) -> None:
    missing = tmp_path / "missing.pcap"
    result = capture("--read", missing)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"cannot read {missing}: No such file or directory\n"
    assert capture("--read", tmp_path).stderr == f"cannot read {tmp_path}: Is a directory\n"


def test_a_link_type_that_nobody_knows_is_an_error_at_the_end(file: Path) -> None:
    file.write_bytes(pcap(*PACKETS, link_type=189))
    result = capture("--read", file)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "link type 189 were skipped" in result.stderr


@pytest.mark.parametrize(
    "arguments", [("--read", "x", "-i", "lo"), ("--vrid", "256"), ("--count", "0")]
)
def test_questions_that_make_no_sense_are_refused(arguments: tuple[str, ...]) -> None:
    assert capture(*arguments).exit_code == 2


def test_an_interface_that_is_not_there() -> None:
    result = capture("-i", "nowhere0")
    assert result.exit_code == 1
    assert "there is no interface 'nowhere0' here; there is: " in result.stderr


def test_the_help_teaches() -> None:
    text = capture("--help").stdout
    assert "vipd capture --read evening.pcapng" in text
    assert "CAP_NET_RAW" in text


def test_a_reader_that_goes_away_ends_it_without_a_word(file: Path) -> None:
    file.write_bytes(pcap(*PACKETS * 2000))
    with subprocess.Popen(
        [sys.executable, "-m", "vipd", "capture", "--read", file],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": ""},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 0
