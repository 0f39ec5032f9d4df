"""What the doctor says of the configuration, the service, the agent, its rights, the platform."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from patients import (
    FILE,
    MAY_ALL,
    answer,
    bare,
    codes,
    config,
    facts,
    good,
    instance,
    report,
    unicast,
)

from vipd.control.report import (
    ConfigReport,
    Counters,
    OrderReport,
    PeerReport,
)
from vipd.core.config import Hook, HookMoment, HooksConfig, TrackerConfig
from vipd.core.model import State
from vipd.core.units import SECOND
from vipd.doctor.facts import Configuration, Facts, Kernel, Rights, Unseen
from vipd.doctor.finding import Severity
from vipd.doctor.port import Answer, Place
from vipd.doctor.registry import TOPICS, Judge, examine
from vipd.doctor.topic import agent, clock, configuration, platform, right, unit
from vipd.errors import ConfigProblem

PROBLEM = ConfigProblem(path="instance.web.vrid", problem="must be less", hint="such as 51")


def test_a_host_on_which_all_is_well_has_only_good_findings() -> None:
    found = list(examine(facts()))
    assert [(topic, one.code) for topic, one in found if one.severity is not Severity.OK] == []
    assert len({topic for topic, _ in found}) >= len(TOPICS) - 2


def of_file(mode: int = 0o100640, **changes: Any) -> Facts:  # noqa: ANN401 (any field of it)
    fields: dict[str, Any] = {
        "path": FILE,
        "config": config(instance()),
        "place": Place(mode=mode),
    }
    return facts(configuration=Configuration(**(fields | changes)))


HOOKED = HooksConfig(hooks=((HookMoment.ON_MASTER, Hook(argv=("/bin/a",), user="nobody")),))
SCRIPT = TrackerConfig(
    name="s", kind="script", interval=SECOND, timeout=SECOND, options={"user": "nobody"}
)
GOOD_UNIT = {
    "LoadState": "loaded",
    "UnitFileState": "enabled",
    "ActiveState": "active",
    "Restart": "always",
    "NRestarts": "0",
}
EC2 = {"sys_vendor": "Amazon EC2", "product_name": "m5.large"}
MOVING = HooksConfig(hooks=((HookMoment.ON_MASTER, Hook(argv=("/bin/move",))),))


def of_agent(*changes: Any, **fields: Any) -> Facts:  # noqa: ANN401 (as above)
    return facts(agent=answer(*changes, **fields))


def of_rights(*lacking: str, **changes: Any) -> Facts:  # noqa: ANN401 (as above)
    fields: dict[str, Any] = {"whose": "the agent", "real_time": True, "memory": True}
    return facts(rights=Rights(capabilities=MAY_ALL - set(lacking), **(fields | changes)))


CASES: dict[str, tuple[Judge, Facts, list[str]]] = {
    # The configuration.
    "valid": (configuration.judge, of_file(), []),
    "none, and nobody asked for one": (configuration.judge, bare(), ["note config-none"]),
    "one that is not there": (
        configuration.judge,
        bare(configuration=Configuration(path=FILE, given=True, exists=False)),
        ["problem config-missing"],
    ),
    "invalid": (
        configuration.judge,
        of_file(config=None, problems=(PROBLEM, PROBLEM)),
        ["problem config-invalid"] * 2,
    ),
    "a program that is not there": (
        configuration.judge,
        of_file(missing_here=(PROBLEM,)),
        ["problem config-program"],
    ),
    "a trap": (configuration.judge, of_file(traps=(PROBLEM,)), ["warning config-trap"]),
    "others may write it": (configuration.judge, of_file(0o100646), ["problem config-writable"]),
    "its group may write it": (configuration.judge, of_file(0o100660), ["problem config-writable"]),
    "everybody may read a password": (
        configuration.judge,
        of_file(0o100644, config=config(instance(version=2, password=b"s3cret"))),
        ["warning config-readable"],
    ),
    "everybody may read what has no password": (configuration.judge, of_file(0o100644), []),
    # The service.
    "no systemd": (unit.judge, facts(unit=None), []),
    "a good unit": (unit.judge, facts(unit=GOOD_UNIT), []),
    "a systemd that does not answer": (
        unit.judge,
        facts(unit=Unseen(why="systemctl: no")),
        ["note unit-not-seen"],
    ),
    "no unit": (unit.judge, facts(unit={"LoadState": "not-found"}), ["warning unit-missing"]),
    "disabled": (
        unit.judge,
        facts(unit=GOOD_UNIT | {"UnitFileState": "disabled"}),
        ["warning unit-disabled"],
    ),
    "failed": (
        unit.judge,
        facts(unit=GOOD_UNIT | {"ActiveState": "failed", "Result": "exit-code"}),
        ["problem unit-failed"],
    ),
    "not restarted": (
        unit.judge,
        facts(unit=GOOD_UNIT | {"Restart": "no"}),
        ["warning unit-not-restarted"],
    ),
    "restarted": (
        unit.judge,
        facts(unit=GOOD_UNIT | {"NRestarts": "3"}),
        ["note unit-restarted"],
    ),
    "a directory that cannot be written": (
        unit.judge,
        facts(places={"/run/vipd": Place(mode=0o40755, read_only=True)}),
        ["problem directory-read-only"],
    ),
    "a full file system": (
        unit.judge,
        facts(places={"/run/vipd": Place(mode=0o40755, free=4096)}),
        ["warning directory-full"],
    ),
    # The agent.
    "an agent": (agent.judge, of_agent(), []),
    "no agent": (
        agent.judge,
        facts(agent=Answer(reached=False)),
        ["warning agent-not-running"],
    ),
    "no agent and no configuration": (agent.judge, bare(), ["note agent-absent"]),
    "an agent that hangs": (agent.judge, facts(agent=Answer()), ["problem agent-hangs"]),
    "an agent that may not be asked": (
        agent.judge,
        facts(agent=Answer(permitted=False)),
        ["note agent-not-seen"],
    ),
    "in FAULT": (agent.judge, of_agent(report(State.FAULT)), ["problem instance-fault"]),
    "a warning of an instance": (
        agent.judge,
        of_agent(report(warnings=("the firewall",))),
        ["warning instance-warning"],
    ),
    "a warning of the agent": (
        agent.judge,
        of_agent(warnings=("late",)),
        ["warning agent-warning"],
    ),
    "maintenance": (
        agent.judge,
        of_agent(maintenance=OrderReport(since="2026-01-02T03:04:05Z", reason="disk")),
        ["warning agent-in-maintenance"],
    ),
    "a refused reload": (
        agent.judge,
        of_agent(
            config=ConfigReport(
                file=str(FILE), loaded_at="2026-01-02T03:04:05.000Z", refused="2 problems"
            )
        ),
        ["warning agent-refused-reload"],
    ),
    "an instance that was not loaded": (
        agent.judge,
        facts(instance(name="new")),
        ["warning instance-not-loaded"],
    ),
    "dropped adverts": (
        agent.judge,
        of_agent(report(counters=Counters(dropped={"checksum": 2, "ttl": 0}))),
        ["warning adverts-dropped"],
    ),
    "a MASTER that is alone": (agent.judge, of_agent(report(State.MASTER)), ["note peer-none"]),
    "a peer that is ready": (
        agent.judge,
        of_agent(report(State.MASTER, peers=(PeerReport(address="a", ready=True, age_s=1),))),
        [],
    ),
    "a peer that is not": (
        agent.judge,
        of_agent(
            report(peers=(PeerReport(address="a", ready=False, why="nginx is down", age_s=1),))
        ),
        ["warning peer-not-ready"],
    ),
    "a peer that is set up in another way": (
        agent.judge,
        of_agent(report(peers=(PeerReport(address="a", age_s=1, differs=("its interval",)),))),
        ["warning peer-differs"],
    ),
    # Rights.
    "all rights": (right.judge, of_rights(), []),
    "a right is missing": (right.judge, of_rights("CAP_NET_RAW"), ["problem rights-missing"]),
    "a user": (
        right.judge,
        facts(root=False, rights=Rights(whose="this user", real_time=False)),
        ["note rights-of-user"],
    ),
    "root in a container": (
        right.judge,
        of_rights("CAP_NET_ADMIN", whose="this user"),
        ["problem rights-missing"],
    ),
    "hooks of another user": (
        right.judge,
        facts(
            instance(hooks=HOOKED),
            rights=Rights(whose="the agent", capabilities=MAY_ALL - {"CAP_SETUID"}, real_time=True),
        ),
        ["warning rights-no-other-user"],
    ),
    "scripts of another user": (
        right.judge,
        facts(
            configuration=Configuration(path=FILE, config=config(instance(), trackers=(SCRIPT,))),
            rights=Rights(whose="the agent", capabilities=MAY_ALL - {"CAP_SETGID"}),
        ),
        ["warning rights-no-other-user"],
    ),
    "nobody changes the user": (right.judge, of_rights("CAP_SETUID"), []),
    "no real time": (right.judge, of_rights(real_time=False), ["warning real-time-denied"]),
    "nobody wants real time": (
        right.judge,
        facts(
            configuration=Configuration(path=FILE, config=config(instance(), realtime=False)),
            rights=Rights(whose="the agent", capabilities=MAY_ALL, real_time=False),
        ),
        ["note real-time-off"],
    ),
    "no time for real time": (
        right.judge,
        facts(kernel=Kernel(release="6.1", rt_runtime_us=0)),
        ["warning real-time-no-budget"],
    ),
    "not in memory": (right.judge, of_rights(memory=False), ["note memory-not-locked"]),
    # The platform.
    "a host of one's own": (platform.judge, facts(board={"sys_vendor": "Dell Inc."}), []),
    "a cloud": (platform.judge, facts(board=EC2), ["problem cloud-no-layer-2"]),
    "a cloud, before there is a configuration": (
        platform.judge,
        bare(board=EC2),
        ["warning cloud-no-layer-2"],
    ),
    "a cloud, to peers but without a hook": (
        platform.judge,
        facts(instance(unicast=unicast("192.0.2.12")), board=EC2),
        ["problem cloud-no-layer-2"],
    ),
    "a cloud, to peers and with a hook": (
        platform.judge,
        facts(instance(unicast=unicast("192.0.2.12"), hooks=MOVING), board=EC2),
        [],
    ),
    "an OpenStack": (
        platform.judge,
        facts(board={"product_name": "OpenStack Nova"}),
        ["warning cloud-port-security"],
    ),
    "a virtual MAC address on VMware": (
        platform.judge,
        facts(instance(virtual_mac=True), board={"sys_vendor": "VMware, Inc."}),
        ["warning hypervisor-drops-mac"],
    ),
    "VMware": (platform.judge, facts(board={"sys_vendor": "VMware, Inc."}), []),
    "no macvlan": (
        platform.judge,
        facts(instance(virtual_mac=True), kernel=Kernel(release="6.1", macvlan=False)),
        ["problem kernel-no-macvlan"],
    ),
    "nobody needs macvlan": (
        platform.judge,
        facts(kernel=Kernel(release="6.1", macvlan=False)),
        [],
    ),
    "an old kernel": (
        platform.judge,
        facts(kernel=Kernel(release="5.15.0-91-generic")),
        ["note kernel-no-tags"],
    ),
    "a kernel nobody knows": (platform.judge, facts(kernel=Kernel()), ["note kernel-not-seen"]),
    # The clock.
    "a clock that is kept": (clock.judge, facts(), []),
    "a clock that nobody keeps": (clock.judge, facts(clock_is_set=False), ["note clock-not-set"]),
    "a clock nobody knows of": (clock.judge, facts(clock_is_set=None), []),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_said(name: str) -> None:
    judge, seen, expected = CASES[name]
    assert codes(judge, seen) == expected


def test_a_newer_file_than_the_agent_has_read_is_worth_a_note() -> None:
    loaded = ConfigReport(file=str(FILE), loaded_at="2026-01-02T03:04:05.000Z")
    before, after = 1_767_323_044.0, 1_767_323_100.0
    for changed, expected in ((before, []), (after, ["note agent-older-configuration"])):
        place = Place(mode=0o100640, changed=changed)
        seen = facts(
            configuration=Configuration(path=FILE, config=config(instance()), place=place),
            agent=answer(config=loaded),
        )
        assert codes(agent.judge, seen) == expected


@pytest.mark.parametrize(
    ("board", "name"),
    [
        ({"sys_vendor": "Google", "product_name": "Google Compute Engine"}, "Google Compute"),
        ({"chassis_asset_tag": "7783-7084-3265-9085-8269-3286-77"}, "Microsoft Azure"),
        ({"product_version": "4.11.amazon"}, "Amazon EC2"),
        ({"sys_vendor": "Hetzner", "product_name": "vServer"}, "Hetzner Cloud"),
        ({"sys_vendor": "DigitalOcean", "product_name": "Droplet"}, "DigitalOcean"),
        ({"chassis_asset_tag": "OracleCloud.com"}, "Oracle Cloud"),
    ],
)
def test_clouds_are_known_by_their_boards_and_say_what_to_do_instead(
    board: dict[str, str], name: str
) -> None:
    first, *_ = platform.judge(facts(board=board))
    assert first.code == "cloud-no-layer-2"
    assert f"this is {name}" in first.what
    assert "unicast_peers" in first.hint


def test_the_unit_is_given_what_it_lacks_in_a_file_of_its_own() -> None:
    lacking = of_rights("CAP_NET_RAW", whose="the unit vipd.service")
    (found,) = [one for one in right.judge(lacking) if one.code == "rights-missing"]
    assert found.commands == (
        "mkdir -p /etc/systemd/system/vipd.service.d",
        (
            "printf '[Service]\\nCapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW\\n"
            "AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW\\n' "
            "> /etc/systemd/system/vipd.service.d/rights.conf"
        ),
        "systemctl daemon-reload && systemctl restart vipd",
    )


def test_a_path_with_blanks_can_be_pasted() -> None:
    path = Path("/srv/my vipd.toml")
    (found,) = [
        one
        for one in configuration.judge(of_file(0o100666, path=path))
        if one.code == "config-writable"
    ]
    assert found.commands == ("chmod go-w '/srv/my vipd.toml'",)


def test_the_agent_is_started_as_this_host_does_it() -> None:
    silent = Answer(reached=False)
    for service, command in (
        (GOOD_UNIT, "systemctl start vipd"),
        (None, f"vipd run --config {FILE}"),
    ):
        (found,) = agent.judge(facts(agent=silent, unit=service))
        assert found.commands == (command,)


def test_what_is_well_is_told_tersely() -> None:
    assert good(right.judge, facts()) == ["rights-good", "real-time-good"]
    assert good(unit.judge, facts(unit=GOOD_UNIT)) == ["unit-good"]
    assert good(agent.judge, facts()) == ["agent-answers", "instance-state"]
