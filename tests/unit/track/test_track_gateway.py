"""The default gateway in the tables of the kernel. The link is asked in tests/system."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from looking import look

from vipd.track.gateway import ipv4_gateway, ipv6_gateway

ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth0\t00000000\t010200C0\t0003\t0\t0\t20\t00000000\t0\t0\t0
eth0\t00000000\t030200C0\t0002\t0\t0\t1\t00000000\t0\t0\t0
eth1\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
eth0\t00000000\t02"""

ZERO = 32 * "0"
DOWN_THE_LINK = f"{ZERO} 00 {ZERO} 00 {ZERO}"
NEXT = "20010db8000000000000000000000001"
ROUTES_6 = f"""\
20010db8000000000000000000000000 40 {ZERO} 00 {ZERO} 00000100 00000001 00000000 00000001     eth0
{ZERO} 00 {ZERO} 00 fe800000000000000000000000000002 00000400 00000001 00000000 00000003     eth0
{ZERO} 00 {ZERO} 00 {NEXT} 00000100 00000001 00000000 00450003     eth0
{ZERO} 00 {ZERO} 00 fe800000000000000000000000000009 00000001 00000001 00000000 00000003     eth1
{DOWN_THE_LINK} ffffffff 00000001 00000000 00200200       lo
{ZERO} 00"""


def test_the_best_route_by_the_interface_counts() -> None:
    assert ipv4_gateway(ROUTES, "eth0") == ip_address("192.0.2.1")
    assert ipv6_gateway(ROUTES_6, "eth0") == ip_address("2001:db8::1")
    assert ipv6_gateway(ROUTES_6, "eth1") == ip_address("fe80::9")


@pytest.mark.parametrize("interface", ["eth1", "eth9", "lo"])
def test_a_route_without_a_gateway_is_none(interface: str) -> None:
    assert ipv4_gateway(ROUTES, interface) is None
    if interface != "eth1":
        assert ipv6_gateway(ROUTES_6, interface) is None


def test_empty_tables_have_no_gateway() -> None:
    assert ipv4_gateway("", "eth0") is None
    assert ipv6_gateway("", "eth0") is None


def test_an_interface_that_is_not_there_has_no_gateway() -> None:
    outcome = look("gateway", interface="vipd-none")
    assert (outcome.ok, outcome.text) == (False, "there is no default gateway by vipd-none")
