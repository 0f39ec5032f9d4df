"""The firewall rules of this host, with every program that keeps some."""

from __future__ import annotations

from contextlib import suppress

from vipd.core.model import Family
from vipd.doctor.facts import Rules, Unseen
from vipd.doctor.port import Said, Source
from vipd.doctor.ruleset.iptables import in_nftables
from vipd.doctor.ruleset.rules import Saved, assemble

_SAVE = {Family.IPV4: "iptables", Family.IPV6: "ip6tables"}
_LOADED = {Family.IPV4: "/proc/net/ip_tables_names", Family.IPV6: "/proc/net/ip6_tables_names"}
"""What iptables keeps outside of nftables; the kernel tells it to root only."""

_IN_PART = '"xt"'
"""How nft writes a match or a target that only iptables can show."""

_REFUSALS = ("not permitted", "ermission denied", "must be root")


def rules(host: Source) -> Rules | Unseen:
    """Everything that can be read; what cannot is told."""
    document = host.run("nft", "-j", "list", "ruleset")
    if _refused(document):
        return Unseen(why="only root sees the firewall rules")
    listing = host.run("nft", "-a", "list", "ruleset")
    saved, unread = _saved(host, document)
    if document.failure:
        unread.insert(0, _unread_nft(host, document))
    try:
        tables = assemble("" if document.failure else document.text, listing.text, saved)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        tables = assemble("", "", saved)
        unread.append(f"what nft says cannot be understood: {error!r}")
    return Rules(tables=tables, unread=tuple(text for text in unread if text))


def _saved(host: Source, document: Said) -> tuple[list[Saved], list[str]]:
    """What iptables keeps, in nftables and outside of them, and what could not be read."""
    saved, unread = [], []
    for family, program in _SAVE.items():
        said = host.run(f"{program}-save")
        if said.missing and _IN_PART in document.text:
            what = f"nft shows the rules of {program} in part only"
            unread.append(f"{what}, and {said.failure}: apt-get install iptables")
        if said.text:
            saved.append(Saved(program=program, family=family, text=said.text))
        loaded = _loaded(host, family)
        if loaded and (not said.text or in_nftables(said.text)):
            legacy = f"{program}-legacy"
            outside = host.run(f"{legacy}-save")
            if outside.text:
                saved.append(Saved(program=legacy, family=family, text=outside.text))
            elif outside.failure:
                what = f"{program} has tables outside of nftables ({', '.join(loaded)})"
                unread.append(f"{what}, and {outside.failure}: apt-get install iptables")
    return saved, unread


def _loaded(host: Source, family: Family) -> list[str]:
    with suppress(OSError):
        return host.read(_LOADED[family]).split()
    return []


def _unread_nft(host: Source, said: Said) -> str:
    """Why the tables of nftables are not known; nothing, when there cannot be any."""
    if not said.missing:
        return f"nft: {said.failure}"
    with suppress(OSError):
        modules = host.read("/proc/modules").splitlines()
        if modules and not any(line.startswith("nf_tables ") for line in modules):
            return ""
    return "nft is not installed, so tables of nftables are not seen: apt-get install nftables"


def _refused(said: Said) -> bool:
    return any(word in said.failure for word in _REFUSALS)
