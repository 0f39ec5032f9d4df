"""`debian/libraries.py`: which part of the lock a package brings."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

TREE = Path(__file__).parents[2]
PROGRAM = TREE / "debian/libraries.py"


def chosen() -> dict[str, str]:
    """The lines of every library that is chosen, by its name."""
    said = subprocess.run([sys.executable, PROGRAM], check=True, capture_output=True, text=True)
    entries = re.split(r"^(?=\w)", said.stdout, flags=re.MULTILINE)[1:]
    return {re.split("[=;]", entry)[0].strip(): entry for entry in entries}


def declared(table: str) -> set[str]:
    """What the project itself says that it needs."""
    document = tomllib.loads((TREE / "pyproject.toml").read_text())
    lists = {
        "run": document["project"]["dependencies"],
        "dev": document["dependency-groups"]["dev"],
    }
    return {re.split("[<>=;]", one)[0].replace("_", "-") for one in lists[table]}


def test_what_the_program_needs_is_chosen_and_what_that_needs() -> None:
    names = set(chosen())
    assert declared("run") <= names
    assert "wcwidth" in names, "urwid needs it"


def test_no_tool_is_chosen_nor_what_tools_need() -> None:
    names = set(chosen())
    assert names & declared("dev") == set()
    assert names & {"pathspec", "mypy-extensions", "pluggy", "attrs"} == set()


def test_every_library_has_one_version_and_hashes() -> None:
    for name, entry in chosen().items():
        assert entry.startswith(f"{name}==")
        assert "--hash=sha256:" in entry
