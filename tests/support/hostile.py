"""A signalling server that means no good: a real one, and somebody between it and its stations.

What a station says passes; what the server says to a station goes through ``tamper``, which
answers with what is sent instead and when.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace

import aiohttp
from aiohttp import web

from meshdl.signal_server.server import SignalServer
from meshdl.signal_server.settings import ServerSettings
from meshdl.wire import signalling as wire


@dataclass(frozen=True, slots=True)
class Later:
    """Send this text after so many seconds."""

    text: str
    after_s: float = 0.0


Tamper = Callable[[str, wire.ServerMessage, str], Sequence[Later]]
"""Callsign of the station that it is for, the message, and its text."""


def honestly(_call: str, _message: wire.ServerMessage, text: str) -> Sequence[Later]:
    """What is said is passed on."""
    return (Later(text),)


class HostileServer:
    """Serves while the block of :func:`hostile_server` runs.

    Attributes:
        tamper: may be changed at any time.
        sockets: of the stations, by callsign, to say more to them.
        visits: how often each station came.
    """

    def __init__(self) -> None:
        self.tamper: Tamper = honestly
        self.sockets: dict[str, web.WebSocketResponse] = {}
        self.visits: Counter[str] = Counter()
        self.port = 0
        self.behind: SignalServer

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """One station."""
        station = web.WebSocketResponse(max_msg_size=0)
        await station.prepare(request)
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(f"http://127.0.0.1:{self.behind.port}/v1", max_msg_size=0) as server,
        ):
            up = asyncio.create_task(self._upwards(station, server))
            sending: set[asyncio.Task[None]] = set()
            async for message in server:
                if message.type is aiohttp.WSMsgType.TEXT:
                    await self._downwards(station, message.data, sending)
            for task in (up, *sending):
                task.cancel()
            await asyncio.gather(up, *sending, return_exceptions=True)
        await station.close()
        return station

    async def _upwards(
        self, station: web.WebSocketResponse, server: aiohttp.ClientWebSocketResponse
    ) -> None:
        async for message in station:
            if message.type is aiohttp.WSMsgType.TEXT:
                said = wire.decode_station_message(message.data)
                if isinstance(said, wire.Authenticate):
                    self.sockets[said.callsign] = station
                    self.visits[said.callsign] += 1
                await server.send_str(message.data)
        await server.close()

    async def _downwards(
        self, station: web.WebSocketResponse, text: str, sending: set[asyncio.Task[None]]
    ) -> None:
        decoded = wire.decode_server_message(text)
        assert decoded is not None
        call = next((one for one, socket in self.sockets.items() if socket is station), "")
        for one in self.tamper(call, decoded, text):
            if not one.after_s:
                await _send(station, one)
                continue
            task = asyncio.create_task(_send(station, one))
            sending.add(task)
            task.add_done_callback(sending.discard)


async def _send(station: web.WebSocketResponse, one: Later) -> None:
    await asyncio.sleep(one.after_s)
    with suppress(ConnectionError, aiohttp.ClientError):
        await station.send_str(one.text)


@asynccontextmanager
async def hostile_server() -> AsyncIterator[HostileServer]:
    """Run one on a free port."""
    made = HostileServer()
    application = web.Application()
    application.router.add_get("/v1", made.serve)
    runner = web.AppRunner(application, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.port = runner.addresses[0][1]
    settings = replace(ServerSettings(port=0), public_name=f"127.0.0.1:{made.port}")
    async with SignalServer(settings) as made.behind:
        try:
            yield made
        finally:
            await runner.cleanup()
