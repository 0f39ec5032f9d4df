"""One host on all its links: what befalls it, and the group that its instances are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from vipd.core.group import Standing, decide
from vipd.core.model import State
from vipd.core.units import Duration, Instant, format_duration
from vipd.sim.clock import Clock
from vipd.sim.node import Node
from vipd.sim.rule import Broken

LONGEST_TALK = 12
"""How much may be told in a group before there is nothing more to tell."""


class Fellowship:
    """The nodes of one host. They share its agent and its power, and are MASTER together."""

    def __init__(self, nodes: Sequence[Node], clock: Clock, group: str | None) -> None:
        self.nodes = nodes
        self._clock = clock
        self._group = group
        self._by_name = {node.name: node for node in nodes}
        self._busy = False
        self._divided_since: Instant | None = None
        if group:
            for node in nodes:
                node.on_turn = self._confer

    def befall(self, what: Callable[[Node], None]) -> None:
        """Something happens to the whole host."""
        with self._as_one():
            for node in self.nodes:
                what(node)
        self._confer()

    @contextmanager
    def _as_one(self) -> Iterator[None]:
        """Let the group be looked at when all is over, not in between."""
        was, self._busy = self._busy, True
        yield
        self._busy = was

    def _confer(self) -> None:
        """Tell the instances what the others mean to them, until there is nothing more to tell."""
        if self._busy or self._group is None or any(node.paused for node in self.nodes):
            self._divided_since = None if not self._busy else self._divided_since
            return
        with self._as_one():
            for _ in range(LONGEST_TALK):
                standings = {node.name: _standing(node) for node in self.nodes}
                told = next(decide(self._group, standings), None)
                if told is None:
                    break
                name, event = told
                self._by_name[name].take_turn(event)
            else:
                raise Broken(self._name, "never stops talking")
        self._judge()

    @property
    def _name(self) -> str:
        return " and ".join(self._by_name)

    def _judge(self) -> None:
        """Nobody serves for long, or beside one in FAULT, while another one does not."""
        masters = [node for node in self.nodes if node.state is State.MASTER]
        serving = [node for node in masters if not _standing(node).leaving]
        rest = [node for node in self.nodes if node not in masters]
        if serving and any(node.state is State.FAULT for node in rest):
            raise Broken(self._name, "serves by halves, beside a FAULT")
        if not (serving and rest):
            self._divided_since = None
            return
        if self._divided_since is None:
            self._divided_since = self._clock.now
        lasted = self._clock.now - self._divided_since
        if lasted > self._longest_division:
            raise Broken(self._name, "serves by halves", format_duration(lasted))

    @property
    def _longest_division(self) -> Duration:
        """Whoever does not hear another MASTER takes over after less than four intervals."""
        longest = max(node.config.advert_interval for node in self.nodes)
        learned = max(node.patience.interval for node in self.nodes)
        return 4 * max(longest, learned) * 401 // 400 + longest


def _standing(node: Node) -> Standing:
    """What its group has to know of a node; without an agent it is not started."""
    return node.machine.standing if node.machine else Standing(state=State.INIT)
