"""The link: who else speaks VRRP there, in our VRIDs above all, and who else does so here."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from vipd.capture.survey import ConflictKind, Speaker, Survey, VirtualRouter
from vipd.core.config import InstanceConfig
from vipd.core.model import family_of
from vipd.core.units import SECOND, format_duration
from vipd.doctor.facts import Daemon, Facts
from vipd.doctor.finding import Finding, note, ok, problem, warning

MOST_VRIDS = 5
_BOTH_SERVE = "whoever does not accept the other's adverts serves as well"


def judge(facts: Facts) -> Iterator[Finding]:
    """First this host, then what was heard."""
    for daemon in facts.daemons:
        yield _of_daemon(facts, daemon)
    for name, heard in facts.heard.items():
        if isinstance(heard, str):
            yield note(
                code="link-not-heard",
                about=name,
                what=f"nobody could listen on {name}: {heard}",
                hint="" if facts.root else "run it as root to hear who else is on the link",
            )
        else:
            yield from _of_survey(facts, name, heard)


def _of_daemon(facts: Facts, daemon: Daemon) -> Finding:
    ours = {one.vrid: one.name for one in facts.instances}
    if shared := sorted(daemon.vrids & ours.keys()):
        return problem(
            code="daemon-same-vrid",
            about=ours[shared[0]],
            what=f"{daemon.name} runs on this host with VRID {shared[0]}, "
            f"that of {ours[shared[0]]}",
            why="two programs on one host both claim the addresses, and hear each other or not",
            hint=f"take the VRID out of {daemon.file}" if daemon.file else "",
            commands=(f"systemctl disable --now {daemon.name}",),
        )
    vrids = ", ".join(map(str, sorted(daemon.vrids)))
    return note(
        code="daemon-other",
        what=f"{daemon.name} runs on this host" + (f" with VRID {vrids}" if vrids else ""),
        why="it does no harm as long as its VRIDs and its addresses are others",
        hint="" if vrids else "its VRIDs could not be read: look at its configuration",
    )


# -- what was heard -------------------------------------------------------------------------------


def _of_survey(facts: Facts, name: str, heard: Survey) -> Iterator[Finding]:
    for conflict in heard.conflicts:
        foreign = conflict.kind is ConflictKind.OTHER_CLUSTER
        free = ", ".join(map(str, heard.suggested_vrids[:MOST_VRIDS]))
        yield problem(
            code="vrid-conflict" if foreign else "two-masters",
            about=name,
            what=conflict.text,
            why="routers of one VRID take each other for rivals: one of the clusters is not served"
            if foreign
            else "two hosts have the same addresses; clients reach one or the other",
            hint=f"free on {name}: VRID {free}"
            if foreign
            else f"look closer: vipd capture -i {name}",
        )
    if heard.unread:
        yield warning(
            code="adverts-unsound",
            about=name,
            what=f"packets heard on {name} that are no sound adverts: {heard.unread}",
            why="their sender is not taken for the MASTER by anybody",
            hint=f"see them: vipd capture -i {name}",
        )
    ours = {one.vrid: one for one in facts.instances_on(name)}
    for router in heard.routers:
        if router.vrid in ours:
            yield from _of_router(ours[router.vrid], router)
    if not ours:
        yield ok(code="link-heard", about=name, what=_others(name, heard))


def _others(name: str, heard: Survey) -> str:
    vrids = sorted({router.vrid for router in heard.routers if router.speakers})
    if not vrids:
        return f"nobody speaks VRRP on {name}"
    return f"others speak VRRP on {name}, with VRID {', '.join(map(str, vrids))}"


def _of_router(mine: InstanceConfig, router: VirtualRouter) -> Iterator[Finding]:
    """Our own virtual router, as others speak for it."""
    addresses = _addresses(mine, router)
    if not addresses:
        return
    found = [
        finding
        for speaker in router.masters
        if not speaker.ours and addresses & set(speaker.addresses)
        for finding in _of_speaker(mine, speaker, addresses)
    ]
    yield from found
    if not found and not router.masters:
        kind = f"IPv{router.family.value}"
        what = f"nobody speaks VRID {router.vrid} ({kind}) on {mine.interface} at the moment"
        yield ok(code="link-silent", about=mine.name, what=what)
    elif not found and len(router.masters) == 1 and addresses & set(router.masters[0].addresses):
        who = router.masters[0]
        host = "this host" if who.ours else who.source
        what = f"{host} serves VRID {router.vrid} with priority {who.priority}"
        yield ok(code="link-served", about=mine.name, what=what)


def _addresses(mine: InstanceConfig, router: VirtualRouter) -> set[str]:
    return {str(vip.ip) for vip in mine.addresses if family_of(vip) is router.family}


def _of_speaker(mine: InstanceConfig, speaker: Speaker, ours: set[str]) -> Iterator[Finding]:
    """What is set up in another way by a router of our own cluster."""
    who = f"{speaker.source}, which serves VRID {mine.vrid},"
    if speaker.version != mine.version:
        yield problem(
            code="peer-version-differs",
            about=mine.name,
            what=f"{who} speaks VRRPv{speaker.version}, {mine.name} VRRPv{mine.version}",
            why=_BOTH_SERVE,
            hint=f"set version = {speaker.version} here, or the other one there",
        )
        return
    yield from _of_interval(mine, speaker, who)
    if mine.version == 2 and bool(speaker.auth_type) != (mine.password is not None):
        has = "has a password" if speaker.auth_type else "has no password"
        yield problem(
            code="peer-auth-differs",
            about=mine.name,
            what=f"{who} {has}, unlike {mine.name}",
            why=_BOTH_SERVE,
            hint="set the same auth on both hosts",
        )
    if set(speaker.addresses) != ours:
        more = _listed("also has", set(speaker.addresses) - ours)
        less = _listed("does not have", ours - set(speaker.addresses))
        yield warning(
            code="peer-addresses-differ",
            about=mine.name,
            what=f"{who} {' and '.join(filter(None, (more, less)))}",
            why="an address that one host does not know is not served when that host is MASTER",
            hint="make the lists of both hosts equal",
        )


def _of_interval(mine: InstanceConfig, speaker: Speaker, who: str) -> Iterator[Finding]:
    theirs = round(speaker.interval_s * SECOND)
    if theirs == mine.advert_interval:
        return
    make = problem if mine.version == 2 else warning
    yield make(
        code="peer-interval-differs",
        about=mine.name,
        what=f"{who} speaks every {format_duration(theirs)}, "
        f"{mine.name} would every {format_duration(mine.advert_interval)}",
        why=_BOTH_SERVE if mine.version == 2 else "how fast a failover is depends on who serves",
        hint="set the same advert_interval on both hosts",
    )


def _listed(verb: str, addresses: set[str]) -> str:
    if not addresses:
        return ""
    return f"{verb} {', '.join(sorted(addresses, key=lambda one: ip_address(one).packed))}"
