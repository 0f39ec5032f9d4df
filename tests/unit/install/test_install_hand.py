"""The steps, done; and the program that a service may run."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from vipd.errors import VipdError
from vipd.install.hand import carry_out
from vipd.install.host import Host
from vipd.install.material import below, material
from vipd.install.program import own_program, require_sound
from vipd.install.step import Make, Prune, Remove, Run, Write

HERE = Host()


def test_a_file_is_readable_for_all_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        carry_out(Write(path=tmp_path / "a/b", content=b"x"), HERE)
    finally:
        os.umask(before)
    assert (tmp_path / "a/b").read_bytes() == b"x"
    assert (tmp_path / "a/b").stat().st_mode & 0o777 == 0o644
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("theirs")
    (tmp_path / "link").symlink_to("target")
    carry_out(Write(path=tmp_path / "link", content=b"ours"), HERE)
    assert (tmp_path / "target").read_text() == "theirs"


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(VipdError, match=f"{tmp_path}/file: (Not a directory|File exists)"):
        carry_out(Write(path=tmp_path / "file/b", content=b""), HERE)


def test_a_directory_has_the_mode_that_is_wanted(tmp_path: Path) -> None:
    carry_out(Make(path=tmp_path / "etc/vipd", mode=0o2750), HERE)
    assert (tmp_path / "etc/vipd").stat().st_mode & 0o7777 == 0o2750


def test_only_an_empty_directory_is_pruned(tmp_path: Path) -> None:
    for name in ("empty", "full"):
        (tmp_path / name).mkdir()
    (tmp_path / "full/file").write_text("")
    carry_out(Prune(path=tmp_path / "empty"), HERE)
    carry_out(Prune(path=tmp_path / "full"), HERE)
    assert [path.name for path in tmp_path.iterdir()] == ["full"]
    carry_out(Remove(path=tmp_path / "full", whole=True), HERE)
    assert [*tmp_path.iterdir()] == []


def test_a_program_that_fails_ends_it_if_it_must() -> None:
    argv = ("sh", "-c", "echo no; exit 3")
    with pytest.raises(VipdError, match=r"failed with exit code 3:\nno"):
        carry_out(Run(argv=argv), HERE)
    assert carry_out(Run(argv=argv, must=False), HERE) == f"{' '.join(argv)}: no"
    assert carry_out(Run(argv=("true",)), HERE) is None


def test_a_missing_program_is_named() -> None:
    with pytest.raises(VipdError, match="/no/such: No such file"):
        carry_out(Run(argv=("/no/such",)), HERE)


def test_the_material_is_there() -> None:
    assert [name for name, _ in below(".", ".service")] == ["vipd.service", "vipd@.service"]
    assert material().is_dir()


# -- the program ----------------------------------------------------------------------------


def test_the_program_is_the_one_that_runs() -> None:
    assert own_program() == Path(sys.executable).with_name("vipd").resolve()


def test_a_program_that_the_sandbox_hides_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VipdError) as caught:
        require_sound(Path("/root/.local/bin/vipd"))
    assert str(caught.value).startswith(
        "/root/.local/bin/vipd is not there for the service: its sandbox hides /root.\n"
        "Install vipd where every user can run it"
    )
    link = tmp_path / "vipd"
    link.symlink_to("/home/me/vipd")
    with pytest.raises(VipdError, match="its sandbox hides /"):
        require_sound(link)


def test_a_program_that_is_not_there_is_refused() -> None:
    with pytest.raises(VipdError, match="the service cannot rely on /no/vipd: cannot be reached"):
        require_sound(Path("/no/vipd"))
