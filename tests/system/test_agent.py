"""Real agents on hosts of the lab: what they do to the kernel and to each other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

import pytest

from vipd.core.model import State
from vipd.lab.agent import Agent
from vipd.lab.bystander import Bystander
from vipd.lab.lab import Host, Lab

pytestmark = pytest.mark.system

VIP4, VIP6 = ip_interface("192.0.2.100/24"), ip_interface("2001:db8::100/64")
BOTH = f'["{VIP4}", "{VIP6}"]'
IPV4 = f'["{VIP4}"]'


def tables(*, priority: int = 100, addresses: str = BOTH, more: str = "", vrid: int = 51) -> str:
    return (
        f'[instance.web]\ninterface = "eth0"\nvrid = {vrid}\naddresses = {addresses}\n'
        f'priority = {priority}\nadvert_interval = "100ms"\n{more}\n'
    )


def host(lab: Lab, number: int) -> Host:
    return lab.add_host(
        f"h{number}", addresses=(f"192.0.2.1{number}/24", f"2001:db8::1{number}/64")
    )


def agent(lab: Lab, number: int, config: str | None = None) -> Agent:
    started = Agent(lab, host(lab, number), config or tables())
    started.start()
    return started


def pair(lab: Lab, better: str | None = None) -> tuple[Agent, Agent]:
    """A MASTER of priority 150 and a BACKUP of 100."""
    first, second = agent(lab, 1, better or tables(priority=150)), agent(lab, 2)
    first.wait_state(State.MASTER)
    wait_follows(lab, second)
    return first, second


def wait_follows(lab: Lab, backup: Agent) -> None:
    """Wait until a BACKUP hears its MASTER: it is one before, from its start or its yielding on."""
    backup.wait_state(State.BACKUP)
    heard = backup.instance().counters.adverts_received
    lab.wait_until(
        lambda: backup.instance().counters.adverts_received > heard + 1, 10, "it hears its MASTER"
    )


def transitions(agent: Agent) -> list[tuple[str, str]]:
    return [(line["new"], line["code"]) for line in agent.log() if line["event"] == "transition"]


def logged(agent: Agent, event: str) -> list[dict[str, Any]]:
    return [line for line in agent.log() if line["event"] == event]


def refusals(agent: Agent) -> list[dict[str, Any]]:
    return logged(agent, "reload refused")


def test_two_agents_elect_one_master_which_alone_holds_both_families(lab: Lab) -> None:
    first, second = pair(lab)
    assert {VIP4, VIP6} <= set(first.host.addresses())
    assert not {VIP4, VIP6} & set(second.host.addresses())
    master, backup = first.instance(), second.instance()
    assert [(a.held, a.in_kernel) for a in master.addresses] == [(True, True)] * 2
    assert [(a.held, a.in_kernel) for a in backup.addresses] == [(False, False)] * 2
    assert backup.master is not None
    assert (backup.master.address, backup.master.priority) == ("192.0.2.11", 150)
    assert backup.counters.adverts_received > 0
    assert backup.counters.dropped == {}


def test_sigterm_resigns_releases_and_exits_at_once(lab: Lab) -> None:
    first, second = pair(lab)
    bystander = Bystander(lab, host(lab, 3))
    first.stop()
    second.wait_state(State.MASTER)
    assert not {VIP4, VIP6} & set(first.host.addresses())
    resigned = [(one.family, one.priority) for one in bystander.adverts() if one.host == "h1"][-2:]
    assert resigned == [(4, 0), (6, 0)]
    assert transitions(second)[-1] == ("MASTER", "master_released")
    cause = second.instance().cause
    assert cause == "192.0.2.11 released the addresses"


def test_sigint_is_as_good(lab: Lab) -> None:
    first = agent(lab, 1)
    first.wait_state(State.MASTER)
    first.host.run(["kill", "-INT", str(first.pid)])
    first.wait_stopped()
    assert not {VIP4, VIP6} & set(first.host.addresses())


def test_a_frozen_master_is_replaced_and_yields_or_returns_when_thawed(lab: Lab) -> None:
    first, second = pair(lab)
    first.freeze()
    second.wait_state(State.MASTER)
    assert "no advert from 192.0.2.11 (last priority 150)" in second.instance().cause
    first.thaw()
    second.wait_state(State.BACKUP)
    first.wait_state(State.MASTER)


def test_of_two_equal_masters_the_greater_address_stays(lab: Lab) -> None:
    first, second = agent(lab, 1), agent(lab, 2)
    first.wait_started()
    second.wait_started()
    lab.block(first.host)
    first.wait_state(State.MASTER)
    second.wait_state(State.MASTER)
    lab.unblock(first.host)
    first.wait_state(State.BACKUP)
    assert second.state() is State.MASTER
    assert "the greater address wins, ours is 192.0.2.11" in first.instance().cause


def test_without_preemption_the_better_host_waits(lab: Lab) -> None:
    first, second = agent(lab, 1, tables(priority=150, more="preempt = false")), agent(lab, 2)
    first.wait_started()
    second.wait_started()
    first.stop()
    second.wait_state(State.MASTER)
    first.start()
    first.wait_started()
    heard = first.instance().counters.adverts_received
    lab.wait_until(
        lambda: first.instance().counters.adverts_received > heard + 10, 10, "ten more adverts"
    )
    assert first.state() is State.BACKUP
    assert second.state() is State.MASTER


def test_a_lone_owner_serves_at_once_and_keeps_its_own_address(lab: Lab) -> None:
    owner = agent(lab, 1, tables(priority=255, addresses='["192.0.2.11/24"]'))
    owner.wait_state(State.MASTER)
    assert transitions(owner) == [("MASTER", "owner")]
    owner.stop()
    assert ip_interface("192.0.2.11/24") in owner.host.addresses()


class TestLinks:
    def test_a_cut_cable_is_a_fault_with_that_cause_and_heals(self, lab: Lab) -> None:
        first, second = pair(lab)
        lab.cut(first.host)
        first.wait_state(State.FAULT)
        assert first.instance().cause == "eth0 has no carrier"
        assert not {VIP4, VIP6} & set(first.host.addresses())
        second.wait_state(State.MASTER)
        lab.join(first.host)
        first.wait_state(State.MASTER)
        second.wait_state(State.BACKUP)

    def test_an_interface_that_is_down_and_up(self, lab: Lab) -> None:
        first, _ = pair(lab)
        first.host.ip("link set dev eth0 down")
        first.wait_state(State.FAULT)
        assert first.instance().cause == "eth0 is down"
        first.host.ip("link set dev eth0 up", "address replace 2001:db8::11/64 dev eth0 nodad")
        first.wait_state(State.MASTER)

    def test_no_source_address_is_a_fault_until_there_is_one(self, lab: Lab) -> None:
        first, _ = pair(lab)
        first.host.ip("address del 192.0.2.11/24 dev eth0")
        first.wait_state(State.FAULT)
        assert first.instance().cause == "eth0 has no IPv4 address to send adverts from"
        first.host.ip("address add 192.0.2.11/24 dev eth0")
        first.wait_state(State.MASTER)

    def test_an_interface_missing_at_start_is_picked_up_deleted_and_picked_up_again(
        self, lab: Lab
    ) -> None:
        here = host(lab, 1)
        one = Agent(lab, here, tables().replace("eth0", "eth7"))
        one.start()
        one.wait_state(State.FAULT)
        assert one.instance().cause == "eth7 does not exist"
        for _ in range(3):
            here.ip(
                "link add dev eth7 type veth peer name eth8",
                "link set dev eth8 up",
                "link set dev eth7 up",
                "address add 198.51.100.1/24 dev eth7",
            )
            one.wait_state(State.MASTER)
            here.ip("link del dev eth7")
            one.wait_state(State.FAULT)
            assert one.instance().cause == "eth7 does not exist"

    def test_an_mtu_that_the_advert_does_not_fit(self, lab: Lab) -> None:
        many = ", ".join(f'"2001:db8::{n:x}/128"' for n in range(0x200, 0x200 + 80))
        one = agent(lab, 1, tables(addresses=f"[{many}]"))
        one.wait_state(State.MASTER)
        one.host.ip("link set dev eth0 mtu 1300")
        one.wait_state(State.FAULT)
        assert one.instance().cause == (
            "an advert of 80 addresses takes 1328 bytes, the MTU of eth0 is 1300"
        )


class TestClaims:
    def test_an_address_that_the_kernel_refuses_leaves_the_peer_in_peace(self, lab: Lab) -> None:
        second = agent(lab, 2)
        second.wait_state(State.MASTER)
        here = host(lab, 1)
        here.ip(f"address add {VIP4} dev eth0")
        first = Agent(lab, here, tables(priority=150))
        first.start()
        first.wait_state(State.FAULT)
        assert "vipd did not put it there" in first.instance().cause
        assert transitions(second)[-1][0] == "MASTER"
        here.ip(f"address del {VIP4} dev eth0")
        first.wait_state(State.MASTER)

    def test_what_a_killed_agent_left_is_removed_at_the_next_start(self, lab: Lab) -> None:
        """Without a lease: with one, the kernel may have removed it before."""
        first = agent(lab, 1, tables(more='lease = "off"'))
        first.wait_state(State.MASTER)
        first.kill()
        assert {VIP4, VIP6} <= set(first.host.addresses())
        lab.cut(first.host)
        first.start()
        first.wait_state(State.FAULT)
        assert not {VIP4, VIP6} & set(first.host.addresses())
        swept = [line["address"] for line in first.log() if line["event"].startswith("removed a")]
        assert sorted(swept) == [str(VIP4), str(VIP6)]


class TestReload:
    def test_errors_leave_the_old_configuration_running(self, lab: Lab) -> None:
        one = agent(lab, 1)
        one.wait_state(State.MASTER)
        one.configure(tables(vrid=256).replace("addresses", "adresses"))
        one.reload()
        lab.wait_until(lambda: len(refusals(one)) >= 2, 10, "the reload is refused")
        said = " ".join(line["problem"] for line in refusals(one))
        assert "instance.web.vrid" in said
        assert "instance.web.adresses" in said
        assert one.state() is State.MASTER

    def test_a_control_socket_that_moves_is_said_to_need_a_restart(self, lab: Lab) -> None:
        one = agent(lab, 1)
        one.wait_state(State.MASTER)
        moved = f"{one.socket}2"
        one.config.write_text(one.config.read_text().replace(str(one.socket), moved))
        one.reload()
        waits = "a change of [agent] takes effect when the agent is restarted"
        lab.wait_until(lambda: logged(one, waits) != [], 10, "the reload")
        (said,) = logged(one, waits)
        assert said["changed"] == "control_socket"
        assert one.state() is State.MASTER

    def test_an_address_moves_from_one_instance_to_another(self, lab: Lab) -> None:
        """The taker stands first in the file, so it claims before the giver lets go."""
        moving, other = ip_interface("192.0.2.101/24"), ip_interface("192.0.2.102/24")
        mail = tables(vrid=52, addresses=f'["{other}"]').replace("web", "mail")
        one = agent(lab, 1, mail + tables(addresses=f'["{VIP4}", "{moving}"]'))
        one.wait_state(State.MASTER, name="web")
        one.wait_state(State.MASTER, name="mail")
        mail = tables(vrid=52, addresses=f'["{other}", "{moving}"]').replace("web", "mail")
        one.configure(mail + tables(addresses=IPV4))
        one.reload()
        lab.wait_until(lambda: logged(one, "reloaded") != [], 10, "the reload")
        assert {VIP4, moving, other} <= set(one.host.addresses())
        assert len(transitions(one)) == 4

    def test_an_instance_comes_and_goes_and_the_other_does_not_notice(self, lab: Lab) -> None:
        one = agent(lab, 1)
        one.wait_state(State.MASTER)
        since = one.instance("web").since
        mail = tables(vrid=52, addresses='["192.0.2.101/24"]').replace("web", "mail")
        one.configure(tables() + mail)
        one.reload()
        one.wait_state(State.MASTER, name="mail")
        assert ip_interface("192.0.2.101/24") in one.host.addresses()
        one.configure(tables())
        one.reload()
        lab.wait_until(lambda: len(one.status().instances) == 1, 10, "mail is gone")
        assert ip_interface("192.0.2.101/24") not in one.host.addresses()
        assert one.instance("web").since == since

    def test_addresses_change_without_a_transition(self, lab: Lab) -> None:
        one = agent(lab, 1)
        one.wait_state(State.MASTER)
        more = ip_interface("192.0.2.101/24")
        one.configure(tables(addresses=f'["{more}", "{VIP4}"]'))
        one.reload()
        lab.wait_until(lambda: more in one.host.addresses(), 10, "the new address")
        assert VIP4 in one.host.addresses()
        lab.wait_until(lambda: VIP6 not in one.host.addresses(), 10, "the old one is gone")
        assert len(transitions(one)) == 2


class TestStart:
    def test_a_second_agent_on_the_same_socket_is_refused(self, lab: Lab) -> None:
        one = agent(lab, 1)
        one.wait_state(State.MASTER)
        command = [sys.executable, "-m", "vipd", "run", "--config", str(one.config)]
        second = one.host.run(command, check=False)
        assert second.returncode == 1
        assert f"another vipd agent already answers on {one.socket} (pid {one.pid})" in (
            second.stderr
        )
        assert {VIP4, VIP6} <= set(one.host.addresses())

    def test_a_bad_configuration_is_refused_with_every_error(self, lab: Lab) -> None:
        one = Agent(lab, host(lab, 1), tables(vrid=0, priority=256))
        command = [sys.executable, "-m", "vipd", "run", "--config", str(one.config)]
        refused = one.host.run(command, check=False)
        assert refused.returncode == os.EX_CONFIG
        assert "instance.web.vrid" in refused.stderr
        assert "instance.web.priority" in refused.stderr
        assert "Traceback" not in refused.stderr

    def test_without_the_capabilities_it_says_so(self, lab: Lab) -> None:
        one = Agent(lab, host(lab, 1), tables())
        drop = ["setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"]
        command = [*drop, sys.executable, "-m", "vipd", "run", "--config", str(one.config)]
        refused = one.host.run(command, check=False)
        assert refused.returncode == 1
        assert "vipd needs CAP_NET_RAW" in refused.stderr
        assert "sudo vipd run" in refused.stderr

    def test_systemd_is_told_of_the_start_the_reload_and_the_end(
        self, lab: Lab, tmp_path: Path
    ) -> None:
        import socket

        one = Agent(lab, host(lab, 1), tables())
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(str(one.host.directory / "notify"))
            manager.settimeout(15)
            command = [sys.executable, "-m", "vipd", "run", "--config", str(one.config)]
            environment = [
                "env",
                f"NOTIFY_SOCKET={one.host.directory}/notify",
                "WATCHDOG_USEC=400000",
            ]
            with (tmp_path / "log").open("wb") as log:
                process = one.host.popen([*environment, *command], stdout=log, stderr=log)
                heard = [manager.recv(100) for _ in range(3)]
                assert heard[0] == b"READY=1"
                assert set(heard[1:]) == {b"WATCHDOG=1"}
                process.send_signal(signal.SIGHUP)
                while not (word := manager.recv(100)).startswith(b"RELOADING=1"):
                    assert word == b"WATCHDOG=1"
                while (word := manager.recv(100)) != b"READY=1":
                    assert word == b"WATCHDOG=1"
                process.send_signal(signal.SIGTERM)
                while (word := manager.recv(100)) != b"STOPPING=1":
                    assert word == b"WATCHDOG=1"
                assert process.wait(10) == 0


def test_status_answers_by_exit_code_and_in_json(lab: Lab) -> None:
    first, second = pair(lab)
    command = [sys.executable, "-m", "vipd", "status", "--json", "--socket"]
    good = subprocess.run([*command, str(second.socket)], check=False, capture_output=True)
    assert good.returncode == 0
    assert json.loads(good.stdout)["instances"][0]["state"] == "BACKUP"
    lab.cut(first.host)
    first.wait_state(State.FAULT)
    bad = subprocess.run([*command, str(first.socket)], check=False, capture_output=True)
    assert bad.returncode == 1
    first.stop()
    gone = subprocess.run([*command, str(first.socket)], check=False, capture_output=True)
    assert gone.returncode == 3


class TestOtherWays:
    """VRRPv2 and unicast, between real agents."""

    def test_version_2_with_a_password(self, lab: Lab) -> None:
        config = tables(addresses=IPV4, more="version = 2").replace('"100ms"', '"1s"')
        config += 'auth = { type = "pass", password = "s3cret" }\n'
        first = agent(lab, 1, config.replace("= 100", "= 150"))
        second = agent(lab, 2, config)
        first.wait_state(State.MASTER)
        lab.wait_until(
            lambda: second.instance().counters.adverts_received > 0, 10, "an advert is heard"
        )
        # Who has started a fifth of a second earlier has taken over before, and yields now.
        second.wait_state(State.BACKUP)
        assert second.instance().counters.dropped == {}
        first.stop()
        second.wait_state(State.MASTER)
        assert all("s3cret" not in one.log_file.read_text() for one in (first, second))

    @pytest.mark.parametrize("source", ["", 'source = ["192.0.2.1%d", "2001:db8::1%d"]'])
    def test_unicast_in_both_families(self, lab: Lab, source: str) -> None:
        def config(number: int, peer: int, priority: int) -> str:
            own = source.replace("%d", str(number))
            peers = f'unicast_peers = ["192.0.2.1{peer}", "2001:db8::1{peer}"]'
            return tables(priority=priority, more=f"{peers}\n{own}")

        first, second = agent(lab, 1, config(1, 2, 150)), agent(lab, 2, config(2, 1, 100))
        first.wait_state(State.MASTER)
        wait_follows(lab, second)
        heard = second.instance()
        assert heard.master is not None
        assert heard.master.address == "192.0.2.11"
        assert heard.counters.dropped == {}
        first.freeze()
        second.wait_state(State.MASTER)
        first.thaw()
        second.wait_state(State.BACKUP)

    def test_unicast_from_a_source_that_comes_later(self, lab: Lab) -> None:
        more = 'unicast_peers = ["192.0.2.12"]\nsource = "192.0.2.77"'
        one = agent(lab, 1, tables(addresses=IPV4, more=more))
        one.wait_state(State.FAULT)
        assert one.instance().cause == "192.0.2.77, the source of the adverts, is not on this host"
        one.host.ip("address add 192.0.2.77/24 dev eth0")
        one.wait_state(State.MASTER)

    def test_unicast_to_a_peer_behind_a_router_needs_min_ttl(self, lab: Lab) -> None:
        here = host(lab, 1)
        here.ip("route add 198.51.100.0/24 via 192.0.2.12")
        one = Agent(lab, here, tables(addresses=IPV4, more='unicast_peers = ["198.51.100.12"]'))
        one.start()
        one.wait_state(State.FAULT)
        assert one.instance().cause == (
            "the peer 198.51.100.12 is behind the router 192.0.2.12: set min_ttl (254 for one hop)"
        )

    def test_unicast_through_a_route_that_comes_later(self, lab: Lab) -> None:
        more = 'unicast_peers = ["198.51.100.12"]\nmin_ttl = 254'
        one = agent(lab, 1, tables(addresses=IPV4, more=more))
        one.wait_state(State.FAULT)
        assert one.instance().cause == "there is no route to the peer 198.51.100.12"
        one.host.ip("route add 198.51.100.0/24 via 192.0.2.12")
        one.wait_state(State.MASTER)
