"""What the journal is told, by a real datagram socket."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import structlog

from vipd import log
from vipd.journald import VALUE_LONGEST, Journald, encode, is_journal

RECORD_LONGEST = 65_536


def decode(record: bytes) -> dict[str, str]:
    """The fields of a datagram, read as the journal does."""
    fields = {}
    while record:
        line, _, record = record.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            (length,) = struct.unpack_from("<Q", record)
            value, record = record[8 : 8 + length], record[8 + length + 1 :]
        fields[name.decode()] = value.decode()
    return fields


@pytest.fixture
def address(tmp_path: Path) -> Path:
    return tmp_path / "socket"


@pytest.fixture
def writer(address: Path) -> Iterator[Journald]:
    with closing(Journald(address)) as writer:
        yield writer


@pytest.fixture
def journal(address: Path) -> Iterator[socket.socket]:
    """A journal that listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(address))
        receiver.settimeout(5)
        yield receiver


def test_a_record_is_a_line_for_each_field() -> None:
    assert encode({"message": "a=b", "instance": "web"}) == b"MESSAGE=a=b\nINSTANCE=web\n"


def test_a_value_with_line_breaks_is_counted() -> None:
    assert (
        encode({"message": "one\ntwo", "x": "y"}) == b"MESSAGE\n\7" + bytes(7) + b"one\ntwo\nX=y\n"
    )


def test_a_value_has_a_bound() -> None:
    assert decode(encode({"message": "x" * 100_000})) == {"MESSAGE": "x" * VALUE_LONGEST}


def test_what_the_journal_does_not_take_is_counted_and_told(
    journal: socket.socket, writer: Journald
) -> None:
    """It stalls: records wait until its buffer is full, and the writer never waits for it."""
    written = 0
    while writer.dropped < 3:
        writer.write({"message": str(written)})
        written += 1
    for number in range(written - 3):
        assert decode(journal.recv(RECORD_LONGEST)) == {"MESSAGE": str(number)}
    for text in ("first", "second"):
        writer.write({"message": text})
    assert decode(journal.recv(RECORD_LONGEST)) == {"MESSAGE": "first", "DROPPED": "3"}
    assert decode(journal.recv(RECORD_LONGEST)) == {"MESSAGE": "second"}


def test_without_a_journal_nothing_happens(writer: Journald) -> None:
    writer.write({"message": "lost"})
    assert writer.dropped == 1


def test_a_stream_leads_to_the_journal_if_systemd_says_so(tmp_path: Path) -> None:
    with (tmp_path / "stream").open("w") as stream:
        seen = os.fstat(stream.fileno())
        assert is_journal(stream, {"JOURNAL_STREAM": f"{seen.st_dev}:{seen.st_ino}"})
        assert not is_journal(stream, {"JOURNAL_STREAM": f"{seen.st_dev}:{seen.st_ino + 1}"})
        assert not is_journal(stream, {})


class TestLog:
    """The log of a process that systemd has started."""

    @pytest.fixture(autouse=True)
    def stream(
        self, tmp_path: Path, writer: Journald, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[Path]:
        file = tmp_path / "stderr"
        with file.open("w") as stream:
            seen = os.fstat(stream.fileno())
            monkeypatch.setenv("JOURNAL_STREAM", f"{seen.st_dev}:{seen.st_ino}")
            self.open = stream
            log.configure(stream=stream, journald=writer)
            yield file
        structlog.reset_defaults()

    def test_each_field_of_an_event_is_one_of_the_journal(self, journal: socket.socket) -> None:
        log.get(instance="web").warning("transition", old="BACKUP", cause="no advert", took=0.5)
        assert decode(journal.recv(RECORD_LONGEST)) == {
            "MESSAGE": 'transition instance=web old=BACKUP cause="no advert" took=0.5',
            "PRIORITY": "4",
            "SYSLOG_IDENTIFIER": "vipd",
            "EVENT": "transition",
            "INSTANCE": "web",
            "OLD": "BACKUP",
            "CAUSE": "no advert",
            "TOOK": "0.5",
        }

    @pytest.mark.parametrize(("level", "priority"), [("info", "6"), ("error", "3")])
    def test_journald_learns_the_level(
        self, journal: socket.socket, level: str, priority: str
    ) -> None:
        getattr(log.get(), level)("started")
        assert decode(journal.recv(RECORD_LONGEST))["PRIORITY"] == priority

    def test_an_exception_is_told_below_its_event(self, journal: socket.socket) -> None:
        try:
            raise OSError("no")
        except OSError:
            log.get().exception("failed")
        message = decode(journal.recv(RECORD_LONGEST))["MESSAGE"].splitlines()
        assert (message[0], message[-1]) == ("failed", "OSError: no")

    def test_the_stream_itself_is_left_to_others(
        self,
        journal: socket.socket,  # noqa: ARG002 (it listens)
        stream: Path,
    ) -> None:
        log.get().info("started")
        self.open.flush()
        assert stream.read_text() == ""

    def test_a_form_that_is_asked_for_goes_to_the_stream(self, stream: Path) -> None:
        log.configure("json", stream=self.open)
        log.get().info("started")
        self.open.flush()
        assert '"event": "started"' in stream.read_text()
