"""A log that nobody reads: who writes it goes on."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import socket
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from io import StringIO
from pathlib import Path
from typing import IO

import pytest

from vipd.sink import KEPT, Sink, unhurried

LONG_S = 10.0
PAGE = 4096
LINE = 100
MANY = KEPT // LINE + 2 * PAGE // LINE + 7
"""More lines than a small pipe takes and a sink keeps."""


def line(number: int, length: int = LINE) -> str:
    return f"{number:<{length - 1}}\n"


def numbers(said: bytes) -> list[int]:
    return [int(one) for one in said.decode().splitlines()]


class Bench:
    """Sinks, and what they say of losses, in their own lines."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.losses: list[int] = []
        self.sinks: list[Sink] = []

    def sink(self, descriptor: int) -> Sink:
        """A sink that says `-N` where N lines are missing."""

        def on_loss(lost: int) -> None:
            self.losses.append(lost)
            sink.write(f"-{lost}\n")

        sink = Sink(descriptor, on_loss)
        self.sinks.append(sink)
        return sink

    def pipe(self) -> tuple[IO[bytes], IO[bytes]]:
        """A small pipe: its ends to read, which does not wait, and to write."""
        first, second = os.pipe()
        reader = self._stack.enter_context(os.fdopen(first, "rb", buffering=0))
        writer = self._stack.enter_context(os.fdopen(second, "wb", buffering=0))
        fcntl.fcntl(writer.fileno(), fcntl.F_SETPIPE_SZ, PAGE)
        os.set_blocking(reader.fileno(), False)
        return reader, writer


@pytest.fixture
def bench() -> Iterator[Bench]:
    with ExitStack() as stack:
        bench = Bench(stack)
        yield bench
    # The readers are gone by now, or a sink would wait for them.
    for sink in bench.sinks:
        sink.close()


def read_all(reader: IO[bytes], turn: Callable[[], object]) -> bytes:
    """Read as long as there is something, and let the sink have its turn in between."""
    said = b""
    while part := reader.read(16 * PAGE):
        said += part
        turn()
    return said


# -- a whole process ----------------------------------------------------------------------------

SPEAKER = """
import sys
from vipd import log
log.configure("json")
for number in range(int(sys.argv[1])):
    log.get().info("spoken", number=number)
print("done", flush=True)
sys.stdin.read()
log.get().info("last")
"""


def test_a_process_whose_log_nobody_reads_goes_on_and_says_what_is_missing() -> None:
    argv = [sys.executable, "-c", SPEAKER, "20000"]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe) as speaker:
        assert speaker.stdin is not None
        assert speaker.stdout is not None
        assert speaker.stderr is not None
        hanging = threading.Timer(LONG_S, speaker.kill)
        hanging.start()
        assert speaker.stdout.readline() == b"done\n"
        hanging.cancel()
        speaker.stdin.close()
        lines = [json.loads(one) for one in speaker.stderr]
    spoken = [one["number"] for one in lines if one["event"] == "spoken"]
    assert spoken == list(range(len(spoken)))
    assert 0 < len(spoken) < 20_000
    assert [one["event"] for one in lines[len(spoken) :]] in (
        ["lines of this log are missing here: they could not be written", "last"],
        [],  # The reader has slept while the process has ended.
    )
    assert all(one.get("lines") in (None, 20_000 - len(spoken)) for one in lines)


# -- what is not taken at once --------------------------------------------------------------------


def test_the_descriptor_that_others_share_stays_as_it_is(bench: Bench) -> None:
    _, writer = bench.pipe()
    sink = bench.sink(writer.fileno())
    for number in range(MANY):
        sink.write(line(number))
    assert os.get_blocking(writer.fileno())


def test_the_loop_writes_the_rest_when_there_is_room(bench: Bench) -> None:
    reader, writer = bench.pipe()

    async def play() -> bytes:
        sink = bench.sink(writer.fileno())
        for number in range(1_000):
            sink.write(line(number))
        said, room = b"", asyncio.Event()
        asyncio.get_running_loop().add_reader(reader.fileno(), room.set)
        while len(said) < 1_000 * LINE:
            await room.wait()
            room.clear()
            said += reader.read() or b""
        # Nothing is waited for any more: a loop that is not idle would come back here at once.
        asyncio.get_running_loop().remove_reader(reader.fileno())
        assert sink._loop is None
        return said

    assert numbers(asyncio.run(asyncio.wait_for(play(), LONG_S))) == [*range(1_000)]
    assert bench.losses == []


def test_without_a_loop_the_next_line_brings_the_rest(bench: Bench) -> None:
    reader, writer = bench.pipe()
    sink = bench.sink(writer.fileno())
    for number in range(200):
        sink.write(line(number))
    said = b""
    for number in range(200, 210):
        said += reader.read(PAGE)
        sink.write(line(number))
    said += reader.read(PAGE)
    assert numbers(said) == [*range(210)]


