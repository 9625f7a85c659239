"""``ls``, ``pause``, ``resume``, ``rm``, ``torrent``: the contents of a station."""

import asyncio
from pathlib import Path

import click

from meshdl.cli.console import print_table, printable
from meshdl.cli.options import emit, home_option, json_option, pass_home
from meshdl.cli.present import HASH_DIGITS, percent, rate, size
from meshdl.cli.target import held_content
from meshdl.control.client import ControlClient
from meshdl.control.content_status import ContentStatus, NetworkContent
from meshdl.errors import FileUnwritable, TargetExists
from meshdl.station.home import Home


@click.command()
@click.option("--network", is_flag=True, help="What all stations announce, and who has it.")
@home_option
@json_option
@pass_home
def ls(home: Home, *, network: bool, as_json: bool) -> None:
    """List this station's contents, or with --network what all stations announce.

    The first digits of a hash are enough for get, pause, resume, rm and torrent.
    """
    asyncio.run(_ls_network(home, as_json) if network else _ls(home, as_json))


async def _ls(home: Home, as_json: bool) -> None:
    async with ControlClient(home.directory) as station:
        contents = await station.contents()
    if as_json:
        emit(contents)
        return
    print_table(
        ("HASH", "STATE", ">SIZE", ">DONE", ">RATE", "TITLE", "WHERE"),
        [_row(content) for content in contents],
        empty="Nothing yet. Share something with: meshdl share PATH",
    )
    for content in contents:
        if content.error is not None:
            click.echo(f"{content.content_hash[:HASH_DIGITS]}: {content.error}", err=True)


def _row(content: ContentStatus) -> tuple[str, ...]:
    return (
        content.content_hash[:HASH_DIGITS],
        content.state.value,
        "?" if content.octets is None else size(content.octets),
        percent(content),
        rate(content.rate_octets_per_s) if content.rate_octets_per_s else "",
        content.title,
        content.location,
    )


async def _ls_network(home: Home, as_json: bool) -> None:
    async with ControlClient(home.directory) as station:
        contents = await station.network()
    if as_json:
        emit(contents)
        return
    print_table(
        ("HASH", "PRECEDENCE", ">SIZE", "FROM", "TITLE", "TAGS", "HELD BY", "HERE"),
        [_network_row(content) for content in contents],
        empty="No station announces anything. See: meshdl peers",
    )


def _network_row(content: NetworkContent) -> tuple[str, ...]:
    return (
        content.content_hash[:HASH_DIGITS],
        content.precedence,
        size(content.octets),
        content.originator,
        content.title,
        " ".join(content.tags),
        " ".join(content.held_by),
        "yes" if content.held else "",
    )


@click.command()
@click.argument("content")
@home_option
@json_option
@pass_home
def pause(home: Home, *, content: str, as_json: bool) -> None:
    """Pause the download of CONTENT (hash, link, first digits); what is verified stays."""

    async def run() -> ContentStatus:
        async with ControlClient(home.directory) as station:
            return await station.pause(await held_content(station, content))

    _tell(asyncio.run(run()), as_json)


@click.command()
@click.argument("content")
@home_option
@json_option
@pass_home
def resume(home: Home, *, content: str, as_json: bool) -> None:
    """Go on with CONTENT, or look again at one that is broken."""

    async def run() -> ContentStatus:
        async with ControlClient(home.directory) as station:
            return await station.resume(await held_content(station, content))

    _tell(asyncio.run(run()), as_json)


@click.command()
@click.argument("content")
@click.option("--delete-files", is_flag=True, help="Delete what was downloaded, too.")
@home_option
@json_option
@pass_home
def rm(home: Home, *, content: str, delete_files: bool, as_json: bool) -> None:
    """Forget CONTENT. Files that were shared in place are yours and never deleted."""

    async def run() -> str:
        async with ControlClient(home.directory) as station:
            content_hash = await held_content(station, content)
            await station.remove(content_hash, delete_files=delete_files)
            return content_hash.hex()

    removed = asyncio.run(run())
    if as_json:
        emit({"content_hash": removed, "removed": True})
    else:
        click.echo(f"Removed {removed}")


@click.command()
@click.argument("content")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; one that is there is not replaced.",
)
@home_option
@json_option
@pass_home
def torrent(home: Home, *, content: str, output: Path, as_json: bool) -> None:
    """Write the metainfo of CONTENT as a BitTorrent v2 file."""

    async def run() -> tuple[str, bytes]:
        async with ControlClient(home.directory) as station:
            content_hash = await held_content(station, content)
            return content_hash.hex(), await station.torrent(content_hash)

    written, octets = asyncio.run(run())
    try:
        with output.open("xb") as file:
            file.write(octets)
    except FileExistsError as error:
        raise TargetExists(f"{output} is there already; choose another name") from error
    except OSError as error:
        raise FileUnwritable(f"cannot write {output} ({error.strerror})") from error
    if as_json:
        emit({"content_hash": written, "file": str(output.absolute()), "octets": len(octets)})
    else:
        click.echo(f"Wrote {output} ({size(len(octets))})")


def _tell(content: ContentStatus, as_json: bool) -> None:
    if as_json:
        emit(content)
    else:
        click.echo(printable(f"{content.title}: {content.state.value}, {percent(content)}"))
