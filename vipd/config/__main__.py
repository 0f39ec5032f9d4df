"""`python -m vipd.config FILE BYTES`: reads a configuration for an agent, in a process of its own.

It reads the file, judges it, and looks for what it names on this host. The last line that it prints
is the answer, which `transfer` writes; whether there is a configuration in it or not, the exit code
is 0. BYTES is how much memory it may take: whoever is starved by a file then is not the agent.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

from vipd.config.host import load_checked
from vipd.config.transfer import pack, pack_problems
from vipd.errors import ConfigError


def answer(file: Path) -> bytes:
    """What there is to be said of a file: a configuration, or its problems with the host's."""
    try:
        config, problems = load_checked(file)
    except ConfigError as error:
        return pack_problems(error.problems)
    return pack_problems(problems) if problems else pack(config)


def main(file: str, memory: str) -> None:
    """Print the answer."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = int(memory) if hard == resource.RLIM_INFINITY else min(int(memory), hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    sys.stdout.buffer.write(b"\n" + answer(Path(file)) + b"\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
