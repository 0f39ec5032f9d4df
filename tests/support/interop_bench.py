"""vipd and one peer on one switch, in all modes at once, and the cells of the table they fill.

Theory of operation. A scenario arranges the two programs, does one thing to them, and expects
something in every mode. A mode that misses an expectation has its reason noted and is asked no
more; the others go on. What is expected is what can be seen: what each program says it is, which
host would answer for the address, which adverts have passed the switch.

Starting over costs an election, so that what two scenarios share is left running between them; a
scenario that finds another set-up than its own ends both programs and begins anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from itertools import takewhile
from pathlib import Path
from typing import Final, TypeAlias

from interop_mode import INTERFACE, MODES, QUICK_OVER_IPV4, Family, Mode, Role, Setup, address
from peer import Peer
from wiretap import Passed, Wiretap, verdicts

from vipd.control.client import NoAgent
from vipd.control.report import InstanceReport
from vipd.core.model import State
from vipd.core.units import SECOND, Duration
from vipd.lab.agent import Agent
from vipd.lab.lab import Host, Lab

OK: Final = "ok"
EITHER_FORM: Final = {mode.vrid for mode in QUICK_OVER_IPV4}
PATIENCE_S: Final = 15.0
"""How much longer than the protocol allows a state is waited for. Why: it has to cover the start
of both sides on a busy machine; how soon a takeover comes is judged by what is on the wire."""

LOOK_EVERY_S: Final = 0.05
BELOW, PEER, ABOVE = 11, 12, 13
"""The last numbers of the addresses, by which equal priorities are decided."""

GREATEST_LINK_LOCAL: Final = "fe80::ffff:ffff:ffff:fff3/64"
"""Above any that a peer may draw at random."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What can be seen of both sides at one moment."""

    vipd: Mapping[str, InstanceReport]
    peer: Mapping[str, State]
    at_vipd: frozenset[IPv4Address | IPv6Address]
    at_peer: frozenset[IPv4Address | IPv6Address]

    def vipd_state(self, mode: Mode) -> State | None:
        """What vipd says it is."""
        one = self.vipd.get(mode.name)
        return one.state if one else None

    def vipd_serves(self, mode: Mode) -> bool:
        """Whether vipd is MASTER and has the address."""
        return self.vipd_state(mode) is State.MASTER and mode.vip.ip in self.at_vipd

    def peer_serves(self, mode: Mode) -> bool:
        """Whether the peer is MASTER and has the address."""
        return self.peer.get(mode.name) is State.MASTER and mode.vip.ip in self.at_peer

    def vipd_waits(self, mode: Mode) -> bool:
        """Whether vipd is BACKUP and has let go of the address."""
        return self.vipd_state(mode) is State.BACKUP and mode.vip.ip not in self.at_vipd

    def peer_waits(self, mode: Mode) -> bool:
        """Whether the peer is BACKUP and has let go of the address."""
        return self.peer.get(mode.name) is State.BACKUP and mode.vip.ip not in self.at_peer

    def told(self, mode: Mode) -> str:
        """The same in words, for a cell that is not ok."""
        ours = self.vipd.get(mode.name)
        dropped = f", dropped {ours.counters.dropped}" if ours and ours.counters.dropped else ""
        said = f"vipd {ours.state.value} ({ours.cause}){dropped}" if ours else "vipd silent"
        peer = self.peer.get(mode.name)
        return f"{said}; peer {peer.value if peer else 'silent'}"


Predicate: TypeAlias = Callable[[View, Mode], bool]
Row: TypeAlias = Callable[..., AbstractContextManager["Cells"]]


def only_vipd_serves(view: View, mode: Mode) -> bool:
    """One MASTER, and it is vipd."""
    return view.vipd_serves(mode) and view.peer_waits(mode)


def only_peer_serves(view: View, mode: Mode) -> bool:
    """One MASTER, and it is the peer."""
    return view.peer_serves(mode) and view.vipd_waits(mode)


def both_serve(view: View, mode: Mode) -> bool:
    """Two MASTERs, as there must be while neither hears the other."""
    return view.vipd_serves(mode) and view.peer_serves(mode)


