"""The host as the plans see it: what is in its files, whom it knows, what runs."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vipd.errors import VipdError

USER: Final = "vipd"
ADMINISTRATORS: Final = "vipd-admin"
TOOLS: Final = ("systemctl", "systemd-sysusers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A running host; or with `root` a tree of files that will be one, in which nothing runs."""

    root: Path | None = None

    def at(self, path: Path) -> Path:
        """Where a path of the host is for us."""
        return self.root / path.relative_to("/") if self.root else path

    @property
    def runs(self) -> bool:
        """Whether this is the host that we are on."""
        return self.root is None

    @property
    def booted(self) -> bool:
        """Whether systemd is the one that runs the services here. Source: sd_booted(3)."""
        return self.runs and Path("/run/systemd/system").is_dir()

    def content(self, path: Path) -> bytes | None:
        """What is in a file; None when there is none. Raises: VipdError."""
        try:
            return self.at(path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise VipdError(f"{path}: {error.strerror}") from error

    def has(self, path: Path) -> bool:
        """Whether there is anything of this name, be it a link to nowhere."""
        return os.path.lexists(self.at(path))

    def knows_users(self) -> bool:
        """Whether the user and the groups are there."""
        try:
            pwd.getpwnam(USER)
            grp.getgrnam(USER)
            grp.getgrnam(ADMINISTRATORS)
        except KeyError:
            return False
        return True

    def may_read(self, path: Path) -> bool:
        """Whether the user of the service can read a file, as far as its mode says."""
        try:
            seen, user = self.at(path).stat(), pwd.getpwnam(USER)
        except (OSError, KeyError):
            return True
        if seen.st_uid == user.pw_uid:
            return bool(seen.st_mode & stat.S_IRUSR)
        if seen.st_gid == user.pw_gid:
            return bool(seen.st_mode & stat.S_IRGRP)
        return bool(seen.st_mode & stat.S_IROTH)

    def require(self) -> None:
        """Refuse a host on which nothing can be installed. Raises: VipdError."""
        missing = [tool for tool in TOOLS if self.runs and not shutil.which(tool)]
        if missing:
            raise VipdError(
                f"this host has no systemd: {' and '.join(missing)} cannot be found.\n"
                "Have its own supervisor run `vipd run`; `vipd install --root DIRECTORY` writes "
                "all files into a directory of yours."
            )
