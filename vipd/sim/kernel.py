"""The kernel of one host: it has addresses, each batch until its lease ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from vipd.core.model import Vip
from vipd.core.units import Duration, Instant
from vipd.sim.clock import Clock, Dial

LEASE_STRETCH = 0.07
"""By how much of itself a lease lasts longer at most: Linux ends one of 1 s after 1.02 s, one of
3 s after up to 3.2 s, because it looks at its addresses only now and then."""


class Kernel:
    """The addresses of a host. It outlives the agent, and knows nothing of it.

    `on_change` is called when it has gained or lost an address, `on_lapse` before that where a
    lease has ended.
    """

    def __init__(
        self,
        clock: Clock,
        dial: Dial,
        rng: Random,
        *,
        on_change: Callable[[], None],
        on_lapse: Callable[[], None],
    ) -> None:
        self.held: tuple[Vip, ...] = ()
        self.refuses = False
        self.ends: Instant | None = None
        """When the addresses leave by themselves, on the cluster's clock; None for never."""
        self._clock = clock
        self._dial = dial
        self._rng = rng
        self._on_change = on_change
        self._on_lapse = on_lapse
        self._looks_at: Instant | None = None

    def claim(self, addresses: tuple[Vip, ...], lease: Duration) -> bool:
        """Add addresses, or find them there; of a refused claim none is left."""
        if self.refuses:
            self.release(addresses)
            return False
        others = tuple([vip for vip in self.held if vip not in addresses])
        self._begin(lease)
        self._become((*addresses, *others))
        return True

    def renew(self, lease: Duration) -> bool:
        """Let the lease begin anew."""
        if not self.refuses:
            self._begin(lease)
        return not self.refuses

    def release(self, addresses: Sequence[Vip]) -> None:
        """Remove addresses, whoever asks for it."""
        self._become(tuple([vip for vip in self.held if vip not in addresses]))

    def sweep(self) -> None:
        """Remove all: by an agent that begins, or with the power."""
        self._become(())

    def _become(self, held: tuple[Vip, ...]) -> None:
        if held != self.held:
            self.held = held
            self._on_change()

    def _begin(self, lease: Duration) -> None:
        stretched = lease + int(self._rng.random() * LEASE_STRETCH * lease)
        self.ends = self._dial.when(self._dial.now + stretched) if lease else None
        self._watch()

    def _watch(self) -> None:
        """Look again when the lease ends, or before: what it finds then is what counts."""
        if self.ends is not None and (self._looks_at is None or self.ends < self._looks_at):
            self._looks_at = self.ends
            self._clock.plan(self.ends, self._look)

    def _look(self) -> None:
        self._looks_at = None
        if self.ends is None or not self.held:
            return
        if self._clock.now < self.ends:
            self._watch()
            return
        self._on_lapse()
        self._become(())
