"""Removal in a real kernel: a primary address goes, and nobody else's with it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import closing
from ipaddress import ip_interface
from pathlib import Path

import pytest
from claiming import claim
from structlog.testing import capture_logs

from vipd.core.model import Vip
from vipd.core.units import SECOND
from vipd.net.address import Addresses
from vipd.net.link import Links
from vipd.net.netlink import Requests
from vipd.net.sysctl import Sysctls

PRIMARY, SECOND_VIP = (ip_interface(f"198.51.100.{last}/24") for last in (1, 2))
THEIRS = ("198.51.100.3/24", "198.51.100.4/24")
PROMOTE = Path("/proc/sys/net/ipv4/conf/eth0/promote_secondaries")
LEASE = 600 * SECOND


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def shown() -> list[dict[str, object]]:
    """What `ip` shows of this subnet on eth0."""
    told = subprocess.run(
        ["ip", "-json", "address", "show", "dev", "eth0", "to", "198.51.100.0/24"],
        check=True,
        capture_output=True,
    )
    return [info for link in json.loads(told.stdout) if link for info in link["addr_info"] if info]


def flush() -> None:
    ip("address", "flush", "dev", "eth0", "to", "198.51.100.0/24")


def present() -> set[str]:
    return {f"{info['local']}/{info['prefixlen']}" for info in shown()}


@pytest.fixture(params=["a setting to borrow", "no setting"])
def addresses(
    request: pytest.FixtureRequest, requests: Requests, links: Links, tmp_path: Path
) -> Iterator[Addresses]:
    """Addresses on a host of either kind, where the kernel does not promote by itself."""
    PROMOTE.write_text("0")
    sysctls = Sysctls() if request.param == "a setting to borrow" else Sysctls(tmp_path)
    with closing(Addresses(requests, links, sysctls)) as opened:
        yield opened
    assert PROMOTE.read_text() == "0\n"


@pytest.fixture
def theirs(addresses: Addresses) -> Iterator[Addresses]:
    """Two addresses of the administrator are secondaries of a virtual IP."""
    assert claim(addresses, "eth0", 51, [PRIMARY], LEASE) is None
    ip("address", "add", THEIRS[0], "dev", "eth0", "label", "eth0:web")
    ip("address", "add", THEIRS[1], "dev", "eth0", "valid_lft", "500", "preferred_lft", "400")
    assert [info.get("secondary") for info in shown()] == [None, True, True]
    yield addresses
    flush()


def test_a_release_leaves_the_secondaries_of_the_administrator(theirs: Addresses) -> None:
    with capture_logs():
        theirs.release("eth0", 51, [PRIMARY])
    assert present() == set(THEIRS)
    web, timed = sorted(shown(), key=lambda info: str(info["local"]))
    assert web["label"] == "eth0:web"
    assert web["valid_life_time"] == 2**32 - 1
    assert 490 <= int(str(timed["valid_life_time"])) <= 500
    assert 390 <= int(str(timed["preferred_life_time"])) <= 400


def test_a_release_leaves_the_addresses_of_another_virtual_router(addresses: Addresses) -> None:
    assert claim(addresses, "eth0", 51, [PRIMARY], LEASE) is None
    assert claim(addresses, "eth0", 52, [SECOND_VIP], LEASE) is None
    with capture_logs():
        addresses.release("eth0", 51, [PRIMARY])
    assert present() == {str(SECOND_VIP)}
    assert addresses.inspect("eth0", 52, [SECOND_VIP], LEASE) is None


def test_closing_and_sweeping_leave_them_too(
    requests: Requests, links: Links, theirs: Addresses
) -> None:
    with capture_logs():
        theirs.close()
        assert present() == set(THEIRS)
        links.drain()
        index = links.index("eth0")
        assert index is not None
        flush()
        assert requests.add(index, [PRIMARY], LEASE) == [None]
        for address in THEIRS:
            ip("address", "add", address, "dev", "eth0")
        assert theirs.sweep({"eth0"}) == [("eth0", PRIMARY)]
    assert present() == set(THEIRS)


def test_whoever_cannot_write_proc_is_told(
    requests: Requests, links: Links, tmp_path: Path
) -> None:
    PROMOTE.write_text("0")
    both: list[Vip] = [PRIMARY, SECOND_VIP]
    with closing(Addresses(requests, links, Sysctls(tmp_path))) as addresses:
        assert claim(addresses, "eth0", 51, both, LEASE) is None
        ip("address", "add", THEIRS[0], "dev", "eth0")
        with capture_logs() as lines:
            addresses.release("eth0", 51, both)
        (line,) = lines
        assert line["event"].startswith("addresses of the same subnet went along with ours")
        assert (line["addresses"], line["not_put_back"]) == ([THEIRS[0]], [])
        assert "promote_secondaries" in line["why"]
    assert present() == {THEIRS[0]}
    flush()
