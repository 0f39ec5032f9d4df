"""What hooks are told: variables, JSON, and keepalived's four words."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import ip_address, ip_interface

import pytest

from vipd.agent.hook_occasion import (
    Facts,
    Occasion,
    Subject,
    SubjectKind,
    document_of,
    environment_of,
    keepalived_line,
    keepalived_words,
)
from vipd.core.actions import ReportTransition
from vipd.core.cause import Cause, CauseCode
from vipd.core.config import HookMoment
from vipd.core.model import State

WEB = Subject(kind=SubjectKind.INSTANCE, name="web", interface="eth0", vrid=51, group="edge")
TOOK_OVER = Occasion(
    subject=WEB,
    number=7,
    report=ReportTransition(
        old=State.BACKUP,
        new=State.MASTER,
        cause=Cause(CauseCode.MASTER_SILENT, "no advert from 192.0.2.12 for 3.414 s"),
    ),
    facts=Facts(
        priority=150,
        addresses=(ip_interface("192.0.2.100/24"), ip_interface("2001:db8::100/64")),
        peer=ip_address("192.0.2.12"),
    ),
    skipped=2,
)
GROUP = replace(
    TOOK_OVER,
    subject=Subject(kind=SubjectKind.GROUP, name="edge"),
    facts=Facts(priority=150),
)


def test_every_fact_is_a_variable() -> None:
    assert environment_of(HookMoment.ON_MASTER, TOOK_OVER) == {
        "VIPD_MOMENT": "on_master",
        "VIPD_SEQUENCE": "7",
        "VIPD_SKIPPED": "2",
        "VIPD_INSTANCE": "web",
        "VIPD_GROUP": "edge",
        "VIPD_OLD": "BACKUP",
        "VIPD_NEW": "MASTER",
        "VIPD_CAUSE": "no advert from 192.0.2.12 for 3.414 s",
        "VIPD_CAUSE_CODE": "master_silent",
        "VIPD_PRIORITY": "150",
        "VIPD_ADDRESSES": "192.0.2.100/24 2001:db8::100/64",
        "VIPD_INTERFACE": "eth0",
        "VIPD_VRID": "51",
        "VIPD_PEER": "192.0.2.12",
    }


def test_what_does_not_apply_is_an_empty_variable() -> None:
    """A script with `set -u` must not fail for it."""
    variables = environment_of(HookMoment.ON_ANY, GROUP)
    assert set(variables) == set(environment_of(HookMoment.ON_ANY, TOOK_OVER))
    empty = {name for name, value in variables.items() if not value}
    assert empty == {
        "VIPD_INSTANCE", "VIPD_ADDRESSES", "VIPD_INTERFACE", "VIPD_VRID", "VIPD_PEER",
    }  # fmt: skip


def test_a_text_that_the_kernel_would_cut_is_told_without_what_cuts_it() -> None:
    cause = Cause(CauseCode.CLAIM_FAILED, "refused\0 by the kernel")
    told = replace(TOOK_OVER, report=replace(TOOK_OVER.report, cause=cause))
    assert environment_of(HookMoment.ON_ANY, told)["VIPD_CAUSE"] == "refused by the kernel"


def test_the_document_is_one_line_of_json_with_the_same_facts() -> None:
    text = document_of(HookMoment.ON_MASTER, TOOK_OVER)
    assert text.endswith(b"}\n")
    assert text.count(b"\n") == 1
    document = json.loads(text)
    assert {f"VIPD_{key.upper()}" for key in document} == set(
        environment_of(HookMoment.ON_MASTER, TOOK_OVER)
    )
    assert document["addresses"] == ["192.0.2.100/24", "2001:db8::100/64"]
    assert (document["vrid"], document["priority"], document["sequence"]) == (51, 150, 7)
    assert json.loads(document_of(HookMoment.ON_MASTER, GROUP))["peer"] is None


@pytest.mark.parametrize(
    ("new", "word"),
    [
        (State.MASTER, "MASTER"),
        (State.BACKUP, "BACKUP"),
        (State.FAULT, "FAULT"),
        (State.INIT, "STOP"),
    ],
)
def test_keepalived_says_it_in_four_words(new: State, word: str) -> None:
    told = replace(TOOK_OVER, report=replace(TOOK_OVER.report, new=new))
    assert keepalived_words(told) == ("INSTANCE", "web", word, "150")
    assert keepalived_line(told) == f'INSTANCE "web" {word} 150\n'


def test_keepalived_gives_a_group_no_priority() -> None:
    assert keepalived_words(GROUP) == ("GROUP", "edge", "MASTER", "0")
    assert keepalived_line(GROUP) == 'GROUP "edge" MASTER 0\n'
