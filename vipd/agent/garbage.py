"""Garbage: Python's collector, kept from pausing the loop for longer than a millisecond.

Theory of operation. What is not needed any more is freed at once, by counting references. The
collector is for what refers to itself in a circle, of which little is made here: a connection to
the control socket leaves five objects. To find them it looks at all that lives: with 255 instances
that are 50,000 objects, and a full look takes 20 ms, two of the shortest advert intervals.

- What lives when everything has been made, it never looks at again (`settle`).
- By itself it looks only at what is young, and at less of it at one time than it would by default:
  at no more than 4,200 objects.
- The full look, at all that has come since, is ours (`sweep`): when much has survived, as after a
  takeover, or after as many looks at survivors as Python itself would wait for. What is found to
  stay is not looked at again, if it is much.

What stays for good may become garbage nevertheless, and is then freed unless it refers to itself.
Sources: the documentation of `gc`; measured with Python 3.11.
"""

from __future__ import annotations

import gc
from typing import Final

YOUNG: Final = 700
"""How many more objects are made than freed between two looks at them: as in Python itself."""

YOUNG_LOOKS: Final = 5
"""After how many of these looks their survivors are looked at; in Python itself after 10."""

NEVER: Final = 1_000_000_000
_OLD: Final = 2

LOOKS: Final = 10
"""After how many looks at survivors there is a full one, as in Python itself."""

MUCH: Final = 2_000
"""So many survivors are looked at without delay, and not again: that takes 0.3 ms. All that a
takeover of 255 instances leaves, 5,000 objects, takes less than 1 ms."""


def take_charge() -> None:
    """Have full looks from now on only when we want them. It is for the whole process."""
    gc.set_threshold(YOUNG, YOUNG_LOOKS, NEVER)


def settle() -> None:
    """Take what lives for what stays, and leave to the collector only what comes from now on.

    Order: when everything has been made, for it takes some 20 ms with 255 instances.
    """
    gc.collect()
    gc.freeze()


def sweep() -> None:
    """Look for all garbage that has come since `settle`, if there can be enough of it."""
    _, _, looks = gc.get_count()
    if looks >= LOOKS or (looks and len(gc.get_objects(generation=_OLD)) > MUCH):
        gc.collect()
        if len(gc.get_objects(generation=_OLD)) > MUCH:
            gc.freeze()
