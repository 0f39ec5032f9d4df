"""The JSON that scripts read, as JSON Schema in docs/schema, and that what is said keeps to it.

`VIPD_GOLDEN=write pytest tests/golden/test_json_schema.py` writes the schemas anew. The keys are a
contract: what was there must still be there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import jsonschema
import msgspec
import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from made_agent import MAINTENANCE, MadeAgent, report, transition
from status_samples import DETAILS, TABLES

from vipd.cli.main import cli
from vipd.control.messages import (
    ChangeReport,
    HistoryReply,
    KeyReport,
    OrderReply,
    OutcomeReport,
    ReloadReply,
)
from vipd.control.report import AgentReport, ConfigReport, EventReport, to_indented_json
from vipd.core.model import State

DIRECTORY = Path(__file__).parents[2] / "docs" / "schema"

Schema: TypeAlias = dict[str, Any]

TITLES: dict[str, tuple[type[msgspec.Struct], str]] = {
    "status": (AgentReport, "What `vipd status --json` prints"),
    "event": (EventReport, "A line of `vipd events --json`"),
    "history": (HistoryReply, 'The answer to {"command": "history"} on the control socket'),
    "order": (OrderReply, "The answer to an order on the control socket"),
    "reload": (ReloadReply, 'The answer to {"command": "reload"} on the control socket'),
}


def schema_of(name: str) -> Schema:
    """What the structs say."""
    struct, title = TITLES[name]
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
    schema: Schema = json.loads(msgspec.json.encode(head | msgspec.json.schema(struct)))
    return schema


def written(name: str) -> Schema:
    """What the repository says."""
    schema: Schema = json.loads((DIRECTORY / f"{name}.json").read_text())
    return schema


def keys_of(schema: Schema) -> set[str]:
    """Every key of every struct."""
    return {f"{name}.{key}" for name, struct in schema["$defs"].items()
            for key in struct.get("properties", ())}  # fmt: skip


@pytest.mark.parametrize("name", TITLES)
def test_the_schema_is_that_of_the_structs_and_no_key_is_gone(name: str) -> None:
    file, schema = DIRECTORY / f"{name}.json", schema_of(name)
    if os.environ.get("VIPD_GOLDEN") == "write":
        before = keys_of(written(name)) if file.exists() else set()
        assert before <= keys_of(schema), "a script may read the keys that are gone"
        file.write_text(json.dumps(schema, indent=2) + "\n")
    assert written(name) == schema


def test_every_schema_is_one_and_belongs_to_a_struct() -> None:
    assert {file.stem for file in DIRECTORY.iterdir()} == set(TITLES)
    for name in TITLES:
        Draft202012Validator.check_schema(written(name))


def validate(name: str, document: object) -> None:
    jsonschema.validate(document, written(name), cls=Draft202012Validator)


@pytest.mark.parametrize("name", [*TABLES, *DETAILS])
def test_every_made_up_report_keeps_to_the_schema(name: str) -> None:
    validate("status", json.loads(to_indented_json({**TABLES, **DETAILS}[name])))


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[MadeAgent]:
    made = MadeAgent(tmp_path / "control.sock")
    made.events = [transition(1, "web", State.BACKUP, State.MASTER, 60, "no advert for 3.414 s")]
    with made.running() as agent:
        yield agent


def printed(agent: MadeAgent, *arguments: str) -> str:
    return CliRunner().invoke(cli, [*arguments, "--socket", str(agent.socket)]).stdout


def test_what_the_command_prints_keeps_to_the_schema(agent: MadeAgent) -> None:
    config = ConfigReport(file="vipd.toml", loaded_at=agent.report.generated_at, refused="no")
    agent.report = report(maintenance=MAINTENANCE, config=config, warnings=("the clock jumps",))
    document = json.loads(printed(agent, "status", "--json"))
    validate("status", document)
    assert document["maintenance"]["reason"] == "new kernel"
    assert document["instances"][0]["peers"][0]["ready"] is True


def test_what_the_schema_does_not_allow_is_found(agent: MadeAgent) -> None:
    document = json.loads(printed(agent, "status", "--json"))
    document["instances"][0]["state"] = "ACTIVE"
    with pytest.raises(jsonschema.ValidationError, match="'ACTIVE' is not one of"):
        validate("status", document)


def test_an_event_and_the_history_keep_to_the_schema(agent: MadeAgent) -> None:
    (event,) = agent.events
    validate("event", json.loads(msgspec.json.encode(event)))
    reply = HistoryReply(node="alpha", events=(event,), missed=1)
    validate("history", json.loads(msgspec.json.encode(reply)))


def test_the_answers_to_orders_keep_to_the_schema() -> None:
    outcome = OutcomeReport(instance="web", done=True, text="beta serves")
    order = OrderReply(text="done", outcomes=(outcome,))
    validate("order", json.loads(msgspec.json.encode(order)))
    key = KeyReport(key="priority", old="100", new=None)
    change = ChangeReport(section="instance", name="web", verdict="changed", keys=(key,))
    reply = ReloadReply(file="vipd.toml", applied=True, changes=(change,))
    validate("reload", json.loads(msgspec.json.encode(reply)))
