"""`vipd capture`: every VRRP packet, decoded, with what vipd would make of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import click

from vipd.capture.file import CaptureDamaged, Frame, read_frames
from vipd.capture.render import as_json, as_text
from vipd.capture.source import Listener, PcapFile, read_packets
from vipd.capture.verdict import report
from vipd.errors import VipdError


@click.command()
@click.option(
    "-i", "--interface", metavar="IFACE", help="Listen here.  [default: that of the default route]"
)
@click.option("--vrid", type=click.IntRange(0, 255), help="Show only this VRID.")
@click.option("--json", "as_objects", is_flag=True, help="Print one JSON object per packet.")
@click.option("--count", type=click.IntRange(min=1), help="End after this many packets.")
@click.option(
    "--read",
    "file",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="Read a pcap or pcapng file instead of listening; - is standard input.",
)
@click.option(
    "--write",
    "target",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the packets that are shown into a pcap file as well.",
)
def capture(
    interface: str | None,
    vrid: int | None,
    count: int | None,
    file: Path | None,
    target: Path | None,
    *,
    as_objects: bool,
) -> None:
    """Show VRRP packets, and what vipd would make of them.

    Listens until Ctrl-C, on both directions of an interface and before any firewall, or reads a
    file. Each packet is one line, which ends with "accepted" or "dropped" and everything that is
    wrong with it, as an instance would judge that is configured like the packet and without a
    password. Passwords are never shown.

    \b
    Examples:
      sudo vipd capture                           on the interface of the default route
      sudo vipd capture -i eth0 --vrid 51 --count 5
      vipd capture --read evening.pcapng          pcap, pcapng, compressed by gzip or not
      ssh router tcpdump -w - -U ip proto 112 | vipd capture --read -
      vipd capture --json --read evening.pcap | jq 'select(.accepted | not)'

    \b
    A line of --json has these keys, null where the packet does not tell:
      time source destination ttl version type vrid priority interval_s
      addresses auth_type checksum accepted drop_reasons
    checksum is "message", "pseudo_header", "bad" or "unverifiable": a fragment, or cut short.

    Listening needs root, or CAP_NET_RAW. A switch with IGMP snooping sends nothing to a host that
    has not joined the group; `vipd scan` does. The exit code is 1 if a file is damaged, after all
    that could be read of it, and 0 otherwise.
    """
    if file is not None and interface is not None:
        raise click.UsageError("--read and -i exclude each other: read a file, or listen.")
    render = as_json if as_objects else as_text
    with _quiet_end(), _frames(file, interface) as frames, _output(target, file) as output:
        shown = 0
        for frame, packet in read_packets(frames):
            said = report(packet)
            if vrid is not None and said.vrid != vrid:
                continue
            if output:
                output.write(frame)
            click.echo(render(said))
            shown += 1
            if shown == count:
                return
        if not shown:
            click.echo(f"no VRRP packet{'' if vrid is None else f' of VRID {vrid}'}", err=True)


@contextmanager
def _quiet_end() -> Iterator[None]:
    """End without a word when nobody wants more: on Ctrl-C, and when the reader has gone."""
    try:
        yield
    except KeyboardInterrupt:
        return
    except BrokenPipeError:
        # What Python still holds must go somewhere when it ends.
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _frames(file: Path | None, interface: str | None) -> Iterator[Iterable[Frame]]:
    """Where the frames come from; an error of a file names the file."""
    if file is None:
        with Listener(interface) as listener:
            click.echo(f"listening on {listener.interface}, Ctrl-C ends it", err=True)
            yield listener.frames()
        return
    name = "standard input" if str(file) == "-" else click.format_filename(file)
    try:
        stream = click.open_file(str(file), "rb")
    except OSError as error:
        raise VipdError(f"cannot read {name}: {error.strerror}") from error
    try:
        with stream:
            yield read_frames(stream)
    except CaptureDamaged as error:
        raise VipdError(f"{name}: {error}") from error


def _output(target: Path | None, file: Path | None) -> PcapFile | nullcontext[None]:
    """Where the frames go. Raises: VipdError when that is where they come from."""
    if target is None:
        return nullcontext()
    if file is not None and target.exists() and file.exists() and target.samefile(file):
        raise VipdError(f"{target} cannot be read and written at once")
    return PcapFile(target)
