"""``meshdl get``: a viewer of a download that the station owns.

Ctrl-C pauses the download; everything verified stays, and the same command, or
``meshdl resume``, goes on. ``--detach`` leaves at once and the station goes on.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from functools import partial
from pathlib import Path

import click

from meshdl.cli.airtime import agree, described
from meshdl.cli.console import LiveLine, printable
from meshdl.cli.exits import Unfinished
from meshdl.cli.options import Seconds, emit, home_option, json_option, pass_home
from meshdl.cli.present import progress_line, size
from meshdl.cli.share import PRECEDENCES
from meshdl.cli.target import wanted_content
from meshdl.control.changes import ContentChanged, ContentRemoved
from meshdl.control.client import ControlClient
from meshdl.control.content_status import ContentState, ContentStatus, PrecedenceName, Via
from meshdl.control.messages import TORRENT_BODY_MAX_OCTETS
from meshdl.errors import ContentUnknown, FileUnreadable, LinkClosed, SourceNotFound, StorageError
from meshdl.ids import ContentHash
from meshdl.station.home import Home

BY_RADIO: frozenset[Via] = frozenset({"rf", "hybrid"})
WHOLE = frozenset({ContentState.COMPLETE, ContentState.SHARING})


@click.command()
@click.argument("target")
@click.option(
    "-o",
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where it lands; the configured download directory by default.",
)
@click.option(
    "--via",
    type=click.Choice(("auto", "webrtc", "rf", "hybrid")),
    default="auto",
    show_default=True,
    help="Over which paths: links (auto, webrtc), radio alone (rf), or both (hybrid).",
)
@click.option("--yes", is_flag=True, help="Agree to the price in airtime beforehand.")
@click.option("--precedence", type=click.Choice(PRECEDENCES), help="The record's by default.")
@click.option("--detach", is_flag=True, help="Leave at once; the station goes on.")
@click.option(
    "--timeout",
    "timeout_s",
    type=Seconds(),
    metavar="SECONDS",
    help="Give up (exit code 69) when nobody has had it for so long.",
)
@home_option
@json_option
@pass_home
def get(
    home: Home,
    *,
    target: str,
    directory: Path | None,
    via: Via,
    yes: bool,
    precedence: PrecedenceName | None,
    detach: bool,
    timeout_s: float | None,
    as_json: bool,
) -> None:
    """Download TARGET; return 0 only when every octet is verified.

    TARGET is a content hash, a meshdl: or magnet: link, the first digits of a hash
    that "meshdl ls --network" shows (by radio: or "meshdl radio status"), a title that only one
    content there has, or a BitTorrent v2 file (FILE.torrent). Ctrl-C
    pauses the download; give the same command to go on. By radio, the price in airtime is
    told first, and asked about unless there is --yes. With --json: the content's
    status, an object a line, the last one final.
    """
    wanted = _read_torrent(target) if target.endswith(".torrent") else target
    place = str(directory.absolute()) if directory is not None else None
    asyncio.run(
        _get(
            home,
            wanted,
            directory=place,
            via=via,
            yes=yes,
            precedence=precedence,
            detach=detach,
            timeout_s=timeout_s,
            as_json=as_json,
        )
    )


async def _get(
    home: Home,
    target: str | bytes,
    *,
    directory: str | None,
    via: Via,
    yes: bool,
    precedence: PrecedenceName | None,
    detach: bool,
    timeout_s: float | None,
    as_json: bool,
) -> None:
    async with ControlClient(home.directory) as station:
        if isinstance(target, str):
            try:
                target = await wanted_content(station, target)
            except ContentUnknown:
                if via not in BY_RADIO:
                    raise
                target = await described(
                    station, target, yes=yes, as_json=as_json, timeout_s=timeout_s
                )
        begin = partial(
            station.download, target, directory=directory, via=via, precedence=precedence
        )
        if via in BY_RADIO:
            content = await _begin_by_radio(
                station, target, begin, yes=yes, detach=detach, as_json=as_json
            )
        else:
            content = await begin()
        if not detach and content.state not in WHOLE:
            content = await _follow(station, content, timeout_s, as_json=as_json)
    if as_json:
        emit(content)
    elif content.state in WHOLE:
        done = f"{content.title}: {size(content.octets_done)} verified, {content.location}"
        click.echo(printable(done))
    else:
        click.echo(printable(f"{content.title}: the station goes on with it; see: meshdl ls"))


async def _begin_by_radio(
    station: ControlClient,
    target: str | bytes,
    begin: Callable[[], Awaitable[ContentStatus]],
    *,
    yes: bool,
    detach: bool,
    as_json: bool,
) -> ContentStatus:
    """Begin when the operator agrees to the price; ask again once the size is known."""
    price = await agree(station, target, yes=yes, as_json=as_json)
    content = await begin()
    if price.basis != "info" or yes or detach:
        return content
    content_hash = ContentHash(bytes.fromhex(content.content_hash))
    await _described(station, content)
    await station.pause(content_hash)
    await agree(station, target, yes=yes, as_json=as_json)
    return await begin()


async def _described(station: ControlClient, content: ContentStatus) -> None:
    """Return when the size of a content is known."""
    # Closed before the next question: while it waits for an answer nobody reads.
    async with aclosing(station.events()) as events:
        async for event in events:
            match event:
                case ContentRemoved(content.content_hash):
                    raise ContentUnknown(f"{content.title} was removed from the station meanwhile")
                case ContentChanged(now) if now.content_hash == content.content_hash:
                    _judge(now)
                    if now.octets is not None:
                        return


async def _follow(
    station: ControlClient, content: ContentStatus, timeout_s: float | None, *, as_json: bool
) -> ContentStatus:
    """Show the download until it is whole; leave it paused when that is given up."""
    content_hash = ContentHash(bytes.fromhex(content.content_hash))
    again = f"go on with: meshdl resume {content.content_hash}"
    try:
        with LiveLine() as line:
            return await _watch(station, content, timeout_s, None if as_json else line)
    except TimeoutError:
        await station.pause(content_hash)
        raise SourceNotFound(
            f"no station within reach has had {content.title} for {timeout_s:g} s; paused, {again}"
        ) from None
    except asyncio.CancelledError:
        await station.pause(content_hash)
        click.echo(f"\nPaused; everything verified is kept. {again.capitalize()}", err=True)
        raise


async def _watch(
    station: ControlClient,
    content: ContentStatus,
    timeout_s: float | None,
    line: LiveLine | None,
) -> ContentStatus:
    loop = asyncio.get_running_loop()
    waiting_since = loop.time()
    async with asyncio.timeout(None) as patience:
        async for event in station.events():
            match event:
                case ContentRemoved(content.content_hash):
                    raise ContentUnknown(f"{content.title} was removed from the station meanwhile")
                case ContentChanged(now) if now.content_hash == content.content_hash:
                    content = now
                case _:
                    continue
            _judge(content)
            if content.state in WHOLE:
                return content
            if content.state is not ContentState.WAITING:
                waiting_since = loop.time()
                patience.reschedule(None)
            elif timeout_s is not None:
                patience.reschedule(waiting_since + timeout_s)
            if line is not None:
                line.show(progress_line(content), state=content.state.value)
            else:
                emit(content)
    raise LinkClosed("the station stopped; start it again with: meshdl up")


def _judge(content: ContentStatus) -> None:
    """Raise when a download will not go on by itself."""
    if content.state is ContentState.BROKEN:
        raise StorageError(f"{content.title}: {content.error or 'broken; see the log'}")
    if content.state is ContentState.PAUSED:
        raise Unfinished(
            f"{content.title} was paused; go on with: meshdl resume {content.content_hash}"
        )


def _read_torrent(name: str) -> bytes:
    path = Path(name)
    try:
        with path.open("rb") as file:
            octets = file.read(TORRENT_BODY_MAX_OCTETS + 1)
    except OSError as error:
        raise FileUnreadable(f"cannot read {path} ({error.strerror})") from error
    if len(octets) > TORRENT_BODY_MAX_OCTETS:
        raise FileUnreadable(f"{path} is longer than {size(TORRENT_BODY_MAX_OCTETS)}: no metainfo")
    return octets
