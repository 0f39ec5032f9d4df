"""What the kernel makes of a packet by a classic BPF program: it judges datagrams on any socket."""

from __future__ import annotations

import socket

from vipd.net.bpf import attach


def passed(program: bytes, *packets: bytes) -> list[bytes]:
    """What of these packets the kernel lets through, and how much of each."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with here, there:
        there.setblocking(False)
        attach(there, program)
        return [got for packet in packets for got in _sent(here, there, packet)]


def _sent(here: socket.socket, there: socket.socket, packet: bytes) -> list[bytes]:
    here.send(packet)
    try:
        return [there.recv(70_000)]
    except BlockingIOError:
        return []
