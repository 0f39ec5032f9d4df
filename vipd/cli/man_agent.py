"""vipd(8): the whole picture, for somebody who has to know it at three in the morning."""

from __future__ import annotations

import click

from vipd.cli.main import COMMANDS, cli
from vipd.cli.man_command import VOLUME, options_of, told_by, usage_of
from vipd.cli.man_place import FILES, VARIABLES
from vipd.cli.roff import Manual, Rows, Section, Text
from vipd.config.model import HELLO_PORT
from vipd.control.access import ADMINISTRATORS, READERS

STATES = Rows(
    (
        ("MASTER", "This host serves: it has the addresses. RFC 9568 calls it Active."),
        ("BACKUP", "Another host serves; this one stands by."),
        ("FAULT", "This host cannot serve, and `vipd status` says why. It goes on by itself."),
        ("INIT", "The instance does not run: the agent starts, or ends."),
    )
)

FIRST_LOOKS = Rows(
    (
        ("vipd status", "Who serves what, since when and why; the first line says if all is well."),
        ("vipd why NAME", "What led to the last transitions, with what was seen before each."),
        ("vipd doctor", "What on this host stands in the way of a failover, and what mends it."),
        ("vipd scan", "Who speaks VRRP on the link: two masters, or another cluster."),
        ("vipd failover NAME", "Move the addresses to another host, without a gap."),
        ("vipd maintenance on", "Have this host serve nothing, over a reboot too, until `off`."),
        ("journalctl -u vipd", "The log of the service. A transition is one line, with its cause."),
    )
)

SIGNALS = Rows(
    (
        (
            "SIGTERM",
            (
                "Hand over and end: the agent resigns, serves until another host is heard, for an "
                "advert interval at most, releases its addresses, runs its last hooks and exits "
                "with 0. A second one releases at once; one more does not wait for hooks. "
                "`systemctl stop vipd` sends it."
            ),
        ),
        ("SIGINT", "As SIGTERM."),
        (
            "SIGHUP",
            (
                "Read the configuration anew, as `vipd reload` does; one with errors is refused, "
                "the log says why, and the old one runs on. `systemctl reload vipd` asks over the "
                "control socket instead, so that it can fail."
            ),
        ),
        (
            "SIGKILL",
            (
                "Cannot be heeded. The kernel takes the addresses away when their lease ends, "
                'unless it is "off"; then, `vipd cleanup` does.'
            ),
        ),
    )
)

GROUPS = Rows(
    (
        ("root", "May look and order; so may the user that the agent runs as."),
        (READERS, "The group whose members may look: status, why, events."),
        (
            ADMINISTRATORS,
            (
                "The group whose members may order as well: failover, maintenance, priority, "
                f"announce, reload. They have to be members of `{READERS}`, too, to open the "
                "socket."
            ),
        ),
    )
)

NETWORK = Rows(
    (
        (
            "IP protocol 112",
            (
                "VRRP: adverts to 224.0.0.18 and ff02::12, or to the unicast peers, with TTL 255. "
                "A firewall that drops it makes two hosts MASTER. Let it through, in and out: "
                "`nft add rule inet filter input meta l4proto vrrp accept`, and the same for "
                "output."
            ),
        ),
        (
            f"UDP port {HELLO_PORT}",
            (
                "Hellos: the agents tell each other once a second whether they are ready, to where "
                "the adverts go. No election depends on it. `hello_port` and `hellos` of [agent] "
                "change it."
            ),
        ),
        (
            "ARP, neighbour discovery",
            (
                "A MASTER tells the link where its addresses are, by gratuitous ARP and "
                "unsolicited neighbor adverts; a BACKUP asks for them before it takes over."
            ),
        ),
        (
            "TCP, for the metrics",
            (
                "Only where `metrics` of [agent] names an address: a status page, /metrics for "
                "Prometheus, and health checks."
            ),
        ),
    )
)

OF_THE_SERVICE = Rows(
    (
        ("RUNTIME_DIRECTORY", "The directory of what a running agent writes, set by systemd."),
        ("STATE_DIRECTORY", "The directory of what outlives a reboot, set by systemd."),
        ("NOTIFY_SOCKET", "Where systemd is told that the agent is ready; set by systemd."),
        ("WATCHDOG_USEC", "How long it may be silent before systemd restarts it."),
    )
)

EXIT = Rows(
    (
        ("0", "It is as it should be, or it was done."),
        ("1", "It is not so, it could not be done, or something is in FAULT."),
        ("2", "The question is wrong: no such option, no such name; or this user may not order."),
        ("3", "No agent answers, or this user may not open its control socket."),
    )
)

OTHERS = "ip-address(8), journalctl(1), systemctl(1), keepalived(8)"


def agent_manual() -> Manual:
    """The page of `vipd` itself."""
    ctx = click.Context(cli, info_name="vipd")
    ctx.help_option_names = ["-h", "--help"]
    told = told_by(cli)
    return Manual(
        name="vipd",
        volume=VOLUME,
        line="keep virtual IP addresses alive on a group of hosts",
        synopsis=(usage_of(cli, ctx),),
        sections=(
            Section(title="DESCRIPTION", blocks=(*told.description, *_states())),
            Section(title="AT THREE IN THE MORNING", blocks=(FIRST_LOOKS,)),
            Section(title="COMMANDS", blocks=(_commands(),)),
            Section(title="OPTIONS", blocks=(options_of(cli, ctx),)),
            Section(title="SIGNALS", blocks=(Text("`vipd run`, the agent, heeds these:"), SIGNALS)),
            Section(title="USERS AND GROUPS", blocks=_rights()),
            Section(title="NETWORK", blocks=(NETWORK,)),
            Section(title="EXIT STATUS", blocks=_exit_status()),
            Section(title="EXAMPLES", blocks=told.examples),
            Section(title="FILES", blocks=(_files(),)),
            Section(title="ENVIRONMENT", blocks=(_variables(), OF_THE_SERVICE)),
            Section(title="SEE ALSO", blocks=(_see_also(),)),
        ),
    )


def _states() -> tuple[Text, Rows]:
    return Text(
        "Each virtual router of the configuration is an instance, in one of these states:"
    ), STATES


def _commands() -> Rows:
    return Rows(tuple((f"vipd {name}", entry.line) for name, entry in COMMANDS.items()))


def _rights() -> tuple[Text, Rows]:
    text = (
        "The agent needs root, or CAP_NET_ADMIN and CAP_NET_RAW. On its control socket, the "
        "kernel says who asks:"
    )
    return Text(text), GROUPS


def _exit_status() -> tuple[Text, Rows]:
    return Text(
        "Each command has its own, told on its page. Most of those that ask an agent have"
    ), EXIT


def _files() -> Rows:
    unit = (
        "/usr/local/lib/systemd/system/vipd.service",
        "The service; a package puts it elsewhere.",
    )
    ours = ((file.name, file.about) for file in FILES if "keepalived" not in file.name)
    return Rows((*ours, unit))


def _variables() -> Rows:
    return Rows(tuple((one.name, one.about) for one in VARIABLES if one.name != "SHELL"))


def _see_also() -> Text:
    pages = ("vipd.toml(5)", *(f"vipd-{name}(8)" for name in COMMANDS), *OTHERS.split(", "))
    return Text(", ".join(f"`{page}`" for page in pages))
