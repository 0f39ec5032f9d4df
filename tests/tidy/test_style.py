"""What a reader trips over, counted. A limit may be lowered; to raise one is to give up on it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

ROOT = Path(__file__).parents[2]
PACKAGE = sorted((ROOT / "vipd").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

LONGEST_FILE = 400
LONGEST_FUNCTION = 40
MEDIAN_FUNCTION = 9
NINETIETH_FUNCTION = 25

MARKERS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|NotImplementedError|print\(.*DEBUG|breakpoint\(")
UNNAMED = {"manager", "helper", "helpers", "util", "utils", "misc", "common"}


def functions() -> Iterator[tuple[str, int]]:
    """Every function of the package and how many lines of code it has, docstring aside."""
    for file in PACKAGE:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{file.relative_to(ROOT)}:{node.lineno} {node.name}", length(node)


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = node.body[1:] if ast.get_docstring(node) else node.body
    if not body:
        return 1
    return (body[-1].end_lineno or 0) - body[0].lineno + 2


def test_files_can_be_read_in_one_sitting() -> None:
    lengths = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in PACKAGE}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_functions_do_one_thing() -> None:
    lengths = dict(functions())
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FUNCTION} == {}
    assert median(lengths.values()) <= MEDIAN_FUNCTION
    assert quantiles(lengths.values(), n=10)[-1] <= NINETIETH_FUNCTION


def test_nothing_is_left_for_later_in_the_code() -> None:
    here = Path(__file__)
    left = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for file in [*PACKAGE, *TESTS]
        if file != here
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if MARKERS.search(line)
    ]
    assert left == []


def test_every_file_has_a_name_that_says_something() -> None:
    assert [str(file) for file in PACKAGE if file.stem in UNNAMED] == []


def test_every_module_says_what_it_is() -> None:
    silent = [
        str(file.relative_to(ROOT))
        for file in [*PACKAGE, *TESTS]
        if file.read_text(encoding="utf-8").strip()
        and not ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_tests_wait_on_conditions_and_not_on_the_clock() -> None:
    sleepers = [
        str(file.relative_to(ROOT))
        for file in TESTS
        if file != Path(__file__)
        and re.search(r"\btime\.sleep\(|asyncio\.sleep\([^0)]", file.read_text())
    ]
    assert sleepers == []
