"""Removal: take addresses away, and nothing else with them.

Theory of operation. Of the IPv4 addresses of one subnet on an interface the first is the primary,
the others are its secondaries, and when the primary is removed the kernel removes them, too, unless
`promote_secondaries` is set. A virtual IP is the primary where nobody was in its subnet before; its
secondaries may be the administrator's, or those of another virtual router. So the setting is
borrowed for the moment of the removal. Where /proc cannot be written, what went along is put back
just as it was; connections survive that, but routes that name such an address as their source do
not. Sources: __inet_del_ifa in net/ipv4/devinet.c, ip-sysctl.rst.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from vipd import log
from vipd.core.model import Family, Vip, family_of
from vipd.net.netlink import Requests
from vipd.net.sysctl import Loans, Sysctls

_PROMOTE: Final = "ipv4/conf/{}/promote_secondaries"


class Removal:
    """Takes addresses off interfaces."""

    def __init__(self, requests: Requests, sysctls: Sysctls) -> None:
        self._requests = requests
        self._sysctls = sysctls

    def remove(self, index: int, addresses: Sequence[Vip]) -> None:
        """Remove addresses; gone already is good, too.

        Order: the last first. The first is most likely the primary, and to make one secondary after
        the other the primary would take the kernel a hundred times as long.
        """
        addresses = addresses[::-1]
        if not any(_may_be_a_primary(vip) for vip in addresses):
            self._requests.remove(index, addresses)
            return
        try:
            with self._promoting(index):
                self._requests.remove(index, addresses)
        except OSError as error:
            self._remove_and_restore(index, addresses, error)

    @contextmanager
    def _promoting(self, index: int) -> Iterator[None]:
        """Let secondaries outlive their primary. Raises: OSError, before anything is done.

        Why: where giving back fails, what is left is the setting that most hosts have anyway.
        """
        loans = Loans(self._sysctls)
        if not self._sysctls.read(_PROMOTE.format("all")):
            setting = _PROMOTE.format(socket.if_indextoname(index))
            loans.plan({setting: 1}, {setting: frozenset()})
            loans.take()
        try:
            yield
        finally:
            with suppress(OSError):
                loans.give_back()

    def _remove_and_restore(self, index: int, addresses: Sequence[Vip], error: OSError) -> None:
        """Remove addresses, and put back what went along."""
        before = self._requests.save(index)
        self._requests.remove(index, addresses)
        after = self._requests.save(index)
        along = [vip for vip in before if vip not in after and vip not in addresses]
        if not along:
            return
        refused = self._requests.restore([before[vip] for vip in along])
        log.get().warning(
            "addresses of the same subnet went along with ours, and were put back",
            interface_index=index,
            addresses=[str(vip) for vip in along],
            not_put_back=[str(vip) for vip, no in zip(along, refused, strict=True) if no],
            why=str(error),
        )


def _may_be_a_primary(vip: Vip) -> bool:
    """Whether others may go along with an address: IPv4, where its subnet has more than one."""
    return family_of(vip) is Family.IPV4 and vip.network.num_addresses > 1