class Bench:
    """The two programs and what is between them, until the lab ends."""

    def __init__(
        self, lab: Lab, make_peer: Callable[[Lab, Host, Mapping[int, str]], Peer], capture: Path
    ) -> None:
        self.lab = lab
        below, there, above = (
            lab.add_host(name, addresses=[str(address(family, number)) for family in (4, 6)])
            for name, number in (("below", BELOW), ("peer", PEER), ("above", ABOVE))
        )
        above.ip(
            f"address flush dev {INTERFACE} scope link",
            f"address add {GREATEST_LINK_LOCAL} dev {INTERFACE} nodad",
        )
        self.peer = make_peer(lab, there, _own(PEER))
        self.wire = Wiretap(lab, capture)
        self.vipd_macs = frozenset({below.mac, above.mac})
        self._agents = {False: Agent(lab, below, ""), True: Agent(lab, above, "")}
        self._vipd_runs = self._peer_runs = False
        self._setup: Setup | None = None
        self.agent = self._agents[False]

    def set_up(self, setup: Setup, *, vipd: bool, peer: bool) -> None:
        """Run both sides so, or one of them; what runs so already is left alone."""
        if setup != self._setup:
            self._begin_anew(setup)
        if self._vipd_runs and not vipd:
            self.stop_vipd()
        if self._peer_runs and not peer:
            self.stop_peer()
        if peer and not self._peer_runs:
            self.start_peer()
        if vipd and not self._vipd_runs:
            self.start_vipd()

    def _begin_anew(self, setup: Setup) -> None:
        if self._vipd_runs:
            self.stop_vipd()
        if self._peer_runs:
            self.stop_peer()
        (self.lab.block if setup.apart else self.lab.unblock)(self.peer.host)
        modes = [mode for mode in MODES if not self.peer.cannot(mode)]
        vipd = _own(ABOVE if setup.vipd_above else BELOW)
        self.agent = self._agents[setup.vipd_above]
        self.agent.configure(
            "\n".join(
                _instance(mode, setup.vipd, vipd, self.peer.asks_of_vipd(mode)) for mode in modes
            )
        )
        self.peer.configure(modes, setup.peer, vipd)
        self._setup = setup

    def reunite(self) -> None:
        """Let the switch pass everything again."""
        assert self._setup is not None
        assert self._setup.apart
        self.lab.unblock(self.peer.host)
        self._setup = None

    def start_vipd(self) -> None:
        """Start the agent, without waiting for anything."""
        self.agent.start()
        self._vipd_runs = True

    def stop_vipd(self) -> None:
        """End the agent as systemd would."""
        self._vipd_runs = False
        self.agent.stop()

    def kill_vipd(self) -> None:
        """End the agent without a word."""
        self._vipd_runs = False
        self.agent.kill()

    def start_peer(self) -> None:
        """Start the peer, without waiting for anything."""
        self.peer.start()
        self._peer_runs = True

    def stop_peer(self) -> None:
        """End the peer as its administrator would."""
        self._peer_runs = False
        self.peer.stop()

    def kill_peer(self) -> None:
        """End the peer without a word."""
        self._peer_runs = False
        self.peer.kill()

    def look(self) -> View:
        """See both sides."""
        return View(
            vipd=self._instances(),
            peer=self.peer.states(),
            at_vipd=frozenset(one.ip for one in self.agent.host.addresses()),
            at_peer=self.peer.addresses(),
        )

    def _instances(self) -> Mapping[str, InstanceReport]:
        if not self._vipd_runs:
            return {}
        try:
            return {one.name: one for one in self.agent.status().instances}
        except NoAgent:
            return {}

    def last_words(self, mode: Mode, *, of_vipd: bool) -> tuple[list[Passed], Passed | None]:
        """The adverts of one side that ended its reign, and the first of its successor.

        The former are the last ones of this side, back to the last of the other side.
        """
        adverts = [one for one in self.wire.adverts() if one.vrid == mode.vrid]
        later = list(takewhile(lambda one: self._is_of(one, vipd=not of_vipd), reversed(adverts)))
        before = reversed(adverts[: len(adverts) - len(later)])
        reign = list(takewhile(lambda one: self._is_of(one, vipd=of_vipd), before))
        return reign[::-1], later[-1] if later else None

    def reigns(self, mode: Mode, *, vipd: bool) -> bool:
        """Whether the last advert on the wire is of this side, and does not resign."""
        last = next((one for one in reversed(self.wire.adverts()) if one.vrid == mode.vrid), None)
        return last is not None and self._is_of(last, vipd=vipd) and last.priority > 0

    def faults(self) -> Mapping[int, str]:
        """What tshark has to say against the packets of vipd until now, by VRID.

        Order: it is asked twice, and more packets may have come until the second time.
        """
        rfc5798, rfc9568 = (
            verdicts(self.wire.file, self.vipd_macs, message_checksum=message)
            for message in (False, True)
        )
        faults: dict[int, str] = {}
        for one, other in zip(rfc5798, rfc9568, strict=False):
            good = one.checksum_good or (one.vrid in EITHER_FORM and other.checksum_good)
            if one.complaints or not good:
                faults[one.vrid] = one.complaints or f"packet {one.number}: bad checksum"
        return faults

    def _is_of(self, advert: Passed, *, vipd: bool) -> bool:
        return (advert.mac in self.vipd_macs) is vipd


