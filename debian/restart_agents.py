#!/usr/lib/vipd/bin/python3 -IB
"""Restarts the agents of this host after an upgrade, so that nobody notices.

Theory of operation. There are two ways to start an agent again without losing a packet:

- To end it at once, with SIGKILL. It lets go of nothing, and the kernel keeps its addresses for as
  long as their lease. The next life finds what the last one was and carries on as MASTER: nothing
  moves, the other hosts hear of nothing, no hook runs. It must be back within three intervals and
  within the lease.
- To end it in order. It hands over: the addresses move to another host and, with `preempt`, return.

The first is taken by an agent that serves, where there is time enough for it; otherwise the second.
An agent that serves nothing has nothing to lose by it.

Whatever runs is left as it is when the new version refuses its configuration: it would not start.
This never fails, as an upgrade must not be left half done for it; it says what is to be done.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ITSELF: Final = "/usr/lib/vipd/libexec/restart-agents"
UNITS: Final = ("vipd.service", "vipd@*.service")
DEFAULT_CONFIG: Final = "/etc/vipd/vipd.toml"

FORBIDDEN: Final = 101
"""The exit code of a policy that forbids an action. Source: Debian policy 9.3.3, invoke-rc.d(8)."""

LONG_INTERVAL_S: Final = 1.0
"""An agent is back in less than a second; on a host that is busy it may take two. It can carry on
until three intervals after its last advert."""

LONG_LEASE_S: Final = 1.5
"""What must be left of a lease, or the address would be away for a moment."""

PATIENCE_S: Final = 120
"""A MASTER that hands over, and its hooks, may take 75 seconds."""

Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The programs by which agents are looked at and restarted."""

    vipd: str = "/usr/bin/vipd"
    systemctl: str = "/usr/bin/systemctl"
    policy: str = "/usr/sbin/policy-rc.d"


def main(host: Host) -> None:
    """Restart every agent that runs."""
    units = running_units(host)
    for unit in units:
        say(f"{unit}: {restart(host, unit)}")
    if not units:
        say("No agent of vipd runs, and none is started; `systemctl start vipd` does that.")


def say(text: str) -> None:
    """Tell whoever upgrades."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def restart(host: Host, unit: str) -> str:
    """Restart one agent, and say how it went."""
    if forbids(host, unit):
        return f"{host.policy} forbids to restart it: the old version runs on"
    pid = property_of(host, unit, "MainPID")
    config = config_of(words_of(f"/proc/{pid}/cmdline"))
    place = place_of(words_of(f"/proc/{pid}/environ"))
    verdict = verdict_on(host, unit, config, place)
    if verdict.returncode != 0:
        return refusal(config, verdict.stdout + verdict.stderr)
    stays = carries_on(report_of(host, config, place))
    if stays:
        run(host.systemctl, "kill", "--kill-who=main", "--signal=SIGKILL", unit)
    if run(host.systemctl, "restart", unit).returncode != 0:
        return f"does not start again: see `systemctl status {unit}` and `journalctl -u {unit}`"
    return "restarted; its addresses have stayed here" if stays else "restarted"


# -- what is decided ------------------------------------------------------------------------


def carries_on(report: Mapping[str, Any] | None) -> bool:
    """Whether an agent serves, and will serve on if it is started again at once."""
    if report is None:
        return False
    serving = [one for one in report["instances"] if one["state"] == "MASTER"]
    return bool(serving) and all(map(has_time, serving))


def has_time(instance: Mapping[str, Any]) -> bool:
    """Whether a MASTER may be silent for the time that a restart takes.

    An address without a lease would be removed when the agent has ended.
    """
    leases = [one["lease_left_s"] or 0 for one in instance["addresses"] if one["in_kernel"]]
    return (
        instance["leaving"] is None
        and instance["advert_interval_s"] >= LONG_INTERVAL_S
        and all(left >= LONG_LEASE_S for left in leases)
    )


def refusal(config: str, problems: str) -> str:
    """What to say of a configuration that the new version refuses."""
    return (
        f"the new version refuses {config}, so the old one runs on, with its addresses:\n\n"
        f"{problems.strip()}\n\n"
        f"Mend the file, then run {ITSELF}. Until then do not stop\n"
        "the agent and do not reboot this host: it would not start again."
    )


# -- what is asked --------------------------------------------------------------------------


def running_units(host: Host) -> Sequence[str]:
    """The units of agents that run."""
    listing = ("list-units", "--plain", "--no-legend", "--state=active,reloading")
    lines = run(host.systemctl, *listing, *UNITS).stdout.splitlines()
    return [line.split()[0] for line in lines if line.strip()]


def forbids(host: Host, unit: str) -> bool:
    """Whether the policy of this host forbids to restart a unit."""
    if not os.access(host.policy, os.X_OK):
        return False
    return run(host.policy, unit, "restart").returncode == FORBIDDEN


def property_of(host: Host, unit: str, name: str) -> str:
    """What systemd knows of a unit."""
    return run(host.systemctl, "show", f"--property={name}", "--value", unit).stdout.strip()


def words_of(file: str) -> Sequence[str]:
    """What the kernel tells of a process, word by word; nothing when it has ended."""
    try:
        return Path(file).read_text(errors="replace").rstrip("\0").split("\0")
    except OSError:
        return ()


def config_of(command: Sequence[str]) -> str:
    """The configuration that an agent was started with."""
    for place, word in enumerate(command[:-1]):
        if word == "--config":
            return command[place + 1]
    given = [word for word in command if word.startswith("--config=")]
    return given[0].removeprefix("--config=") if given else DEFAULT_CONFIG


def place_of(environment: Sequence[str]) -> Mapping[str, str]:
    """Where systemd has an agent write, and read its passwords: without it nobody finds them."""
    pairs = (word.partition("=") for word in environment)
    return {name: value for name, _, value in pairs if name.endswith("_DIRECTORY")}


def verdict_on(host: Host, unit: str, config: str, place: Mapping[str, str]) -> Done:
    """Have the new version read a configuration as the agent will, and as whom the agent runs.

    A program of this host that the file names, and that is not there, keeps no agent from starting.
    """
    identity: tuple[str, ...] = ()
    if user := property_of(host, unit, "User"):
        group = property_of(host, unit, "Group") or user
        identity = ("setpriv", f"--reuid={user}", f"--regid={group}", "--init-groups")
    return run(*identity, host.vipd, "check", "--elsewhere", config, environment=place)


def report_of(host: Host, config: str, place: Mapping[str, str]) -> Mapping[str, Any] | None:
    """What an agent says of itself; nothing when it does not answer."""
    said = run(host.vipd, "status", "--json", "--config", config, environment=place).stdout
    try:
        report = json.loads(said)
    except ValueError:
        return None
    return report if isinstance(report, dict) else None


def run(*command: str, environment: Mapping[str, str] | None = None) -> Done:
    """Run a program, for as long as it may take."""
    try:
        return subprocess.run(  # noqa: S603 (our own words, and no shell reads them)
            command,
            check=False,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            env={**os.environ, **(environment or {})},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, returncode=1, stdout="", stderr=str(error))


if __name__ == "__main__":
    main(Host())
