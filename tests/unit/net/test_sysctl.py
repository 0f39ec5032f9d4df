"""Settings of the host: borrowed, noted, and given back, in a directory that stands for /proc."""

from __future__ import annotations

from pathlib import Path

import pytest

from vipd.net.sysctl import Loans, Sysctls

IGNORE, ANNOUNCE = "ipv4/conf/all/arp_ignore", "ipv4/conf/all/arp_announce"
WANTED = {IGNORE: 1, ANNOUNCE: 2}
GOOD = {IGNORE: frozenset({2}), ANNOUNCE: frozenset[int]()}


@pytest.fixture
def sysctls(tmp_path: Path) -> Sysctls:
    """A host where both settings are 0."""
    (tmp_path / "ipv4/conf/all").mkdir(parents=True)
    for name in WANTED:
        (tmp_path / name).write_text("0\n")
    return Sysctls(tmp_path)


def values(sysctls: Sysctls) -> tuple[int, int]:
    return sysctls.read(IGNORE), sysctls.read(ANNOUNCE)


def test_planning_changes_nothing_yet_but_tells_what_was(sysctls: Sysctls) -> None:
    loans = Loans(sysctls)
    loans.plan(WANTED, GOOD)
    assert values(sysctls) == (0, 0)
    assert str(loans) == f"{IGNORE}=0>1 {ANNOUNCE}=0>2"


def test_what_is_taken_is_given_back_once(sysctls: Sysctls) -> None:
    loans = Loans(sysctls)
    loans.plan(WANTED, GOOD)
    loans.take()
    assert values(sysctls) == (1, 2)
    loans.give_back()
    assert values(sysctls) == (0, 0)
    assert str(loans) == ""
    sysctls.set(IGNORE, 1)
    loans.give_back()
    assert values(sysctls) == (1, 0)


def test_a_second_borrower_does_not_take_the_loan_for_the_original(sysctls: Sysctls) -> None:
    loans = Loans(sysctls)
    for _ in range(2):
        loans.plan(WANTED, GOOD)
        loans.take()
    loans.give_back()
    assert values(sysctls) == (0, 0)


def test_what_is_good_already_is_left_alone(sysctls: Sysctls) -> None:
    sysctls.set(IGNORE, 2)
    loans = Loans(sysctls)
    loans.plan(WANTED, GOOD)
    assert str(loans) == f"{ANNOUNCE}=0>2"
    loans.take()
    assert values(sysctls) == (2, 2)


def test_what_somebody_set_meanwhile_is_not_taken_back(sysctls: Sysctls) -> None:
    loans = Loans(sysctls)
    loans.plan(WANTED, GOOD)
    loans.take()
    sysctls.set(ANNOUNCE, 1)
    loans.give_back()
    assert values(sysctls) == (0, 1)


def test_another_life_gives_back_what_the_text_tells(sysctls: Sysctls) -> None:
    crashed = Loans(sysctls)
    crashed.plan(WANTED, GOOD)
    crashed.take()
    loans = Loans(sysctls)
    loans.recall(f"vipd: VRID 51 on eth0 {crashed}", WANTED)
    loans.give_back()
    assert values(sysctls) == (0, 0)


@pytest.mark.parametrize(
    "text", ["", "ipv4/conf/all/forwarding=1>0", f"{IGNORE}=7>0", f"{IGNORE}=>1", "../x=1>1"]
)
def test_a_text_can_ask_for_nothing_but_what_is_borrowed(sysctls: Sysctls, text: str) -> None:
    loans = Loans(sysctls)
    loans.recall(text, WANTED)
    assert str(loans) == ""


def test_what_has_its_value_already_is_not_written(tmp_path: Path, sysctls: Sysctls) -> None:
    file = tmp_path / IGNORE
    sysctls.set(IGNORE, 0)
    assert file.read_text() == "0\n"
    sysctls.set(IGNORE, 1)
    assert file.read_text() == "1"


def test_an_unknown_setting_is_an_error_that_names_it(sysctls: Sysctls) -> None:
    with pytest.raises(FileNotFoundError, match="ipv4/conf/all/unknown"):
        sysctls.set("ipv4/conf/all/unknown", 1)
