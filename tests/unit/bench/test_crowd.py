"""Frames made by hand are those that a library reads, and what it asks by one is answered."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import WSMsgType, web
from bench.hand_socket import HandSocket, frame


class Talker(HandSocket):
    """Says one thing, and hears nothing."""

    def __init__(self, host: str, said: bytes | None) -> None:
        super().__init__(host)
        self._said = said

    def opened(self) -> None:
        if self._said is not None:
            self.write(self._said)

    def heard(self, text: bytes) -> None:
        raise AssertionError(text)


@asynccontextmanager
async def talking(
    serve: Callable[[web.WebSocketResponse], Awaitable[None]], said: bytes | None = None
) -> AsyncIterator[None]:
    async def serve_request(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        await serve(socket)
        return socket

    application = web.Application()
    application.router.add_get("/v1", serve_request)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        transport, _ = await asyncio.get_running_loop().create_connection(
            lambda: Talker(host, said), host, port
        )
        try:
            yield
        finally:
            transport.close()
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("octets", [0, 125, 126, 65_535])
def test_a_library_reads_a_frame(octets: int) -> None:
    async def whole() -> None:
        heard: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def serve(socket: web.WebSocketResponse) -> None:
            message = await socket.receive()
            assert message.type is WSMsgType.TEXT
            heard.set_result(message.data)

        async with talking(serve, frame(b"x" * octets)), asyncio.timeout(10):
            assert await heard == "x" * octets

    asyncio.run(whole())


def test_a_ping_is_answered_or_the_server_would_drop_who_only_listens() -> None:
    async def whole() -> None:
        answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def serve(socket: web.WebSocketResponse) -> None:
            await socket.ping(b"are you there")
            message = await socket.receive()
            assert message.type is WSMsgType.PONG
            answered.set_result(message.data)

        async with talking(serve), asyncio.timeout(10):
            assert await answered == b"are you there"

    asyncio.run(whole())
