"""The table: one row for each instance, in as many columns as fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from vipd.cli.assessment import Judged
from vipd.cli.page import span
from vipd.cli.remark import is_silent, since
from vipd.control.report import AgentReport, InstanceReport
from vipd.core.model import State

GAP: Final = "  "
NOTHING: Final = "-"


@dataclass(frozen=True, slots=True)
class _Column:
    """A heading, and what stands below it; `spare` is one that gives way where it is narrow."""

    heading: str
    cell: Callable[[InstanceReport, AgentReport], str]
    spare: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """An instance in columns: its name, its state, and what follows them, padded.

    `below` is what does not stand in the same line: the rest of its addresses.
    """

    judged: Judged
    name: str
    state: str
    rest: str
    below: Sequence[str]


class Table:
    """The rows of some instances, in their order, and what stands above them.

    All addresses are listed if that is wanted and there is room, and else counted.
    """

    def __init__(
        self, judged: Sequence[Judged], report: AgentReport, *, width: int, lists: bool
    ) -> None:
        self.heading = ""
        self.rows: Sequence[Row] = ()
        for columns in _variants(lists=lists):
            cells = [[one.cell(each.instance, report) for one in columns] for each in judged]
            widths = _widths(columns, cells)
            if sum(widths) + len(GAP) * (len(widths) - 1) <= width:
                break
        self.heading = _line([column.heading for column in columns], widths)
        self.rows = [_row(each, row, widths) for each, row in zip(judged, cells, strict=True)]


def _variants(*, lists: bool) -> Iterator[tuple[_Column, ...]]:
    """The columns, those that say the most first."""
    listed, counted = _Column("ADDRESSES", _all_addresses), _Column("ADDRESSES", _counted_addresses)
    needed = tuple(column for column in _COLUMNS if not column.spare)
    if lists:
        yield (*_COLUMNS, listed)
        yield (*needed, listed)
    else:
        yield (*_COLUMNS, counted)
    yield (*needed, counted)


def _widths(columns: Sequence[_Column], cells: Sequence[Sequence[str]]) -> Sequence[int]:
    rows = [[column.heading for column in columns], *cells]
    return [
        max(len(line) for cell in column for line in cell.split("\n"))
        for column in zip(*rows, strict=True)
    ]


def _row(judged: Judged, cells: Sequence[str], widths: Sequence[int]) -> Row:
    margin = " " * (sum(widths[:-1]) + len(GAP) * (len(widths) - 1))
    last, *below = cells[-1].split("\n")
    return Row(
        judged,
        cells[0].ljust(widths[0]),
        cells[1].ljust(widths[1]),
        _line([*cells[2:-1], last], widths[2:]),
        [margin + line for line in below],
    )


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return GAP.join(padded).rstrip()


# -- cells ------------------------------------------------------------------------------------


def _name(instance: InstanceReport, _: AgentReport) -> str:
    return instance.name


def _state(instance: InstanceReport, _: AgentReport) -> str:
    return instance.state.value


def _held_for(instance: InstanceReport, report: AgentReport) -> str:
    return span(since(instance.since, report))


def _master(instance: InstanceReport, _: AgentReport) -> str:
    if instance.state is State.MASTER:
        return "this host"
    if instance.master is None:
        return NOTHING
    silent = " (silent)" if is_silent(instance, instance.master) else ""
    return instance.master.address + silent


def _priority(instance: InstanceReport, _: AgentReport) -> str:
    if instance.effective_priority == instance.priority:
        return str(instance.priority)
    return f"{instance.effective_priority} of {instance.priority}"


def _peers(instance: InstanceReport, _: AgentReport) -> str:
    """How many of those that tell are ready."""
    if not instance.peers:
        return NOTHING
    told = [peer for peer in instance.peers if peer.ready is not None]
    ready = sum(bool(peer.ready) for peer in told)
    if not told:
        return "unknown"
    return f"{ready} ready" if ready == len(told) else f"{ready} of {len(told)} ready"


def _all_addresses(instance: InstanceReport, _: AgentReport) -> str:
    """One below the other."""
    return "\n".join(each.address for each in instance.addresses) or NOTHING


def _counted_addresses(instance: InstanceReport, _: AgentReport) -> str:
    """The first, and how many others there are."""
    first, *others = [each.address for each in instance.addresses] or [NOTHING]
    return f"{first} +{len(others)}" if others else first


_COLUMNS: Final[tuple[_Column, ...]] = (
    _Column("NAME", _name),
    _Column("STATE", _state),
    _Column("FOR", _held_for),
    _Column("MASTER", _master),
    _Column("PRIORITY", _priority, spare=True),
    _Column("PEERS", _peers),
)
