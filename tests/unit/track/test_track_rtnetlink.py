"""What the kernel says over rtnetlink, as recorded, cut short and garbled."""

from __future__ import annotations

import random
import struct
from collections.abc import Mapping

import pytest

from vipd.core.units import SECOND
from vipd.track.interface import judge, link_of
from vipd.track.outcome import Outcome
from vipd.track.route import LONGEST_REST, rested
from vipd.track.route_message import Route, Wanted, is_beyond, route_of
from vipd.track.rtnetlink import (
    DEL_LINK,
    ERROR,
    NEW_LINK,
    NEW_ROUTE,
    Message,
    attribute,
    attributes,
    error_code,
    messages,
)

UP, RUNNING, LOWER_UP = 0x1, 0x40, 0x1_0000

# Recorded from Linux 6.18 on a little-endian machine.
LO = bytes.fromhex(
    "00000403010000004900010000000000070003006c6f000005001000000000000500210001000000"
)
DEFAULT = bytes.fromhex("02000000fe0300010000000008000f00fe00000008000500c00002fe0800040003000000")
TWO_WAYS = bytes.fromhex(
    "02180000fe0300010000000008000f00fe00000008000100c63364000800060032000000"
    "240009001000000003000000 08000500c0000208 1000000003000000 08000500c0000209"
)


def link_message(
    flags: int, name: str = "eth1", state: int = 6, family: int = 0, index: int = 7
) -> bytes:
    head = struct.pack("=BxHiII", family, 1, index, flags, 0)
    return head + attribute(3, name.encode() + b"\0") + attribute(16, bytes([state]))


def wanted(destination: str, **options: str) -> Wanted:
    return Wanted.of({"destination": destination, **options})


def route_to(
    destination: str, *said: bytes, type_: int = 1, flags: int = 0, table: int = 254
) -> bytes:
    which = wanted(destination)
    head = struct.pack(
        "=BBBBBBBBI", which.family, which.network.prefixlen, 0, 0, table, 3, 0, type_, flags
    )
    return head + attribute(15, struct.pack("=I", table)) + which.destination + b"".join(said)


def judged(want: Wanted, *bodies: bytes) -> Outcome:
    """What is told of a table, as it is read."""
    routes = [route for body in bodies if (route := route_of(body, want))]
    return want.judge(next(filter(want.is_met_by, routes), None), routes)


# -- messages -------------------------------------------------------------------------------


def test_a_link_as_recorded() -> None:
    link = link_of(Message(NEW_LINK, LO))
    assert link
    assert (link.index, link.name, link.state) == (1, "lo", 0)
    assert judge("lo", link) == Outcome(ok=True, text="lo is up")


def test_what_a_bridge_says_of_its_port_is_about_no_link() -> None:
    assert link_of(Message(DEL_LINK, link_message(UP, family=7))) is None


def test_an_error_has_its_number() -> None:
    (message,) = messages(struct.pack("=IHHIIi", 20, ERROR, 0, 0, 0, -19))
    assert (message.kind, error_code(message.body)) == (ERROR, 19)
    assert error_code(b"") == 0


@pytest.mark.parametrize("size", [0, 3, 15])
def test_a_message_that_says_it_is_shorter_than_its_header_ends_the_reading(size: int) -> None:
    assert list(messages(struct.pack("=IHHII", size, NEW_LINK, 0, 0, 0) + LO)) == []


def test_an_attribute_that_says_it_is_shorter_than_its_header_ends_the_reading() -> None:
    assert attributes(attribute(1, b"a") + bytes(8) + attribute(2, b"b")) == {1: b"a"}


@pytest.mark.parametrize("good", [LO, DEFAULT, TWO_WAYS])
def test_no_bytes_raise(good: bytes) -> None:
    chance = random.Random(4)
    want = wanted("0.0.0.0/0"), wanted("198.51.100.0/24", via="192.0.2.9"), wanted("::/0")
    for _ in range(3000):
        data = bytearray(good[: chance.randrange(len(good) + 1)])
        for _ in range(chance.randrange(4)):
            if data:
                data[chance.randrange(len(data))] = chance.randrange(256)
        body = bytes(data)
        header = struct.pack("=IHHII", chance.randrange(80), NEW_ROUTE, 0, 0, 0)
        for message in messages(header + body):
            link_of(message)
        judge("eth1", link_of(Message(NEW_LINK, body)))
        for which in want:
            judged(which, body)
            is_beyond(body, which)


# -- links ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "state", "outcome"),
    [
        (UP | LOWER_UP | RUNNING, 6, Outcome(ok=True, text="eth1 is up")),
        (UP | LOWER_UP | RUNNING, 0, Outcome(ok=True, text="eth1 is up")),
        (0, 2, Outcome(ok=False, text="eth1 is down")),
        (LOWER_UP, 2, Outcome(ok=False, text="eth1 is down")),
        (UP, 2, Outcome(ok=False, text="eth1 has no carrier")),
        (UP | LOWER_UP, 5, Outcome(ok=False, text="eth1 has a carrier, but is dormant")),
        (UP | LOWER_UP, 9, Outcome(ok=False, text="eth1 has a carrier, but is state 9")),
    ],
)
def test_what_is_amiss_with_an_interface_is_said(flags: int, state: int, outcome: Outcome) -> None:
    assert judge("eth1", link_of(Message(NEW_LINK, link_message(flags, state=state)))) == outcome