class Cells:
    """One row of the table: what became of each mode in one scenario."""

    def __init__(self, bench: Bench, modes: Sequence[Mode] = MODES) -> None:
        self._bench = bench
        self.modes = [mode for mode in modes if not bench.peer.cannot(mode)]
        self.verdicts: dict[str, str] = {mode.name: OK for mode in self.modes}
        self.notes: dict[str, str] = {}

    @property
    def alive(self) -> list[Mode]:
        """The modes that have met every expectation until now."""
        return [mode for mode in self.modes if self.verdicts[mode.name] == OK]

    def arrange(
        self, setup: Setup, until: Predicate, *, vipd: bool = True, peer: bool = True
    ) -> None:
        """Set both sides up, and wait until every mode is where the scenario begins."""
        self._bench.set_up(setup, vipd=vipd, peer=peer)
        slowest = max(setup.vipd.slower, setup.peer.slower) * 4 * max_interval(self.modes)
        self.expect("at the beginning", until, slowest)

    def expect(self, what: str, predicate: Predicate, within: Duration) -> None:
        """Wait until it is so in every mode, and note where it is not in time."""
        deadline = time.monotonic() + within / SECOND + PATIENCE_S
        waiting = self.alive
        while waiting:
            late = time.monotonic() > deadline
            view = self._bench.look()
            waiting = [mode for mode in waiting if not predicate(view, mode)]
            if late:
                for mode in waiting:
                    self.verdicts[mode.name] = f"{what}: {self._told(view, mode)}"
                return
            if waiting:
                self._bench.lab.pause(LOOK_EVERY_S)

    def fail(self, why: str) -> None:
        """Note for every mode that the scenario itself has failed."""
        for mode in self.alive:
            self.verdicts[mode.name] = why

    def check(self, judge: Callable[[Mode], str | None]) -> None:
        """Note what a judge has to say of each mode; None is nothing."""
        for mode in self.alive:
            if said := judge(mode):
                self.verdicts[mode.name] = said

    def note(self, mode: Mode, text: str) -> None:
        """Note what a reader should know of a cell that is as it should be."""
        self.notes[mode.name] = text

    def _told(self, view: View, mode: Mode) -> str:
        said = self._bench.peer.said(mode)
        return f"{view.told(mode)}{f' ({said})' if said else ''}"

    @property
    def failed(self) -> dict[str, str]:
        """The modes that are not ok, and why."""
        return {name: verdict for name, verdict in self.verdicts.items() if verdict != OK}


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """What a time on the wire may be. Units: nanoseconds."""

    least: Duration
    most: Duration
    what: str = field(default="")

    def judge(self, measured: Duration) -> str | None:
        """Say by how much it is out of the range, in milliseconds; None where it is not."""
        if self.least <= measured <= self.most:
            return None
        allowed = f"{self.least / 1e6:.0f} to {self.most / 1e6:.0f}"
        return f"{self.what} took {measured / 1e6:.0f} ms, not {allowed}"


def max_interval(modes: Sequence[Mode]) -> Duration:
    """The interval of the slowest mode."""
    return max((mode.interval for mode in modes), default=SECOND)


def _own(number: int) -> Mapping[int, str]:
    """The addresses of a host, by family."""
    families: tuple[Family, Family] = (4, 6)
    return {family: str(address(family, number).ip) for family in families}


def _instance(mode: Mode, role: Role, own: Mapping[int, str], more: Sequence[str]) -> str:
    """vipd's table for one mode."""
    addresses = ", ".join(f'"{vip}"' for vip in role.vips(mode))
    lines = [
        f"[instance.{mode.name}]",
        f'interface = "{INTERFACE}"',
        f"vrid = {mode.vrid}",
        f"version = {mode.version}",
        f"addresses = [{addresses}]",
        f"priority = {role.priority}",
        f'advert_interval = "{role.interval_ms(mode)}ms"',
        f"preempt = {str(role.preempt).lower()}",
        *more,
    ]
    if mode.password is not None:
        lines.append(f'auth = {{ type = "pass", password = "{mode.password}" }}')
    if mode.unicast:
        lines.append(f'source = "{own[mode.family]}"')
        lines.append(f'unicast_peers = ["{address(mode.family, PEER).ip}"]')
    if role.checksum != "auto" and mode in QUICK_OVER_IPV4:
        lines.append(f'checksum = "{role.checksum}"')
    return "\n".join([*lines, ""])
