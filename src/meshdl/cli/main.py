"""The ``meshdl`` command: its subcommands, and how errors become exit codes.

A subcommand's module is imported when it is called, and not for ``--help``: a shell
that asks for help or completion gets it at once.
"""

import difflib
import importlib
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import click

from meshdl import __version__
from meshdl.cli.exits import INTERRUPTED, USAGE, WrongUsage, exit_code_of
from meshdl.errors import MeshdlError


class Subcommand(NamedTuple):
    """Where a subcommand lives, and its line in ``meshdl --help``."""

    module: str
    function: str
    summary: str


COMMANDS: dict[str, Subcommand] = {
    "init": Subcommand("init", "init", "Make the home directory: settings and station key."),
    "up": Subcommand("up", "up", "Run the station, in the foreground."),
    "share": Subcommand("share", "share", "Share files or folders; print their links."),
    "get": Subcommand("get", "get", "Download by hash, link or BitTorrent v2 file."),
    "ls": Subcommand("contents", "ls", "List this station's contents, or the network's."),
    "peers": Subcommand("overview", "peers", "List the stations that are known."),
    "status": Subcommand("overview", "status", "Show the station at a glance."),
    "pause": Subcommand("contents", "pause", "Pause a download."),
    "resume": Subcommand("contents", "resume", "Go on with a paused download."),
    "rm": Subcommand("contents", "rm", "Forget a content."),
    "torrent": Subcommand("contents", "torrent", "Write a content's BitTorrent v2 file."),
    "log": Subcommand("log", "log", "Print the station log."),
    "key": Subcommand("key", "key", "Show the station key, or make a new one."),
    "room": Subcommand("room", "room", "Make, join and leave rooms; invite others."),
    "radio": Subcommand("radio", "radio", "Set up, switch and monitor the radio."),
    "trust": Subcommand("overview", "trust", "Accept the changed key of a callsign."),
    "demo": Subcommand("demo", "demo", "Three stations on this machine, a real transfer."),
    "signal": Subcommand("signal", "signal", "Run a signalling server, in the foreground."),
    "doctor": Subcommand("doctor", "doctor", "Check everything a station needs."),
}


class Subcommands(click.Group):
    """Imports subcommands late; turns our errors into a line and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """In the order of the table, which is the order of use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one subcommand."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            near = difflib.get_close_matches(cmd_name, COMMANDS, n=1)
            hint = f"did you mean {near[0]}?" if near else "see: meshdl --help"
            ctx.fail(f"no such command: {cmd_name!r}; {hint}")
        module = importlib.import_module(f"meshdl.cli.{entry.module}")
        command: click.Command = getattr(module, entry.function)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the subcommands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse our own options; a mistake exits with EX_USAGE."""
        with _exit_codes(ctx):
            _check_encoding(args)
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Parse and run the subcommand; every end has its exit code."""
        with _exit_codes(ctx):
            return super().invoke(ctx)


@contextmanager
def _exit_codes(ctx: click.Context) -> Iterator[None]:
    try:
        yield
    except MeshdlError as error:
        from meshdl.cli.console import printable  # late: rich is slow to import

        click.echo(f"Error: {printable(str(error))}", err=True)
        ctx.exit(exit_code_of(error))
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)  # the help, which is no error's line
        ctx.exit(USAGE)
    except click.UsageError as error:
        raise WrongUsage(error.format_message(), error.ctx) from error
    except (KeyboardInterrupt, click.Abort):  # the second at a question
        ctx.exit(INTERRUPTED)


def _check_encoding(words: list[str]) -> None:
    """Refuse what the system could not read as text: nobody else could read such a name."""
    for word in words:
        try:
            word.encode("utf-8")
        except UnicodeEncodeError:
            shown = word.encode("utf-8", "backslashreplace").decode("utf-8")
            raise click.UsageError(
                f"{shown!r} is not written in UTF-8, as every name here must be; rename it"
            ) from None


@click.group(cls=Subcommands)
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="Home directory of the station; else MESHDL_HOME, else the platform's place.",
)
@click.version_option(__version__, prog_name="meshdl")
@click.pass_context
def meshdl(ctx: click.Context, home: Path | None) -> None:
    """Amateur-radio stations share files over every path there is."""
    from meshdl.station.home import locate

    ctx.obj = locate(home, os.environ)


def main() -> None:
    """Entry point of the installed command."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # As stderr does: a terminal that cannot show a title shows what it can of it.
        sys.stdout.reconfigure(errors="backslashreplace")
    meshdl(prog_name="meshdl")
