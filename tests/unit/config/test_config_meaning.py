"""Every key of every table of the file is explained, and its default is the one that holds."""

from __future__ import annotations

import json
import tomllib

import pytest

from vipd.config.explain_file import explain_table
from vipd.config.load import MINIMAL, parse
from vipd.config.meaning import MEANINGS, Table
from vipd.config.schema import Agent, Instance


@pytest.mark.parametrize("table", MEANINGS, ids=lambda table: table.__name__)
def test_every_key_is_explained_and_no_other(table: Table) -> None:
    assert list(MEANINGS[table]) == list(table.__struct_fields__)
    for key in explain_table(table):
        assert key.about.endswith((".", "?"))
        assert key.about[0].isupper()
        assert key.takes
        assert key.default


def written(table: Table) -> str:
    """A table with every default that may be written without another key beside it."""
    keys = {key.name: key.default for key in explain_table(table)}
    return "".join(
        f"{name} = {default}\n"
        for name, default in keys.items()
        if default[0] in '"0123456789' or default in ("true", "false")
        if name not in ("unicast_ttl", "min_ttl", "probe_hold_max")
    )


def test_the_defaults_that_are_told_are_those_that_hold() -> None:
    needed = tomllib.loads(MINIMAL)["instance"]["web"]
    required = "".join(f"{key} = {json.dumps(value)}\n" for key, value in needed.items())
    instance = f"[instance.web]\n{required}{written(Instance)}"
    told = parse(f"[agent]\n{written(Agent)}\n{instance}", "told", {})
    assert told == parse(MINIMAL, "usual", {})
    assert written(Instance).count("\n") >= 10
