"""The advert codec under generated input: it round-trips, never raises, accepts nothing untrue."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

from hypothesis import given, settings
from hypothesis import strategies as st

from vipd.core.model import Advert, ChecksumForm, Family, IPAddress
from vipd.wire.checksum import checksum, word_sum
from vipd.wire.vrrp import GROUP, Datagram, DropReason, decode, encode

REPEATABLE = settings(derandomize=True, max_examples=400, deadline=None, database=None)
"""The same examples on every run and machine, in about a second a test."""

ADDRESSES: dict[Family, st.SearchStrategy[IPAddress]] = {
    Family.IPV4: st.ip_addresses(v=4),
    Family.IPV6: st.ip_addresses(v=6),
}


@st.composite
def adverts(draw: st.DrawFn, family: Family) -> Advert:
    """Any advert that this family can carry."""
    forms = st.sampled_from(ChecksumForm)
    return Advert(
        version=3,
        vrid=draw(st.integers(1, 255)),
        priority=draw(st.integers(0, 255)),
        interval_cs=draw(st.integers(1, 4095)),
        addresses=tuple(draw(st.lists(ADDRESSES[family], min_size=1, max_size=20))),
        checksum=draw(forms) if family is Family.IPV4 else ChecksumForm.PSEUDO_HEADER,
    )


@st.composite
def sent_adverts(draw: st.DrawFn) -> tuple[Advert, Datagram]:
    """An advert and the datagram that carries it, to the group or to one peer."""
    family = draw(st.sampled_from(Family))
    advert = draw(adverts(family))
    source = draw(ADDRESSES[family])
    destination = draw(st.just(GROUP[family]) | ADDRESSES[family])
    payload = encode(advert, source=source, destination=destination)
    return advert, Datagram(payload=payload, source=source, destination=destination, ttl=255)


@st.composite
def datagrams(draw: st.DrawFn, payloads: st.SearchStrategy[bytes]) -> Datagram:
    """A datagram of either family around some payload."""
    family = draw(st.sampled_from(Family))
    return Datagram(
        payload=draw(payloads),
        source=draw(ADDRESSES[family]),
        destination=GROUP[family],
        ttl=draw(st.just(255) | st.integers(0, 255)),
    )


def mutated(payload: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    """Cut bytes out of a payload and put others in, anywhere."""
    for at, removed, inserted in edits:
        start = at % (len(payload) + 1)
        payload = payload[:start] + inserted + payload[start + removed :]
    return payload


def assert_true_to_the_bytes(datagram: Datagram, verdict: Advert | DropReason) -> None:
    """An accepted advert must say what stands in the payload, read here in the plainest way."""
    if isinstance(verdict, DropReason):
        return
    payload = datagram.payload
    size = 4 if isinstance(datagram.source, IPv4Address) else 16
    assert datagram.ttl == 255
    assert payload[0] == 0x31
    assert (verdict.version, verdict.vrid, verdict.priority) == (3, payload[1], payload[2])
    assert verdict.interval_cs == (payload[4] & 0x0F) * 256 + payload[5] > 0
    assert len(verdict.addresses) == payload[3] > 0
    assert b"".join(address.packed for address in verdict.addresses) == payload[8:]
    assert all(len(address.packed) == size for address in verdict.addresses)


def both_forms_are_one(datagram: Datagram) -> bool:
    """Whether the words of the pseudo-header add up to nothing, as one in 65535 does."""
    addresses = int(datagram.source) + int(datagram.destination)
    return (addresses + 112 + len(datagram.payload)) % 0xFFFF == 0


@REPEATABLE
@given(sent_adverts())
def test_what_is_encoded_is_decoded(sent: tuple[Advert, Datagram]) -> None:
    advert, datagram = sent
    if both_forms_are_one(datagram):
        advert = replace(advert, checksum=ChecksumForm.PSEUDO_HEADER)
    assert decode(datagram) == advert


@REPEATABLE
@given(datagrams(st.binary(max_size=120)))
def test_random_bytes_never_raise(datagram: Datagram) -> None:
    assert_true_to_the_bytes(datagram, decode(datagram))


@REPEATABLE
@given(
    sent_adverts(),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 9), st.binary(max_size=9)), max_size=4),
)
def test_mutated_adverts_never_raise(
    sent: tuple[Advert, Datagram], edits: list[tuple[int, int, bytes]]
) -> None:
    datagram = sent[1]
    changed = replace(datagram, payload=mutated(datagram.payload, edits))
    assert_true_to_the_bytes(changed, decode(changed))


@st.composite
def checksummed(draw: st.DrawFn) -> Datagram:
    """Bytes of an advert's shape, any header, with the message checksum made right."""
    count = draw(st.integers(0, 3))
    header = bytes([0x31, *draw(st.binary(min_size=2, max_size=2)), count])
    interval = draw(st.just(b"\xf0\0") | st.binary(min_size=2, max_size=2))
    body = draw(st.binary(min_size=4 * count, max_size=4 * count))
    field = checksum(word_sum(header + interval + b"\0\0" + body)).to_bytes(2, "big")
    return Datagram(
        payload=header + interval + field + body,
        source=draw(st.ip_addresses(v=4)),
        destination=GROUP[Family.IPV4],
        ttl=255,
    )


@REPEATABLE
@given(checksummed())
def test_whatever_a_right_checksum_vouches_for_is_read_as_it_stands(datagram: Datagram) -> None:
    verdict = decode(datagram)
    if datagram.payload[1] == 0:
        assert verdict is DropReason.VRID
    elif datagram.payload[3] == 0:
        assert verdict is DropReason.NO_ADDRESSES
    elif not (datagram.payload[4] & 0x0F or datagram.payload[5]):
        assert verdict is DropReason.INTERVAL
    else:
        assert isinstance(verdict, Advert)
        assert_true_to_the_bytes(datagram, verdict)


@REPEATABLE
@given(sent_adverts(), st.integers(0, 254))
def test_no_advert_from_afar_is_believed(sent: tuple[Advert, Datagram], ttl: int) -> None:
    assert decode(replace(sent[1], ttl=ttl)) is DropReason.TTL


@REPEATABLE
@given(adverts(Family.IPV6), st.ip_addresses(v=6))
def test_over_ipv6_the_message_form_is_never_believed(advert: Advert, source: IPv6Address) -> None:
    group = GROUP[Family.IPV6]
    payload = encode(advert, source=source, destination=group)
    message = payload[:6] + b"\0\0" + payload[8:]
    field = checksum(word_sum(message)).to_bytes(2, "big")
    datagram = Datagram(
        payload=message[:6] + field + message[8:], source=source, destination=group, ttl=255
    )
    expected = advert if both_forms_are_one(datagram) else DropReason.CHECKSUM
    assert decode(datagram) == expected
