"""`python -m vipd.web`: the process that answers browsers and Prometheus for one agent.

It ends on SIGTERM, and when whoever reads what it prints is gone: the agent holds the other end of
that pipe, and the kernel closes it with the agent, however that ends.
"""

from __future__ import annotations

import argparse
import asyncio
import codecs
import concurrent.futures.thread  # noqa: F401  (see _rehearse)
import os
import signal
import socket
import stat
import sys
from pathlib import Path
from typing import Final

from vipd.endpoint import Endpoint, parse_endpoint
from vipd.errors import VipdError
from vipd.web.broadcast import Broadcast
from vipd.web.conversation import Conversations
from vipd.web.listener import listen
from vipd.web.metrics import OPENMETRICS, expose
from vipd.web.page import page
from vipd.web.privilege import begin_without_ambient, give_up
from vipd.web.process import ProcessView
from vipd.web.site import Site
from vipd.web.tally import Tally
from vipd.web.window import Window

_STDOUT: Final = 1


def main() -> None:
    """Answer until told to end. Order: the place is taken while that is still permitted."""
    begin_without_ambient()
    arguments = _arguments()
    process = ProcessView()
    _rehearse(process)
    try:
        listener = listen(arguments.listen, arguments.socket)
    except VipdError as error:
        sys.exit(f"{error}")
    user = give_up(arguments.socket)
    print(f"listening on {arguments.listen} as {user}", flush=True)  # noqa: T201
    asyncio.run(_serve(listener, arguments.socket, process))


def _rehearse(process: ProcessView) -> None:
    """Do once what will be done often. Why: Python loads some things when they are first needed,
    and the user that this process becomes may not be able to read them."""
    page()
    process.look(os.getpid())
    for accept in ("", OPENMETRICS):
        expose(None, None, Tally(), accept)
    for encoding in ("ascii", "latin-1", "utf-8"):
        codecs.lookup(encoding)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m vipd.web",
        description="Serve the status page and the metrics of a vipd agent. The agent starts this "
        "itself where agent.metrics is set.",
    )
    parser.add_argument(
        "--socket", type=Path, required=True, help="the control socket of the agent"
    )
    parser.add_argument(
        "--listen",
        type=_endpoint,
        required=True,
        help="ADDRESS:PORT or the path of a unix socket",
    )
    return parser.parse_args()


def _endpoint(text: str) -> Endpoint:
    try:
        return parse_endpoint(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


async def _serve(listener: socket.socket, control_socket: Path, process: ProcessView) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    if stat.S_ISFIFO(os.fstat(_STDOUT).st_mode):
        # The writing end of a pipe becomes ready when nobody is left to read it. Source: pipe(7).
        loop.add_reader(_STDOUT, ended.set)
    tally = Tally()
    window = Window(control_socket)
    site = Site(window, Broadcast(window, control_socket, tally), process, tally)
    begin = Conversations(site.respond, tally).begin
    family_is_unix = listener.family is socket.AF_UNIX
    start = asyncio.start_unix_server if family_is_unix else asyncio.start_server
    server = await start(begin, sock=listener)
    await ended.wait()
    server.close()


if __name__ == "__main__":
    main()
