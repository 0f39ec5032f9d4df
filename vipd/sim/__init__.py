"""Many machines on a virtual clock and a faulty virtual network, all of it drawn from one seed.

Theory of operation. A `Scenario` is values drawn from `random.Random(seed)`: three nodes and a list
of `Fault`s that all end at one moment, the healing. A `Cluster` plays it: real `Machine`s, real
adverts through `vipd.wire`, and a `Node` that carries out actions as the agent would, upon a kernel
that is a tuple of addresses. `Node` asserts at every step what must hold at every moment:

- a node holds addresses only as MASTER, all of them (both families) or none;
- it speaks and announces only what it holds, and speaks before it announces;
- it has let go before it reports that it is no longer MASTER; a claim is the last thing it does;
- what it reports is what happened; whoever waits has a deadline, and it lies ahead.

`Cluster` asserts what must hold once the network is healed. Let I be the longest advert interval,
L the longest time a packet takes, and J the longest time that a wake-up comes late. Then:

- **Two MASTERs** that the faults have left behind last at most I + J + 4 L: the weaker one hears
  the next advert of the stronger one after I + J + L, and meanwhile a third may arise. Where a
  MASTER arises later, 4 L: it speaks at once and is answered at once, 2 L, and two may do so.
- **Converged** within 4 I + I + 4 (J + L) of the moment at which every node stands for election
  (which is the healing, or later where a refused claim waits to be tried again): the down interval
  3 I + skew < 4 I passes for whoever must take over, and the rest hear it within I.
  Converged means: one MASTER, it alone holds addresses, every other node names it as the MASTER,
  and none that may preempt is stronger.
- **Quiet**: from then on nobody changes its state.

What the simulation cannot see is a rule that only shifts moments within those bounds: a skew of
zero makes two BACKUPs take over at once, and the tie-break mends that in time. Literal arithmetic
catches it: `tests/unit/core/test_election.py`.

Start with `cluster.play(seed)`; `story=True` makes a run tell what happened.
"""
