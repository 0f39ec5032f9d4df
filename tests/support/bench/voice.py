"""A MASTER by script: speaks for many virtual routers, falls silent, speaks again, so many times.

    python -m bench.voice '{"mac": ..., "source": ..., "count": 255, "interval_ms": 100, ...}'

Its priority is above that of whom it measures. The adverts of all routers leave one right after
the other, as those of a MASTER do whose routers were started together. How long a silence lasts is
a little different each time, so that what follows does not keep step with anybody's clock.
"""

from __future__ import annotations

import json
import random
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from threading import Event

from interop_mode import INTERFACE

from bench.contender import vip
from vipd.core.model import Advert, ChecksumForm, Family
from vipd.core.units import MILLISECOND, SECOND, to_centiseconds
from vipd.wire.ethernet import frame
from vipd.wire.ip import ETHERTYPE_IPV4, packet
from vipd.wire.vrrp import GROUP, PROTOCOL, REQUIRED_TTL, encode

PRIORITY = 200
GROUP_MAC = bytes.fromhex("01005e000012")
"""RFC: 1112 §6.4, for 224.0.0.18."""

BUFFER_BYTES = 4 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What is said, and when. Units: as named; `mac` is written with colons."""

    mac: str
    source: str
    count: int
    interval_ms: int
    takes: int
    speak_s: float
    silent_s: float

    @property
    def lasts_s(self) -> float:
        """How long it takes at most."""
        return self.takes * (self.speak_s + self.silent_s + 3 * self.interval_ms / 1000)


def frames(script: Script) -> list[bytes]:
    """The advert of each router, ready for the wire."""
    return [_frame(script, vrid) for vrid in range(1, script.count + 1)]


def _frame(script: Script, vrid: int) -> bytes:
    source, group = IPv4Address(script.source), GROUP[Family.IPV4]
    advert = Advert(
        version=3,
        vrid=vrid,
        priority=PRIORITY,
        interval_cs=to_centiseconds(script.interval_ms * MILLISECOND),
        addresses=(vip(vrid),),
        checksum=ChecksumForm.PSEUDO_HEADER,
    )
    payload = encode(advert, source=source, destination=group)
    return frame(
        destination=GROUP_MAC,
        source=bytes.fromhex(script.mac.replace(":", "")),
        ethertype=ETHERTYPE_IPV4,
        payload=packet(
            payload, source=source, destination=group, protocol=PROTOCOL, ttl=REQUIRED_TTL
        ),
    )


def main() -> None:
    """Run from the command line."""
    script = Script(**json.loads(sys.argv[1]))
    spoken = frames(script)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as out:
        out.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        out.bind((INTERFACE, 0))
        for _ in range(script.takes):
            _speak(out, spoken, script)
            phase = random.uniform(0, script.interval_ms / 1000)
            Event().wait(script.silent_s + phase)


def _speak(out: socket.socket, spoken: Sequence[bytes], script: Script) -> None:
    due = time.monotonic_ns()
    end = due + int(script.speak_s * SECOND)
    while due <= end:
        for one in spoken:
            out.send(one)
        due += script.interval_ms * MILLISECOND
        Event().wait(max(0, due - time.monotonic_ns()) / SECOND if due <= end else 0)


if __name__ == "__main__":
    main()
