"""From a vrrp_instance to one [instance.NAME], or to several of them that go together."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from vipd.config.keepalived import election
from vipd.config.keepalived.address import Portion, addresses, portions, tell_portions
from vipd.config.keepalived.body import Body
from vipd.config.keepalived.desk import Desk
from vipd.config.keepalived.hook import hooks
from vipd.config.keepalived.keyword_instance import INSTANCE
from vipd.config.keepalived.toml import Table, Value, value_text
from vipd.config.keepalived.tracker import Trackers
from vipd.config.keepalived.tree import Statement
from vipd.config.keepalived.unicast import Unicast, unicast
from vipd.config.text import join, write_duration
from vipd.core.model import Family, family_of

VRIDS: Final = range(1, 256)


@dataclass(slots=True, kw_only=True)
class Router:
    """What came of one vrrp_instance: its tables, by the names of instances, and its hooks."""

    name: str
    statement: Statement
    instances: dict[str, Table]
    hooks: Table | None

    @property
    def main(self) -> Table:
        """The one that has its name."""
        return next(iter(self.instances.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Common:
    """What all portions of an instance share, and what the first one has alone."""

    vrid: int
    version: int
    shared: dict[str, Value]
    first: dict[str, Value]
    unicast: Unicast


def router(
    statement: Statement, desk: Desk, trackers: Trackers, vrids: Collection[int]
) -> Router | None:
    """Read one vrrp_instance; None where nothing can come of it, which is noted.

    `vrids` are all that the file uses.
    """
    wanted = statement.values[0] if statement.values else "instance"
    name = desk.name("instance", wanted)
    body = Body(statement.entries, INSTANCE, desk.ledger, join("instance", name))
    if name != wanted:
        body.differs(statement, f"it is called {name} here")
    found = body.number("virtual_router_id", VRIDS.start, VRIDS.stop - 1)
    if found is None:
        body.dropped(statement, "it has no virtual_router_id; keepalived refuses it, too")
        return None
    body.carried(found[0], f"vrid = {found[1]}")
    every = addresses(body)
    if not every:
        how = "an instance needs an address; one that a script moves elsewhere is not vipd's"
        body.dropped(statement, how)
        return None
    interface = _interface(statement, body, desk)
    common = _common(statement, family_of(every[0].vip), found[1], interface, body, desk, trackers)
    parts = portions(every, interface, common.version, unicast=bool(common.unicast.peers))
    tell_portions(statement, parts, interface, body)
    common.unicast.tell_unheard({family_of(each.vip) for each in every}, body)
    instances = dict(_tables(name, parts, common, body, desk, vrids))
    return Router(name=wanted, statement=statement, instances=instances, hooks=hooks(body, desk))


def _interface(statement: Statement, body: Body, desk: Desk) -> str:
    found = body.value("interface")
    if found is None:
        interface = desk.settings.interface
        how = (
            f'it names no interface: "{interface}" is a guess; name the one that has the addresses'
        )
        body.differs(statement, how)
        return interface
    name = found[1].partition(":")[0]
    if name == found[1]:
        body.carried(found[0], f'interface = "{name}"')
    else:
        body.differs(found[0], f'an alias is not an interface: interface = "{name}"')
    return name


def _common(
    statement: Statement,
    family: Family,
    vrid: int,
    interface: str,
    body: Body,
    desk: Desk,
    trackers: Trackers,
) -> _Common:
    spoken = election.version(statement, family, body, desk.settings)
    stands = election.priority(body)
    shared: dict[str, Value] = {"priority": stands}
    if (interval := election.interval(body, spoken)) is not None:
        shared["advert_interval"] = write_duration(interval)
    shared |= election.preemption(body, stands) | election.delays(body, desk)
    first = election.auth(body, spoken) | _details(body, desk, spoken, family)
    if uses := trackers.uses(body, interface):
        first["track"] = uses
    return _Common(vrid=vrid, version=spoken, shared=shared, first=first, unicast=unicast(body))


def _details(body: Body, desk: Desk, spoken: int, family: Family) -> dict[str, Value]:
    """What is no more than a switch."""
    keys: dict[str, Value] = {}
    if statement := body.last("use_vmac"):
        body.carried(statement, "virtual_mac = true")
        keys["virtual_mac"] = True
        if any(":" in value for value in statement.values):
            body.differs(statement, "the MAC address is the protocol's own, 00:00:5e:00 and so on")
    checksum = body.flag("v3_checksum_as_v2")
    if (checksum or desk.settings.message_checksum) and (spoken, family) == (3, Family.IPV4):
        keys["checksum"] = "rfc9568"
        if checksum:
            body.carried(checksum, 'checksum = "rfc9568"')
    for keyword in ("accept", "native_ipv6"):
        if statement := body.flag(keyword):
            body.carried(statement, "nothing: it is always so")
    _tell_routes(body, desk)
    return keys


def _tell_routes(body: Body, desk: Desk) -> None:
    """Say what a hook has to run for each route and rule."""
    ip = desk.find("ip") or "/usr/sbin/ip"
    for keyword, words in (
        ("virtual_routes", ("route", "replace")),
        ("virtual_rules", ("rule", "add")),
    ):
        for entry in body.entries(keyword):
            argv = [ip, *words, *_ip_words(entry.words)]
            how = f"a hook sets it: on_master = {value_text(list(argv))}"
            body.dropped(entry, f'{how}, and with "del" on_backup, on_fault and on_stop')


def _ip_words(words: tuple[str, ...]) -> tuple[str, ...]:
    """A route as `ip` takes it: keepalived has a few words of its own."""
    return tuple("via" if word == "gw" else word for word in words if word != "no_track")


def _tables(
    name: str,
    parts: tuple[Portion, ...],
    common: _Common,
    body: Body,
    desk: Desk,
    vrids: Collection[int],
) -> Iterator[tuple[str, Table]]:
    first = parts[0]
    for part in parts:
        own = name if part is first else desk.name("instance", name + part.suffix)
        table = Table(path=join("instance", own))
        unicast_keys = common.unicast.keys(part, body)
        table.keys["interface"] = part.interface
        table.keys["vrid"] = common.vrid
        if unicast_keys and part.interface != first.interface:
            table.keys["vrid"] = _free(common.vrid, vrids, body)
        if part.version == 2:
            table.keys["version"] = 2
        table.keys["addresses"] = [each.text for each in part.addresses]
        table.keys |= common.shared | unicast_keys | (common.first if part is first else {})
        yield own, table


def _free(near: int, vrids: Collection[int], body: Body) -> int:
    """A VRID that the file does not use: unicast peers tell instances apart by nothing else."""
    order = (*range(near + 1, VRIDS.stop), *range(VRIDS.start, near))
    free = next((vrid for vrid in order if vrid not in vrids), near)
    statement = body.last("virtual_router_id")
    assert statement is not None, "it was read"
    how = f"vrid = {free} for the addresses on another interface, the same on all hosts"
    body.differs(statement, how)
    return free
