"""What global_defs settles for everything else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from vipd.config.keepalived.body import Body
from vipd.config.keepalived.keyword_global import GLOBAL
from vipd.config.keepalived.ledger import Ledger
from vipd.config.keepalived.tree import Statement
from vipd.config.text import write_duration
from vipd.core.units import Duration

DEFAULT_INTERFACE: Final = "eth0"
"""keepalived's own."""

_SILENT: Final = {
    "enable_script_security": "always so: what others can write is never run as root",
    "dynamic_interfaces": "always so: an interface may come and go",
    "vrrp_rt_priority": "realtime = true is the default",
    "vrrp_no_swap": "realtime = true is the default, and keeps the agent in memory",
    "vrrp_check_unicast_src": "always so: adverts of anybody but the peers are dropped",
    "reload_check_config": "always so: a configuration with errors is refused",
}
"""What vipd does in any case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What holds where an instance, a group or a script says nothing else."""

    version: int | None = None
    refresh: Duration | None = None
    startup_delay: Duration | None = None
    user: str | None = None
    user_group: str | None = None
    fifo: str | None = None
    interface: str = DEFAULT_INTERFACE
    message_checksum: bool = False


def settings(statements: tuple[Statement, ...], ledger: Ledger) -> Settings:
    """Read every global_defs of a file."""
    blocks = [one for one in statements if one.keyword == "global_defs"]
    body = Body(tuple(one for block in blocks for one in block.entries), GLOBAL, ledger)
    for keyword, how in _SILENT.items():
        if statement := body.flag(keyword):
            body.carried(statement, how)
    user, user_group = _user(body)
    return Settings(
        version=_version(body),
        refresh=_refresh(body),
        startup_delay=_startup_delay(body),
        user=user,
        user_group=user_group,
        fifo=_fifo(body),
        interface=_default_interface(body),
        message_checksum=body.flag("v3_checksum_as_v2") is not None,
    )


def _version(body: Body) -> int | None:
    if found := body.number("vrrp_version", 2, 3):
        body.carried(found[0], f"version = {found[1]}, in each instance")
        return found[1]
    return None


def _refresh(body: Body) -> Duration | None:
    if found := body.seconds("vrrp_garp_master_refresh"):
        how = f'announce_refresh = "{write_duration(found[1])}", in each instance'
        body.carried(found[0], how)
        return found[1]
    return None


def _startup_delay(body: Body) -> Duration | None:
    delay = None
    for keyword in ("vrrp_startup_delay", "vrrp_delay_after_boot"):
        if found := body.seconds(keyword):
            statement, delay = found
            body.carried(statement, f'startup_delay = "{write_duration(delay)}", in each instance')
    return delay


def _user(body: Body) -> tuple[str | None, str | None]:
    if found := body.value("script_user"):
        statement, user = found
        group = statement.values[1] if len(statement.values) > 1 else None
        body.carried(statement, f'user = "{user}", in each script and hook')
        return user, group
    return None, None


def _fifo(body: Body) -> str | None:
    """One FIFO tells of each transition; of two, the one that is for VRRP alone."""
    both = [found for key in ("vrrp_notify_fifo", "notify_fifo") if (found := body.value(key))]
    for statement, _ in both[1:]:
        body.dropped(statement, "an instance has one FIFO; let its reader pass the lines on")
    if not both:
        return None
    statement, path = both[0]
    body.carried(statement, f'fifo = "{path}", in the hooks of each instance and group')
    if len(statement.values) > 1:
        body.differs(
            statement, "vipd makes the FIFO for root; make it before, if another user reads it"
        )
    return path


def _default_interface(body: Body) -> str:
    if found := body.value("default_interface"):
        body.carried(found[0], f'interface = "{found[1]}", where an instance names none')
        return found[1]
    return DEFAULT_INTERFACE
