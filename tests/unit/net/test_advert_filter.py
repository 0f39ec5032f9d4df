"""What a flooded advert socket still hears."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from kernel_filter import passed

from vipd.core.model import Family
from vipd.net.advert_filter import mostly
from vipd.wire.ip import packet
from vipd.wire.vrrp import GROUP, PROTOCOL

SOURCE = IPv4Address("192.0.2.12")
MANY = 8192
"""So many packets of strangers that none gets through once in 10^13 runs."""


def seen(family: Family, vrid: int) -> bytes:
    """An advert as a raw socket shows it to its filter."""
    payload = bytes([0x31, vrid, 100, 1, 0, 100, 0, 0])
    if family is Family.IPV6:
        return payload
    return packet(
        payload, source=SOURCE, destination=GROUP[Family.IPV4], protocol=PROTOCOL, ttl=255
    )


@pytest.mark.parametrize("family", Family)
def test_what_is_ours_gets_through(family: Family) -> None:
    ours = [seen(family, vrid) for vrid in (1, 51, 255)]
    assert passed(mostly({1, 51, 255}, family), *ours) == ours


@pytest.mark.parametrize("family", Family)
def test_of_strangers_only_a_few_do(family: Family) -> None:
    heard = passed(mostly({51}, family), *[seen(family, 52)] * MANY)
    assert 0 < len(heard) < MANY // 64


def test_options_in_the_header_move_the_vrid() -> None:
    plain = seen(Family.IPV4, 51)
    optional = bytes([0x46]) + plain[1:20] + bytes(4) + plain[20:]
    assert passed(mostly({51}, Family.IPV4), optional) == [optional]


@pytest.mark.parametrize("family", Family)
def test_what_has_no_vrid_is_dropped(family: Family) -> None:
    end = 1 if family is Family.IPV6 else 21
    assert passed(mostly({51}, family), seen(family, 51)[:end]) == []
