"""Where things go. Sources: file-hierarchy(7), systemd.unit(5), sysusers.d(5)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

CONFIGURATION: Final = Path("/etc/vipd")
STATE: Final = Path("/var/lib/vipd")
RUNTIME: Final = Path("/run/vipd")
ADMINISTRATORS_UNITS: Final = Path("/etc/systemd/system")
PACKAGED_UNITS: Final = (Path("/usr/lib/systemd/system"), Path("/lib/systemd/system"))

UNIT: Final = "vipd.service"
TEMPLATE: Final = "vipd@.service"

LOCAL: Final = Path("/usr/local")
"""Where an administrator installs what no package brings; systemd looks here, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A prefix, and what its folders are called."""

    prefix: Path = LOCAL

    @property
    def units(self) -> Path:
        """Before those of packages, after those of the administrator."""
        return self.prefix / "lib/systemd/system"

    @property
    def users(self) -> Path:
        """The user and the groups that systemd-sysusers makes."""
        return self.prefix / "lib/sysusers.d/vipd.conf"

    @property
    def documentation(self) -> Path:
        """The examples."""
        return self.prefix / "share/doc/vipd"

    @property
    def receipt(self) -> Path:
        """What was written here."""
        return self.prefix / "share/vipd/installed.json"

    def manual(self, file: str) -> Path:
        """A manual page, by the name of its file, such as vipd.8."""
        return self.prefix / f"share/man/man{file.rpartition('.')[2]}" / file

    def completion(self, shell: str) -> Path:
        """The script by which a shell completes, where the shell looks for it."""
        places = {
            "bash": "bash-completion/completions/vipd",
            "zsh": "zsh/site-functions/_vipd",
            "fish": "fish/vendor_completions.d/vipd.fish",
        }
        return self.prefix / "share" / places[shell]
