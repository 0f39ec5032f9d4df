"""Addresses: the claim and the release, what an earlier life left behind, what others change.

Many claims are made at once: their requests go to the kernel together, and what it refuses of one
does not touch the others. See `claim_plan.py` for what is ready before.
"""

from __future__ import annotations

import errno
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from vipd.core.model import Claim, Vip
from vipd.core.units import Duration
from vipd.net.claim_plan import Plan, Plans, Want
from vipd.net.drift import Intent, summary, with_other_prefix
from vipd.net.ledger import Entry, Ledger, VirtualRouter, spot_of
from vipd.net.link import Link
from vipd.net.macvlan import is_ours
from vipd.net.netlink import KernelRefused, Requests
from vipd.net.removal import Removal
from vipd.net.sysctl import Sysctls
from vipd.net.table import AddressTable


class Interfaces(Protocol):
    """What has to be known of the interfaces: see `vipd.net.link.Links`."""

    @property
    def tags(self) -> bool:
        """Whether this kernel is known to keep our tag."""

    def __iter__(self) -> Iterator[Link]:
        """All of them."""

    def find(self, name: str) -> Link | None:
        """The one of this name."""

    def at(self, index: int) -> Link | None:
        """The one of this number."""

    def has(self, index: int) -> bool:
        """Whether there is one of this number."""