def test_the_lines_that_are_lost_are_counted_where_they_are_missing(bench: Bench) -> None:
    reader, writer = bench.pipe()
    sink = bench.sink(writer.fileno())
    for number in range(MANY):
        sink.write(line(number))
    room = iter([line(MANY)])
    taken = (KEPT + PAGE) // LINE

    def turn() -> None:
        """Have it write what there is room for; the line itself is one more that is lost."""
        sink._drain()
        if not sink._kept:
            sink.write(next(room, ""))

    said = numbers(read_all(reader, turn))
    assert len(bench.losses) == 1
    first_lost = said.index(-bench.losses[0])
    assert abs(first_lost - taken) <= 1
    assert said == [*range(first_lost), first_lost - MANY, MANY]


def test_a_line_that_a_pipe_does_not_take_in_one_piece_arrives_whole(bench: Bench) -> None:
    reader, writer = bench.pipe()
    sink = bench.sink(writer.fileno())
    long = "x" * 3 * PAGE + "\n"
    sink.write(long)
    sink.write("end\n")
    assert read_all(reader, sink._drain).decode() == long + "end\n"


def test_a_line_is_not_torn_while_there_is_room_for_whole_ones(bench: Bench) -> None:
    reader, writer = bench.pipe()
    sink = bench.sink(writer.fileno())
    for number in range(200):
        sink.write(line(number, 60))
    pieces = []
    while piece := reader.read(PAGE):
        pieces.append(piece)
        sink._drain()
    assert len(pieces) > 2
    assert all(piece.endswith(b"\n") for piece in pieces)


def test_at_the_end_it_waits_for_who_reads(bench: Bench) -> None:
    reader, writer = bench.pipe()
    os.set_blocking(reader.fileno(), True)
    sink = bench.sink(writer.fileno())
    for number in range(100):
        sink.write(line(number))
    said = bytearray()

    def read() -> None:
        while len(said) < 100 * LINE and (part := reader.read(PAGE)):
            said.extend(part)

    thread = threading.Thread(target=read)
    thread.start()
    bench.sinks.remove(sink)
    sink.close()
    writer.close()
    thread.join(LONG_S)
    assert numbers(bytes(said)) == [*range(100)]


# -- where lines go -------------------------------------------------------------------------------


def test_a_reader_that_is_gone_is_no_reason_to_end(bench: Bench, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(fifo, os.O_WRONLY)
    sink = bench.sink(writer)
    os.close(reader)
    for number in range(5):
        sink.write(line(number))
    with open(fifo, "rb", buffering=0, opener=lambda n, f: os.open(n, f | os.O_NONBLOCK)) as back:
        sink.write(line(5))
        assert numbers(back.read(PAGE)) == [-5, 5]
    os.close(writer)


def test_where_it_cannot_be_opened_again_it_is_asked_before(bench: Bench, tmp_path: Path) -> None:
    """A FIFO without a reader, for example, cannot be opened without a wait."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    first = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(fifo, os.O_WRONLY)
    os.close(first)
    sink = bench.sink(writer)
    with open(fifo, "rb", buffering=0, opener=lambda n, f: os.open(n, f | os.O_NONBLOCK)) as reader:
        for number in range(MANY):
            sink.write(line(number))
        sink._drain()
        said = numbers(read_all(reader, sink._drain))
    assert len(said) > PAGE // LINE
    assert said == [*range(len(said))]
    os.close(writer)


def test_a_socket_that_nobody_reads_is_not_waited_for(bench: Bench) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sink = bench.sink(ours.fileno())
        for number in range(100_000):
            sink.write(line(number))
        assert ours.getblocking()
        theirs.setblocking(False)
        said = b""
        with suppress(BlockingIOError):
            while part := theirs.recv(PAGE):
                said += part
                sink._drain()
        found = numbers(said)
        assert len(found) > KEPT // LINE
        assert found == [*range(len(found))]


def test_a_terminal_that_somebody_holds_is_not_waited_for(bench: Bench) -> None:
    master, slave = os.openpty()
    with os.fdopen(master, "rb", 0) as reader, os.fdopen(slave, "wb", 0) as terminal:
        os.set_blocking(master, False)
        sink = bench.sink(slave)
        termios.tcflow(terminal, termios.TCOOFF)
        for number in range(MANY):
            sink.write(line(number))
        termios.tcflow(terminal, termios.TCOON)
        sink._drain()
        assert numbers(reader.read(LINE + 1)) == [0]
        assert os.get_blocking(slave)


def test_a_full_disk_is_no_reason_to_end(bench: Bench) -> None:
    with Path("/dev/full").open("wb", buffering=0) as full:
        sink = bench.sink(full.fileno())
        for number in range(3):
            sink.write(line(number))
    assert bench.losses == [1, 2]


def test_a_file_is_written_where_its_descriptor_is(bench: Bench, tmp_path: Path) -> None:
    with (tmp_path / "log").open("w+b", buffering=0) as file:
        file.write(b"before\n")
        bench.sink(file.fileno()).write("that\n")
        file.write(b"after\n")
    assert (tmp_path / "log").read_text() == "before\nthat\nafter\n"


def test_what_cannot_be_encoded_is_told_in_other_letters(bench: Bench) -> None:
    reader, writer = bench.pipe()
    bench.sink(writer.fileno()).write("\udcff\n")
    assert reader.read(PAGE) == b"\\udcff\n"


def test_a_stream_without_a_descriptor_is_taken_as_it_is() -> None:
    stream = StringIO()
    assert unhurried(stream, print) is stream
