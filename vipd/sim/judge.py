"""Who may own the addresses at the same time, for how long, and who must in the end.

All of it is about kernels and about the client: what a machine believes of itself is judged by
its node. The bounds are derived in `vipd.sim`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations

from vipd.core.actions import ReportTransition
from vipd.core.cause import CauseCode
from vipd.core.config import TakeoverProbe
from vipd.core.model import State
from vipd.core.units import Duration, Instant, format_duration
from vipd.sim.client import Client
from vipd.sim.clock import Clock
from vipd.sim.fault import FaultKind
from vipd.sim.kernel import LEASE_STRETCH
from vipd.sim.node import HANDOVER_MARGIN, Node
from vipd.sim.rule import Broken
from vipd.sim.scenario import Scenario

GHOSTS = "has its address in two kernels for too long after an agent went"
LIVE = "has two owners for too long, both alive"

_HANDED_OVER = {CauseCode.STOPPED, CauseCode.OUTRANKED, CauseCode.FAILOVER}
"""Why a MASTER lets go that could take its time."""

_SLEEPING = (FaultKind.PAUSE, FaultKind.DEAF_PAUSE)

RESTLESS = 8
"""How many transitions of one node a healed cluster may need: a handover that is under way, a claim
that is tried again and refused once more, an election that it wins or loses, and half as many."""


class Judge:
    """Looks whenever something changes, and raises `Broken`."""

    def __init__(self, scenario: Scenario, clock: Clock, client: Client) -> None:
        self.changed_at: Instant = 0
        self._scenario = scenario
        self._clock = clock
        self._client = client
        self._nodes: Sequence[Node] = ()
        self._misled_at: Instant = -1
        self._overlaps: dict[tuple[int, int], Overlap] = {}
        self._moves: Counter[str] = Counter()

    def attach(self, nodes: Sequence[Node]) -> None:
        """Say whom it judges."""
        self._nodes = nodes

    # -- bounds -----------------------------------------------------------------------------

    @property
    def longest_interval(self) -> Duration:
        """The longest advert interval of all."""
        return max(node.config.advert_interval for node in self._nodes)

    @property
    def _linger(self) -> Duration:
        return self._nodes[0].config.linger + self._scenario.lateness

    @property
    def inherited_overlap(self) -> Duration:
        """How long two live owners may last that trouble has left behind."""
        spoken = self.longest_interval + self._scenario.lateness + 4 * self._scenario.latency
        return self._slowed(spoken + self._linger)

    @property
    def new_overlap(self) -> Duration:
        """How long two live owners may last where one of them arises in peace."""
        return self._slowed(4 * self._scenario.latency + self._linger)

    @property
    def convergence(self) -> Duration:
        """How long an election may take among nodes that all stand for it."""
        slack = 4 * (self._scenario.lateness + self._scenario.latency)
        delay = max(node.config.preempt_delay for node in self._nodes)
        election = 5 * self.longest_interval + slack + self._linger
        return self._slowed(election * self._scenario.links + delay)

    def _ghost_overlap(self, ghost: Node, heir: Node) -> Duration | None:
        """How long a kernel whose agent does not run may keep what another node owns."""
        lease = ghost.config.address_lease
        if not lease:
            return None
        slack = self._scenario.lateness + self._scenario.latency
        whole = self._slowed(lease + int(LEASE_STRETCH * lease) + slack)
        if not (self._scenario.calm and self._waited_for(ghost, heir)):
            return whole
        waited = heir.patience.wait(heir.stands.priority)
        return max(slack, whole - waited)

    def _waited_for(self, ghost: Node, heir: Node) -> bool:
        """Whether the heir has become owner just now, because the other one was silent."""
        just_now = heir.hands.claimed_at == self._clock.now
        sources = {ghost.hands.link.ipv4, ghost.hands.link.ipv6}
        spoke = heir.patience.heard_from in sources and not ghost.leaves
        return heir.runs and just_now and spoke

    def _slowed(self, duration: Duration) -> Duration:
        """The same by the slowest clock, as another one sees it."""
        return duration + duration // 400 if self._scenario.drifts else duration

    @property
    def _peaceful(self) -> bool:
        """Whether everybody who runs hears the others, and what was said before is forgotten."""
        forgotten = self._scenario.healed + self.inherited_overlap
        return self._scenario.calm or self._clock.now > forgotten

    # -- at every moment --------------------------------------------------------------------

    def look(self) -> None:
        """Something has changed: begin and end overlaps."""
        self.changed_at = self._clock.now
        for pair in combinations(range(len(self._nodes)), 2):
            one, other = (self._nodes[index] for index in pair)
            was = self._overlaps.get(pair)
            kind = (one.runs, other.runs) if one.owns and other.owns else None
            if was and was.kind != kind:
                self._judge(was)
                if not (self._scenario.calm or self._clock.now > self._scenario.healed):
                    self._misled_at = self._clock.now
                del self._overlaps[pair]
            if kind and (was is None or was.kind != kind):
                self._overlaps[pair] = self._begin(kind, one, other)

    def _begin(self, kind: tuple[bool, bool], one: Node, other: Node) -> Overlap:
        now = self._clock.now
        names = f"{one.name} and {other.name}"
        if kind == (True, True):
            inherited = now <= self._scenario.healed + self.inherited_overlap
            since = now if self._scenario.calm else max(now, self._scenario.healed)
            bound = self.inherited_overlap if inherited else self.new_overlap
            return Overlap(names, kind, since, bound, LIVE)
        ghost, heir = (other, one) if one.runs else (one, other)
        return Overlap(names, kind, now, self._ghost_overlap(ghost, heir), GHOSTS)

    def _judge(self, overlap: Overlap) -> None:
        lasted = self._clock.now - overlap.since
        if overlap.bound is not None and lasted > overlap.bound:
            times = f"{format_duration(lasted)}, at most {format_duration(overlap.bound)}"
            raise Broken("the cluster", overlap.rule, f"{overlap.names}, {times}")

    def judge_transition(self, index: int, report: ReportTransition) -> None:
        """A node has another state."""
        node, code = self._nodes[index], report.cause.code
        self._judge_restlessness(node)
        if code is CauseCode.MASTER_SILENT:
            self._judge_hold(node)
        elif not self._peaceful:
            return
        elif report.old is State.MASTER and code in _HANDED_OVER:
            self._judge_yield(node, code)
        elif code is CauseCode.RESUMED:
            self._judge_resumption(node)

    def _judge_restlessness(self, node: Node) -> None:
        """Once all is healed, nobody is tossed about between MASTER and BACKUP."""
        if self._clock.now > self._scenario.healed:
            self._moves[node.name] += 1
            bounded = self._moves[node.name] <= RESTLESS
            node.hands.require(bounded, "changes its state again and again")

    def _others(self, node: Node) -> Sequence[Node]:
        return [one for one in self._nodes if one is not node]

    def _judge_hold(self, node: Node) -> None:
        """Whoever was told to hold back has asked, and nobody has answered in time.

        Why not always: the question is put within the skew, and may be lost as an advert may.
        """
        skew = (256 - node.stands.priority) * node.config.advert_interval // 256
        round_trip = 2 * self._scenario.latency + 2 * self._scenario.lateness
        lost = self._scenario.befalls(FaultKind.CUT, FaultKind.UNPLUG) or self._scenario.storm.end
        holds = node.config.takeover_probe is TakeoverProbe.HOLD
        if holds and not lost and skew > round_trip:
            since = self._clock.now - round_trip
            answers = any(one.owns and one.hands.claimed_at < since for one in self._others(node))
            node.hands.require(not answers, "takes over an address that answers")

    def _judge_resumption(self, node: Node) -> None:
        """Whoever carries on after a crash finds nobody who has waited for it in vain."""
        link = node.hands.link
        waited = any(
            one.runs and one.owns and one.patience.heard_from in {link.ipv4, link.ipv6}
            for one in self._others(node)
        )
        node.hands.require(not waited, "carries on though another has taken over")

    def _judge_yield(self, node: Node, code: CauseCode) -> None:
        """A node has let go: it has handed over, if it could and should."""
        if code is CauseCode.STOPPED and node.stops_at_once:
            return
        heirs = [one for one in self._others(node) if one.owns]
        if not heirs:
            self._judge_patience_of(node, code)
        elif all(self._has_announced(heir, node) for heir in heirs):
            misled = any(
                self._client.asks(vip.ip) == node.hands.link.mac for vip in node.config.addresses
            )
            node.hands.require(not misled, "lets go before the client knows its successor")

    def _has_announced(self, heir: Node, node: Node) -> bool:
        """Whether the heir is newer than whatever the node has announced, and no old one that has
        only just let go: then it is the old one that the node has lingered for."""
        told = node.hands.announced_at + self._scenario.latency
        new = heir.hands.claimed_at > heir.hands.released_at + self.inherited_overlap
        return heir.runs and new and heir.hands.claimed_at > told

    def _judge_patience_of(self, node: Node, code: CauseCode) -> None:
        """Nobody has followed: whoever hands over has waited for the weakest, and whoever was only
        asked to hand over has not let go at all."""
        fit = node.hands.link.carrier and not node.kernel.refuses
        if code is CauseCode.OUTRANKED or node.stops_at_once or not fit:
            return
        resigned, interval = node.hands.resigned_at, node.config.advert_interval
        others = [one.hands for one in self._others(node)]
        met = any(max(hands.claimed_at, hands.released_at) >= resigned for hands in others)
        enough = (interval * 255 // 256 + HANDOVER_MARGIN) * 399 // 400
        waited = self._clock.now - resigned
        node.hands.require(met or waited >= enough, "lets go before anybody could follow")
        # One that slept may have lost its lease, and lets go at once for that.
        asked = code is CauseCode.FAILOVER and not self._scenario.befalls(*_SLEEPING)
        node.hands.require(met or not asked, "lets go though nobody has followed")

    # -- in the end -------------------------------------------------------------------------

    def check_converged(self) -> Node:
        """One MASTER that everybody knows, the strongest as far as anybody preempts."""
        masters = [node for node in self._nodes if node.state is State.MASTER]
        if len(masters) != 1:
            states = ", ".join(f"{node.name} is {node.state.value}" for node in self._nodes)
            raise Broken("the cluster", "has not converged", states)
        (master,) = masters
        for node in self._nodes:
            aside = node.machine is not None and node.machine.stands_aside
            preempts = node.config.preempts and not aside
            if preempts and node.stands.priority > master.stands.priority:
                raise Broken(node.name, "is stronger than the MASTER", master.name)
            if node is not master:
                self._check_backup(node, master)
        return master

    def _check_backup(self, node: Node, master: Node) -> None:
        if node.state is not State.BACKUP or node.machine is None or node.held:
            raise Broken(node.name, "is no BACKUP", f"{node.state.value} and holds {node.held}")
        known = node.machine.status(self._clock.now).master
        link = master.hands.link
        if known is None or known.address not in {link.ipv4, link.ipv6}:
            raise Broken(node.name, "takes another for the MASTER", f"{known}, not {master.name}")

    def check_client(self) -> None:
        """The client knows where the addresses are.

        Why not always: a MASTER cannot know of a rival that came and went while separated from it.
        """
        (master,) = [node for node in self._nodes if node.state is State.MASTER]
        if master.hands.claimed_at <= self._misled_at:
            return
        for vip in master.config.addresses:
            mac = self._client.asks(vip.ip)
            if mac != master.hands.link.mac:
                told = mac.hex(":") if mac else "nothing"
                raise Broken("the client", "is misled", f"{vip} is at {master.name}, not {told}")


class Overlap:
    """Two nodes that own the addresses at the same time, since when, and for how long at most."""

    __slots__ = ("bound", "kind", "names", "rule", "since")

    def __init__(
        self,
        names: str,
        kind: tuple[bool, bool],
        since: Instant,
        bound: Duration | None,
        rule: str,
    ) -> None:
        self.names = names
        self.kind = kind
        self.since = since
        self.bound = bound
        self.rule = rule