def test_an_interface_that_is_not_there() -> None:
    assert judge("eth1", None) == Outcome(ok=False, text="eth1 does not exist")


# -- routes ---------------------------------------------------------------------------------

BY_3 = attribute(4, struct.pack("=I", 3))
VIA = attribute(5, bytes([192, 0, 2, 254]))


def test_the_default_route_as_recorded() -> None:
    outcome = judged(wanted("0.0.0.0/0", via="192.0.2.254"), DEFAULT)
    assert (outcome.ok, outcome.text[:33]) == (True, "default route via 192.0.2.254 by ")


def test_a_route_by_several_ways_as_recorded() -> None:
    route = route_of(TWO_WAYS, wanted("198.51.100.0/24"))
    assert route
    assert route.metric == 50
    assert [str(hop.gateway) for hop in route.hops] == ["192.0.2.8", "192.0.2.9"]
    assert judged(wanted("198.51.100.0/24", via="192.0.2.9"), TWO_WAYS).ok
    assert not judged(wanted("198.51.100.0/24", via="192.0.2.7"), TWO_WAYS).ok


@pytest.mark.parametrize("at", [42, 58])
def test_one_good_way_is_enough(at: int) -> None:
    """`at` is where the flags of one of the two ways stand."""
    lame = bytearray(TWO_WAYS)
    lame[at] |= 0x11
    assert judged(wanted("198.51.100.0/24"), bytes(lame)).ok
    lame[100 - at] |= 0x11
    assert not judged(wanted("198.51.100.0/24"), bytes(lame)).ok


@pytest.mark.parametrize(
    ("flags", "said"), [(0x1, "(dead)"), (0x10, "(its link is down)"), (0x11, "(its link is down)")]
)
def test_a_route_that_leads_nowhere_does_not_count(flags: int, said: str) -> None:
    outcome = judged(wanted("0.0.0.0/0"), route_to("0.0.0.0/0", BY_3, VIA, flags=flags))
    assert not outcome.ok
    assert outcome.text.startswith("there is no default route, only via 192.0.2.254 by ")
    assert outcome.text.endswith(said)


@pytest.mark.parametrize("body", [
    route_to("198.51.100.0/25", BY_3),
    route_to("198.51.0.0/24", BY_3),
    route_to("0.0.0.0/0", BY_3),
    route_to("198.51.100.0/24", BY_3, table=255),
    route_to("198.51.100.0/24", BY_3, flags=0x200),
])  # fmt: skip
def test_another_route_is_none(body: bytes) -> None:
    outcome = judged(wanted("198.51.100.0/24"), body)
    assert outcome == Outcome(ok=False, text="there is no route to 198.51.100.0/24")


def test_a_route_that_refuses_is_none() -> None:
    outcome = judged(wanted("::/0"), route_to("::/0", BY_3, type_=7))
    text = "there is no default route of IPv6, only one of type unreachable"
    assert outcome == Outcome(ok=False, text=text)


def test_a_gateway_of_the_other_family() -> None:
    via = attribute(18, struct.pack("=H", 10) + bytes.fromhex("fe80" + "00" * 13 + "01"))
    assert judged(wanted("0.0.0.0/0", via="fe80::1"), route_to("0.0.0.0/0", BY_3, via)).ok


@pytest.mark.parametrize(
    ("options", "ok"), [({}, True), ({"via": "192.0.2.1"}, False), ({"interface": "lo"}, False)]
)
def test_a_kernel_that_names_only_the_nexthop_object_is_believed_where_nothing_more_is_asked(
    options: Mapping[str, str], ok: bool
) -> None:
    body = route_to("0.0.0.0/0", attribute(30, struct.pack("=I", 12)))
    assert judged(wanted("0.0.0.0/0", **options), body).ok is ok
    assert route_of(body, wanted("0.0.0.0/0")) == Route(type=1, metric=0, hops=(), nexthop=12)


@pytest.mark.parametrize(
    ("body", "beyond"),
    [
        (route_to("198.51.100.0/24", BY_3), False),
        (route_to("198.51.99.0/24", BY_3), False),
        (route_to("198.51.101.0/24", BY_3), True),
        (route_to("198.51.101.0/24", BY_3, table=255), False),
        (route_to("0.0.0.0/0", BY_3), False),
        (b"", False),
    ],
)
def test_the_table_is_read_no_further_than_it_must(body: bytes, beyond: bool) -> None:
    assert is_beyond(body, wanted("198.51.100.0/24")) is beyond


def test_the_table_of_ipv6_is_not_sorted() -> None:
    assert not is_beyond(route_to("2001:db8::/32", BY_3), wanted("::/0"))


@pytest.mark.parametrize(("took", "rest"), [(0.0, 0.1), (0.001, 0.1), (0.01, 0.5), (3.0, 1.0)])
def test_the_rest_is_as_long_as_the_table(took: float, rest: float) -> None:
    assert rested(100.0, 100.0 + took) == pytest.approx(100.0 + took + rest)
    assert rest <= LONGEST_REST / SECOND
