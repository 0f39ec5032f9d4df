"""Redis behind a virtual IP: what was acknowledged before a failover is there after it."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise

import pytest
from duo import ADDRESS, duo, hosts
from redis_client import Writer, keys, redis_cli, redis_server

from vipd.core.model import State
from vipd.lab.lab import Host, Lab

pytestmark = pytest.mark.system

HOOKS = """
[instance.web.hooks]
before_master = { argv = ["HERE/promote"], timeout = "5s", required = true }
on_backup = [["HERE/follow"]]
"""


def scripts(host: Host) -> None:
    """The two scripts of an operator: be the master; be a replica of the address."""
    for name, master in (("promote", "no one"), ("follow", f"{ADDRESS} 6379")):
        path = host.directory / name
        path.write_text(f"#!/bin/sh\n{redis_cli()} replicaof {master} | grep ^OK\n")
        path.chmod(0o755)


def wait_role(lab: Lab, host: Host, what: str) -> None:
    """Wait until the Redis of a host is something, in the words of its ROLE."""

    def said() -> str:
        return host.run([redis_cli(), "role"], check=False).stdout

    lab.wait_until(lambda: what in said(), 10, f"the Redis of {host.name} is {what}")


def test_no_acknowledged_write_is_lost_when_the_master_dies_with_its_redis(
    lab: Lab, record_property: Callable[[str, object], None]
) -> None:
    """The one that comes back does not preempt: it has nothing yet."""
    pair = hosts(lab)
    servers = [redis_server(host) for host in pair]
    for host in pair:
        scripts(host)
        wait_role(lab, host, "master")
    one, two = duo(lab, pair, "preempt = false", HOOKS)
    wait_role(lab, two.host, "connected")
    client = lab.add_host("client", addresses=("192.0.2.13/24",))
    with Writer(lab, client, ADDRESS) as writer:
        writer.wait_more(200)
        servers[0].kill()
        one.kill()
        died = time.monotonic()
        two.wait_state(State.MASTER)
        writer.wait_taken_after(died)
        servers[0].start()
        wait_role(lab, one.host, "master")
        one.start()
        one.wait_state(State.BACKUP)
        wait_role(lab, one.host, "connected")
        writer.wait_more(200)
        writes = writer.taken()
    acknowledged = [each for each in writes if each.acknowledged]
    before = [each for each in acknowledged if each.at < died]
    lost = {each.key for each in acknowledged} - keys(two.host)
    pause = max(later.at - earlier.at for earlier, later in pairwise(writes)) * 1_000
    record_property(
        "figure",
        f"Redis, WAIT 1: {len(before)} writes acknowledged before the failover, "
        f"{len(acknowledged) - len(before)} after it, lost: {len(lost)}; pause {pause:.0f} ms",
    )
    assert lost == set()
    assert len(before) >= 200
    assert {each.key for each in acknowledged} <= keys(one.host)
