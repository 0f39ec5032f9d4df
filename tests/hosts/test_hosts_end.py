"""However the program that has the hosts ends, nothing of them stays behind."""

from __future__ import annotations

import sys
from pathlib import Path

from hosts.rack import Rack
from offspring import Program

from vipd.lab.pause import wait_until

SUPPORT = Path(__file__).parents[1] / "support"
GONE_S = 15.0

BOOT = f"""
import sys
sys.path.insert(0, {str(SUPPORT)!r})
from hosts.rack import Rack
from hosts.root import root_file_system
with Rack(root_file_system()) as rack:
    print("booted", *(machine.leader() for machine in rack.machines), flush=True)
    sys.stdin.read()
"""


def test_a_program_that_is_killed_takes_its_hosts_along(racked: Rack) -> None:
    """Why with other hosts beside them: those go on."""
    with Program(sys.executable, "-c", BOOT) as program:
        _, *leaders = program.read_until("booted").split()
        assert len(leaders) == sum(map(_lives, leaders))
        program.process.kill()
        wait_until(lambda: not any(map(_lives, leaders)), GONE_S, "the hosts are gone")
        wait_until(lambda: not _cgroup(program), GONE_S, "their cgroup is gone")
        program.assert_nothing_stays()
    assert all(machine.running for machine in racked.machines)


def _cgroup(program: Program) -> list[Path]:
    """The second place is that of a machine which still has the older cgroups beside it."""
    places = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"))
    found = (place / f"vipd-hosts-{program.process.pid}" for place in places)
    return [cgroup for cgroup in found if cgroup.exists()]


def _lives(pid: str) -> bool:
    return Path(f"/proc/{pid}/exe").exists()
