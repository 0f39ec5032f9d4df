"""Notes every advert and every ARP frame that an interface sees, until SIGTERM: see `capture`.

The first thing it writes is the magic word, once it listens; what was lost for want of room it
says on standard error at its end. Out-going frames are seen as well as those that come in.

Why: the time of a frame is the kernel's (SO_TIMESTAMPNS), and a filter in the kernel keeps all else
away, so that the witness takes as little of the processor as it can.
"""

from __future__ import annotations

import select
import signal
import socket
import struct
import sys
from typing import BinaryIO

from interop_mode import INTERFACE

from bench.capture import KEPT_BYTES, RECORD
from vipd.net.bpf import attach

MAGIC = b"witness\n"
EVERYTHING = 0x0003
SO_TIMESTAMPNS = 35
SO_RCVBUFFORCE = 33
SOL_PACKET, PACKET_STATISTICS = 263, 6
"""Sources: linux/if_ether.h, asm-generic/socket.h, linux/socket.h, linux/if_packet.h."""

BUFFER_BYTES = 128 << 20
FLUSH_EVERY_S = 0.05
TIME = struct.Struct("=qq")
SECOND_NS = 1_000_000_000


def program() -> bytes:
    """Pass ARP, and VRRP over IPv4, cut off after what is kept. Source: linux/filter.h."""
    load_half, load_byte, jump_equal, leave = 0x28, 0x30, 0x15, 0x06
    lines = (
        (load_half, 0, 0, 12),
        (jump_equal, 3, 0, 0x0806),
        (jump_equal, 0, 3, 0x0800),
        (load_byte, 0, 0, 23),
        (jump_equal, 0, 1, 112),
        (leave, 0, 0, KEPT_BYTES),
        (leave, 0, 0, 0),
    )
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


class Witness:
    """Listens on an interface and writes down what passes."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._stopping = False
        self._in = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        attach(self._in, program())
        self._in.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
        self._in.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._in.setblocking(False)
        self._in.bind((INTERFACE, EVERYTHING))

    def stop(self) -> None:
        """Take what is there already, and end."""
        self._stopping = True

    def run(self) -> None:
        """Write until `stop`."""
        self._out.write(MAGIC)
        while not self._stopping:
            self._drain()
            self._out.flush()
            select.select([self._in], [], [], FLUSH_EVERY_S)
        self._drain()
        self._out.flush()

    def lost(self) -> int:
        """How many frames there was no room for."""
        said = self._in.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
        return int(struct.unpack("=II", said)[1])

    def _drain(self) -> None:
        receive, write, pack = self._in.recvmsg, self._out.write, RECORD.pack
        while True:
            try:
                frame, ancillary, _, _ = receive(KEPT_BYTES, 64)
            except BlockingIOError:
                return
            second, nanosecond = TIME.unpack_from(ancillary[0][2])
            write(pack(second * SECOND_NS + nanosecond, len(frame)) + frame)


def main() -> None:
    """Run from the command line, writing to standard output."""
    witness = Witness(sys.stdout.buffer)
    signal.signal(signal.SIGTERM, lambda _number, _frame: witness.stop())
    witness.run()
    sys.stderr.write(f"{witness.lost()}\n")


if __name__ == "__main__":
    main()
