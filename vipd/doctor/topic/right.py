"""Rights: what the agent may do, or would be allowed to do when it is started."""

from __future__ import annotations

from collections.abc import Iterator

from vipd.core.config import HooksConfig
from vipd.doctor.facts import Facts, Rights
from vipd.doctor.finding import Finding, note, ok, problem, warning
from vipd.doctor.topic.unit import drop_in

NEEDED = ("CAP_NET_ADMIN", "CAP_NET_RAW")
OF_OTHER_USERS = ("CAP_SETUID", "CAP_SETGID")
_UNIT = "the unit vipd.service"
_REAL_TIME = (
    "CPUSchedulingPolicy=rr",
    "CPUSchedulingPriority=1",
    "CPUSchedulingResetOnFork=yes",
)
_USER = "this user"


def judge(facts: Facts) -> Iterator[Finding]:
    """Capabilities, then real time."""
    rights = facts.rights
    missing = [name for name in NEEDED if name not in rights.capabilities]
    if missing and rights.whose == _USER and not facts.root:
        yield note(
            code="rights-of-user",
            what="this user may not run an agent, root may",
            hint="run it as root to see what the agent would be allowed to do",
        )
        return
    if missing:
        yield _missing(rights, missing)
    else:
        yield ok(code="rights-good", what=f"{rights.whose} has {' and '.join(NEEDED)}")
    yield from _of_other_users(facts)
    yield from _of_real_time(facts)


def _missing(rights: Rights, missing: list[str]) -> Finding:
    return problem(
        code="rights-missing",
        what=f"{rights.whose} does not have {' and '.join(missing)}",
        why="without them no address can be claimed and no advert be sent",
        hint="" if _is_service(rights) else _container_hint(missing),
        commands=_grant(*NEEDED) if _is_service(rights) else (),
    )


def _is_service(rights: Rights) -> bool:
    return rights.whose == _UNIT


def _container_hint(missing: list[str]) -> str:
    options = " ".join(f"--cap-add={name.removeprefix('CAP_')}" for name in missing)
    return f"root lacks them, as in a container: start that with {options} --network=host"


def _grant(*names: str) -> tuple[str, ...]:
    """Why a system call or two: the sandbox of the service forbids to become another user."""
    granted = " ".join(names)
    lines = [f"CapabilityBoundingSet={granted}", f"AmbientCapabilities={granted}"]
    if "CAP_SETUID" in names:
        lines.append("SystemCallFilter=@setuid capset")
    return drop_in("rights", *lines)


def _of_other_users(facts: Facts) -> Iterator[Finding]:
    missing = [name for name in OF_OTHER_USERS if name not in facts.rights.capabilities]
    if missing and _runs_as_others(facts):
        yield warning(
            code="rights-no-other-user",
            what=f"{facts.rights.whose} does not have {' and '.join(missing)}",
            why="hooks and scripts that run as another user cannot be started",
            commands=_grant(*NEEDED, *OF_OTHER_USERS, "CAP_KILL"),
        )


def _runs_as_others(facts: Facts) -> bool:
    config = facts.configuration.config
    if config is None:
        return False
    tables: list[HooksConfig] = [one.hooks for one in config.instances]
    tables += [one.hooks for one in config.groups]
    users = {hook.user for table in tables for _, hook in table.hooks}
    users |= {one.options.get("user") for one in config.trackers if one.kind == "script"}
    return bool(users - {None, "root", "0", ""})


# -- real time ------------------------------------------------------------------------------------


def _of_real_time(facts: Facts) -> Iterator[Finding]:
    config, rights = facts.configuration.config, facts.rights
    if config and not config.agent.realtime:
        yield note(code="real-time-off", what="realtime = false: the agent is an ordinary program")
        return
    if facts.kernel.rt_runtime_us == 0:
        yield warning(
            code="real-time-no-budget",
            what="the kernel gives no time to real-time programs",
            why="a busy host sends its adverts late, and others take over",
            commands=("sysctl -w kernel.sched_rt_runtime_us=950000",),
        )
    elif rights.real_time is False:
        yield _ordinary(rights)
    elif rights.real_time:
        verb = "runs" if rights.runs else "may run"
        yield ok(code="real-time-good", what=f"{rights.whose} {verb} in real time")
    if rights.memory is False:
        yield note(
            code="memory-not-locked",
            what=f"{rights.whose} does not stay in memory",
            why="where a host swaps, an agent that was swapped out is late",
            commands=drop_in("memory", "LimitMEMLOCK=infinity") if _is_service(rights) else (),
        )


def _ordinary(rights: Rights) -> Finding:
    verb = "runs" if rights.runs else "would run"
    return warning(
        code="real-time-denied",
        what=f"{rights.whose} {verb} as an ordinary program",
        why="a busy host sends its adverts late, and others take over",
        hint="" if _is_service(rights) else "grant CAP_SYS_NICE, or a limit RTPRIO of 1",
        commands=drop_in("realtime", *_REAL_TIME) if _is_service(rights) else (),
    )
