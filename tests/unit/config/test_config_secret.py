"""Passwords that stand in files of their own: where they are looked for, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vipd.config.change import differences
from vipd.config.host import load_checked
from vipd.config.load import load
from vipd.config.model import Config
from vipd.config.secret import LARGEST
from vipd.config.transfer import pack, unpack
from vipd.errors import ConfigError

SECRET = "s3cret-7"


def source(auth: str = 'password_file = "web.password"', *more: str) -> str:
    return "\n".join(
        (
            "[instance.web]",
            'interface = "eth0"',
            "vrid = 51",
            'addresses = ["192.0.2.100/24"]',
            "version = 2",
            f'auth = {{ type = "pass", {auth} }}',
            *more,
        )
    )


def redis(*lines: str) -> tuple[str, ...]:
    return ("[track.store]", 'type = "redis"', *lines)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration that names a password beside it, which is there."""
    path = tmp_path / "vipd.toml"
    path.write_text(source(), encoding="utf-8")
    (tmp_path / "web.password").write_text(f"{SECRET}\n", encoding="utf-8")
    return path


def password_of(file: Path, **environ: str) -> bytes | None:
    config, _ = load_checked(file, environ)
    return config.instances[0].password


def problems_of(file: Path, **environ: str) -> list[tuple[str, str]]:
    with pytest.raises(ConfigError) as caught:
        load_checked(file, environ)
    assert SECRET not in str(caught.value)
    return [(one.path, one.problem) for one in caught.value.problems]


# -- where it is ----------------------------------------------------------------------------


def test_a_name_is_looked_for_beside_the_configuration(file: Path) -> None:
    assert password_of(file) == SECRET.encode()


def test_what_systemd_hands_over_goes_first(file: Path, tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    assert password_of(file, CREDENTIALS_DIRECTORY=str(credentials)) == SECRET.encode()
    (credentials / "web.password").write_text("other", encoding="utf-8")
    assert password_of(file, CREDENTIALS_DIRECTORY=str(credentials)) == b"other"


def test_a_path_means_that_file(file: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("there\r\n", encoding="utf-8")
    file.write_text(source(f'password_file = "{tmp_path}/elsewhere"'), encoding="utf-8")
    assert password_of(file, CREDENTIALS_DIRECTORY="/nowhere") == b"there"


def test_a_tracker_has_its_password_from_a_file_too(file: Path, tmp_path: Path) -> None:
    file.write_text(source('password = "x"', *redis('password_file = "redis"')), encoding="utf-8")
    (tmp_path / "redis").write_text(" a b \n", encoding="utf-8")
    config, _ = load_checked(file, {})
    assert config.trackers[0].options["password"] == " a b "
    assert "password_file" not in config.trackers[0].options


def test_the_agent_gets_it_from_the_process_that_reads(file: Path) -> None:
    config, _ = load_checked(file, {})
    assert received(pack(config)).instances[0].password == SECRET.encode()


def received(packed: bytes) -> Config:
    """What the agent makes of the answer, step by step."""
    steps = unpack(packed, "f")
    while True:
        try:
            next(steps)
        except StopIteration as end:
            config: Config = end.value
            return config


def test_another_password_in_the_file_is_a_change_that_is_not_shown(
    file: Path, tmp_path: Path
) -> None:
    was, _ = load_checked(file, {})
    (tmp_path / "web.password").write_text("other", encoding="utf-8")
    will, _ = load_checked(file, {})
    (found,) = differences(was.instances[0], will.instances[0])
    assert (found.key, found.old, found.new) == ("auth.password", None, None)


# -- who needs it ---------------------------------------------------------------------------


def test_who_only_looks_at_a_configuration_needs_no_password(file: Path, tmp_path: Path) -> None:
    (tmp_path / "web.password").unlink()
    file.write_text(source("password_file = 'a'", *redis("password_file = 'b'")), encoding="utf-8")
    config = load(file, {})
    assert config.instances[0].password is not None
    assert config.trackers[0].options["password"]


# -- what is refused ------------------------------------------------------------------------


def test_a_file_that_is_not_there_is_named_with_every_place(file: Path, tmp_path: Path) -> None:
    (tmp_path / "web.password").unlink()
    places = f"/nowhere/web.password or {tmp_path}/web.password"
    assert problems_of(file, CREDENTIALS_DIRECTORY="/nowhere") == [
        ("instance.web.auth.password_file", f"does not exist: {places}")
    ]


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda path: path.write_bytes(b"\n"), "{path} is empty"),
        (lambda path: path.write_bytes(b"\xff"), "{path} is not UTF-8 text"),
        (lambda path: path.write_bytes(b"x" * (LARGEST + 1)), "{path} is larger than 4096 bytes"),
        (lambda path: path.write_bytes(b"x" * 9), "must have 1 to 8 bytes, this one has 9"),
        (_directory, "{path} cannot be read: Is a directory"),
    ],
)
def test_what_is_no_password_is_refused(
    spoil: Callable[[Path], None], problem: str, file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "web.password"
    spoil(path)
    where = "instance.web.auth.password_file"
    assert problems_of(file) == [(where, problem.format(path=path))]


@pytest.mark.parametrize(
    ("auth", "problems"),
    [
        (
            'password = "a", password_file = "web.password"',
            [("instance.web.auth.password_file", "stands beside password")],
        ),
        (
            'password_file = "sub/web.password"',
            [
                (
                    "instance.web.auth.password_file",
                    'must be a name or the absolute path of a file, not "sub/web.password"',
                )
            ],
        ),
        (
            "password_file = 7",
            [("instance.web.auth.password_file", "must be a string, not the integer 7")],
        ),
        ('pasword_file = "a"', [("instance.web.auth.pasword_file", "unknown key")]),
    ],
)
def test_wrong_keys_are_told_once(auth: str, problems: list[tuple[str, str]], file: Path) -> None:
    file.write_text(source(auth), encoding="utf-8")
    assert problems_of(file) == problems


def test_one_of_the_two_keys_is_needed(file: Path) -> None:
    file.write_text(source().replace(', password_file = "web.password"', ""), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(file, {})
    (problem,) = caught.value.problems
    assert (problem.path, problem.problem) == ("instance.web.auth.password", "is missing")
    assert problem.hint == 'write password = "...", or password_file = "web.password"'


def test_a_tracker_with_both_is_refused(file: Path) -> None:
    keys = redis('password = "a"', 'password_file = "redis"')
    file.write_text(source('password = "x"', *keys), encoding="utf-8")
    assert problems_of(file) == [("track.store.password_file", "stands beside password")]
