"""What is to be done: pure judgement over what is wanted, what is there and what was written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vipd import __version__
from vipd.config.model import CONTROL_SOCKET_NAME
from vipd.errors import VipdError
from vipd.install.host import ADMINISTRATORS, USER, Host
from vipd.install.layout import (
    ADMINISTRATORS_UNITS,
    CONFIGURATION,
    PACKAGED_UNITS,
    RUNTIME,
    STATE,
    TEMPLATE,
    UNIT,
    Layout,
)
from vipd.install.receipt import digest, read_receipt, write_receipt
from vipd.install.step import Make, Plan, Prune, Remove, Run, Step, Write
from vipd.install.wanted import Wanted

CONFIGURATION_MODE: Final = 0o2750
"""What is written there belongs to the group of the service, which has to read it."""

STAGED_MODE: Final = 0o755
"""In a tree that no user of the host has a name in yet, all may read."""

_DAEMON_RELOAD: Final = Run(argv=("systemctl", "daemon-reload"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where it is done."""

    host: Host
    layout: Layout

    def receipt(self) -> Mapping[Path, str]:
        """What was written the last time. Raises: VipdError."""
        return read_receipt(self.host.content(self.layout.receipt), self.layout.receipt)


# -- install --------------------------------------------------------------------------------


def plan_install(site: Site, files: Sequence[Wanted], *, force: bool = False) -> Plan:
    """Everything that makes the host as it should be. Raises: VipdError."""
    host, known = site.host, site.receipt()
    if not force and (obstacles := [*_obstacles(site, files, known)]):
        raise VipdError("\n".join((*obstacles, "--force writes over what is there.")))
    receipt = Wanted(
        site.layout.receipt, write_receipt(__version__, ((one.path, one.content) for one in files))
    )
    writes = [*_writes(host, (*files, receipt))]
    gone = [*_outlived(host, files, known)]
    touched = [one.path for one in writes] + [one.path for one in gone]
    units = any(path.parent == site.layout.units for path in touched)
    steps: tuple[Step, ...] = (
        *(one for one in writes if one.path == site.layout.users),
        *_users(site),
        *_folder(host),
        *(one for one in writes if one.path != site.layout.users),
        *gone,
        *_told_to_systemd(site, changed=units),
    )
    return Plan(
        steps=steps,
        unchanged=len(files) + 1 - len(writes),
        notes=(*(_stays(host) if writes else ()), *_notes(site, files)),
    )


def _obstacles(site: Site, files: Sequence[Wanted], known: Mapping[Path, str]) -> Iterator[str]:
    for one in files:
        there = site.host.content(one.path)
        if there not in (None, one.content) and digest(there or b"") != known.get(one.path):
            yield f"{one.path} is there already, and not as vipd has written it: move it away."
    for place in PACKAGED_UNITS:
        if place != site.layout.units and site.host.runs and site.host.has(place / UNIT):
            yield (
                f"{place / UNIT} is there: a package has installed vipd. Use that one, or remove "
                "the package first."
            )
            return


def _writes(host: Host, files: Iterable[Wanted]) -> Iterator[Write]:
    for one in files:
        there = host.content(one.path)
        if there != one.content:
            yield Write(path=one.path, content=one.content, anew=there is not None)


def _outlived(host: Host, files: Sequence[Wanted], known: Mapping[Path, str]) -> Iterator[Remove]:
    """What an earlier version has written, and this one does not have."""
    wanted = {one.path for one in files}
    for path, told in known.items():
        there = host.content(path)
        if path not in wanted and there is not None and digest(there) == told:
            yield Remove(path=path)


def _users(site: Site) -> Iterator[Step]:
    if site.host.runs and not site.host.knows_users():
        yield Run(argv=("systemd-sysusers", str(site.layout.users)))


def _folder(host: Host) -> Iterator[Step]:
    """The configuration's. What is there already is the administrator's."""
    if not host.has(CONFIGURATION):
        mode, group = (CONFIGURATION_MODE, USER) if host.runs else (STAGED_MODE, None)
        yield Make(path=CONFIGURATION, mode=mode, group=group)


