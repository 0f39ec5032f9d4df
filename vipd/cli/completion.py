"""`vipd completion`: the script by which a shell completes vipd's commands and options."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")

COMPLETE_VARIABLE = "_VIPD_COMPLETE"
"""The variable by which the script asks `vipd` for completions; click derives it from the name."""


@click.command()
@click.argument("shell", type=click.Choice(SHELLS), required=False)
@click.pass_context
def completion(ctx: click.Context, shell: str | None) -> None:
    """Print the completion script of a shell; without SHELL, of the one you use.

    \b
    To install it, once:
      bash   vipd completion bash > ~/.local/share/bash-completion/completions/vipd
      zsh    vipd completion zsh > "${fpath[1]}/_vipd"
      fish   vipd completion fish > ~/.config/fish/completions/vipd.fish

    \b
    To try it, in this shell only:
      bash   eval "$(vipd completion bash)"
      zsh    eval "$(vipd completion zsh)"
      fish   vipd completion fish | source
    """
    script = get_completion_class(shell or _own_shell())
    assert script, "click completes every shell of the list"
    root = ctx.find_root()
    click.echo(script(root.command, {}, "vipd", COMPLETE_VARIABLE).source())


def _own_shell() -> str:
    name = Path(os.environ.get("SHELL", "")).name
    if name not in SHELLS:
        raise click.UsageError(f"Which shell? Name one of {', '.join(SHELLS)}.")
    return name
