"""What RFC 9568 says of packets that only a bystander on the link can see."""

from __future__ import annotations

import pytest

from vipd.core.model import State
from vipd.lab.agent import Agent
from vipd.lab.bystander import Bystander, Passed
from vipd.lab.lab import Host, Lab

pytestmark = pytest.mark.system

CONFIG = """
[instance.web]
interface = "eth0"
vrid = 51
addresses = ["192.0.2.5/24", "2001:db8::5/64"]
advert_interval = "100ms"
"""


def serve(lab: Lab) -> tuple[Host, list[Passed]]:
    """Let a MASTER speak for a while; the addresses sort before its own."""
    bystander = Bystander(lab, lab.add_host("eyes"))
    host = lab.add_host("h1", addresses=("192.0.2.11/24", "2001:db8::11/64"))
    agent = Agent(lab, host, CONFIG)
    agent.start()
    agent.wait_state(State.MASTER)
    lab.wait_until(lambda: len(bystander.adverts()) >= 10, 10, "five adverts in each family")
    return host, bystander.adverts()


def test_lines_21_22_adverts_come_from_the_hosts_own_addresses(lab: Lab) -> None:
    """§5.1.1.1, §5.1.2.1: the primary IPv4 address, the link-local IPv6 address; never a VIP."""
    host, adverts = serve(lab)
    link_local = next(one.ip for one in host.addresses() if one.ip.is_link_local)
    assert {one.source for one in adverts} == {"192.0.2.11", str(link_local)}


def test_lines_18_19_26_ttl_and_ethernet_destination(lab: Lab) -> None:
    """§5.1.1.3, §5.1.2.3; RFC 1112 §6.4, RFC 2464 §7 (how groups are mapped)."""
    _, adverts = serve(lab)
    assert {one.ttl for one in adverts} == {255}
    assert {(one.family, one.to_mac) for one in adverts} == {
        (4, "01:00:5e:00:00:12"),
        (6, "33:33:00:00:00:12"),
    }


def test_line_29_the_groups_are_joined_as_backup_too(lab: Lab) -> None:
    """§5.1.1.2, §5.1.2.2."""
    host = lab.add_host("h1", addresses=("192.0.2.11/24", "2001:db8::11/64"))
    agent = Agent(lab, host, CONFIG.replace("100ms", "10s"))
    agent.start()
    agent.wait_state(State.BACKUP)
    joined = host.run(["ip", "maddress", "show", "dev", "eth0"]).stdout
    assert "224.0.0.18" in joined
    assert "ff02::12" in joined


def test_line_77_the_rhythm_has_no_drift_that_can_be_seen(lab: Lab) -> None:
    """§6.4.3: an advert every Advertisement_Interval; drift would add up."""
    _, adverts = serve(lab)
    times = [one.time_ns for one in adverts if one.family == 4]
    mean = (times[-1] - times[0]) / (len(times) - 1)
    assert 90_000_000 < mean < 150_000_000
