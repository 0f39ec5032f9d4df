"""Network namespaces that live exactly as long as the program that opened them.

Theory of operation. A namespace exists while a process is in it. Each one is held by a shell that
waits for the end of a pipe; the other end is here and nowhere else. However this program ends, by
SIGKILL too, the kernel closes the pipe, the shell ends, and the kernel removes the namespace with
all of its interfaces. Nothing has a name on the host: no `ip netns`, no file, no bridge.

Who is not root first opens a user namespace, in which he is; all network namespaces belong to it.
Commands enter by the holder's pid, through `nsenter`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from vipd.errors import VipdError

PACKAGES = {
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "ip": "iproute2",
    "bridge": "iproute2",
    "hostname": "hostname",
}
"""The programs that the lab needs, and the Debian packages that have them."""

SEARCH_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
"""Debian keeps `ip` where a user's PATH does not look."""

ROOT_LIMITS = {"user.max_net_namespaces": ("0", "15000")}
USER_LIMITS = {
    "kernel.unprivileged_userns_clone": ("0", "1"),
    "kernel.apparmor_restrict_unprivileged_userns": ("1", "0"),
    "user.max_user_namespaces": ("0", "15000"),
    **ROOT_LIMITS,
}
"""The kernel settings that can forbid namespaces: the value that does, and one that does not."""

HOLD = """
ip link set lo up || exit
{ echo "$1" >/proc/sys/net/ipv6/conf/default/accept_dad; } 2>/dev/null
{ echo 0 >/proc/sys/net/ipv6/conf/default/disable_ipv6; } 2>/dev/null
hostname "$3" || exit
echo ready
read -r _
[ -z "$2" ] || exec rm -rf -- "$2"
"""
"""What a holder does: $1 is accept_dad for new interfaces, $2 a directory that ends with it, $3
the host's name, which it alone has: `unshare --uts` gave it a name of its own."""

END_TIMEOUT_S = 5.0


def find_programs(path: str = SEARCH_PATH) -> Mapping[str, str]:
    """Find what the lab needs. Raises: VipdError, naming the Debian packages to install."""
    found = {name: shutil.which(name, path=path) for name in PACKAGES}
    missing = [name for name, place in found.items() if place is None]
    if missing:
        packages = " ".join(sorted({PACKAGES[name] for name in missing}))
        raise VipdError(
            f"the lab needs {', '.join(missing)}, not found here: apt-get install {packages}"
        )
    return {name: place for name, place in found.items() if place is not None}


class Namespace:
    """One network namespace and the process that holds it."""

    def __init__(self, holder: subprocess.Popen[bytes], enter: tuple[str, ...]) -> None:
        self._holder = holder
        self.enter = enter
        self.inode = Path(f"/proc/{holder.pid}/ns/net").stat().st_ino

    @property
    def pid(self) -> int:
        """The holder, by which the namespace is entered."""
        return self._holder.pid

    def close(self) -> None:
        """Let the holder go; the kernel does the rest."""
        assert self._holder.stdin is not None
        self._holder.stdin.close()
        try:
            self._holder.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._holder.kill()
            self._holder.wait()


class Namespaces:
    """Opens the namespaces of one lab, all within the reach of its first one."""

    def __init__(self, *, dad: bool) -> None:
        self._programs = find_programs()
        self._accept_dad = "1" if dad else "0"
        self._user_holder: int | None = None

    def open_first(self, name: str, directory: Path) -> Namespace:
        """Open the namespace that is there for the others; when it ends, so does the directory.

        Raises: VipdError, saying what to change, when the kernel allows no namespaces.
        """
        said = []
        for user in (False, True) if os.geteuid() == 0 else (True,):
            own_user = ("--user", "--map-root-user") if user else ()
            unshare = (self._programs["unshare"], *own_user)
            holder, refusal = self._hold(unshare, name, str(directory))
            if holder is not None:
                self._user_holder = holder.pid if user else None
                return self._namespace(holder)
            said.append(refusal)
        raise VipdError(refused(said[-1], root=os.geteuid() == 0))

    def open(self, name: str) -> Namespace:
        """Open one more. Raises: VipdError when the kernel refuses."""
        within: tuple[str, ...] = ()
        if self._user_holder is not None:
            within = (*self._nsenter(self._user_holder), "--")
        holder, refusal = self._hold((*within, self._programs["unshare"]), name, "")
        if holder is None:
            raise VipdError(refused(refusal, root=os.geteuid() == 0))
        return self._namespace(holder)

    def _namespace(self, holder: subprocess.Popen[bytes]) -> Namespace:
        return Namespace(holder, (*self._nsenter(holder.pid), "-n", "-u", "--"))

    def _nsenter(self, pid: int) -> tuple[str, ...]:
        user = () if self._user_holder is None else ("-U", "--preserve-credentials")
        return (self._programs["nsenter"], "-t", str(pid), *user)

    def _hold(
        self, unshare: Sequence[str], name: str, directory: str
    ) -> tuple[subprocess.Popen[bytes] | None, str]:
        """Start a holder; return it once it holds, or what was said instead.

        Why: a session of its own keeps a terminal's Ctrl-C from ending it before the rest.
        """
        arguments = (self._accept_dad, directory, name)
        holder = subprocess.Popen(  # noqa: S603 (our own words, and no shell reads them)
            [*unshare, "--net", "--uts", "--", "/bin/sh", "-c", HOLD, "hold", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env=environment(),
        )
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stderr is not None
        with holder.stdout, holder.stderr:
            if holder.stdout.readline() == b"ready\n":
                return holder, ""
            said = holder.stderr.read().decode(errors="replace").strip()
        holder.stdin.close()
        holder.wait()
        return None, said


def environment() -> dict[str, str]:
    """What commands in the lab inherit: nothing that ties them to the service that we may be."""
    foreign = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID"}
    foreign |= {"RUNTIME_DIRECTORY", "STATE_DIRECTORY", "CONFIGURATION_DIRECTORY"}
    kept = {name: value for name, value in os.environ.items() if name not in foreign}
    return {**kept, "PATH": SEARCH_PATH}


def refused(said: str, *, root: bool, sysctls: Path = Path("/proc/sys")) -> str:
    """Say why the kernel allows no namespaces, and what to do about it."""
    text = f"cannot make network namespaces ({said})"
    changes = [
        f"sudo sysctl {name}={good}"
        for name, (bad, good) in (ROOT_LIMITS if root else USER_LIMITS).items()
        if _sysctl(sysctls, name) == bad
    ]
    if changes:
        or_root = "" if root else ", or run this as root"
        return f"{text}: allow it with `{' && '.join(changes)}`{or_root}"
    if root:
        way_out = "run this on the host itself, or give the container --privileged"
        return f"{text}: root lacks the right, as in an ordinary container; {way_out}"
    return f"{text}: this kernel or container gives them to root only; run this as root"


def _sysctl(root: Path, name: str) -> str | None:
    try:
        return (root / name.replace(".", "/")).read_text().strip()
    except OSError:
        return None
