"""What `nft -j list ruleset` says, as tables. Source: libnftables-json(5).

The text of the rules comes from `nft -a list ruleset`, where each has the handle that it has in the
JSON. The devices of an ingress chain stand there too: older versions leave them out of the JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from vipd.doctor.ruleset.expression import condition, conditions_of_element
from vipd.doctor.ruleset.model import (
    HARMLESS_TARGETS,
    UNKNOWN,
    Base,
    Chain,
    Condition,
    Effect,
    Hook,
    Rule,
    Table,
)

Object: TypeAlias = Mapping[str, Any]
Named: TypeAlias = Mapping[str, Sequence[Any]]
"""The elements of the sets and maps of one table."""

PROGRAM = "nft"

_VERDICTS = {
    "accept": Effect.ACCEPT,
    "drop": Effect.DROP,
    "reject": Effect.DROP,
    "queue": Effect.EITHER,
    "return": Effect.RETURN,
    "jump": Effect.JUMP,
    "goto": Effect.GOTO,
    "continue": Effect.NOTHING,
    "fwd": Effect.DROP,
    "synproxy": Effect.DROP,
    "tproxy": Effect.ACCEPT,
    "dnat": Effect.ACCEPT,
    "snat": Effect.ACCEPT,
    "masquerade": Effect.ACCEPT,
    "redirect": Effect.ACCEPT,
    "notrack": Effect.UNTRACK,
}
"""What ends the way of a packet through a chain, or changes it."""

_MAY_STOP = {"limit", "quota", "ct count"}
"""Statements behind which a rule goes on, or does not."""

_TABLE = re.compile(r"^table (?P<family>\w+) (?P<name>\S+) \{")
_CHAIN = re.compile(r"^\tchain (?P<name>\S+) \{")
_RULE = re.compile(r"^\t\t(?P<text>.*?) # handle (?P<handle>\d+)$")
_DEVICES = re.compile(r"\bdevices? = ?\{(?P<many>[^}]*)\}|\bdevice \"?(?P<one>[^\s\";]+)\"?")
_COUNTER = re.compile(r"\s*\bcounter packets \d+ bytes \d+")


def tables(document: str, listing: str) -> tuple[Table, ...]:
    """Read both forms of one rule set. Raises: ValueError, when it is not one."""
    objects = _objects(document)
    texts, devices = _texts(listing), _devices(listing)
    named = _named(objects)
    chains: dict[tuple[str, str], dict[str, Chain]] = {}
    rules: dict[tuple[str, str, str], list[Rule]] = {}
    for kind, one in objects:
        place = (one.get("family", ""), one.get("table", ""))
        if kind == "table":
            chains.setdefault((one["family"], one["name"]), {})
        elif kind == "chain":
            base = _base(one, devices.get((*place, one["name"]), ()))
            chains.setdefault(place, {})[one["name"]] = Chain(name=one["name"], base=base)
        elif kind == "rule":
            text = texts.get((*place, one["handle"])) or f"rule {one['handle']}"
            found = _rules(one, text, named.get(place, {}))
            rules.setdefault((*place, one["chain"]), []).extend(found)
    return tuple(
        Table(
            program=PROGRAM,
            family=place[0],
            name=place[1],
            chains={
                name: replace(chain, rules=tuple(rules.get((*place, name), ())))
                for name, chain in found.items()
            },
        )
        for place, found in chains.items()
    )


def _objects(document: str) -> list[tuple[str, Object]]:
    read = json.loads(document)
    if not isinstance(read, dict) or not isinstance(read.get("nftables"), list):
        raise ValueError("it is no rule set of nftables")
    return [item for each in read["nftables"] for item in each.items()]


def _named(objects: Iterable[tuple[str, Object]]) -> dict[tuple[str, str], dict[str, Any]]:
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for kind, one in objects:
        if kind in ("set", "map"):
            place = (one["family"], one["table"])
            found.setdefault(place, {})[one["name"]] = one.get("elem", [])
    return found


# -- what only the listing says -----------------------------------------------------------------


def _texts(listing: str) -> dict[tuple[str, str, int], str]:
    """The text of every rule by the family and the name of its table, and its handle."""
    found = {}
    for table, _, line in _lines(listing):
        if rule := _RULE.match(line):
            text = _COUNTER.sub("", rule["text"]).strip()
            found[(*table, int(rule["handle"]))] = text
    return found


def _devices(listing: str) -> dict[tuple[str, str, str], tuple[str, ...]]:
    found = {}
    for table, chain, line in _lines(listing):
        if line.startswith("\t\ttype ") and (said := _DEVICES.search(line)):
            names = said["one"] or said["many"].replace(",", " ")
            found[(*table, chain)] = tuple(name.strip('"') for name in names.split())
    return found


def _lines(listing: str) -> Iterator[tuple[tuple[str, str], str, str]]:
    """Every line with the table and the chain that it stands in."""
    table, chain = ("", ""), ""
    for line in listing.splitlines():
        if opened := _TABLE.match(line):
            table = (opened["family"], opened["name"])
        elif opened := _CHAIN.match(line):
            chain = opened["name"]
        yield table, chain, line


# -- chains and rules -----------------------------------------------------------------------------


def _base(one: Object, devices: tuple[str, ...]) -> Base | None:
    hooks = {hook.value for hook in Hook}
    if one.get("hook") not in hooks:
        return None
    said = one.get("dev", ())
    return Base(
        hook=Hook(one["hook"]),
        priority=int(one.get("prio", 0)),
        drops=one.get("policy") == "drop",
        devices=((said,) if isinstance(said, str) else tuple(said)) or devices,
    )


def _rules(one: Object, text: str, named: Named) -> Iterator[Rule]:
    """A rule; one with a verdict map becomes a rule for each of its elements."""
    conditions: list[Condition] = []
    for expression in one.get("expr", ()):
        kind, body = _only(expression)
        if kind == "match":
            conditions += condition(one["family"], body, named)
        elif kind == "vmap":
            yield from _of_map(one["family"], body, named, tuple(conditions), text)
        elif kind in _VERDICTS:
            yield Rule(
                text=text,
                conditions=tuple(conditions),
                effect=_VERDICTS[kind],
                target=body.get("target", "") if isinstance(body, dict) else "",
            )
        elif kind == "xt":
            if not body or (body["type"] == "target" and body["name"] not in HARMLESS_TARGETS):
                yield Rule(text=text, conditions=(*conditions, UNKNOWN), effect=Effect.EITHER)
            elif body["type"] == "match":
                conditions.append(UNKNOWN)
        elif kind in _MAY_STOP:
            conditions.append(UNKNOWN)


def _only(expression: Object) -> tuple[str, Any]:
    """The kind of an expression and what it says."""
    return next(iter(expression.items()), ("", None))


def _of_map(
    family: str, body: Object, named: Named, before: tuple[Condition, ...], text: str
) -> Iterator[Rule]:
    """Order: what stands for all the rest comes last, wherever it is written."""
    elements = body["data"]
    elements = named.get(elements[1:], ()) if isinstance(elements, str) else elements["set"]
    pairs = sorted((_pair(each) for each in elements), key=lambda pair: pair[0] == "*")
    for key, verdict in pairs:
        kind, target = _only(verdict)
        yield Rule(
            text=text,
            conditions=(*before, *conditions_of_element(family, body["key"], key, named)),
            effect=_VERDICTS.get(kind, Effect.EITHER),
            target=target["target"] if isinstance(target, dict) else "",
        )


def _pair(element: Any) -> tuple[Any, Object]:  # noqa: ANN401  (JSON has no types to name)
    """The key and the verdict of an element, whose key may carry a counter or a comment."""
    key, verdict = element
    if isinstance(key, dict) and "elem" in key:
        key = key["elem"]["val"]
    return key, verdict
