"""What is done to the daemons, and for how long it is watched. One generator for each scenario.

A scenario is played on a settled stage, as often as it is asked to, and yields what was seen each
time with the row of the table that it belongs to. `stage.settle` puts things right in between; how
long that takes is nobody's business.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from math import inf
from typing import Literal, TypeAlias

from chaos.daemon import Daemon, Weight, frozen, weigh
from chaos.seen import DESCRIPTORS, NAMED, RESIDENT, Seen
from chaos.stage import PATIENCE_S, Stage, Take
from vipd.errors import VipdError

Told: TypeAlias = tuple[str, Seen]
Scenario: TypeAlias = Callable[[Stage, int], Iterator[Told]]
Hook: TypeAlias = Literal["input", "output"]

KILLED = "killed"
FROZEN = "frozen, thawed"
STOPPED = "planned stop"
RETURNED = "better host returns"
RESTARTED = "crash, restart at once"
DELETED = "address deleted by hand"
CUT = "cable of MASTER cut"
FIREWALL_IN = "firewall: 112 in, warn"
FIREWALL_OUT = "firewall: 112 out, warn"
HOLD_IN = "firewall: 112 in, hold"
HOLD_OUT = "firewall: 112 out, hold"
FROZEN_4S = "frozen 4 s, thawed"
RECREATED = "interface re-created"

LEASE_OVER_S = 1.4
"""The longest that a lease may outlive a takeover (1.1 s), and something to see it by."""

THAW_S = 1.6
"""Within a second after the thaw all must be right; and something to see it by."""

DELETIONS = 5
"""In 30 s and of one instance: one more, and it is right to give up."""

NOTICED_S = 0.2
"""After this the witnesses have seen that the address was gone, and perhaps is back."""

CLEARED_S = 10.0
"""How long a warning may stand when what it warns of is gone."""

WARM_UP = 2
"""Cycles before the daemons are weighed: what is loaded or allocated once is no growth."""

REASON = re.compile(r"protocol 112|firewall|not permitted", re.IGNORECASE)


def killed(stage: Stage, times: int) -> Iterator[Told]:
    """SIGKILL of the whole process tree; nobody starts it again."""
    for _ in range(times):
        stage.settle()
        with stage.take() as take:
            stage.a.kill()
            take.expect_served(stage.b, stage.down_s)
            take.watch_for(stage.down_s + LEASE_OVER_S)
        yield KILLED, take.seen


def frozen_and_thawed(stage: Stage, times: int) -> Iterator[Told]:
    """SIGSTOP until all that must come of it has come, then SIGCONT."""
    for _ in range(times):
        yield FROZEN, _freeze(stage, stage.down_s + LEASE_OVER_S)


def frozen_four_seconds(stage: Stage, times: int) -> Iterator[Told]:
    """As when a snapshot is taken of a virtual machine."""
    for _ in range(times):
        yield FROZEN_4S, _freeze(stage, 4.0)


def _freeze(stage: Stage, seconds: float) -> Seen:
    stage.settle()
    with stage.take() as take:
        with frozen(stage.a):
            take.expect_served(stage.b, stage.down_s)
            take.watch_for(seconds)
            take.healed()
        thawed_s = take.since_ms / 1000
        take.expect(stage.settled, stage.down_s + 3 * PATIENCE_S, "a serves again, b waits")
        take.watch_for(thawed_s + THAW_S)
    return take.seen


def stopped_and_returned(stage: Stage, times: int) -> Iterator[Told]:
    """A planned stop of the MASTER, and its return: the better host preempts."""
    for _ in range(times):
        stage.settle()
        with stage.take() as take:
            stage.a.stop()
            take.expect_served(stage.b, stage.interval_s)
        yield STOPPED, take.seen
        with stage.take(served_by=stage.b) as take:
            stage.a.start()
            take.expect(stage.settled, stage.down_s + 2 * PATIENCE_S, "a serves, b waits")
        yield RETURNED, take.seen


def restarted(stage: Stage, times: int) -> Iterator[Told]:
    """A crash of the whole process tree, and a supervisor that starts it again at once."""
    for _ in range(times):
        stage.settle()
        with stage.take() as take:
            stage.a.kill()
            stage.a.start()
            take.expect(stage.settled, 2 * stage.down_s + 2 * PATIENCE_S, "a serves, b waits")
            take.watch_for(stage.down_s + 1)
        yield RESTARTED, take.seen


def deleted(stage: Stage, times: int) -> Iterator[Told]:
    """`ip address del`, spaced out: not too often for any one instance."""
    assert times <= DELETIONS * len(stage.modes)
    stage.settle()
    for number in range(times):
        mode = stage.modes[number // DELETIONS]
        with stage.take(mode) as take:
            stage.a.host.ip(f"address del {mode.vip} dev eth0")
            take.watch_for(NOTICED_S)
            take.expect_served(stage.a, stage.down_s)
        yield DELETED, take.seen
        if not stage.settled():
            stage.settle()


def cut(stage: Stage, times: int) -> Iterator[Told]:
    """The MASTER's cable is pulled; it is plugged in again when that has been seen."""
    for _ in range(times):
        stage.settle()
        with stage.take() as take:
            stage.lab.cut(stage.a.host)
            take.expect_served(stage.b, stage.down_s)
        stage.lab.join(stage.a.host)
        yield CUT, take.seen


