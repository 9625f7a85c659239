"""What each route does: parse the request, ask the station, write the answer.

The guard let these requests pass already, and the server turns errors into answers.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from meshdl.control.content_status import ContentStatus, ShareProgress, ShareSkipped, ShareStep
from meshdl.control.feed import Subscription
from meshdl.control.log_entry import LogQuery
from meshdl.control.messages import (
    JSON_BODY_MAX_OCTETS,
    TORRENT_BODY_MAX_OCTETS,
    DownloadOptions,
    DownloadRequest,
    Hashing,
    RemoveOptions,
    Shared,
    ShareLine,
    ShareRequest,
    Skipped,
    TrustRequest,
)
from meshdl.control.streams import write_events, write_lines
from meshdl.control.view import StationView
from meshdl.errors import ContentLinkInvalid, LinkRefused, RemoteProtocolError
from meshdl.ids import ContentHash, StationId, callsign, content_hash

JSON = "application/json"
TORRENT = "application/x-bittorrent"

EVENT_STREAMS_MAX = 32
"""Pages and commands that one operator watches at once; each may hold 1 MB."""

OPEN_STREAMS: web.AppKey[list[Any]] = web.AppKey("open_streams", list)
"""Subscriptions of the readers of ``/events``; the server ends them when it stops."""

EventT = TypeVar("EventT")
StructT = TypeVar("StructT", bound=msgspec.Struct)


def reply(value: Any) -> web.Response:
    """A value as a JSON answer."""
    return web.Response(body=msgspec.json.encode(value), content_type=JSON)


async def status(view: StationView, _request: web.Request) -> web.StreamResponse:
    """The station at a glance."""
    return reply(await view.status())


async def contents(view: StationView, _request: web.Request) -> web.StreamResponse:
    """Every content of this station."""
    return reply(await view.contents())


async def content(view: StationView, request: web.Request) -> web.StreamResponse:
    """One content."""
    return reply(await view.content(_hash_in(request)))


async def chunks(view: StationView, request: web.Request) -> web.StreamResponse:
    """Which chunks of a content are verified here."""
    return reply(await view.chunks(_hash_in(request)))


async def network(view: StationView, _request: web.Request) -> web.StreamResponse:
    """Every content that stations of the network announce."""
    return reply(await view.network())


async def peers(view: StationView, _request: web.Request) -> web.StreamResponse:
    """Every station with a link, being dialled, or heard of."""
    return reply(await view.peers())


async def ice_servers(view: StationView, _request: web.Request) -> web.StreamResponse:
    """STUN and TURN servers, with credentials that hold for some hours."""
    return reply(await view.ice_servers())


async def share(view: StationView, request: web.Request) -> web.StreamResponse:
    """Hash and share files or folders; progress and results, a line each."""
    wanted = await body_of(request, ShareRequest)
    if wanted.title is not None and len(wanted.paths) > 1:
        raise RemoteProtocolError("a title is for one path; share the others by themselves")
    for path in wanted.paths:
        _check_absolute(path)
    steps = view.share(
        wanted.paths, title=wanted.title, precedence=wanted.precedence, tags=wanted.tags
    )
    async with aclosing(_share_lines(steps)) as lines:
        return await write_lines(request, lines)


async def _share_lines(
    steps: AsyncIterator[ShareStep],
) -> AsyncGenerator[ShareLine]:
    try:
        async for step in steps:
            match step:
                case ShareProgress():
                    yield Hashing(step)
                case ShareSkipped():
                    yield Skipped(step)
                case ContentStatus():
                    yield Shared(step)
    finally:
        # A reader that went away must stop the hashing, not leave it to the collector.
        close = getattr(steps, "aclose", None)
        if close is not None:
            await close()


async def download(view: StationView, request: web.Request) -> web.StreamResponse:
    """Begin or resume a download by hash or link."""
    wanted = await body_of(request, DownloadRequest)
    _check_absolute(wanted.directory)
    content = await view.download(
        wanted.target, directory=wanted.directory, precedence=wanted.precedence, via=wanted.via
    )
    return reply(content)


async def download_torrent(view: StationView, request: web.Request) -> web.StreamResponse:
    """Begin or resume a download by BitTorrent v2 file."""
    options = _query_of(request, DownloadOptions)
    _check_absolute(options.directory)
    octets = await _read(request, TORRENT_BODY_MAX_OCTETS)
    content = await view.download(
        octets, directory=options.directory, precedence=options.precedence, via=options.via
    )
    return reply(content)


async def pause(view: StationView, request: web.Request) -> web.StreamResponse:
    """Stop asking for more; answers when everything verified is durable."""
    return reply(await view.pause(_hash_in(request)))


async def resume(view: StationView, request: web.Request) -> web.StreamResponse:
    """Go on with a paused download, or look again at a broken content."""
    return reply(await view.resume(_hash_in(request)))


async def remove(view: StationView, request: web.Request) -> web.StreamResponse:
    """Forget a content; shared files are never deleted, downloaded ones if asked."""
    options = _query_of(request, RemoveOptions)
    await view.remove(_hash_in(request), delete_files=options.delete_files)
    return web.Response(status=204)


async def torrent(view: StationView, request: web.Request) -> web.StreamResponse:
    """The content's metainfo as a BitTorrent v2 file."""
    return web.Response(body=await view.torrent(_hash_in(request)), content_type=TORRENT)


