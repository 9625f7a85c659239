"""Answers that go on: JSON lines, and server-sent events."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from http import HTTPStatus

import msgspec
from aiohttp import web

from meshdl.control.changes import ContentChanged, Event, PeerChanged, StationChanged
from meshdl.control.faults import facts_of
from meshdl.control.feed import Subscription
from meshdl.control.messages import Failed
from meshdl.control.radio_view import HeardFrame
from meshdl.control.view import StationView
from meshdl.errors import MeshdlError

JSON_LINES = "application/x-ndjson"
EVENT_STREAM = "text/event-stream"

KEEP_ALIVE_EVERY_S = 15.0
"""A comment line in silence: both sides notice a dead other side."""

WRITE_TIMEOUT_S = 10.0
"""A reader that takes nothing for so long is gone; its socket is not worth keeping."""

_encoder = msgspec.json.Encoder()


async def write_lines(
    request: web.Request, lines: AsyncIterator[msgspec.Struct]
) -> web.StreamResponse:
    """Send each value as a line of JSON.

    An error before the first line is an ordinary error answer (it is raised on). An
    error later is the last line, of type ``error``.
    """
    response: web.StreamResponse | None = None
    try:
        async for line in lines:
            if response is None:
                response = await _begin(request, JSON_LINES)
            await _write(request, response, _encoder.encode(line) + b"\n")
    except MeshdlError as error:
        if response is None:
            raise
        failed = Failed(facts_of(error))
        await _write(request, response, _encoder.encode(failed) + b"\n")
    if response is None:
        response = await _begin(request, JSON_LINES)
    await response.write_eof()
    return response


async def write_events(
    request: web.Request, view: StationView, subscription: Subscription[Event]
) -> web.StreamResponse:
    """Send the whole state, then every change.

    The subscription was made before the state is read, so no change falls between.
    A reader that falls behind is cut off (not ended in order), and starts anew.
    """
    response = await _begin(request, EVENT_STREAM)
    with suppress(ConnectionResetError):  # the reader went away, as it may
        for event in await _whole_state(view):
            await _write(request, response, _frame(event))
        await _write_changes(request, response, subscription)
    if subscription.overrun:
        _cut_off(request)
    with suppress(ConnectionError):
        await response.write_eof()
    return response


async def write_heard(
    request: web.Request, subscription: Subscription[HeardFrame]
) -> web.StreamResponse:
    """Send every frame that is heard; a reader that falls behind is cut off."""
    response = await _begin(request, EVENT_STREAM)
    with suppress(ConnectionResetError):
        await _write_changes(request, response, subscription)
    if subscription.overrun:
        _cut_off(request)
    with suppress(ConnectionError):
        await response.write_eof()
    return response


async def _write_changes(
    request: web.Request,
    response: web.StreamResponse,
    subscription: Subscription[Event] | Subscription[HeardFrame],
) -> None:
    while True:
        try:
            async with asyncio.timeout(KEEP_ALIVE_EVERY_S):
                event = await anext(subscription)
        except TimeoutError:
            await _write(request, response, b": still here\n\n")
        except StopAsyncIteration:
            return
        else:
            await _write(request, response, _frame(event))


async def _whole_state(view: StationView) -> list[Event]:
    state: list[Event] = [StationChanged(await view.status())]
    state += [ContentChanged(content) for content in await view.contents()]
    state += [PeerChanged(peer) for peer in await view.peers()]
    return state


def _frame(event: Event | HeardFrame) -> bytes:
    kind = str(type(event).__struct_config__.tag).encode("ascii")
    return b"event: " + kind + b"\ndata: " + _encoder.encode(event) + b"\n\n"


async def _begin(request: web.Request, media_type: str) -> web.StreamResponse:
    response = web.StreamResponse(
        status=HTTPStatus.OK,
        headers={"Content-Type": media_type, "Cache-Control": "no-store"},
    )
    await response.prepare(request)
    return response


async def _write(request: web.Request, response: web.StreamResponse, octets: bytes) -> None:
    try:
        async with asyncio.timeout(WRITE_TIMEOUT_S):
            await response.write(octets)
    except TimeoutError:
        _cut_off(request)
        raise ConnectionResetError("the reader takes nothing") from None


def _cut_off(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
