"""A fuzz target for everything that reads the bytes of strangers.

    .venv/bin/python tests/fuzz/fuzz_decode.py -max_total_time=60 CORPUS_DIRECTORY

The first byte of an input says what reads the rest. The readers may answer whatever they like of
their own types, and must not raise; what they accept must survive being written and read again.
"""

from __future__ import annotations

import io
import sys
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address

import atheris

with atheris.instrument_imports(include=["vipd"]):
    from vipd.capture.file import CaptureDamaged, read_frames
    from vipd.capture.packet import read_packet
    from vipd.capture.render import as_json, as_text
    from vipd.capture.verdict import report
    from vipd.core.model import Advert, Family, IPAddress, family_of
    from vipd.wire import arp, hello, ndp
    from vipd.wire.datagram import datagram as datagram_in
    from vipd.wire.vrrp import GROUP, Datagram, DropReason, Rules, decode, encode, faults

SOURCE: dict[Family, IPAddress] = {
    Family.IPV4: IPv4Address("192.0.2.10"),
    Family.IPV6: IPv6Address("fe80::1"),
}
RULES = (
    Rules(),
    Rules(version=2),
    Rules(version=2, password=b"s3cret"),
    Rules(version=2, interval_cs=100),
    Rules(min_ttl=1),
)
KINDS = ("IPv4", "IPv6", "packet", "file", "frame", "hello")
"""What the first byte of an input chooses; tests write seeds by these names."""


def one_input(data: bytes) -> None:
    """Let the reader that the first byte chooses read the rest."""
    kind, rest = KINDS[data[0] % len(KINDS)] if data else "file", data[1:]
    if kind == "IPv4":
        judge(message(Family.IPV4, rest))
    elif kind == "IPv6":
        judge(message(Family.IPV6, rest))
    elif kind == "packet":
        show(rest)
        if tapped := datagram_in(rest):
            judge(tapped)
    elif kind == "frame":
        for claimed in (arp.claim(rest), ndp.claim(rest)):
            assert claimed is None or (claimed.address.packed in rest and claimed.mac in rest)
    elif kind == "hello":
        greet(rest)
    else:
        with suppress(CaptureDamaged):
            for frame in read_frames(io.BytesIO(rest)):
                show(frame.data)


def message(family: Family, data: bytes) -> Datagram:
    """A datagram to the group; its TTL is the first byte."""
    ttl = data[0] if data else 0
    return Datagram(payload=data[1:], source=SOURCE[family], destination=GROUP[family], ttl=ttl)


def judge(datagram: Datagram) -> None:
    """Decode by every rule; an advert is one if and only if nothing is wrong with it."""
    for rules in RULES:
        told = list(faults(datagram, rules))
        answer = decode(datagram, rules)
        if isinstance(answer, DropReason):
            assert answer is told[0]
        else:
            assert not told
            written_and_read(answer, datagram, rules)


def written_and_read(advert: Advert, datagram: Datagram, rules: Rules) -> None:
    """What was accepted can be said again. VRRPv2 over IPv6 is nothing that we would say."""
    family = family_of(datagram.source)
    if advert.version == 2 and family is Family.IPV6:
        return
    payload = encode(
        advert,
        source=datagram.source,
        destination=datagram.destination,
        password=rules.password,
    )
    again = Datagram(
        payload=payload, source=datagram.source, destination=datagram.destination, ttl=255
    )
    assert decode(again, rules) == advert


def greet(data: bytes) -> None:
    """Decode a hello; what was accepted can be printed, and said again."""
    answer = hello.decode(data)
    if isinstance(answer, hello.HelloFault):
        return
    for text in (answer.speaker.node, answer.speaker.version, *(one.why for one in answer.routers)):
        assert text.isprintable()
    again = [hello.decode(each) for each in hello.encode(answer)]
    told = [one for each in again if isinstance(each, hello.Hello) for one in each.routers]
    assert tuple(told) == answer.routers


def show(data: bytes) -> None:
    """Read an IP packet and say what it is, as `vipd capture` does."""
    if packet := read_packet(data, wire_bytes=len(data)):
        told = report(packet)
        assert not told.accepted or not told.drop_reasons
        as_json(told)
        as_text(told)


def main() -> None:
    """Run until libFuzzer has had enough, or something raises."""
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
