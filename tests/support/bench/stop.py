"""A planned stop of the MASTER, as a client sees it that asks once in a millisecond."""

from __future__ import annotations

from collections.abc import Iterator

from chaos.stage import Stage

from bench.contender import Contender
from bench.figure import Reading
from vipd.lab.lab import Lab
from vipd.lab.pause import Pause


def stops(contender: Contender, interval_ms: int, times: int, pause: Pause) -> Iterator[Reading]:
    """Stop the better of two daemons so often, and see what the client loses."""
    with Lab(pause=pause) as lab:
        stage = Stage(lab, contender.kind, interval_ms)
        seen = []
        for _ in range(times):
            stage.settle()
            with stage.take() as take:
                stage.a.stop()
                take.expect_served(stage.b, stage.interval_s)
            seen.append(take.seen)
    topic = f"planned stop at {interval_ms} ms"
    lost = [float(one.lost) for one in seen]
    yield Reading(topic=topic, what="probes lost, one in 1 ms", unit="", values=lost)
    outages = [one.outage for one in seen]
    yield Reading(topic=topic, what="longest outage", unit="ms", values=outages)
