"""What the lab says where it cannot be: which package is missing, which setting forbids it."""

from __future__ import annotations

from pathlib import Path

import pytest

from vipd.errors import VipdError
from vipd.lab.namespace import environment, find_programs, refused


def sysctls(root: Path, **values: str) -> Path:
    for name, value in values.items():
        file = root / name.replace("__", "/")
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"{value}\n")
    return root


def test_a_missing_program_is_named_with_its_package(tmp_path: Path) -> None:
    for name in ("unshare", "nsenter", "setpriv", "hostname"):
        (tmp_path / name).touch(mode=0o755)
    with pytest.raises(VipdError) as caught:
        find_programs(str(tmp_path))
    assert str(caught.value) == (
        "the lab needs ip, bridge, not found here: apt-get install iproute2"
    )


def test_every_missing_package_is_named_once(tmp_path: Path) -> None:
    with pytest.raises(VipdError, match=r"apt-get install hostname iproute2 util-linux$"):
        find_programs(str(tmp_path))


@pytest.mark.parametrize(
    ("values", "command"),
    [
        ({"user__max_user_namespaces": "0"}, "sudo sysctl user.max_user_namespaces=15000"),
        ({"user__max_net_namespaces": "0"}, "sudo sysctl user.max_net_namespaces=15000"),
        (
            {"kernel__unprivileged_userns_clone": "0", "user__max_user_namespaces": "0"},
            (
                "sudo sysctl kernel.unprivileged_userns_clone=1 && "
                "sudo sysctl user.max_user_namespaces=15000"
            ),
        ),
        (
            {"kernel__apparmor_restrict_unprivileged_userns": "1"},
            "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0",
        ),
    ],
)
def test_a_user_learns_which_setting_forbids_it(
    tmp_path: Path, values: dict[str, str], command: str
) -> None:
    said = refused("unshare: no", root=False, sysctls=sysctls(tmp_path, **values))
    assert said == (
        f"cannot make network namespaces (unshare: no): allow it with `{command}`, "
        "or run this as root"
    )


def test_where_no_setting_forbids_it_root_is_the_way_out(tmp_path: Path) -> None:
    good = sysctls(tmp_path, user__max_user_namespaces="1", kernel__unprivileged_userns_clone="1")
    assert refused("no", root=False, sysctls=good).endswith("to root only; run this as root")


def test_root_in_a_container_is_told_so(tmp_path: Path) -> None:
    closed = sysctls(tmp_path, kernel__unprivileged_userns_clone="0")
    said = refused("no", root=True, sysctls=closed)
    assert said.endswith("run this on the host itself, or give the container --privileged")


def test_root_may_be_limited_too(tmp_path: Path) -> None:
    closed = sysctls(tmp_path, user__max_net_namespaces="0")
    said = refused("no", root=True, sysctls=closed)
    assert said.endswith("allow it with `sudo sysctl user.max_net_namespaces=15000`")


def test_the_lab_is_not_tied_to_the_service_that_runs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "RUNTIME_DIRECTORY", "STATE_DIRECTORY"):
        monkeypatch.setenv(name, "/elsewhere")
    monkeypatch.setenv("LANG", "C.UTF-8")
    inherited = environment()
    assert "/elsewhere" not in inherited.values()
    assert inherited["LANG"] == "C.UTF-8"
    assert inherited["PATH"].endswith(":/usr/sbin:/sbin")
