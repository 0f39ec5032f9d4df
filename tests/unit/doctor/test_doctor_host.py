"""The adapter of this host: bounded, read only, and never more than it is asked for."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from vipd.doctor.host import LARGEST_TEXT, ThisHost


def test_files_and_links_are_read(tmp_path: Path) -> None:
    host = ThisHost()
    file = tmp_path / "a.conf"
    file.write_bytes(b"one\xff\n")
    (tmp_path / "b").symlink_to(file)
    assert host.read(str(file)) == "one\ufffd\n"
    assert host.link(str(tmp_path / "b")) == str(file)
    assert host.names(f"{tmp_path}/*.conf") == (str(file),)
    place = host.place(str(file))
    assert (place.mode & 0o777, place.owner) == (file.stat().st_mode & 0o777, os.geteuid())


def test_settings_of_the_kernel_are_read() -> None:
    assert ThisHost().read("/proc/sys/net/ipv4/conf/all/rp_filter").strip().isdigit()


def test_a_file_without_end_is_cut() -> None:
    assert len(ThisHost().read("/dev/zero")) == LARGEST_TEXT


def test_a_program_says_something_in_a_clean_environment() -> None:
    said = ThisHost().run("env")
    assert sorted(said.text.splitlines()) == ["LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
    assert (said.failure, said.missing) == ("", False)


def test_a_program_that_fails_is_quoted() -> None:
    said = ThisHost().run("sh", "-c", "echo half; echo why >&2; echo more >&2; exit 3")
    assert (said.text, said.failure) == ("half\n", "why")
    assert ThisHost().run("false").failure == "exit 1"


def test_a_program_that_is_not_there_is_missing() -> None:
    said = ThisHost().run("no-such-program")
    assert (said.missing, said.failure) == (True, "no-such-program is not installed")


def test_a_program_that_hangs_is_ended_and_leaves_less_time_to_the_others() -> None:
    host = ThisHost(budget_s=0.25)
    assert host.run("sleep", "60").failure.startswith("sleep did not answer within 0.2 s")
    assert host.run("true").failure == "there was no time left to ask"


def test_no_agent_a_silent_one_and_none_that_may_be_asked(tmp_path: Path) -> None:
    host = ThisHost()
    nobody = host.ask(tmp_path / "none.sock")
    assert (nobody.report, nobody.reached, nobody.permitted) == (None, False, True)
    path = tmp_path / "mute.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as mute:
        mute.bind(str(path))
        mute.listen()
        silent = host.ask(path)
    assert (silent.report, silent.reached, silent.permitted) == (None, True, True)


def test_who_cannot_listen_says_why() -> None:
    found = ThisHost().listen("nowhere0", 0.1, ())
    assert isinstance(found, str)
    assert found.startswith("there is no interface 'nowhere0' here")


def test_the_limits_and_the_clock_are_those_of_the_kernel() -> None:
    host = ThisHost()
    assert host.user() == os.geteuid()
    assert host.limit("RLIMIT_NOFILE") != 0
    assert host.clock_is_set() in (True, False, None)
