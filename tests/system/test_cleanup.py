"""`vipd cleanup` after real agents that died: it removes what is theirs, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from ipaddress import ip_interface
from typing import Any

import pytest

from vipd.core.model import State
from vipd.lab.agent import Agent
from vipd.lab.lab import Host, Lab

VIP4, VIP6 = ip_interface("192.0.2.100/24"), ip_interface("2001:db8::100/64")
FOREIGN = ip_interface("192.0.2.200/24")
OWN = {ip_interface("192.0.2.11/24"), ip_interface("2001:db8::11/64")}

NOTHING: dict[str, object] = {"addresses": [], "devices": []}
BOTH: dict[str, object] = {
    "addresses": [
        {"interface": "eth0", "address": str(VIP4)},
        {"interface": "eth0", "address": str(VIP6)},
    ],
    "devices": [],
}


def config(*lines: str) -> str:
    return "\n".join(
        [
            '[instance.web]\ninterface = "eth0"\nvrid = 51',
            f'addresses = ["{VIP4}", "{VIP6}"]\nadvert_interval = "100ms"',
            *lines,
        ]
    )


def master(lab: Lab, *lines: str) -> Agent:
    """An agent that serves alone."""
    agent = Agent(lab, lab.add_host("h1", addresses=[str(one) for one in OWN]), config(*lines))
    agent.start()
    agent.wait_state(State.MASTER)
    return agent


def dead(lab: Lab, *lines: str) -> Agent:
    """One that was killed while it served."""
    agent = master(lab, *lines)
    agent.kill()
    return agent


def cleanup(
    agent: Agent, *options: str, before: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vipd", "cleanup", "--config", str(agent.config)]
    return agent.host.run([*before, *command, *options], check=False)


def told(agent: Agent, *options: str) -> dict[str, Any]:
    done = cleanup(agent, "--json", *options)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def devices(host: Host) -> list[str]:
    shown = json.loads(host.run(["ip", "-json", "link"]).stdout)
    return [link["ifname"] for link in shown if link["ifname"].startswith("vipd")]


def arp_ignore(host: Host) -> str:
    return host.run(["cat", "/proc/sys/net/ipv4/conf/all/arp_ignore"]).stdout.strip()


def test_what_is_ours_is_removed_and_nothing_else(lab: Lab) -> None:
    agent = dead(lab, 'lease = "off"')
    agent.host.ip(f"address add {FOREIGN} dev eth0")
    assert {VIP4, VIP6, FOREIGN} <= set(agent.host.addresses())
    done = cleanup(agent)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"removed {VIP4} on eth0\nremoved {VIP6} on eth0\n"
    there = set(agent.host.addresses())
    assert not {VIP4, VIP6} & there
    assert {FOREIGN, *OWN} <= there


def test_a_second_time_there_is_nothing_to_do(lab: Lab) -> None:
    agent = dead(lab, 'lease = "off"')
    assert told(agent) == {"dry_run": False, "removed": BOTH, "kept": NOTHING, "left": NOTHING}
    assert told(agent) == {"dry_run": False, "removed": NOTHING, "kept": NOTHING, "left": NOTHING}
    assert cleanup(agent).stdout == "nothing of vipd is left here\n"


def test_a_dry_run_only_looks(lab: Lab) -> None:
    agent = dead(lab, 'lease = "off"')
    assert told(agent, "--dry-run") == {
        "dry_run": True,
        "removed": NOTHING,
        "kept": NOTHING,
        "left": BOTH,
    }
    done = cleanup(agent, "--dry-run")
    assert done.stdout == f"would remove {VIP4} on eth0\nwould remove {VIP6} on eth0\n"
    assert {VIP4, VIP6} <= set(agent.host.addresses())


def test_what_has_an_end_can_be_kept(lab: Lab) -> None:
    agent = dead(lab, 'lease = "600s"')
    kept = told(agent, "--keep-leased")
    assert kept == {"dry_run": False, "removed": NOTHING, "kept": BOTH, "left": NOTHING}
    assert {VIP4, VIP6} <= set(agent.host.addresses())
    assert told(agent)["removed"] == BOTH


def test_what_has_no_end_is_not_kept(lab: Lab) -> None:
    agent = dead(lab, 'lease = "off"')
    assert told(agent, "--keep-leased")["removed"] == BOTH


def test_virtual_mac_addresses_go_and_give_back_what_they_had_borrowed(lab: Lab) -> None:
    agent = dead(lab, 'lease = "600s"', "virtual_mac = true")
    names = devices(agent.host)
    assert len(names) == 2
    assert arp_ignore(agent.host) == "1"
    kept = told(agent, "--keep-leased")
    assert (kept["removed"], kept["kept"]["devices"]) == (NOTHING, names)
    assert devices(agent.host) == names
    assert told(agent)["removed"]["devices"] == names
    assert devices(agent.host) == []
    assert arp_ignore(agent.host) == "0"


def test_an_interface_that_is_configured_no_more_is_looked_at_too(lab: Lab) -> None:
    agent = dead(lab, 'lease = "off"')
    agent.configure(config().replace("eth0", "eth7"))
    assert told(agent)["removed"] == BOTH


def test_a_broken_configuration_is_no_obstacle(lab: Lab) -> None:
    agent = dead(lab, 'lease = "off"')
    agent.config.write_text("[[[")
    assert told(agent)["removed"] == BOTH


@pytest.mark.parametrize("options", [(), ("--keep-leased",)])
def test_while_the_agent_runs_it_is_refused(lab: Lab, options: tuple[str, ...]) -> None:
    agent = master(lab, 'lease = "off"')
    done = cleanup(agent, *options)
    assert (done.returncode, done.stdout) == (3, "")
    assert f"an agent has the socket {agent.socket}" in done.stderr
    assert {VIP4, VIP6} <= set(agent.host.addresses())
    assert cleanup(agent, "--dry-run").returncode == 0


def test_an_agent_that_hangs_is_one_that_runs(lab: Lab) -> None:
    agent = master(lab, 'lease = "off"')
    agent.freeze()
    done = cleanup(agent)
    assert (done.returncode, done.stdout) == (3, "")
    assert {VIP4, VIP6} <= set(agent.host.addresses())
    assert f"removed {VIP4} on eth0" in cleanup(agent, "--force").stdout
    assert not {VIP4, VIP6} & set(agent.host.addresses())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take rights away from itself")
def test_without_the_right_it_says_which(lab: Lab) -> None:
    agent = dead(lab, 'lease = "off"')
    without = ("setpriv", "--bounding-set", "-net_admin")
    done = cleanup(agent, before=without)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("vipd needs CAP_NET_ADMIN to remove addresses: run it as root")
    assert cleanup(agent, "--dry-run", before=without).returncode == 0
    assert {VIP4, VIP6} <= set(agent.host.addresses())


def test_after_an_end_in_order_there_is_nothing_to_clean_up(lab: Lab) -> None:
    agent = master(lab, 'lease = "off"')
    agent.stop()
    assert told(agent)["removed"] == NOTHING
