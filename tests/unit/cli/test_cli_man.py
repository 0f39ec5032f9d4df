"""`vipd man`: the pages are those of docs/man, are whole, and no formatter complains of them.

`VIPD_GOLDEN=write pytest tests/unit/cli/test_cli_man.py` writes docs/man anew, as `make docs` does.
"""

from __future__ import annotations

import inspect
import os
import re
import shutil
import subprocess
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from vipd.cli.main import COMMANDS
from vipd.cli.man import man, manuals, written
from vipd.cli.man_toml import NAME
from vipd.cli.prose import Told, take_apart
from vipd.cli.roff import Code, Manual, Rows, Section, Text, render

ROOT = Path(__file__).parents[3]
PAGES = ROOT / "docs" / "man"

FORMATTERS = {
    "mandoc": ["mandoc", "-T", "lint"],
    "man": ["man", "--warnings", "-E", "UTF-8", "-Tutf8", "-l"],
    "groff": ["groff", "-ww", "-k", "-man", "-Tutf8"],
}
PACKAGES = {"mandoc": "mandoc", "man": "man-db", "groff": "groff-base"}


def run(*arguments: object) -> Result:
    return CliRunner().invoke(man, [*map(str, arguments)], prog_name="vipd man")


def page(*blocks: Text | Rows | Code) -> str:
    """A page with one section."""
    manual = Manual(
        name="vipd-test",
        volume=8,
        line="a test",
        synopsis=("vipd test [FILE]",),
        sections=(Section(title="DESCRIPTION", blocks=blocks),),
    )
    return render(manual, release="vipd 0", date="2026-01-02")


# -- what is committed ----------------------------------------------------------------------


def test_the_committed_pages_are_up_to_date() -> None:
    if os.environ.get("VIPD_GOLDEN") == "write":
        assert run("--output", PAGES).exit_code == 0
    committed = {file.name: file.read_text(encoding="utf-8") for file in PAGES.iterdir()}
    made = {manual.file: written(manual) for manual in manuals()}
    assert sorted(committed) == sorted(made), "remove the page of what is no command any more"
    stale = [name for name in made if committed[name] != made[name]]
    assert stale == [], "make them anew: vipd man --output docs/man"


@pytest.mark.parametrize("formatter", FORMATTERS)
def test_no_formatter_complains(formatter: str) -> None:
    if not shutil.which(formatter) and os.environ.get("CI") != "true":
        pytest.skip(f"{formatter} is missing: apt-get install {PACKAGES[formatter]}")
    files = sorted(map(str, PAGES.iterdir()))
    done = subprocess.run(
        [*FORMATTERS[formatter], *files],
        env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    said = done.stdout if formatter == "mandoc" else ""
    assert (done.returncode, said, done.stderr) == (0, "", "")


# -- what they say --------------------------------------------------------------------------


def test_there_is_a_page_for_all_there_is() -> None:
    files = [manual.file for manual in manuals()]
    assert files == ["vipd.8", *(f"vipd-{name}.8" for name in COMMANDS), "vipd.toml.5"]


@pytest.mark.parametrize("manual", manuals(), ids=lambda manual: manual.file)
def test_every_page_has_the_sections_that_are_looked_for(manual: Manual) -> None:
    titles = re.findall(r"^\.SH (.+)$", written(manual), re.MULTILINE)
    assert titles[:3] == ["NAME", "SYNOPSIS", "DESCRIPTION"]
    assert titles[-1] == "SEE ALSO"
    if manual.volume == 8:
        assert {"OPTIONS", "EXIT STATUS"} <= set(titles)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_page_of_a_command_has_every_option_and_every_word_of_its_help(name: str) -> None:
    command = COMMANDS[name].load()
    text = plain(run(name).stdout)
    for option in options(command):
        assert all(f"{flag}" in text for flag in option.opts + option.secondary_opts)
        assert not option.help or words(option.help) in words(text)
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(command.help or "")):
        for word in paragraph.replace("\b", "").replace("`", "").split():
            assert word in text or word == "Examples:"


def options(command: click.Command) -> list[click.Option]:
    """The options of a command and of its subcommands."""
    inner = command.commands.values() if isinstance(command, click.Group) else ()
    params = (*command.params, *(param for one in inner for param in one.params))
    return [param for param in params if isinstance(param, click.Option)]


def words(text: str) -> str:
    return " ".join(text.replace("`", "").split())