class Addresses:
    """Installs and removes virtual IPs. Only what it installed, or its tag marks, is removed.

    Each address is noted with the virtual router that claimed it last, and only that one renews and
    releases it: so an address can move to another virtual router that claims it before the old one
    lets go, and a release finds the interface that has it, whatever its name is by then.

    An IP that we hold stands with our prefix length alone: with another one it is removed, because
    somebody else made it so. Nothing of that is done where this host owns the addresses.
    """

    def __init__(
        self, requests: Requests, links: Interfaces, sysctls: Sysctls | None = None
    ) -> None:
        self._requests = requests
        self._links = links
        self._removal = Removal(requests, sysctls or Sysctls())
        self._ledger = Ledger()
        self._plans = Plans()
        self._answers: dict[int, tuple[object, AddressTable]] = {}
        """What the kernel has said of an interface when asked, and the moment of what it had told
        before. Good until it tells more, or is ordered to do something."""
        self._well: dict[VirtualRouter, tuple[object, Sequence[Vip], Duration]] = {}
        """What was inspected last and found to be well, with the moment of what was told before."""

    def close(self) -> None:
        """Remove what is still installed: an agent that ends leaves nothing."""
        for index, ours in self._ledger.places().items():
            self._removal.remove(index, ours)
        self._ledger.clear()

    def claim(self, claims: Sequence[Claim]) -> list[str | None]:
        """For each claim, install all its addresses, or none: the reason of a refusal, or None.

        What is there already is fine when it is ours, or when this host owns the addresses. What
        we hold is put right, whatever has become of it.
        """
        self._answers.clear()
        self._ledger.keep_only(self._links.has)
        plans = [self._plan(claim) for claim in claims]
        objections = self._make_room([plan for plan in plans if plan])
        objections |= self._install([plan for plan in plans if plan and plan not in objections])
        for plan in objections:
            self.release(*plan.router, plan.claim.addresses)
        return _results(claims, plans, objections)

    def prepare(self, claim: Claim) -> None:
        """Write now what a claim will say to the kernel."""
        self._plan(claim)

    def renew(self, claims: Sequence[Claim]) -> list[str | None]:
        """For each claim, let the lease of what we installed of it begin anew: the reason of a
        refusal, or None."""
        self._answers.clear()
        plans = [self._plan(claim) for claim in claims]
        ours = [(plan, want) for plan in plans if plan for want in self._held_of(plan)]
        refused = self._requests.order_unheard([want.renew for _, want in ours])
        lapses = ((ours[place], no) for place, no in refused.items())
        objections = _first((plan, _lapse(plan, want, no)) for (plan, want), no in lapses)
        return _results(claims, plans, objections)

    def release(self, interface: str, vrid: int, addresses: Sequence[Vip]) -> None:
        """Remove those of the addresses that we installed; gone already is good, too."""
        self._answers.clear()
        router, wanted = (interface, vrid), {spot_of(vip) for vip in addresses}
        places: defaultdict[int, list[Vip]] = defaultdict(list)
        for index, spot, entry in list(self._ledger.everywhere(router)):
            if spot in wanted:
                places[index].append(entry.vip)
                self._ledger.strike(index, spot)
        self._well.pop(router, None)
        for index, ours in places.items():
            self._removal.remove(index, ours)

    def inspect(
        self, interface: str, vrid: int, addresses: Sequence[Vip], lease: Duration
    ) -> str | None:
        """What of the addresses is not as we installed it, for a person; None if all is well.

        Why: what netlink has told is asked first, because it costs nothing; but what it says of
        an IPv6 address can come after the answer to our own request, and of a renewal nothing is
        said, so the kernel has the word.
        """
        link = self._links.find(interface)
        if link is None:
            return None
        router, question = (interface, vrid), (link.addresses.moment, addresses, lease)
        if self._well.get(router) == question:
            return None
        held = self._ledger.held(link.seen.index, router, addresses)
        if what := self._departures(link, held, lease):
            return what
        self._well[router] = question
        return None

    def sweep(
        self, interfaces: Collection[str] | None = None, *, leased: bool = True
    ) -> list[tuple[str, Vip]]:
        """Remove what carries our tag though this life did not install it; say what it was.

        Without interfaces it is done on all of this network namespace, but for our macvlans, which
        are swept as a whole. With `leased` false, what the kernel will remove by itself is left.
        """
        self._answers.clear()
        swept = []
        for link in list(self._links):
            name, index = link.seen.name, link.seen.index
            if (name not in interfaces) if interfaces is not None else is_ours(link.seen):
                continue
            held = self._ledger.on(index)
            left = [
                seen.address
                for seen in self._requests.addresses(index)
                if seen.ours
                and spot_of(seen.address) not in held
                and (leased or seen.lifetime is None)
            ]
            self._removal.remove(index, left)
            swept += [(name, vip) for vip in left]
        return swept

    # -- claiming -----------------------------------------------------------------------------

    def _plan(self, claim: Claim) -> Plan | None:
        """What a claim says to the kernel; None when its interface does not exist."""
        link = self._links.find(claim.interface)
        return self._plans.of(claim, link.seen.index) if link else None

    def _make_room(self, plans: Iterable[Plan]) -> dict[Plan, str]:
        """Remove what stands with another prefix length in our place; or why that must not be."""
        return _first((plan, self._clear(plan)) for plan in plans if not plan.claim.owner)

    def _clear(self, plan: Plan) -> str | None:
        """Make room for one claim, or say why not.

        Why: what netlink has told may be old news, which matters once there was drift only.
        """
        link, ledger = self._link_of(plan), self._ledger.on(plan.index)
        held = {want.spot[0] for want in plan.wants if want.spot in ledger}
        there = self._ask(link) if held else link.addresses
        others = with_other_prefix(plan.claim.addresses, there)
        for other in others:
            ip, _ = spot = spot_of(other.address)
            if not (ip in held or other.ours or spot in ledger):
                return _foreign(link.seen.name, other.address)
        if others:
            self._removal.remove(plan.index, [other.address for other in others])
        for other in others:
            self._ledger.strike(plan.index, spot_of(other.address))
        return None

    def _install(self, plans: Iterable[Plan]) -> dict[Plan, str]:
        """Add what is new and renew what is ours already: the reasons of what was refused."""
        wants = [(plan, want) for plan in plans for want in plan.wants]
        refused = self._submit([self._order(plan, want) for plan, want in wants])
        if refused:
            refused = self._adopt(wants, refused)
        objections = _first(
            (wants[place][0], self._objection(*wants[place], no)) for place, no in refused.items()
        )
        for place, (plan, want) in enumerate(wants):
            if place not in refused:
                self._ledger.note(plan.index, want.spot, want.entry)
        return objections

    def _submit(self, orders: Sequence[bytes]) -> dict[int, KernelRefused]:
        refused = self._requests.order(orders)
        self._answers.clear()
        return refused

    def _order(self, plan: Plan, want: Want) -> bytes:
        return want.renew if want.spot in self._ledger.on(plan.index) else want.install

    def _adopt(
        self, wants: Sequence[tuple[Plan, Want]], refused: Mapping[int, KernelRefused]
    ) -> dict[int, KernelRefused]:
        """Renew what is ours though this life did not install it; what stays refused."""
        exist = (place for place, no in refused.items() if no.code == errno.EEXIST)
        ours = [place for place in exist if self._is_ours(*wants[place])]
        late = self._submit([wants[place][1].renew for place in ours])
        others = {place: refused[place] for place in refused.keys() - ours}
        return others | {ours[number]: no for number, no in late.items()}

    def _is_ours(self, plan: Plan, want: Want) -> bool:
        """Whether the kernel says that an address carries our tag."""
        ip, _ = want.spot
        same = self._ask(self._link_of(plan)).at(ip)
        return any(one.ours and spot_of(one.address) == want.spot for one in same)

    def _objection(self, plan: Plan, want: Want, refused: KernelRefused) -> str | None:
        """What is wrong with an address that was refused; None for what the owner has already."""
        if want.spot in self._ledger.on(plan.index):
            return _lapse(plan, want, refused)
        interface, vip = plan.claim.interface, want.entry.vip
        if refused.code != errno.EEXIST:
            return f"the kernel refused {vip} on {interface}: {refused}"
        return None if plan.claim.owner else _foreign(interface, vip)

    # -- what is there ------------------------------------------------------------------------

    def _held_of(self, plan: Plan) -> Iterator[Want]:
        """What of a plan is its virtual router's."""
        held, router = self._ledger.on(plan.index), plan.router
        for want in plan.wants:
            entry = held.get(want.spot)
            if entry and entry.router == router:
                yield want

    def _departures(self, link: Link, held: Sequence[Entry], lease: Duration) -> str | None:
        """What of these is otherwise, by what netlink has told, and then by the kernel itself."""
        ours = [entry.vip for entry in held]
        intent = Intent(
            place=link.seen.name,
            lease=lease,
            tagged=self._links.tags,
            alone=not any(entry.owner for entry in held),
        )
        if summary(intent.departures(ours, link.addresses)) is None:
            return None
        there = self._ask(link)
        what = summary(intent.departures(ours, there))
        if what is None:
            link.addresses.correct(ours, there)
        return what

    def _link_of(self, plan: Plan) -> Link:
        link = self._links.at(plan.index)
        assert link, "a plan is made for an interface that is there"
        return link

    def _ask(self, link: Link) -> AddressTable:
        """What the kernel itself says: its messages may not have been read yet.

        Why: where many have departed, one answer does for all of them.
        """
        index, moment = link.seen.index, link.addresses.moment
        asked, answer = self._answers.get(index, (None, AddressTable()))
        if asked is not moment:
            answer = AddressTable(self._requests.addresses(index))
            self._answers[index] = moment, answer
        return answer


def _first(reasons: Iterable[tuple[Plan, str | None]]) -> dict[Plan, str]:
    """The first reason against each plan that there is one against."""
    first: dict[Plan, str] = {}
    for plan, reason in reasons:
        if reason:
            first.setdefault(plan, reason)
    return first


def _results(
    claims: Iterable[Claim], plans: Iterable[Plan | None], objections: Mapping[Plan, str]
) -> list[str | None]:
    """The reason against each claim, or None."""
    return [
        objections.get(plan) if plan else f"{claim.interface} does not exist"
        for plan, claim in zip(plans, claims, strict=True)
    ]


def _lapse(plan: Plan, want: Want, refused: KernelRefused) -> str:
    return f"the kernel does not renew {want.entry.vip} on {plan.claim.interface}: {refused}"


def _foreign(interface: str, vip: Vip) -> str:
    """The way out, where an address is somebody else's."""
    return (
        f"{vip} is on {interface} already and vipd did not put it there; "
        f"remove it (ip address del {vip} dev {interface}), or set priority = 255 "
        "if this host owns it"
    )
