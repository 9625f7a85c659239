"""``meshdl share``: hash, announce, print the link."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import click

from meshdl.cli.console import LiveLine, printable
from meshdl.cli.options import emit, home_option, json_option, pass_home
from meshdl.cli.present import size
from meshdl.control.client import ControlClient
from meshdl.control.content_status import (
    ContentStatus,
    PrecedenceName,
    ShareProgress,
    ShareSkipped,
    ShareStep,
)
from meshdl.control.messages import Hashing, Shared, Skipped
from meshdl.station.home import Home

SKIPPED_SHOWN = 5

PRECEDENCES = ("routine", "welfare", "priority", "emergency")


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--title", help="For people; the name of the path by default. One PATH only.")
@click.option(
    "--precedence",
    type=click.Choice(PRECEDENCES),
    default="routine",
    show_default=True,
    help="Order of handling at every station; emergency is for danger to life or property.",
)
@click.option("--tag", "tags", multiple=True, help="A word to find it by; may be repeated.")
@home_option
@json_option
@pass_home
def share(
    home: Home,
    *,
    paths: tuple[Path, ...],
    title: str | None,
    precedence: PrecedenceName,
    tags: tuple[str, ...],
    as_json: bool,
) -> None:
    """Share each PATH, a file or a folder, in place; print its hash and link.

    The files stay where they are and must stay as they are: a file that changes is
    no longer the content that was shared. With --json: one object a line, of type
    "progress", "skipped" or "content".
    """
    if title is not None and len(paths) > 1:
        raise click.UsageError("--title is for one PATH; share the others by themselves")
    asyncio.run(_share(home, paths, title, precedence, tags, as_json=as_json))


async def _share(
    home: Home,
    paths: tuple[Path, ...],
    title: str | None,
    precedence: PrecedenceName,
    tags: tuple[str, ...],
    *,
    as_json: bool,
) -> None:
    located = [str(path.absolute()) for path in paths]
    async with ControlClient(home.directory) as station:
        steps = station.share(located, title=title, precedence=precedence, tags=tags)
        await (_print_lines(steps) if as_json else _show(steps))


async def _print_lines(steps: AsyncIterator[ShareStep]) -> None:
    async for step in steps:
        match step:
            case ShareProgress():
                emit(Hashing(step))
            case ShareSkipped():
                emit(Skipped(step))
            case ContentStatus():
                emit(Shared(step))


async def _show(steps: AsyncIterator[ShareStep]) -> None:
    shared: list[ContentStatus] = []
    skipped: list[ShareSkipped] = []
    try:
        with LiveLine() as line:
            async for step in steps:
                match step:
                    case ShareProgress():
                        line.show(_hashing(step), state=step.location)
                    case ShareSkipped():
                        skipped.append(step)
                    case ContentStatus():
                        shared.append(step)
    finally:
        # After the live line, which owns the terminal; and also when a later path failed.
        for content in shared:
            _print(content)
        for without in skipped:
            click.echo(_without(without), err=True)


def _hashing(step: ShareProgress) -> str:
    done = step.octets_done * 100 // step.octets if step.octets else 100
    return f"Hashing {step.location}  {done} % of {size(step.octets)}"


def _without(skipped: ShareSkipped) -> str:
    shown = [printable(name) for name in skipped.names[:SKIPPED_SHOWN]]
    if skipped.count > len(shown):
        shown.append(f"{skipped.count - len(shown)} more")
    return (
        f"Not shared with {printable(skipped.location)}, for they are links or devices: "
        f"{', '.join(shown)}. To share what a link leads to, put a copy there."
    )


def _print(content: ContentStatus) -> None:
    click.echo(content.title)
    click.echo(f"  hash  {content.content_hash}")
    click.echo(f"  link  {content.link}")