def plain(roff: str) -> str:
    """What a page says, without its macros and fonts."""
    text = re.sub(r"^\.(nf|fi|PP|TP|br|SH .*|SS .*)\n", "", roff, flags=re.MULTILINE)
    for escape, meant in (
        *((font, "") for font in (r"\fB", r"\fI", r"\fR", r"\&")),
        *zip((r"\-", r"\(aq", r"\(dq", r"\(ga", r"\(ha", r"\(ti"), "-'\"`^~", strict=True),
        (r"\e", "\\"),
    ):
        text = text.replace(escape, meant)
    return text


@pytest.mark.parametrize(
    "fact",
    [
        "/etc/vipd/vipd.toml",
        "/run/vipd/control.sock",
        "/run/vipd/journal.jsonl",
        "/var/lib/vipd/maintenance.json",
        "SIGTERM",
        "SIGHUP",
        "vipd-admin",
        "IP protocol 112",
        "UDP port 9568",
        "VIPD_SOCKET",
        "vipd.toml(5)",
    ],
)
def test_the_page_of_vipd_tells_where_things_are(fact: str) -> None:
    assert fact in plain(run().stdout)


def test_the_subcommands_of_a_group_stand_on_its_page() -> None:
    text = plain(run("maintenance").stdout)
    assert "vipd maintenance on [OPTIONS]\n" in text
    assert "vipd maintenance off [OPTIONS]\n" in text
    assert "--reason TEXT\n" in text
    assert "Of vipd maintenance on:\n" in text


def test_readmes_table_of_commands_names_every_command() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (operate,) = re.findall(r"^## Operate\n(.*?)^##", text, re.MULTILINE | re.DOTALL)
    table = "\n".join(line for line in operate.splitlines() if line.startswith("| `vipd"))
    assert {name for name in COMMANDS if f"`vipd {name}" not in table} == set()
    assert set(re.findall(r"`vipd ([a-z]+)", table)) == set(COMMANDS)


# -- the command ----------------------------------------------------------------------------


def test_a_page_is_printed_as_it_is_written(tmp_path: Path) -> None:
    assert run("--output", tmp_path / "new" / "pages").exit_code == 0
    assert (tmp_path / "new/pages/vipd.8").read_text() == run().stdout
    assert (tmp_path / "new/pages/vipd-why.8").read_text() == run("why").stdout
    assert (tmp_path / "new/pages/vipd.toml.5").read_text() == run(NAME).stdout


def test_what_is_wrong_is_refused(tmp_path: Path) -> None:
    assert run("chekc").exit_code == 2
    result = run("why", "--output", tmp_path)
    assert result.exit_code == 2
    assert "--output writes all pages: leave COMMAND out." in result.stderr


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run("--output", tmp_path / "file" / "pages")
    assert str(result.exception) == f"{tmp_path}/file/pages: Not a directory"


# -- roff -----------------------------------------------------------------------------------


def test_what_a_line_begins_with_is_no_request() -> None:
    roff = page(Text(".TH is text, 'and so is this"), Code((".br", "'quoted' \\n")))
    assert "\n\\&.TH is text, \\(aqand so is this\n" in roff
    assert "\n\\&.br\n\\(aqquoted\\(aq \\en\n" in roff


def test_what_is_to_be_typed_is_bold_and_can_be_copied() -> None:
    roff = page(Rows((("-o, --output DIRECTORY", "Where `vipd man` writes; ~, ^ and → too."),)))
    assert "\\fB\\-o, \\-\\-output\\fR \\fIDIRECTORY\\fR\n" in roff
    assert "Where \\fBvipd man\\fR writes; \\(ti, \\(ha and \\[u2192] too.\n" in roff


def test_lines_of_the_source_are_short_and_a_sentence_begins_one() -> None:
    roff = page(Text("One. Two two. " + "three " * 40))
    assert "\nOne.\nTwo two.\nthree three" in roff
    assert max(map(len, roff.splitlines())) < 80


# -- help, taken apart ----------------------------------------------------------------------

HELP = """\
Do it.

It needs root. The exit code is 0
or 1.

\b
With --json it is
  0   good
  10  not good,
      for whatever reason

\b
Examples:
  vipd do --it    at once
  vipd do

\b
A line has
  time  the moment
and nothing else."""


def test_a_help_is_taken_apart() -> None:
    assert take_apart(HELP) == Told(
        description=(
            Text("Do it."),
            Text("It needs root."),
            Text("A line has"),
            Rows((("time", "the moment"),)),
            Text("and nothing else."),
        ),
        exit_status=(
            Text("The exit code is 0 or 1."),
            Text("With --json it is"),
            Rows((("0", "good"), ("10", "not good, for whatever reason"))),
        ),
        examples=(Rows((("vipd do --it", "at once"),)), Code(("vipd do",))),
    )
