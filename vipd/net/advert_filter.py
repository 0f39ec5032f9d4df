"""The filter of an advert socket that others flood: what is of our VRIDs, and a trace of the rest.

A link has adverts of strangers, and whoever runs this host wants to know of them. But when there
are hundreds in a second, most are dropped in the kernel, where one costs a tenth of what it costs
here; a few are let through by chance, so that a new stranger is not overlooked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from vipd.core.model import Family
from vipd.net.bpf import (
    AFTER_THE_IPV4_HEADER,
    DROP,
    RANDOM,
    Line,
    assemble,
    jump_if_equal,
    keep,
    load,
    load_after,
    mask,
)

_VRID_AT: Final = 1
_ONE_IN: Final = 256
"""Of so many packets of others one gets through. A power of 2."""

_LONGEST: Final = 65_535


def mostly(vrids: Collection[int], family: Family) -> bytes:
    """Lets the adverts of these VRIDs through, and few others.

    A raw IPv4 socket is shown the packet with its header, one of IPv6 what follows it. What ends
    before its VRID is dropped.
    """
    return assemble(*_load_vrid(family), *_judge(vrids))


def _load_vrid(family: Family) -> Iterator[Line]:
    if family is Family.IPV4:
        yield AFTER_THE_IPV4_HEADER
        yield load_after(1, _VRID_AT)
    else:
        yield load(1, _VRID_AT)


def _judge(vrids: Collection[int]) -> Iterator[Line]:
    for vrid in sorted(vrids):
        yield jump_if_equal(vrid, "keep")
    yield RANDOM
    yield mask(_ONE_IN - 1)
    yield jump_if_equal(0, "keep")
    yield DROP
    yield "keep"
    yield keep(_LONGEST)
