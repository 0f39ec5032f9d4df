"""Many machines on a virtual clock and a faulty virtual network, all of it drawn from one seed.

Theory of operation. A `Scenario` is values: hosts, a storm, and `Fault`s that all end at one
moment, the healing. `draw` makes one up from a seed; a test may write one by hand. A `Cluster`
plays it: real `Machine`s, real adverts through `vipd.wire`, a clock of its own for each host, and a
`Kernel` that has addresses for as long as their lease lasts, whether an agent runs or not. A node
is an **owner** as long as its kernel has an address and a carrier; what a machine believes is not
asked. Of each node, at every moment (`hands`, `conduct`):

- at rest, a MASTER that runs has all addresses (both families) or has not been told yet that one is
  gone, and nobody else has any; no lease ends under an agent that runs;
- it speaks and announces only what it has, speaks before it announces, has let go before it
  reports that it is no longer MASTER, and reports what happened, once; a claim comes last;
- a BACKUP takes over no sooner than RFC 9568 §6.1 lets it, by arithmetic that is not the core's;
- whoever slept for longer than its peers wait is no longer MASTER when it wakes, and a BACKUP that
  has slept does not take over upon waking; an agent that is told to stop comes to an end.

Of owners, at every moment (`judge`). I is the longest advert interval, L the longest time that a
packet takes, J the longest time that a wake-up comes late, G the linger (+ J), T a lease and 7 % of
it, which is how long Linux keeps an address at most, and D the down interval 3 I + skew of the one
who takes over; clocks that disagree add 0.25 %.

- **A ghost**, an owner whose agent is dead or frozen: T, in every phase and whatever the network
  does. If its heir has waited for nothing but its silence, and packets arrive, T - D (if that is
  more than J + L): the lease is renewed with the adverts, so both run from the same moment.
- **Two live owners**, while packets arrive or once they do again: I + J + 4 L + G if the trouble
  has left them behind, because the weaker one hears the next advert of the stronger one after
  I + J + L, and meanwhile a third may arise; 4 L + G where one arises in peace: it speaks at once
  and is answered at once, 2 L, and two may do so. No protocol bounds it while adverts are lost.
- **Make before break**: where a MASTER that stops or was outranked lets go, the client knows its
  successor, or the weakest BACKUP has had the time to follow. Nobody carries on after a crash if
  another has waited for it in vain, or takes over what answers if it was told to hold back.

Once healed, and once every node stands for election (a refused claim waits to be tried again):

- **Converged** within 4 I + I + 4 (J + L) + G: D < 4 I passes for whoever must take over, and the
  rest hear it within I. There is one MASTER, it alone owns, every other node names it, and none
  that may preempt is stronger.
- **Quiet**: from then on nothing changes, and after a second the client sends to the owner.

With several links (`draw_group`) every host is on each of them, and its instances are one group
(`fellowship`): the same holds on each link, the greater address on one is the lesser one on the
other, and of each host that runs, besides:

- nobody serves beside one in FAULT; nobody serves beside one that does not serve for longer than
  that one may have to listen, 4 I + I;
- the group has nothing more to tell after a few words.

Once healed both links have their MASTER on the same host, within twice the time, because one round
may be lost to a group that is not whole; and no node changes its state again and again.

Start with `cluster.play(seed)`; `cluster.tell(scenario)` is its story, `shrinking.shrink` makes a
broken one short, `literal` writes it as Python.
"""
