"""What befalls an address on hosts with a real systemd, and what a client sees of it.

h1 is preferred: it serves whenever a test begins, and what has made it stop serving is over at the
end, so each event has a second half in which it returns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hosts.event import NOTHING_LOST, ONE_INTERVAL_MS, UNTIL_DOWN_MS, Watch
from hosts.machine import CONFIG_FILE, NETWORK_FILE, Machine
from hosts.package import LATER, install, installed_version, later
from hosts.rack import DOWN_S, Rack

from vipd.core.model import State

SOON_S = 15.0
WATCHDOG_S = 10.0
"""What the unit says."""

EXPOSED_AT_MOST = 2.0
MANY = 4
"""How often the network is configured anew: more than five losses in 30 s would be FAULT."""


# -- systemd ----------------------------------------------------------------------------------


def test_the_package_tells_what_to_do_next(installed: tuple[str, ...]) -> None:
    for said in installed:
        assert "no configuration yet" in said
        assert "systemctl enable --now vipd" in said


def test_a_planned_stop(rack: Rack, event: Watch) -> None:
    with event("systemctl stop", NOTHING_LOST):
        rack.h1.run("systemctl", "stop", "vipd")
        rack.wait_owner(rack.h2, SOON_S)
    with event("systemctl start: h1 returns", NOTHING_LOST):
        rack.h1.run("systemctl", "start", "vipd")
        rack.wait_owner(rack.h1, SOON_S)


def test_an_agent_that_is_killed_carries_on(rack: Rack, event: Watch) -> None:
    before = rack.h1.main_pid
    with event("SIGKILL: systemd restarts it", NOTHING_LOST) as seen:
        rack.h1.signal("SIGKILL")
        rack.wait_owner(rack.h1, SOON_S)
        rack.lab.wait_until(lambda: rack.h1.main_pid not in (0, before), SOON_S, "a new life")
        _outlast(rack, rack.h1)
    assert seen.quiet


def test_an_agent_that_hangs_is_replaced_by_the_watchdog(rack: Rack, event: Watch) -> None:
    before = rack.h1.main_pid
    with event("SIGSTOP: it hangs", UNTIL_DOWN_MS):
        rack.h1.signal("SIGSTOP")
        rack.wait_owner(rack.h2, SOON_S)
    with event("the watchdog restarts it: h1 returns", NOTHING_LOST):
        rack.wait_owner(rack.h1, WATCHDOG_S + SOON_S)
    assert rack.h1.main_pid != before


def test_a_good_reload(rack: Rack, event: Watch) -> None:
    with event("systemctl reload, good", NOTHING_LOST) as seen:
        rack.h1.write(CONFIG_FILE, rack.config(rack.h1, priority=160))
        rack.h1.run("systemctl", "reload", "vipd")
    assert _priority(rack.h1) == 160
    rack.h1.write(CONFIG_FILE, rack.config(rack.h1))
    rack.h1.run("systemctl", "reload", "vipd")
    assert _priority(rack.h1) == 150
    assert seen.quiet


def test_a_bad_reload_fails_and_the_old_configuration_goes_on(rack: Rack, event: Watch) -> None:
    with event("systemctl reload, bad", NOTHING_LOST) as seen:
        rack.h1.write(CONFIG_FILE, rack.config(rack.h1, priority=1000))
        refused = rack.h1.attempt("systemctl", "reload", "vipd")
        rack.h1.write(CONFIG_FILE, rack.config(rack.h1))
    assert refused.returncode != 0
    assert rack.h1.run("systemctl", "is-active", "vipd").strip() == "active"
    assert "instance.web.priority" in rack.h1.run("journalctl", "--unit=vipd", "--lines=20")
    assert _priority(rack.h1) == 150
    assert seen.quiet


# -- hosts ------------------------------------------------------------------------------------


def test_a_host_that_boots_joins_by_itself(rack: Rack, event: Watch) -> None:
    with event("h2 reboots", NOTHING_LOST) as seen:
        rack.h2.reboot()
        rack.lab.wait_until(lambda: rack.h2.state() is State.BACKUP, SOON_S, "h2 waits")
    assert seen.row.transitions["h1"] == 0


def test_power_is_cut(rack: Rack, event: Watch) -> None:
    with event("power cut", UNTIL_DOWN_MS):
        rack.h1.crash()
        rack.wait_owner(rack.h2, SOON_S)
    with event("power is back: h1 returns", NOTHING_LOST):
        rack.h1.boot()
        rack.wait_owner(rack.h1, SOON_S)


def test_the_cable_is_cut(rack: Rack, event: Watch) -> None:
    with event("cable cut", UNTIL_DOWN_MS):
        rack.h1.cut()
        rack.wait_owner(rack.h2, SOON_S)
        assert rack.h1.state() is State.FAULT
    with event("cable is back: h1 returns", NOTHING_LOST):
        rack.h1.join()
        rack.wait_owner(rack.h1, SOON_S)


def test_a_maintenance_outlasts_a_reboot(rack: Rack, event: Watch) -> None:
    with event("vipd maintenance on", NOTHING_LOST):
        rack.h1.run("vipd", "maintenance", "on", "--reason", "a new kernel")
        rack.wait_owner(rack.h2, SOON_S)
    with event("reboot in maintenance", NOTHING_LOST) as seen:
        rack.h1.reboot()
        _outlast(rack, rack.h1)
    report = rack.h1.report()
    assert report is not None
    assert report.maintenance is not None
    assert report.maintenance.reason == "a new kernel"
    assert seen.row.transitions["h2"] == 0
    with event("vipd maintenance off: h1 returns", NOTHING_LOST):
        rack.h1.run("vipd", "maintenance", "off")
        rack.wait_owner(rack.h1, SOON_S)


def test_an_upgrade(rack: Rack, event: Watch, newest: Path, tmp_path: Path) -> None:
    newer = later(newest, tmp_path)
    for host, name in ((rack.h2, "BACKUP"), (rack.h1, "MASTER")):
        before = host.main_pid
        with event(f"package upgraded on {name}", NOTHING_LOST) as seen:
            install(host, newer)
            _outlast(rack, host)
        assert host.main_pid != before
        assert installed_version(host).endswith(LATER)
        assert seen.row.transitions["h1"] == 0


# -- the network ------------------------------------------------------------------------------


@pytest.fixture
def networkd(rack: Rack) -> Iterator[Callable[[str], None]]:
    """Change a line of what systemd-networkd is to do on h1, and have it read; undone at the end.

    Why: one of systemd 252 first takes away even the host's own address, and then puts it back.
    """

    def change(line: str) -> None:
        rack.h1.write(NETWORK_FILE, f"{rack.h1.network}{line}\n")
        rack.h1.run("networkctl", "reload")

    yield change
    change("")


def test_networkd_reads_its_files_in_which_nothing_has_changed(rack: Rack, event: Watch) -> None:
    with event(f"{MANY} x networkctl reload", NOTHING_LOST) as seen:
        for _ in range(MANY):
            rack.h1.run("networkctl", "reload")
    assert seen.quiet


@pytest.mark.parametrize("keep", ["no", "yes"])
def test_networkd_configures_the_interface_anew(
    rack: Rack, event: Watch, networkd: Callable[[str], None], keep: str
) -> None:
    what = f"{MANY} x its file changed, KeepConfiguration={keep}"
    with event(what, ONE_INTERVAL_MS) as seen:
        for number in range(MANY):
            networkd(f"KeepConfiguration={keep}\n# {number}")
            rack.wait_owner(rack.h1, SOON_S)
    assert seen.row.transitions["h2"] == 0


def test_networkd_is_restarted(rack: Rack, event: Watch) -> None:
    """As an upgrade of systemd does."""
    with event("systemctl restart systemd-networkd", ONE_INTERVAL_MS) as seen:
        rack.h1.run("systemctl", "restart", "systemd-networkd")
        rack.wait_owner(rack.h1, SOON_S)
    assert seen.row.transitions["h2"] == 0


# -- what a person sees -----------------------------------------------------------------------


def test_the_journal_is_searched_by_instance_and_event(rack: Rack) -> None:
    lines = rack.h1.run("journalctl", "--unit=vipd", "INSTANCE=web", "--output=cat").splitlines()
    assert lines
    assert all("instance=web" in line for line in lines)
    assert rack.h1.journal("INSTANCE=other") == []
    served = rack.h1.journal("INSTANCE=web", "EVENT=transition", "NEW=MASTER")[-1]
    assert served["PRIORITY"] == "6"
    assert served["SYSLOG_IDENTIFIER"] == "vipd"
    assert served["MESSAGE"].startswith("transition instance=web old=")


def test_the_service_is_confined(
    rack: Rack, record_property: Callable[[str, object], None]
) -> None:
    """At most 2.0, where keepalived's unit in Debian 12 has more than 9."""
    said = rack.h1.run("systemd-analyze", "security", "--no-pager", "vipd").splitlines()
    verdict = next(line for line in said if "Overall exposure level" in line)
    record_property("figure", verdict.strip("→ ").split(" :")[0])
    assert float(verdict.split(": ")[1].split()[0]) <= EXPOSED_AT_MOST


# ---------------------------------------------------------------------------------------------


def _priority(machine: Machine) -> int:
    instance = machine.instance()
    assert instance is not None
    return instance.priority


def _outlast(rack: Rack, machine: Machine) -> None:
    """Wait until an agent has run for longer than a takeover takes."""

    def lasts() -> bool:
        report = machine.report()
        return report is not None and report.uptime_s > DOWN_S + 1

    rack.lab.wait_until(lasts, SOON_S, f"the agent on {machine.name} has run for a while")
