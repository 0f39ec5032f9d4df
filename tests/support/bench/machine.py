"""The machine that the figures are of."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path


def machine() -> dict[str, str | int | float]:
    """What a figure depends on besides the daemons; the load is that of the last minute."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count() or 0,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }


def _cpu_model() -> str:
    said = Path("/proc/cpuinfo").read_text()
    found = re.search(r"^(?:model name|Hardware|CPU part)\s*:\s*(.+)$", said, re.MULTILINE)
    return found[1] if found else platform.machine()
