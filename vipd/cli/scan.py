"""`vipd scan`: who speaks VRRP on a link, and what is wrong with that."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

import click

from vipd.capture.membership import Membership
from vipd.capture.render import addresses_text, authentication_text
from vipd.capture.source import Listener, read_packets
from vipd.capture.survey import Own, Sighting, Speaker, Survey, VirtualRouter, survey
from vipd.capture.verdict import report
from vipd.cli.reach import usual_socket
from vipd.control.client import NoAgent, ask
from vipd.control.messages import StatusReply, StatusRequest
from vipd.control.report import InstanceReport
from vipd.core.units import SECOND
from vipd.errors import VipdError

DEFAULT_SECONDS = 5.0
"""More than three times the interval of nearly everybody, which is one second."""

ANSWER_TIMEOUT_S = 1.0
MOST_VRIDS_SUGGESTED = 5

HEADINGS = ("VRID", "IP", "version", "speaks", "priority", "every", "addresses", "auth", "here")


@click.command()
@click.option(
    "-i",
    "--interface",
    metavar="IFACE",
    help="Listen here.  [default: that of the default route]",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=DEFAULT_SECONDS,
    show_default=True,
    help="How long to listen; Ctrl-C ends it earlier.",
)
@click.option("--json", "as_object", is_flag=True, help="Print one JSON object, for programs.")
@click.option(
    "--socket",
    type=click.Path(path_type=Path),
    envvar="VIPD_SOCKET",
    show_envvar=True,
    help="The control socket of this host's agent, if there is one.",
)
def scan(interface: str | None, seconds: float, socket: Path | None, *, as_object: bool) -> None:
    """Show who speaks VRRP on a link, conflicts, and VRIDs that are free.

    Listens as a member of the VRRP groups and sends nothing else. Only a MASTER speaks, so each
    VRID should show one router; one that advertises rarely needs more --seconds, at least three of
    its intervals. What the agent of this host serves is marked, if one answers.

    \b
    Conflicts are
      other_cluster   two clusters on one VRID: their addresses have nothing in common
      two_masters     two routers that both serve, because they do not accept each other

    \b
    Examples:
      sudo vipd scan
      sudo vipd scan -i eth0 --seconds 30
      sudo vipd scan --json | jq '.free_vrids[0]'

    It needs root, or CAP_NET_RAW. The exit code is 0 if there is no conflict, 1 if there is one,
    and 2 if nobody can listen here.
    """
    try:
        found, name, listened_s = _survey(interface, seconds, socket)
    except VipdError as error:
        click.echo(error, err=True)
        sys.exit(2)
    render = _as_json if as_object else _as_text
    click.echo(render(found, name, listened_s))
    sys.exit(1 if found.conflicts else 0)


def _survey(
    interface: str | None, seconds: float, socket: Path | None
) -> tuple[Survey, str, float]:
    """What is found, on which interface, and in how many seconds."""
    with Listener(interface) as listener, Membership(listener.interface):
        click.echo(f"listening on {listener.interface} for {seconds:g} s", err=True)
        began = time.monotonic_ns()
        sightings = _listen(listener, seconds)
        end = time.monotonic_ns()
    own = _own(listener.interface, socket)
    found = survey(sightings, end=end, own=own, local=listener.addresses)
    listened_s = round((end - began) / SECOND, 3)
    return found, listener.interface, listened_s


def _listen(listener: Listener, seconds: float) -> list[Sighting]:
    sightings = []
    with suppress(KeyboardInterrupt):
        for _, packet in read_packets(listener.frames(seconds)):
            sightings.append(Sighting(at=time.monotonic_ns(), report=report(packet)))
    return sightings


def _own(interface: str, socket: Path | None) -> list[Own]:
    """What the agent of this host has on the link; nothing, when none answers."""
    try:
        reply = ask(socket or usual_socket(), StatusRequest(), timeout_s=ANSWER_TIMEOUT_S)
    except NoAgent:
        return []
    instances = reply.status.instances if isinstance(reply, StatusReply) else ()
    return [_instance(one) for one in instances if one.interface == interface]


def _instance(one: InstanceReport) -> Own:
    addresses = tuple(str(ip_interface(each.address).ip) for each in one.addresses)
    return Own(name=one.name, vrid=one.vrid, state=one.state.value, addresses=addresses)


# -- for programs -----------------------------------------------------------------------------


def _as_json(found: Survey, interface: str, listened_s: float) -> str:
    conflicts = [
        {"kind": one.kind.value, "vrid": one.vrid, "family": _family(one.family), "text": one.text}
        for one in found.conflicts
    ]
    told = {
        "interface": interface,
        "seconds": listened_s,
        "virtual_routers": [_router_object(one) for one in found.routers],
        "conflicts": conflicts,
        "free_vrids": found.suggested_vrids,
        "unread_packets": found.unread,
    }
    return json.dumps(told, indent=2)


def _router_object(router: VirtualRouter) -> dict[str, Any]:
    own = router.instance
    return {
        "vrid": router.vrid,
        "family": _family(router.family),
        "instance": {"name": own.name, "state": own.state} if own else None,
        "speakers": [_speaker_object(one) for one in router.speakers],
    }


def _speaker_object(speaker: Speaker) -> dict[str, Any]:
    return {
        "source": speaker.source,
        "ours": speaker.ours,
        "master": speaker.speaking,
        "version": speaker.version,
        "priority": speaker.priority,
        "interval_s": speaker.interval_s,
        "addresses": speaker.addresses,
        "auth_type": speaker.auth_type,
        "adverts": speaker.adverts,
    }


def _family(family: int) -> str:
    return f"ipv{family}"


# -- for a person -----------------------------------------------------------------------------


def _as_text(found: Survey, interface: str, listened_s: float) -> str:
    return "\n\n".join(
        [
            _headline(found, interface, listened_s),
            *([_table(found.routers)] if found.routers else []),
            *(click.style("conflict: ", fg="red") + one.text for one in found.conflicts),
            _suggestion(found),
        ]
    )


def _headline(found: Survey, interface: str, listened_s: float) -> str:
    count = sum(bool(router.speakers) for router in found.routers)
    said = f"{count or 'no'} virtual router{'' if count == 1 else 's'} heard"
    line = f"{interface}: {said} in {listened_s:g} s"
    if found.unread:
        line += f"; {found.unread} packets are no sound adverts, `vipd capture` shows them"
    return line


def _table(routers: Sequence[VirtualRouter]) -> str:
    rows = [HEADINGS, *(row for router in routers for row in _rows(router))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join((click.style(lines[0], bold=True), *lines[1:]))


def _rows(router: VirtualRouter) -> list[tuple[str, ...]]:
    """A line for each speaker, or the one that says that there is none."""
    start = (str(router.vrid), f"IPv{router.family.value}")
    own = router.instance
    here = f"{own.name} ({own.state})" if own else ""
    if not router.speakers:
        return [(*start, "", "nobody", "", "", "", "", here)]
    return [(*start, *_cells(one), here) for one in router.speakers]


def _cells(speaker: Speaker) -> tuple[str, ...]:
    remark = " (this host)" if speaker.ours else ""
    if not speaker.speaking:
        remark += " (no longer)"
    return (
        f"v{speaker.version}",
        f"{speaker.source}{remark}",
        str(speaker.priority),
        f"{speaker.interval_s:g} s",
        addresses_text(speaker.addresses),
        authentication_text(speaker.auth_type or 0).partition(" (")[0],
    )


def _suggestion(found: Survey) -> str:
    vrids = found.suggested_vrids
    if not vrids:
        return "free VRIDs: none"
    more = len(vrids) - MOST_VRIDS_SUGGESTED
    shown = ", ".join(map(str, vrids[:MOST_VRIDS_SUGGESTED]))
    return f"free VRIDs: {shown}{f' and {more} more' if more > 0 else ''}"
