"""The arithmetic of elections, by literal numbers: no expected value comes from the code.

A skew of zero passes every simulation, because the tie-break mends what it breaks; these numbers
are what stands against it.
"""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from vipd.core.election import master_down_interval, outranks, skew_time

INTERVALS = (10_000_000, 100_000_000, 1_000_000_000, 40_950_000_000)
"""10 ms, 100 ms, 1 s and 40.95 s, in nanoseconds."""

SKEW = {
    1: (9_960_937, 99_609_375, 996_093_750, 40_790_039_062),
    100: (6_093_750, 60_937_500, 609_375_000, 24_953_906_250),
    150: (4_140_625, 41_406_250, 414_062_500, 16_955_859_375),
    200: (2_187_500, 21_875_000, 218_750_000, 8_957_812_500),
    254: (78_125, 781_250, 7_812_500, 319_921_875),
    255: (39_062, 390_625, 3_906_250, 159_960_937),
}

DOWN = {
    1: (39_960_937, 399_609_375, 3_996_093_750, 163_640_039_062),
    100: (36_093_750, 360_937_500, 3_609_375_000, 147_803_906_250),
    150: (34_140_625, 341_406_250, 3_414_062_500, 139_805_859_375),
    200: (32_187_500, 321_875_000, 3_218_750_000, 131_807_812_500),
    254: (30_078_125, 300_781_250, 3_007_812_500, 123_169_921_875),
    255: (30_039_062, 300_390_625, 3_003_906_250, 123_009_960_937),
}

CASES = [
    (priority, interval, SKEW[priority][column], DOWN[priority][column])
    for priority in SKEW
    for column, interval in enumerate(INTERVALS)
]


@pytest.mark.parametrize(("priority", "interval", "skew", "down"), CASES)
def test_skew_and_down_interval(priority: int, interval: int, skew: int, down: int) -> None:
    assert skew_time(priority, interval) == skew
    assert master_down_interval(priority, interval) == down


@pytest.mark.parametrize(
    ("priority", "source", "own_priority", "own_source", "yields"),
    [
        (101, "192.0.2.1", 100, "192.0.2.200", True),
        (99, "192.0.2.200", 100, "192.0.2.1", False),
        (100, "192.0.2.200", 100, "192.0.2.5", True),
        (100, "192.0.2.5", 100, "192.0.2.200", False),
        (100, "192.0.2.5", 100, "192.0.2.5", False),
        (100, "fe80::80", 100, "fe80::7f", True),
        (100, "fe80::7f", 100, "fe80::80", False),
        # A comparison octet by octet lets each of these two believe that the other is greater.
        (100, "203.0.113.1", 100, "192.0.2.200", True),
        (100, "192.0.2.200", 100, "203.0.113.1", False),
    ],
)
def test_who_outranks_whom(
    priority: int, source: str, own_priority: int, own_source: str, *, yields: bool
) -> None:
    theirs, ours = ip_address(source), ip_address(own_source)
    assert outranks(priority, theirs, own_priority, ours) is yields
