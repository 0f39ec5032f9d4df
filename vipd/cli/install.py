"""`vipd install`: tells the host about this vipd, and takes that back."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import assert_never

import click
from click.shell_completion import get_completion_class

from vipd.cli.completion import COMPLETE_VARIABLE, SHELLS
from vipd.cli.man import manuals, written
from vipd.errors import VipdError
from vipd.install.hand import carry_out
from vipd.install.host import Host
from vipd.install.layout import LOCAL, Layout
from vipd.install.plan import Site, plan_install, plan_uninstall
from vipd.install.program import own_program, require_sound
from vipd.install.step import Make, Plan, Prune, Remove, Run, Step, Write
from vipd.install.wanted import Pages, wanted

_DIRECTORY = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.option("--dry-run", is_flag=True, help="Only show what would be done; needs no right.")
@click.option("--uninstall", is_flag=True, help="Remove what was installed, and stop the agent.")
@click.option(
    "--purge", is_flag=True, help="With --uninstall: the configuration and the user, too."
)
@click.option("--force", is_flag=True, help="Write over files that are not as vipd wrote them.")
@click.option(
    "--prefix",
    type=_DIRECTORY,
    default=LOCAL,
    show_default=True,
    help="Where units, manual pages and completions go.",
)
@click.option(
    "--root",
    type=_DIRECTORY,
    metavar="DIRECTORY",
    help="Write into this tree, for a package or an image; nothing is run.",
)
@click.option(
    "--program",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="The vipd that the units start; without it, the one that runs this command.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
@click.pass_context
def install(
    ctx: click.Context,
    *,
    dry_run: bool,
    uninstall: bool,
    purge: bool,
    force: bool,
    prefix: Path,
    root: Path | None,
    program: Path | None,
    as_json: bool,
) -> None:
    """Tell this host about this vipd: units, user, groups, manual pages, completions, examples.

    Comes after `pip install` or `pipx install`, and once more after each upgrade. What is as it
    should be is left alone. It neither writes nor changes /etc/vipd/vipd.toml, and enables nothing.

    A file that is there already, or was changed since it was installed, is never written over
    without --force. --uninstall leaves the configuration, and says so.

    \b
    The exit code is
      0  if all is as it should be
      1  if something stands in the way, or fails; the text says what
      2  if the options do not go together

    \b
    Examples:
      vipd install --dry-run                        every step, in its order
      sudo /opt/vipd/bin/vipd install               do it
      sudo vipd install --uninstall                 take it back
      vipd install --root image --prefix /usr       into the tree of an image
    """
    if purge and not uninstall:
        raise click.UsageError("--purge goes with --uninstall.")
    site = Site(host=Host(root=root and root.absolute()), layout=Layout(prefix=_absolute(prefix)))
    site.host.require()
    if uninstall:
        plan = plan_uninstall(site, purge=purge)
    else:
        files = wanted(_program(site.host, program), site.layout, _pages(ctx))
        plan = plan_install(site, files, force=force)
    if not dry_run:
        _require_right(site.host, plan)
    told = Told(dry_run=dry_run, quiet=as_json)
    told.tell(plan, site.host)
    if as_json:
        click.echo(_as_json(plan, told))


def _absolute(prefix: Path) -> Path:
    if not prefix.is_absolute():
        raise click.UsageError(f"--prefix takes an absolute path, not {prefix}.")
    return prefix


def _program(host: Host, named: Path | None) -> Path:
    """What the units start. In a tree that is not a host yet, it need not be there."""
    if named is not None and not named.is_absolute():
        raise click.UsageError(f"--program takes an absolute path, not {named}.")
    program = named or own_program()
    if host.runs:
        require_sound(program)
    return program


def _pages(ctx: click.Context) -> Pages:
    """What is made from the commands themselves."""
    root = ctx.find_root().command
    scripts = {}
    for shell in SHELLS:
        script = get_completion_class(shell)
        assert script, "click completes every shell of the list"
        scripts[shell] = script(root, {}, "vipd", COMPLETE_VARIABLE).source()
    return Pages(manuals={one.file: written(one) for one in manuals()}, completions=scripts)


def _require_right(host: Host, plan: Plan) -> None:
    if plan.steps and host.runs and os.geteuid() != 0:
        raise VipdError(
            "this changes what belongs to root: run it as root, `sudo vipd install`.\n"
            "`vipd install --dry-run` shows every step, and needs no right."
        )


# -- what is told ---------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class Told:
    """Has the steps done, and tells of each; `notes` grows by what they had to say."""

    dry_run: bool
    quiet: bool
    notes: list[str] = field(default_factory=list)

    def tell(self, plan: Plan, host: Host) -> None:
        """Do the plan, or only tell of it. Raises: VipdError."""
        for step in plan.steps:
            if not self.dry_run and (said := carry_out(step, host)):
                self.notes.append(said)
            self._say(_line(step, dry_run=self.dry_run))
        if plan.unchanged:
            self._say(f"{plan.unchanged} files are as they should be")
        self.notes += plan.notes
        for note in self.notes:
            self._say(note)

    def _say(self, line: str) -> None:
        if not self.quiet:
            click.echo(line)


def _line(step: Step, *, dry_run: bool) -> str:
    verb, past, what = _words(step)
    return f"would {verb} {what}" if dry_run else f"{past} {what}"


def _words(step: Step) -> tuple[str, str, str]:
    """What it does, what it did, and to what."""
    match step:
        case Write(anew=True):
            return "replace", "replaced", str(step.path)
        case Write():
            return "write", "wrote", str(step.path)
        case Make():
            return "make", "made", f"the directory {step.path}"
        case Remove():
            return "remove", "removed", f"{step.path}{' and all in it' if step.whole else ''}"
        case Prune():
            return "remove", "removed", f"the directory {step.path}, if nothing is left in it"
        case Run():
            return "run", "ran", " ".join(step.argv)
        case _:
            assert_never(step)


def _as_json(plan: Plan, told: Told) -> str:
    answer = {
        "dry_run": told.dry_run,
        "steps": [_as_object(step) for step in plan.steps],
        "unchanged": plan.unchanged,
        "notes": told.notes,
    }
    return json.dumps(answer, indent=2)


def _as_object(step: Step) -> dict[str, object]:
    verb, _, _ = _words(step)
    if isinstance(step, Run):
        return {"do": verb, "argv": list(step.argv)}
    return {"do": verb, "path": str(step.path)}
