"""Frames made by hand are those that a library reads."""

import asyncio

import pytest
from aiohttp import WSMsgType, web
from bench.hand_socket import frame


@pytest.mark.parametrize("octets", [0, 125, 126, 65_535])
def test_a_library_reads_a_frame(octets: int) -> None:
    async def whole() -> str:
        heard: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def serve(request: web.Request) -> web.WebSocketResponse:
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            message = await socket.receive()
            assert message.type is WSMsgType.TEXT
            heard.set_result(message.data)
            return socket

        application = web.Application()
        application.router.add_get("/", serve)
        runner = web.AppRunner(application)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            reader, writer = await asyncio.open_connection(*runner.addresses[0][:2])
            writer.write(
                b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
            )
            await reader.readuntil(b"\r\n\r\n")
            writer.write(frame(b"x" * octets))
            async with asyncio.timeout(10):
                found = await heard
            writer.close()
            return found
        finally:
            await runner.cleanup()

    assert asyncio.run(whole()) == "x" * octets