def _told_to_systemd(site: Site, *, changed: bool) -> Iterator[Step]:
    if not changed or not site.host.runs:
        return
    if site.host.booted:
        yield _DAEMON_RELOAD
    yield Run(argv=("systemd-analyze", "verify", str(site.layout.units / UNIT)))


def _stays(host: Host) -> Iterator[str]:
    if host.runs and host.has(RUNTIME / CONTROL_SOCKET_NAME):
        yield "The agent that runs stays what it was: `systemctl restart vipd` when it suits."


def _notes(site: Site, files: Sequence[Wanted]) -> Iterator[str]:
    """What else is to be done, or to be known."""
    host, own = site.host, ADMINISTRATORS_UNITS / UNIT
    if host.runs and host.has(own) and own not in {one.path for one in files}:
        yield f"{own} goes before the unit installed here: remove it unless it is meant to."
    config = CONFIGURATION / "vipd.toml"
    if not host.has(config):
        examples = site.layout.documentation / "examples"
        yield (
            f"Now write {config} (examples: {examples}), then\n"
            "  vipd check && systemctl enable --now vipd"
        )
    elif host.runs and not host.may_read(config):
        yield (
            f"The service, as the user {USER}, may not read {config}: "
            f"chgrp {USER} {config} && chmod g+r {config}"
        )


# -- uninstall ------------------------------------------------------------------------------


def plan_uninstall(site: Site, *, purge: bool = False) -> Plan:
    """Everything that takes away what was installed. Raises: VipdError."""
    host, known = site.host, site.receipt()
    if not known:
        raise VipdError(
            f"nothing is installed below {site.layout.prefix}: there is no {site.layout.receipt}.\n"
            "`vipd install --prefix` may have put it elsewhere."
        )
    contents = {path: content for path in known if (content := host.content(path)) is not None}
    ours = [path for path, content in contents.items() if digest(content) == known[path]]
    changed = [path for path in contents if path not in ours]
    steps: tuple[Step, ...] = (
        *_stopped(site),
        *(Remove(path=path) for path in ours),
        Remove(path=site.layout.receipt),
        *(Prune(path=path) for path in _folders((*known, site.layout.receipt), site.layout)),
        *((_DAEMON_RELOAD,) if host.booted else ()),
        *(_purged(host) if purge else ()),
    )
    return Plan(steps=steps, notes=(*_changed(changed), *(() if purge else _left(host))))


def _stopped(site: Site) -> Iterator[Step]:
    """Order: it hands its addresses over before its units go."""
    if site.host.booted:
        yield Run(argv=("systemctl", "stop", UNIT, TEMPLATE.replace("@", "@*")))
        yield Run(argv=("systemctl", "disable", UNIT, TEMPLATE), must=False)


def _folders(files: Iterable[Path], layout: Layout) -> Iterator[Path]:
    """The folders that are ours alone, the innermost first."""
    own = (layout.documentation, layout.receipt.parent)
    found = {
        folder
        for path in files
        for folder in path.parents
        if any(folder.is_relative_to(one) for one in own)
    }
    yield from sorted(found, key=lambda folder: (-len(folder.parts), folder))


def _purged(host: Host) -> Iterator[Step]:
    for path in (CONFIGURATION, STATE, RUNTIME):
        if host.has(path):
            yield Remove(path=path, whole=True)
    if host.runs and host.knows_users():
        yield Run(argv=("userdel", USER), must=False)
        yield Run(argv=("groupdel", ADMINISTRATORS), must=False)


def _changed(paths: Iterable[Path]) -> Iterator[str]:
    for path in paths:
        yield f"{path} was changed since it was installed, and is left."


def _left(host: Host) -> Iterator[str]:
    places = [str(path) for path in (CONFIGURATION, STATE) if host.has(path)]
    drop_ins = ADMINISTRATORS_UNITS / f"{UNIT}.d"
    if host.has(drop_ins):
        places.append(str(drop_ins))
    yield (
        f"Left: {', '.join((*places, f'the user {USER}', f'the group {ADMINISTRATORS}'))}; "
        "--purge removes what is vipd's of it."
    )
