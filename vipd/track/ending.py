"""How a process has ended, in words."""

from __future__ import annotations

import signal


def describe_ending(code: int) -> str:
    """Say it: `exit 3`, `ended by SIGKILL`. A negative code is a signal, as in `subprocess`."""
    if code >= 0:
        return f"exit {code}"
    try:
        return f"ended by {signal.Signals(-code).name}"
    except ValueError:  # Most of the real-time signals have no name.
        return f"ended by signal {-code}"
