"""The order book: what operators want of this agent, until when, and what of it survives.

A maintenance is for the host. It is kept in a file in the state directory, so that it survives a
restart and a reboot; its end is a moment of the wall clock there, because no other clock does. A
priority is for an experiment: it ends with the next reload, and with the agent.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from vipd.core.orders import Orders
from vipd.core.units import SECOND, Duration
from vipd.log import Logger

LARGEST_FILE: Final = 4096
FORMAT: Final = 1

LAST_MOMENT: Final = 253_402_300_800 * SECOND
"""The end of the year 9999: what follows cannot be written as a date."""
_MODE: Final = 0o644


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order: since when and until when, and why. Units: in nanoseconds of the Unix epoch."""

    since: int
    until: int | None = None
    reason: str | None = None
    priority: int | None = None


class OrderBook:
    """What holds at the moment. Whoever changes it tells the instances."""

    def __init__(self, file: Path, wall: Callable[[], int], log: Logger) -> None:
        self._file = file
        self._wall = wall
        self._log = log
        self.maintenance: Order | None = None
        self.priorities: dict[str, Order] = {}

    def recall(self) -> None:
        """Know again of a maintenance that an earlier life has begun.

        Why: a file that cannot be understood means maintenance as well. Somebody wanted this host
        to serve nothing, and may have it open.
        """
        try:
            with self._file.open("rb") as file:
                self.maintenance = _order(file.read(LARGEST_FILE))
        except FileNotFoundError:
            return
        except (OSError, ValueError, RecursionError) as error:
            text = "cannot read the order of a maintenance; stays in maintenance"
            self._log.warning(text, file=str(self._file), error=str(error))
            reason = f"{self._file} cannot be read; `vipd maintenance off` ends it"
            self.maintenance = Order(since=self._wall(), reason=reason)
        self.expire()

    def orders_for(self, name: str) -> Orders:
        """What holds for one instance."""
        priority = self.priorities.get(name)
        return Orders(
            maintenance=self._words() if self.maintenance else None,
            priority=priority.priority if priority else None,
        )

    def begin_maintenance(self, reason: str | None, lasts: Duration | None) -> None:
        """Serve nothing from now on. Raises: OSError, when that cannot be kept; nothing is so."""
        order = self._order(lasts, reason=reason)
        self._keep(order)
        self.maintenance = order

    def end_maintenance(self) -> None:
        """Serve again. Raises: OSError, when the file stays; the maintenance does, too."""
        self._file.unlink(missing_ok=True)
        self.maintenance = None

    def set_priority(
        self, names: Iterable[str], priority: int | None, lasts: Duration | None
    ) -> None:
        """Let these stand with another priority; None: with the configured one again."""
        for name in names:
            if priority is None:
                self.priorities.pop(name, None)
            else:
                self.priorities[name] = self._order(lasts, priority=priority)

    def forget_priorities(self) -> None:
        """A reload: the configuration holds again."""
        self.priorities.clear()

    def expire(self) -> bool:
        """End what was ordered until now; whether there was any."""
        now = self._wall()
        over = [name for name, one in self.priorities.items() if _is_over(one, now)]
        for name in over:
            del self.priorities[name]
        if self.maintenance is None or not _is_over(self.maintenance, now):
            return bool(over)
        self.maintenance = None
        try:
            self._file.unlink(missing_ok=True)
        except OSError as error:
            text = "cannot remove the order of a maintenance that is over"
            self._log.warning(text, file=str(self._file), error=str(error.strerror))
        return True

    def _order(
        self, lasts: Duration | None, *, reason: str | None = None, priority: int | None = None
    ) -> Order:
        now = self._wall()
        until = None if lasts is None else now + lasts
        return Order(since=now, until=until, reason=reason, priority=priority)

    def _words(self) -> str:
        assert self.maintenance is not None, "there are words for what there is"
        reason = self.maintenance.reason
        return f"maintenance: {reason}" if reason else "maintenance"

    def _keep(self, order: Order) -> None:
        """Put a complete file into place, and onto the disk: it is to survive a power cut."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        new = self._file.with_name(f"{self._file.name}.new")
        new.unlink(missing_ok=True)
        with new.open("xb") as file:
            os.fchmod(file.fileno(), _MODE)
            file.write(json.dumps({"format": FORMAT, **asdict(order)}).encode())
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._file)
        _settle(self._file.parent)


def _settle(directory: Path) -> None:
    """Have the names of a directory on the disk, too; a file that nobody finds is none."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _order(contents: bytes) -> Order:
    """Raises: ValueError."""
    match json.loads(contents):
        case {
            "format": 1,
            "since": int(since),
            "until": None | int() as until,
            "reason": None | str() as reason,
        } if 0 <= since < LAST_MOMENT and (until is None or 0 <= until < LAST_MOMENT):
            return Order(since=since, until=until, reason=reason)
        case _:
            raise ValueError("it is in a format that this version does not know")


def _is_over(order: Order, now: int) -> bool:
    return order.until is not None and order.until <= now
