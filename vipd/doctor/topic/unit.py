"""The service: whether systemd starts the agent, and where the agent writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from vipd.doctor.facts import Facts, Unseen
from vipd.doctor.finding import Finding, note, ok, problem, warning

LEAST_FREE = 1 << 20
"""Units: bytes. What an agent keeps takes a few kilobytes for each instance."""

_STARTED_AT_BOOT = {"enabled", "enabled-runtime", "linked", "static", "alias", "generated"}


def judge(facts: Facts) -> Iterator[Finding]:
    """The unit, if there is systemd, and the directories that are there already."""
    match facts.unit:
        case None:
            pass
        case Unseen(why=why):
            yield note(code="unit-not-seen", what=f"the service could not be looked at: {why}")
        case unit:
            found = [*_of_unit(unit)]
            if not found:
                what = f"vipd.service is {unit['UnitFileState']} and {unit['ActiveState']}"
                yield ok(code="unit-good", what=what)
            yield from found
    yield from _of_places(facts)


def _of_unit(unit: Mapping[str, str]) -> Iterator[Finding]:
    if unit.get("LoadState") != "loaded":
        yield warning(
            code="unit-missing",
            what="systemd has no vipd.service",
            why="nobody starts the agent at boot, and nobody starts it again",
            commands=("vipd install", "systemctl enable --now vipd"),
        )
        return
    if unit.get("UnitFileState") not in _STARTED_AT_BOOT:
        yield warning(
            code="unit-disabled",
            what=f"vipd.service is {unit.get('UnitFileState') or 'not enabled'}",
            why="after a reboot no agent runs here",
            commands=("systemctl enable vipd",),
        )
    if unit.get("ActiveState") == "failed":
        yield problem(
            code="unit-failed",
            what=f"vipd.service has failed ({unit.get('Result', 'unknown')})",
            why="no agent runs",
            hint="its last words: journalctl -u vipd -n 20",
            commands=("systemctl reset-failed vipd", "systemctl start vipd"),
        )
    if unit.get("Restart") == "no":
        yield warning(
            code="unit-not-restarted",
            what="vipd.service is not started again after a crash (Restart=no)",
            why="the host has no agent from then on",
            commands=drop_in("restart", "Restart=always"),
        )
    if (count := unit.get("NRestarts", "0")) != "0":
        yield note(
            code="unit-restarted",
            what=f"systemd has restarted the agent, times since the unit was started: {count}",
            hint="why: journalctl -u vipd",
        )


def drop_in(name: str, *lines: str) -> tuple[str, ...]:
    """The commands that give the service other settings, in a file of their own."""
    text = "\\n".join(("[Service]", *lines, ""))
    return (
        "mkdir -p /etc/systemd/system/vipd.service.d",
        f"printf '{text}' > /etc/systemd/system/vipd.service.d/{name}.conf",
        "systemctl daemon-reload && systemctl restart vipd",
    )


def _of_places(facts: Facts) -> Iterator[Finding]:
    for path, place in facts.places.items():
        if place.read_only:
            yield problem(
                code="directory-read-only",
                what=f"{path} is on a file system that cannot be written",
                why="the agent keeps its socket, and what it was, there",
                commands=(f"findmnt --target {path}", f"mount -o remount,rw $(stat -c %m {path})"),
            )
        elif place.free < LEAST_FREE:
            yield warning(
                code="directory-full",
                what=f"the file system of {path} is full",
                why="the agent cannot remember what it was, so a restart is an election",
                commands=(f"df -h {path}",),
            )
