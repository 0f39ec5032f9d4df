"""What `vipd install` would do, on hosts of every kind: no step is taken here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from vipd.errors import VipdError
from vipd.install.hand import carry_out
from vipd.install.host import Host
from vipd.install.layout import Layout
from vipd.install.plan import Site, plan_install, plan_uninstall
from vipd.install.step import Make, Plan, Prune, Remove, Run, Step, Write
from vipd.install.wanted import Pages, Wanted, wanted

PROGRAM = Path("/opt/vipd/bin/vipd")
PAGES = Pages(manuals={"vipd.8": ".TH"}, completions={"bash": "complete vipd"})
LOCAL = Path("/usr/local")
UNIT = LOCAL / "lib/systemd/system/vipd.service"
USERS = LOCAL / "lib/sysusers.d/vipd.conf"
RECEIPT = LOCAL / "share/vipd/installed.json"
RELOAD = Run(argv=("systemctl", "daemon-reload"))
VERIFY = Run(argv=("systemd-analyze", "verify", str(UNIT)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Running(Host):
    """A host that runs, with its files in a directory of the test."""

    users: bool = False
    systemd: bool = True

    @property
    def runs(self) -> bool:
        return True

    @property
    def booted(self) -> bool:
        return self.systemd

    def knows_users(self) -> bool:
        return self.users


def files() -> tuple[Wanted, ...]:
    return wanted(PROGRAM, Layout(), PAGES)


def planned(host: Host, *, force: bool = False) -> Plan:
    return plan_install(Site(host=host, layout=Layout()), files(), force=force)


def removal(host: Host, *, purge: bool = False) -> Plan:
    return plan_uninstall(Site(host=host, layout=Layout()), purge=purge)


def do(plan: Plan, host: Host) -> None:
    """Every step but those that would run something."""
    for step in plan.steps:
        if not isinstance(step, Run | Make):
            carry_out(step, host)


def put(host: Host, path: Path, content: bytes) -> None:
    host.at(path).parent.mkdir(parents=True, exist_ok=True)
    host.at(path).write_bytes(content)


def kinds(steps: tuple[Step, ...]) -> list[type]:
    return [type(step) for step in steps]


@pytest.fixture
def fresh(tmp_path: Path) -> Running:
    return Running(root=tmp_path)


@pytest.fixture
def installed(tmp_path: Path) -> Running:
    host = Running(root=tmp_path, users=True)
    do(planned(host), host)
    (tmp_path / "etc/vipd").mkdir(parents=True)
    put(host, Path("/etc/vipd/vipd.toml"), b"")
    return host


# -- the first time -------------------------------------------------------------------------


def test_users_come_first_and_systemd_hears_of_it_last(fresh: Running) -> None:
    steps = planned(fresh).steps
    assert isinstance(steps[0], Write)
    assert steps[0].path == USERS
    assert steps[1] == Run(argv=("systemd-sysusers", str(USERS)))
    assert steps[2] == Make(path=Path("/etc/vipd"), mode=0o2750, group="vipd")
    assert set(kinds(steps[3:-2])) == {Write}
    assert isinstance(steps[-3], Write)
    assert steps[-3].path == RECEIPT
    assert steps[-2:] == (RELOAD, VERIFY)


def test_the_units_start_the_program_that_was_asked() -> None:
    units = {one.path.name: one.content.decode() for one in files() if b"[Service]" in one.content}
    for name in ("vipd.service", "vipd@.service"):
        assert "ExecStart=/opt/vipd/bin/vipd run " in units[name]
        assert "ExecStopPost=-/opt/vipd/bin/vipd cleanup " in units[name]
        assert "/usr/bin/vipd" not in units[name]


def test_everything_goes_below_the_prefix() -> None:
    layout = Layout(prefix=Path("/usr"))
    assert all(one.path.is_relative_to("/usr") for one in wanted(PROGRAM, layout, PAGES))


def test_a_program_that_a_unit_cannot_name_is_refused() -> None:
    with pytest.raises(VipdError, match="has a blank or a special character"):
        wanted(Path("/opt/my vipd/bin/vipd"), Layout(), PAGES)


def test_users_that_are_there_are_not_made_again(tmp_path: Path) -> None:
    runs = [step for step in planned(Running(root=tmp_path, users=True)).steps if type(step) is Run]
    assert runs == [RELOAD, VERIFY]


def test_where_systemd_does_not_run_it_is_told_nothing(tmp_path: Path) -> None:
    steps = planned(Running(root=tmp_path, users=True, systemd=False)).steps
    assert [step for step in steps if isinstance(step, Run)] == [VERIFY]


def test_in_a_tree_nothing_is_run_and_nobody_owns(tmp_path: Path) -> None:
    steps = planned(Host(root=tmp_path)).steps
    assert Run not in kinds(steps)
    assert [step for step in steps if isinstance(step, Make)] == [
        Make(path=Path("/etc/vipd"), mode=0o755)
    ]


def test_what_is_next_is_told(fresh: Running) -> None:
    (note,) = planned(fresh).notes
    assert note.startswith("Now write /etc/vipd/vipd.toml (examples: /usr/local/share/doc/vipd")


# -- again ----------------------------------------------------------------------------------


def test_to_do_it_twice_changes_nothing(installed: Running) -> None:
    assert planned(installed) == Plan(steps=(), unchanged=len(files()) + 1)


def test_what_was_half_done_is_completed(tmp_path: Path) -> None:
    host = Running(root=tmp_path, users=True)
    plan = planned(host)
    for step in plan.steps[:5]:
        if isinstance(step, Write):
            carry_out(step, host)
    assert {step.path for step in planned(host).steps if isinstance(step, Write)} < {
        step.path for step in plan.steps if isinstance(step, Write)
    }


def test_an_upgrade_replaces_what_is_as_it_was_written(installed: Running) -> None:
    layout, other = Layout(), Path("/opt/new/bin/vipd")
    plan = plan_install(Site(host=installed, layout=layout), wanted(other, layout, PAGES))
    replaced = [step.path.name for step in plan.steps if isinstance(step, Write) and step.anew]
    assert replaced == ["vipd.service", "vipd@.service", "installed.json"]
    assert plan.steps[-2:] == (RELOAD, VERIFY)


def test_an_upgrade_removes_what_is_no_more(installed: Running) -> None:
    fewer = tuple(one for one in files() if one.path.name != "vipd.8")
    plan = plan_install(Site(host=installed, layout=Layout()), fewer)
    assert Remove(path=LOCAL / "share/man/man8/vipd.8") in plan.steps


def test_a_file_of_another_in_the_way_is_named(fresh: Running) -> None:
    put(fresh, UNIT, b"[Service]\n")
    with pytest.raises(VipdError) as caught:
        planned(fresh)
    assert str(caught.value) == (
        f"{UNIT} is there already, and not as vipd has written it: move it away.\n"
        "--force writes over what is there."
    )
    assert any(isinstance(step, Write) and step.anew for step in planned(fresh, force=True).steps)


def test_a_file_that_was_changed_since_is_in_the_way(installed: Running) -> None:
    put(installed, UNIT, b"[Service]\nmine\n")
    with pytest.raises(VipdError, match=r"vipd\.service is there already"):
        planned(installed)


def test_a_package_is_not_put_in_the_shade(fresh: Running) -> None:
    put(fresh, Path("/usr/lib/systemd/system/vipd.service"), b"")
    with pytest.raises(VipdError, match="a package has installed vipd"):
        planned(fresh)


def test_a_unit_that_goes_before_ours_is_told(installed: Running) -> None:
    put(installed, Path("/etc/systemd/system/vipd.service"), b"")
    (note,) = planned(installed).notes
    assert note.startswith("/etc/systemd/system/vipd.service goes before the unit installed here")


def test_an_agent_that_runs_is_told_of_if_there_is_something_new(installed: Running) -> None:
    put(installed, Path("/run/vipd/control.sock"), b"")
    assert planned(installed).notes == ()
    installed.at(UNIT).unlink()
    (note,) = planned(installed).notes
    assert "systemctl restart vipd" in note


@pytest.mark.parametrize("content", [b"", b"[]", b'{"format": 2}', b'{"format": 1, "files": 7}'])
def test_a_receipt_that_is_none_is_refused(content: bytes, fresh: Running) -> None:
    put(fresh, RECEIPT, content)
    with pytest.raises(VipdError, match="is not a receipt of this version"):
        planned(fresh)


# -- uninstall ------------------------------------------------------------------------------


def test_the_agent_hands_over_before_its_unit_goes(installed: Running) -> None:
    steps = removal(installed).steps
    assert steps[:2] == (
        Run(argv=("systemctl", "stop", "vipd.service", "vipd@*.service")),
        Run(argv=("systemctl", "disable", "vipd.service", "vipd@.service"), must=False),
    )
    assert Remove(path=UNIT) in steps
    assert steps[-1] == RELOAD


def test_nothing_is_left_but_what_is_the_administrators(installed: Running) -> None:
    plan = removal(installed)
    do(plan, installed)
    assert installed.root
    left = {path for path in installed.root.rglob("*") if path.is_file()}
    assert left == {installed.root / "etc/vipd/vipd.toml"}
    assert not installed.has(LOCAL / "share/doc/vipd")
    assert not installed.has(LOCAL / "share/vipd")
    (note,) = plan.notes
    assert note.startswith("Left: /etc/vipd, the user vipd, the group vipd-admin; --purge removes")


def test_what_was_changed_is_left(installed: Running) -> None:
    put(installed, UNIT, b"mine")
    plan = removal(installed)
    do(plan, installed)
    assert plan.notes[0] == f"{UNIT} was changed since it was installed, and is left."
    assert installed.content(UNIT) == b"mine"


def test_a_purge_leaves_nothing(installed: Running) -> None:
    put(installed, Path("/var/lib/vipd/maintenance.json"), b"{}")
    plan = removal(installed, purge=True)
    assert plan.steps[-4:] == (
        Remove(path=Path("/etc/vipd"), whole=True),
        Remove(path=Path("/var/lib/vipd"), whole=True),
        Run(argv=("userdel", "vipd"), must=False),
        Run(argv=("groupdel", "vipd-admin"), must=False),
    )
    do(plan, installed)
    assert installed.root
    assert [path for path in installed.root.rglob("*") if path.is_file()] == []


def test_a_directory_of_others_stays(installed: Running) -> None:
    put(installed, LOCAL / "share/doc/vipd/notes.txt", b"mine")
    plan = removal(installed)
    assert Prune(path=LOCAL / "share/doc/vipd") in plan.steps
    do(plan, installed)
    assert installed.content(LOCAL / "share/doc/vipd/notes.txt") == b"mine"


def test_what_was_never_installed_cannot_be_removed(fresh: Running) -> None:
    with pytest.raises(VipdError, match="nothing is installed below /usr/local"):
        removal(fresh)
