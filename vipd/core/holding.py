"""The addresses that an instance has asked for, and whether it has them."""

from __future__ import annotations

from vipd.core.actions import Action, ClaimAddresses, ReleaseAddresses
from vipd.core.model import Vip


class Holding:
    """What was claimed and not yet released: a release is of this, whatever is configured now."""

    __slots__ = ("_asked", "_held")

    def __init__(self) -> None:
        self._asked: tuple[Vip, ...] = ()
        self._held = False

    @property
    def held(self) -> bool:
        """Whether a claim has succeeded and nothing was released since."""
        return self._held

    @property
    def addresses(self) -> tuple[Vip, ...]:
        """What was asked for last."""
        return self._asked

    def confirm(self) -> None:
        """The claim has succeeded."""
        self._held = True

    def claim(self, addresses: tuple[Vip, ...]) -> ClaimAddresses:
        """Ask for addresses."""
        self._asked = addresses
        return ClaimAddresses(addresses)

    def release(self) -> ReleaseAddresses:
        """Give up all that was asked for."""
        asked, self._asked, self._held = self._asked, (), False
        return ReleaseAddresses(asked)

    def change(self, addresses: tuple[Vip, ...]) -> tuple[Action, ...]:
        """Hold these addresses from now on: give up the others, ask for the rest.

        Order: the claim follows the release and is of all addresses, because Linux takes the
        secondary addresses of a removed primary along with it.
        """
        if addresses == self._asked:
            return ()
        gone = tuple(vip for vip in self._asked if vip not in addresses)
        release = (ReleaseAddresses(gone),) if gone else ()
        return (*release, self.claim(addresses))
