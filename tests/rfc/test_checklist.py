"""Which sentences of the RFCs have a test: every line of the project's checklist, or why not.

The checklist numbers what RFC 9568, 5798, 3768 and 2338 require, 1 to 139. A test says which lines
it answers: in its name (`test_line_31_...`) or at the beginning of its docstring ("78, §6.4.3").
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]
LINES = range(1, 140)

HERE = [*TESTS.glob("rfc/test_*.py"), TESTS / "system/test_rfc_wire.py"]

VIRTUAL_MAC = "system/test_virtual_mac.py, inside/test_net_virtual_mac.py"

ELSEWHERE = {
    **dict.fromkeys((25, 62, 99, 101, 108, 109, 110, 111), VIRTUAL_MAC),
    27: "unit/agent/test_runtime.py: a new priority is in the next advert",
    38: "unit/agent/test_runtime.py: packets for nobody here",
    45: "unit/agent/test_runtime.py: an invalid packet changes nothing",
    51: "unit/agent/test_runtime.py: our own packet come back",
    52: "unit/wire/test_vrrp_v2.py: what a receiver refuses",
    53: "unit/wire/test_vrrp_v2.py: what a receiver refuses",
    54: "unit/wire/test_vrrp_v2.py: what a receiver refuses",
    112: "system/test_agent.py: what a killed agent left; inside/test_net_address.py",
    129: "unit/wire/test_vrrp_v2.py, unit/config/test_config_coherence.py",
    130: "unit/agent/test_runtime.py: another interval is refused with both numbers",
    131: "rfc/test_rfc3768_machine.py, unit/wire/test_vrrp_v2.py",
    132: "unit/wire/test_vrrp_v2.py: types other than 0 and 1 are refused; AH is not spoken",
    139: "system/test_agent.py and interop: the form with a pseudo-header is sent first",
}

KERNEL = "the kernel's work, which vipd does not replace"
ROUTER = "for routers: vipd moves addresses of hosts, it does not route"
DUAL = "VRRPv2 and VRRPv3 at once: vipd speaks one of them per instance"
OPEN = "the RFCs are silent or disagree; nothing to assert"

WITHOUT = {
    28: KERNEL,
    30: OPEN,
    48: "raw sockets deliver what the kernel has checked; the header is cut off by net/advert.py",
    49: KERNEL,
    61: ROUTER,
    71: "the kernel joins the solicited-node group with the address",
    73: ROUTER,
    74: ROUTER,
    92: "an advisory log line, not written",
    98: "the kernel joins the solicited-node group when the address is claimed, before the NA",
    100: "nothing is announced before the claim has succeeded: rfc/test_rfc_machine_master.py",
    102: "nothing is announced before the claim has succeeded: rfc/test_rfc_machine_master.py",
    103: KERNEL,
    104: ROUTER,
    106: OPEN,
    107: "addresses are installed without duplicate detection: inside/test_net_address.py",
    113: "the addresses are for services on this host: Accept_Mode is always true",
    114: "Accept_Mode is always true",
    115: ROUTER,
    116: ROUTER,
    122: DUAL,
    123: DUAL,
    124: DUAL,
    125: DUAL,
    126: DUAL,
    127: "advice to people",
    128: "advice to people",
    133: ROUTER,
    135: OPEN,
    136: OPEN,
    138: OPEN,
}


def answered_lines() -> Iterator[int]:
    """The lines that the tests of the RFCs name."""
    for file in HERE:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                in_name = re.match(r"test_lines?_((?:\d+_)+)", node.name)
                yield from map(int, re.findall(r"\d+", in_name.group(1) if in_name else ""))
                in_docstring = re.match(r"\d+(?:, \d+)*(?=[,:])", ast.get_docstring(node) or "")
                yield from map(int, re.findall(r"\d+", in_docstring[0] if in_docstring else ""))


def test_every_line_has_a_test_or_a_reason(record_property: Callable[[str, object], None]) -> None:
    answered = set(answered_lines()) | ELSEWHERE.keys()
    assert answered & WITHOUT.keys() == set()
    assert sorted(set(LINES) - answered - WITHOUT.keys()) == []
    text = f"{len(answered)} lines with a test, {len(WITHOUT)} without one, each with its reason"
    record_property("figure", f"RFC checklist: {text}")


def test_what_is_said_to_be_tested_elsewhere_is_there() -> None:
    named = {name for text in ELSEWHERE.values() for name in re.findall(r"\b[\w/]+\.py", text)}
    assert [name for name in sorted(named) if not (TESTS / name).exists()] == []