def firewall_in(stage: Stage, times: int) -> Iterator[Told]:
    """The BACKUP's own firewall drops every advert that reaches it."""
    yield from _firewall(stage, times, FIREWALL_IN, "input", stage.b)


def firewall_out(stage: Stage, times: int) -> Iterator[Told]:
    """The MASTER's own firewall drops every advert that it sends."""
    yield from _firewall(stage, times, FIREWALL_OUT, "output", stage.a)


def hold_in(stage: Stage, times: int) -> Iterator[Told]:
    """The same, where the BACKUP is told to hold back while the address answers."""
    yield from _firewall(stage, times, HOLD_IN, "input", stage.b)


def hold_out(stage: Stage, times: int) -> Iterator[Told]:
    """The same, where the BACKUP is told to hold back while the address answers."""
    yield from _firewall(stage, times, HOLD_OUT, "output", stage.a)


def _firewall(stage: Stage, times: int, row: str, hook: Hook, on: Daemon) -> Iterator[Told]:
    for _ in range(times):
        stage.settle()
        stage.lab.wait_until(lambda: not on.warns(REASON), CLEARED_S, "the warning is cleared")
        said = on.says(REASON)
        with stage.take() as take:
            with _without_protocol_112(on, hook):
                take.begin()
                take.also[NAMED] = _when_named(stage, take, on, said)
                take.watch_for(stage.down_s + 5 * stage.interval_s)
                take.healed()
            take.expect(stage.settled, stage.down_s + 2 * PATIENCE_S, "a serves, b waits")
            take.expect_served(stage.a, stage.down_s)
        yield row, take.seen


def _when_named(stage: Stage, take: Take, daemon: Daemon, said: int) -> float:
    """How long it took the daemon to say why there are no adverts, in milliseconds."""
    try:
        stage.lab.wait_until(
            lambda: daemon.warns(REASON) or daemon.says(REASON) > said,
            stage.down_s + 5 * stage.interval_s,
            "a reason",
        )
    except VipdError:
        return inf
    return take.since_ms


@contextmanager
def _without_protocol_112(daemon: Daemon, hook: Hook) -> Iterator[None]:
    """Until the end of the block a host's firewall drops adverts, coming in or going out."""
    chain = f"add chain inet chaos filter {{ type filter hook {hook} priority 0; }}"
    rules = ("add table inet chaos", chain, "add rule inet chaos filter meta l4proto 112 drop")
    daemon.host.run(["nft", "-f", "-"], stdin="\n".join(rules) + "\n")
    try:
        yield
    finally:
        daemon.host.run(["nft", "delete", "table", "inet", "chaos"])


def recreated(stage: Stage, times: int) -> Iterator[Told]:
    """The interface of one host after the other is deleted and made again under its agent."""
    stage.settle()
    before: dict[str, Weight] = {}
    for number in range(times):
        daemon = (stage.a, stage.b)[number % 2]
        if number == WARM_UP:
            before = {one.host.name: weigh(one) for one in (stage.a, stage.b)}
        with stage.take() as take:
            before_it = daemon.states()
            stage.lab.unplug(daemon.host)
            take.expect(
                lambda one=daemon, then=before_it: one.states() != then,  # type: ignore[misc]
                PATIENCE_S,
                "the agent notices",
            )
            if daemon is stage.a:
                take.expect_served(stage.b, stage.down_s)
            stage.lab.plug_in(daemon.host)
            take.expect(stage.settled, 2 * stage.down_s + 3 * PATIENCE_S, "a serves, b waits")
        last = number == times - 1 and bool(before)
        yield RECREATED, replace(take.seen, also=_growth(before, stage)) if last else take.seen
        if not stage.settled():
            stage.settle()


def _growth(before: dict[str, Weight], stage: Stage) -> dict[str, float]:
    """What the daemon that has grown most takes more than it did, once it has come to rest."""
    growths: list[dict[str, float]] = []

    def as_before() -> bool:
        pairs = [(before[one.host.name], weigh(one)) for one in (stage.a, stage.b)]
        more = max(now.descriptors - then.descriptors for then, now in pairs)
        kb = max(now.resident_kb - then.resident_kb for then, now in pairs)
        growths.append({DESCRIPTORS: more, RESIDENT: kb})
        return more <= 0

    with suppress(VipdError):
        stage.lab.wait_until(as_before, PATIENCE_S, "the descriptors are closed")
    return growths[-1]
