"""Every rule set of a host as one, whoever keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vipd.core.model import Family
from vipd.doctor.ruleset import iptables, nft
from vipd.doctor.ruleset.model import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What `iptables-save`, or another of its kind, has said; `program` is without the -save."""

    program: str
    family: Family
    text: str


def assemble(document: str, listing: str, saved: Sequence[Saved]) -> tuple[Table, ...]:
    """Every table, once.

    Why: what iptables keeps in nftables is shown by both, and by iptables in full.
    Raises: ValueError, when what nft says cannot be read.
    """
    kept = [
        table
        for one in saved
        if iptables.in_nftables(one.text)
        for table in iptables.tables(one.text, one.family, one.program)
    ]
    legacy = [
        table
        for one in saved
        if not iptables.in_nftables(one.text)
        for table in iptables.tables(one.text, one.family, one.program)
    ]
    native = nft.tables(document, listing) if document else ()
    shown_twice = {table.key for table in kept}
    return (*(each for each in native if each.key not in shown_twice), *kept, *legacy)


def keeper(table: Table, chains: Sequence[str]) -> str:
    """Which program has made these rules, by the names that it gives: firewalld, ufw, or none."""
    if table.name == "firewalld" or any("_ZONES" in chain for chain in chains):
        return "firewalld"
    if any(chain.startswith(("ufw-", "ufw6-")) for chain in (*chains, *table.chains)):
        return "ufw"
    return "nftables" if table.program == nft.PROGRAM else table.program
