"""How an instance stands for election: priority, version, interval, preemption, password.

What keepalived rounds, cuts or ignores is rounded, cut and ignored here, and said.
"""

from __future__ import annotations

from typing import Final

from vipd.config.keepalived.body import Body
from vipd.config.keepalived.desk import Desk
from vipd.config.keepalived.keyword_instance import AUTHENTICATION
from vipd.config.keepalived.setting import Settings
from vipd.config.keepalived.toml import Value
from vipd.config.keepalived.tree import Statement
from vipd.config.schema import LONGEST_DELAY, LONGEST_REFRESH
from vipd.config.text import LONGEST_PASSWORD, write_duration
from vipd.core.config import DEFAULT_PRIORITY
from vipd.core.model import OWNER_PRIORITY, Family
from vipd.core.units import CENTISECOND, MILLISECOND, SECOND, Duration

LONGEST_V2: Final = 255 * SECOND
LONGEST_V3: Final = 4095 * CENTISECOND

DEFAULT_VERSION: Final = (
    "version = 2 is keepalived's default, vipd's is 3: leave it out once no host runs keepalived"
)


def version(statement: Statement, family: Family, body: Body, settings: Settings) -> int:
    """The version that keepalived speaks: IPv6 is always VRRPv3."""
    found = body.number("version", 2, 3)
    said = found[1] if found else settings.version
    if family is Family.IPV6:
        if found and said == 2:
            body.differs(found[0], "IPv6 is always VRRPv3, in keepalived as well")
        return 3
    if found:
        body.carried(found[0], f"version = {found[1]}")
    elif said is None:
        body.ledger.differs_once(statement, DEFAULT_VERSION)
    return said or 2


def priority(body: Body) -> int:
    """The priority. Order: a state of MASTER is told with it, for that is what it was meant for."""
    found = body.number("priority", 1, OWNER_PRIORITY)
    state = body.value("state")
    master = state is not None and state[1] == "MASTER"
    owner = master and body.last("priority") is None
    number = found[1] if found else OWNER_PRIORITY if owner else DEFAULT_PRIORITY
    if found:
        body.carried(found[0], f"priority = {number}")
    if state is None:
        return number
    if not master:
        body.carried(state[0], "nothing: every instance begins as BACKUP")
    elif not owner:
        how = f"the election decides instead, here with priority = {number}"
        body.differs(state[0], f"{how}; give each host its own")
    else:
        how = "without a priority, keepalived makes a MASTER the owner: priority = 255"
        body.differs(state[0], f"{how}; write 254 or less if the addresses are not this host's own")
    return number


def interval(body: Body, spoken: int) -> Duration | None:
    """The interval as it is on the wire; None for the default."""
    found = body.seconds("advert_int")
    if found is None:
        return None
    statement, wanted = found
    step, most = (SECOND, LONGEST_V2) if spoken == 2 else (CENTISECOND, LONGEST_V3)
    rounded = min(max((wanted + step // 2) // step, 1) * step, most)
    text = write_duration(rounded)
    if rounded == wanted:
        body.carried(statement, f'advert_interval = "{text}"')
    else:
        body.differs(statement, f'VRRPv{spoken} has no such interval: "{text}" is what is sent')
    return rounded


def preemption(body: Body, stands: int) -> dict[str, Value]:
    """Whether and when this host takes over from a weaker one, with the priority that it has."""
    if stands == OWNER_PRIORITY:
        for statement in filter(None, map(body.last, ("nopreempt", "preempt", "preempt_delay"))):
            body.dropped(statement, "nothing to do: an owner preempts at once, here as there")
        return {}
    state = body.value("state")
    master = state is not None and state[1] == "MASTER"
    nopreempt, preempt = body.flag("nopreempt"), body.flag("preempt")
    if preempt:
        body.carried(preempt, "preempt = true, the default")
    if nopreempt is None:
        return _preempt_delay(body, master=master)
    if master:
        how = "preempt = false: keepalived ignores nopreempt beside state MASTER, vipd does not"
        body.differs(nopreempt, how)
    else:
        body.carried(nopreempt, "preempt = false")
    if delay := body.last("preempt_delay"):
        body.dropped(delay, "nothing to do: who does not preempt waits for nothing")
    return {"preempt": False}


def _preempt_delay(body: Body, *, master: bool) -> dict[str, Value]:
    found = body.seconds("preempt_delay")
    if found is None:
        return {}
    statement, wanted = found
    text = _delay(wanted)
    if master:
        how = "keepalived ignores preempt_delay beside state MASTER, vipd does not"
        body.differs(statement, f'preempt_delay = "{text}": {how}')
    else:
        body.carried(statement, f'preempt_delay = "{text}"')
    return {"preempt_delay": text}


def _delay(wanted: Duration) -> str:
    """A delay that vipd takes: whole milliseconds, an hour at most."""
    rounded = -(-wanted // MILLISECOND) * MILLISECOND
    return write_duration(min(rounded, LONGEST_DELAY))


def delays(body: Body, desk: Desk) -> dict[str, Value]:
    """What else is about time: the delay at the start, and the refresh of the announcements."""
    keys: dict[str, Value] = {}
    if desk.settings.startup_delay:
        keys["startup_delay"] = _delay(desk.settings.startup_delay)
    refresh = desk.settings.refresh
    if found := body.seconds("garp_master_refresh"):
        refresh = found[1]
        body.carried(found[0], f'announce_refresh = "{_refresh(refresh)}"')
    if refresh is not None:
        keys["announce_refresh"] = _refresh(refresh)
    return keys


def _refresh(wanted: Duration) -> str:
    """A refresh that vipd takes: whole seconds, an hour at most."""
    return write_duration(min(-(-wanted // SECOND) * SECOND, LONGEST_REFRESH))


def auth(body: Body, spoken: int) -> dict[str, Value]:
    """The password, in VRRPv2."""
    blocks = body.all("authentication")
    if not blocks:
        return {}
    inner = Body(blocks[-1].entries, AUTHENTICATION, body.ledger, body.table)
    kind, password = inner.value("auth_type"), inner.value("auth_pass")
    if spoken == 3:
        body.dropped(blocks[-1], "nothing to do: VRRPv3 has no authentication, and none is done")
        return {}
    if kind and kind[1] == "AH":
        how = "AH is not supported: peers with it are not heard; take it out on all hosts first"
        body.dropped(blocks[-1], how)
        return {}
    if not kind or kind[1] != "PASS" or not password:
        how = "it takes an auth_type PASS and an auth_pass; keepalived does without, too"
        body.dropped(blocks[-1], how)
        return {}
    return _password(password, kind[0], body)


def _password(found: tuple[Statement, str], kind: Statement, body: Body) -> dict[str, Value]:
    statement, written = found
    cut = written.encode(errors="replace")[:LONGEST_PASSWORD].decode(errors="ignore")
    if not cut:
        body.dropped(statement, "it is empty")
        return {}
    how = "auth is for VRRPv2 only, and protects nothing: everybody on the link reads the password"
    body.differs(kind, how)
    if cut == written:
        body.carried(statement, "auth.password")
    else:
        body.differs(statement, "only its first 8 bytes count, in keepalived as well")
    return {"auth": {"type": "pass", "password": cut}}
