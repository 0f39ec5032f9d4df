"""What reads the frames of strangers, under generated input: it never raises, nor invents."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from hypothesis import given, settings
from hypothesis import strategies as st

from vipd.wire import arp, ndp
from vipd.wire.claim import Claim
from vipd.wire.datagram import datagram
from vipd.wire.ip import packet
from vipd.wire.vrrp import PROTOCOL, Datagram

REPEATABLE = settings(derandomize=True, max_examples=400, deadline=None, database=None)
U32, U128 = st.integers(0, 2**32 - 1), st.integers(0, 2**128 - 1)
MACS = st.binary(min_size=6, max_size=6)
EDITS = st.lists(st.tuples(st.integers(0, 200), st.binary(max_size=3)), min_size=1, max_size=4)


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """Any frame that we send ourselves."""
    mac = draw(MACS)
    four, six = IPv4Address(draw(U32)), IPv6Address(draw(U128))
    built = [arp.gratuitous_reply(mac, four), arp.probe(mac, four)]
    built += [ndp.unsolicited_advertisement(mac, six), ndp.solicitation(mac, six)]
    return draw(st.sampled_from(built))


def edited(data: bytes, edits: list[tuple[int, bytes]]) -> bytes:
    """Write other bytes over some of these, perhaps fewer or more than there were."""
    for at, written in edits:
        start = at % (len(data) + 1)
        data = data[:start] + written + data[start + 1 :]
    return data


def read(data: bytes) -> None:
    """Every reader; what one accepts stands in the bytes."""
    for claimed in (arp.claim(data), ndp.claim(data)):
        if claimed is not None:
            assert claimed.address.packed in data
            assert claimed.mac in data
    if heard := datagram(data):
        assert heard.payload in data


@REPEATABLE
@given(st.binary(max_size=120))
def test_random_bytes_never_raise(data: bytes) -> None:
    read(data)


@REPEATABLE
@given(frames(), EDITS)
def test_damaged_frames_never_raise(frame: bytes, edits: list[tuple[int, bytes]]) -> None:
    damaged = edited(frame, edits)
    read(damaged)
    read(damaged[14:])


@REPEATABLE
@given(MACS, st.ip_addresses(v=4).filter(int), st.ip_addresses(v=6))
def test_what_is_announced_is_claimed(mac: bytes, four: IPv4Address, six: IPv6Address) -> None:
    told = Claim(address=four, mac=mac)
    assert arp.claim(arp.gratuitous_request(mac, four)) == told
    assert arp.claim(arp.gratuitous_reply(mac, four)) == told
    frame = ndp.unsolicited_advertisement(mac, six)
    assert ndp.claim(frame) == (None if six.is_multicast else Claim(address=six, mac=mac))
    assert ndp.claim(ndp.solicitation(mac, six)) is None


@REPEATABLE
@given(
    st.tuples(st.ip_addresses(v=4), st.ip_addresses(v=4))
    | st.tuples(st.ip_addresses(v=6), st.ip_addresses(v=6)),
    st.binary(max_size=60),
    st.integers(0, 255),
    st.binary(max_size=20),
)
def test_a_packet_of_ours_is_read_as_it_was_meant(
    ends: tuple[IPv4Address, IPv4Address] | tuple[IPv6Address, IPv6Address],
    payload: bytes,
    ttl: int,
    padding: bytes,
) -> None:
    source, destination = ends
    sent = packet(payload, source=source, destination=destination, protocol=PROTOCOL, ttl=ttl)
    assert datagram(sent + padding) == Datagram(
        payload=payload, source=source, destination=destination, ttl=ttl
    )
