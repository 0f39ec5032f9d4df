"""Claim plans: what a claim says to the kernel, written before the moment comes.

A plan is good for one claim on one interface. A machine makes the same claim again and again, and
hundreds of them make theirs at the same moment; then there is nothing to do but to send.
"""

from __future__ import annotations

from dataclasses import dataclass

from vipd.core.model import Claim
from vipd.net.ledger import Entry, Spot, VirtualRouter, spot_of
from vipd.net.netlink import new_address, renew_address


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Want:
    """One address of a claim: what is noted of it, and the requests that install and renew it."""

    spot: Spot
    entry: Entry
    install: bytes
    renew: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A claim on the interface of this number."""

    claim: Claim
    index: int
    wants: tuple[Want, ...]

    @property
    def router(self) -> VirtualRouter:
        """Who makes the claim."""
        return self.claim.interface, self.claim.vrid


class Plans:
    """The plan of each virtual router, made anew when it claims something else."""

    def __init__(self) -> None:
        self._plans: dict[VirtualRouter, Plan] = {}

    def of(self, claim: Claim, index: int) -> Plan:
        """The plan for a claim. Why by identity: to compare claims would cost what a plan saves."""
        router = claim.interface, claim.vrid
        plan = self._plans.get(router)
        if plan is None or plan.claim is not claim or plan.index != index:
            plan = self._plans[router] = _plan(claim, index)
        return plan


def _plan(claim: Claim, index: int) -> Plan:
    router = claim.interface, claim.vrid
    wants = (
        Want(
            spot=spot_of(vip),
            entry=Entry(vip=vip, router=router, owner=claim.owner),
            install=new_address(index, vip, claim.lease),
            renew=renew_address(index, vip, claim.lease),
        )
        for vip in claim.addresses
    )
    return Plan(claim, index, tuple(wants))
