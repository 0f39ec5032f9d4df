"""Tests that run inside a network namespace of their own: tests/system/test_inside.py enters it.

They find an `eth0` with 192.0.2.11/24 and 2001:db8::11/64, plugged into a switch.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing

import pytest
from neighbourhood import LEFT, OWN, ip, plug, unplug

from vipd.net.address import Addresses
from vipd.net.link import Links
from vipd.net.netlink import Requests

collect_ignore_glob = [] if os.environ.get("VIPD_INSIDE") else ["test_*.py"]


@pytest.fixture
def cable() -> Iterator[None]:
    """A cable of this host's own, with both ends here."""
    plug()
    yield
    unplug()


@pytest.fixture
def addressed_cable(cable: None) -> None:
    """The same; adverts can be sent from its left end."""
    del cable
    for source, length in zip(OWN.values(), (24, 64), strict=True):
        # An IPv6 address that waits for duplicate address detection is none to send from.
        flags = ("nodad",) if source.version == 6 else ()
        ip("address", "add", f"{source}/{length}", "dev", LEFT, *flags)


@pytest.fixture
def requests() -> Iterator[Requests]:
    with closing(Requests()) as opened:
        yield opened


@pytest.fixture
def links(requests: Requests) -> Iterator[Links]:
    with closing(Links(requests)) as opened:
        yield opened


@pytest.fixture
def addresses(requests: Requests, links: Links) -> Iterator[Addresses]:
    with closing(Addresses(requests, links)) as opened:
        yield opened
