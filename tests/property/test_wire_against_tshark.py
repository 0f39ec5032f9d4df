"""The advert codec against tshark, over thousands of generated packets, whole and mutated."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest
from captured import GROUP_4, GROUP_6, SOURCE_4, SOURCE_6, ipv4, ipv6, pcap

from vipd.capture.packet import Packet
from vipd.capture.verdict import Checksum, Report, report
from vipd.core.health import ADVERT_HEADER_BYTES
from vipd.core.model import Advert, ChecksumForm, Family, IPAddress
from vipd.wire.vrrp import Datagram, encode

pytestmark = pytest.mark.slow

PACKETS = 2000
"""Per kind; tshark reads them all in one run, in a few seconds."""

FIELDS = (
    "version",
    "type",
    "virt_rtr_id",
    "prio",
    "addr_count",
    "auth_type",
    "adver_int",
    "short_adver_int",
    "checksum.status",
    "ip_addr",
    "ipv6_addr",
)
GOOD, BAD = "1", "0"
"""How tshark says what it thinks of a checksum."""

KINDS = {
    "v2": (2, Family.IPV4, ChecksumForm.MESSAGE),
    "v3 IPv4, pseudo-header": (3, Family.IPV4, ChecksumForm.PSEUDO_HEADER),
    "v3 IPv4, message": (3, Family.IPV4, ChecksumForm.MESSAGE),
    "v3 IPv6": (3, Family.IPV6, ChecksumForm.PSEUDO_HEADER),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dissected:
    """What tshark says of one packet; no text where it says nothing."""

    fields: dict[str, str]
    malformed: bool

    def number(self, name: str) -> int | None:
        text = self.fields[name]
        return int(text, 0) if text else None

    @property
    def addresses(self) -> list[str]:
        text = self.fields["ip_addr"] or self.fields["ipv6_addr"]
        return text.split(",") if text else []


@pytest.fixture(scope="module")
def tshark() -> str:
    """The program; named when it is missing, and in CI it must be there."""
    if found := shutil.which("tshark"):
        return found
    reason = "no differential against tshark: apt-get install tshark"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def dissected(tshark: str, file: Path, form: ChecksumForm) -> list[Dissected]:
    """One run of tshark over a file, which checks IPv4's checksums in one of the two forms."""
    plain = str(form is ChecksumForm.MESSAGE).upper()
    names = [f"vrrp.{name}" for name in FIELDS] + ["_ws.malformed"]
    done = subprocess.run(
        [
            tshark,
            *("-r", str(file), "-n", "-o", f"vrrp.v3_checksum_as_in_v2:{plain}"),
            *("-T", "fields", "-E", "separator=|", "-E", "occurrence=a"),
            *(argument for name in names for argument in ("-e", name)),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    lines = [line.split("|") for line in done.stdout.splitlines()]
    return [
        Dissected(fields=dict(zip(FIELDS, line, strict=False)), malformed=bool(line[-1]))
        for line in lines
    ]


def an_address(chance: random.Random, family: Family) -> IPAddress:
    if family is Family.IPV4:
        return IPv4Address(chance.getrandbits(32))
    return IPv6Address(chance.getrandbits(128))


def an_advert(chance: random.Random, kind: str) -> Advert:
    version, family, form = KINDS[kind]
    count = chance.choice((1, 1, 2, 3, 20, 254, 255))
    return Advert(
        version=version,
        vrid=chance.randint(1, 255),
        priority=chance.randint(0, 255),
        interval_cs=chance.randint(1, 255) * 100 if version == 2 else chance.randint(1, 4095),
        addresses=tuple(an_address(chance, family) for _ in range(count)),
        checksum=form,
    )


def received(payload: bytes, family: Family) -> Datagram:
    source, group = (SOURCE_4, GROUP_4) if family is Family.IPV4 else (SOURCE_6, GROUP_6)
    return Datagram(payload=payload, source=source, destination=group, ttl=255)


def packet(payload: bytes, family: Family) -> Packet:
    to = received(payload, family)
    return Packet(
        time_ns=None,
        family=family,
        source=to.source,
        destination=to.destination,
        ttl=to.ttl,
        payload=payload,
    )


def written(file: Path, payloads: Sequence[bytes], family: Family) -> Path:
    wrap = ipv4 if family is Family.IPV4 else ipv6
    file.write_bytes(pcap(*(wrap(payload) for payload in payloads), link_type=101))
    return file


def encoded(chance: random.Random, advert: Advert, family: Family) -> bytes:
    to = received(b"", family)
    password = chance.choice((None, b"s3cret")) if advert.version == 2 else None
    return encode(advert, source=to.source, destination=to.destination, password=password)


@pytest.mark.parametrize("kind", KINDS)
def test_tshark_reads_what_we_write(kind: str, tshark: str, tmp_path: Path) -> None:
    version, family, form = KINDS[kind]
    chance = random.Random(f"tshark {kind}")
    adverts = [an_advert(chance, kind) for _ in range(PACKETS)]
    payloads = [encoded(chance, advert, family) for advert in adverts]
    file = written(tmp_path / "adverts.pcap", payloads, family)
    seen = dissected(tshark, file, form)
    assert len(seen) == PACKETS
    for advert, payload, theirs in zip(adverts, payloads, seen, strict=True):
        assert not theirs.malformed
        assert theirs.fields["checksum.status"] == GOOD
        assert (theirs.number("version"), theirs.number("type")) == (version, 1)
        assert theirs.number("virt_rtr_id") == advert.vrid
        assert theirs.number("prio") == advert.priority
        assert theirs.number("addr_count") == len(advert.addresses)
        interval = theirs.number("adver_int" if version == 2 else "short_adver_int")
        assert interval == advert.interval_cs // (100 if version == 2 else 1)
        assert theirs.addresses == [str(address) for address in advert.addresses]
        if version == 2:
            assert theirs.number("auth_type") == payload[4]


def mutated(chance: random.Random, payload: bytes) -> bytes:
    """Up to three bytes changed, the head of the message more often; cut or grown at times."""
    data = bytearray(payload)
    for _ in range(chance.choice((0, 1, 1, 2, 3))):
        at = chance.randrange(min(chance.choice((8, len(data))), len(data)))
        data[at] = chance.choice((0, 1, data[at] ^ 1 << chance.randrange(8), chance.randrange(256)))
    if chance.random() < 0.3:
        return bytes(data[: chance.randrange(len(data) + 1)])
    return bytes(data) + (bytes(chance.randint(1, 20)) if chance.random() < 0.2 else b"")


def same_fields(ours: Report, theirs: Dissected) -> None:
    """Every field that both can read. tshark takes any version but 3 for VRRPv2."""
    assert ours.vrid == theirs.number("virt_rtr_id")
    assert (ours.version, ours.type) == (theirs.number("version"), theirs.number("type"))
    assert ours.priority == theirs.number("prio")
    if ours.addresses is not None:
        assert list(ours.addresses) == theirs.addresses
    if ours.version == 2:
        assert ours.auth_type == theirs.number("auth_type")
        assert ours.interval_s == theirs.number("adver_int")
    elif ours.version == 3 and ours.interval_s is not None:
        assert round(ours.interval_s * 100) == theirs.number("short_adver_int")


def same_checksum(ours: Report, theirs: dict[ChecksumForm, Dissected], family: Family) -> None:
    """Of the two forms just those fit that tshark says fit. VRRPv2 is of IPv4 alone."""
    if ours.version == 3 or (ours.version == 2 and family is Family.IPV4):
        status = {form: one.fields["checksum.status"] for form, one in theirs.items()}
        expected = {
            Checksum.BAD: {},
            Checksum.PSEUDO_HEADER: {ChecksumForm.PSEUDO_HEADER},
            Checksum.MESSAGE: {ChecksumForm.MESSAGE},
        }[ours.checksum]
        if ours.version == 2 or family is Family.IPV6:
            expected = set(ChecksumForm) if expected else {}
        assert {form for form, one in status.items() if one == GOOD} == set(expected)
        assert set(status.values()) <= {GOOD, BAD}


@pytest.mark.parametrize("kind", KINDS)
def test_tshark_and_we_say_the_same_of_mutated_packets(
    kind: str, tshark: str, tmp_path: Path
) -> None:
    _, family, _ = KINDS[kind]
    chance = random.Random(f"mutated {kind}")
    whole = [encoded(chance, an_advert(chance, kind), family) for _ in range(PACKETS)]
    payloads = [payload for one in whole if (payload := mutated(chance, one))]
    file = written(tmp_path / "mutated.pcap", payloads, family)
    seen = {form: dissected(tshark, file, form) for form in ChecksumForm}
    accepted = 0
    for number, payload in enumerate(payloads):
        theirs = {form: each[number] for form, each in seen.items()}
        ours = report(packet(payload, family))
        if len(payload) >= ADVERT_HEADER_BYTES:
            same_fields(ours, theirs[ChecksumForm.MESSAGE])
            same_checksum(ours, theirs, family)
        if ours.accepted:
            assert not any(one.malformed for one in theirs.values())
            assert GOOD in {one.fields["checksum.status"] for one in theirs.values()}
        accepted += ours.accepted
    assert len(payloads) > PACKETS * 0.9
    assert PACKETS // 20 < accepted < PACKETS // 2