async def log(view: StationView, request: web.Request) -> web.StreamResponse:
    """The station log, the oldest entry first, a line each."""
    return await write_lines(request, view.log(_query_of(request, LogQuery)))


async def trust(view: StationView, request: web.Request) -> web.StreamResponse:
    """Pin a callsign to the key of a station from now on."""
    wanted = await body_of(request, TrustRequest)
    try:
        call = callsign(wanted.callsign)
    except ValueError as error:
        raise RemoteProtocolError(str(error)) from error
    await view.trust(call, StationId(wanted.station_id))
    return web.Response(status=204)


async def events(view: StationView, request: web.Request) -> web.StreamResponse:
    """The whole state, then every change, as server-sent events."""
    return await stream(
        request, view.events(), lambda request, events: write_events(request, view, events)
    )


async def stream(
    request: web.Request,
    subscription: Subscription[EventT],
    write: Callable[[web.Request, Subscription[EventT]], Awaitable[web.StreamResponse]],
) -> web.StreamResponse:
    """Answer with a stream of events, unless too many read already.

    Raises:
        LinkRefused: they do.
    """
    streams = request.app[OPEN_STREAMS]
    with subscription:
        if len(streams) >= EVENT_STREAMS_MAX:
            raise LinkRefused(
                f"{EVENT_STREAMS_MAX} readers watch this station already; close one of them"
            )
        streams.append(subscription)
        try:
            return await write(request, subscription)
        finally:
            streams.remove(subscription)


def _hash_in(request: web.Request) -> ContentHash:
    text = request.match_info["content_hash"]
    try:
        return content_hash(bytes.fromhex(text))
    except ValueError:
        raise ContentLinkInvalid(
            f"{text[:80]!r} is no content hash: expected 64 hexadecimal digits"
        ) from None


def _check_absolute(path: str | None) -> None:
    """Refuse a path that the station would look for where it happens to have been started.

    Raises:
        RemoteProtocolError: it is relative.
    """
    if path is not None and not Path(path).is_absolute():
        raise RemoteProtocolError(
            f"{path[:200]!r} is relative, and this station was started in some other directory "
            "than yours; give the whole path"
        )


def _query_of(request: web.Request, kind: type[StructT]) -> StructT:
    unknown: Sequence[str] = sorted(set(request.query) - set(kind.__struct_fields__))
    if unknown:
        raise RemoteProtocolError(
            f"no such query parameter: {unknown[0]!r}; known are: "
            + ", ".join(kind.__struct_fields__)
        )
    try:
        return msgspec.convert(dict(request.query), kind, strict=False)
    except msgspec.ValidationError as error:
        raise RemoteProtocolError(f"the query is not understood: {error}") from error


async def body_of(request: web.Request, kind: type[StructT]) -> StructT:
    """The body as a value.

    Raises:
        RemoteProtocolError: it is none of that kind.
    """
    octets = await _read(request, JSON_BODY_MAX_OCTETS)
    try:
        return msgspec.json.decode(octets, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RemoteProtocolError(f"the body is not understood: {error}") from error


async def _read(request: web.Request, max_octets: int) -> bytes:
    body = bytearray()
    async for octets in request.content.iter_any():
        body += octets
        if len(body) > max_octets:
            raise web.HTTPRequestEntityTooLarge(max_octets, len(body))
    return bytes(body)
