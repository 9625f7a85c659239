"""What a signalling server sends arrives whole, and who does not take it is left behind."""

import asyncio
from typing import cast

import aiohttp
import pytest
from aiohttp import web
from tests.support.loops import run
from tests.support.signal_ends import station_at

from meshdl.signal_server import outbox
from meshdl.signal_server.outbox import (
    GATHERED_MAX,
    OUTBOX_MAX,
    WATCHED_FROM,
    Backlog,
    Outbox,
    text_frame,
)
from meshdl.signal_server.server import SignalServer
from meshdl.signal_server.settings import ServerSettings
from meshdl.wire import signalling as wire

pytestmark = pytest.mark.real

LENGTHS = (0, 1, 125, 126, 127, 65_535, 65_536, 200_000)


def test_texts_of_every_length_arrive_in_order_and_then_the_goodbye() -> None:
    texts = ["ß" * (length // 2) + "x" * (length % 2) for length in LENGTHS]
    closing: list[asyncio.Task[None]] = []

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        assert request.transport is not None
        box = Outbox(socket, request.transport, closing.append, Backlog())
        for text in texts:
            box.put(text)
        box.close("that is all")
        box.put("too late")
        async for _ in socket:
            pass
        return socket

    async def whole() -> None:
        application = web.Application()
        application.router.add_get("/", serve)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"http://127.0.0.1:{port}/") as socket,
        ):
            heard = [message.data async for message in socket]
            assert socket.close_code == aiohttp.WSCloseCode.GOING_AWAY
        assert heard == texts
        await asyncio.gather(*closing)
        await runner.cleanup()

    run(whole())


def test_who_is_told_goodbye_cannot_come_back_to_the_server_that_stops() -> None:
    async def whole() -> None:
        server = SignalServer(ServerSettings(port=0))
        await server.__aenter__()
        async with station_at(server.port, "KA1ABC") as alice:
            stopping = asyncio.create_task(server.__aexit__())
            await alice.hears(wire.Goodbye)
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", server.port)
            await stopping

    run(whole())


class Pipe(asyncio.Transport):
    """A transport whose reader takes octets when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = 0
        self.written: list[bytes] = []
        self.aborted = asyncio.Event()

    def write(self, data: object) -> None:
        octets = cast("bytes", data)
        self.written.append(octets)
        self.waiting += len(octets)

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def is_closing(self) -> bool:
        return self.aborted.is_set()

    def abort(self) -> None:
        self.aborted.set()


def box_over(pipe: Pipe, backlog: Backlog | None = None) -> Outbox:
    return Outbox(web.WebSocketResponse(), pipe, lambda _task: None, backlog or Backlog())


async def end_of_turn() -> None:
    await asyncio.sleep(0)


def test_what_is_put_in_one_turn_is_written_in_one_piece_for_each_reader() -> None:
    async def whole() -> None:
        backlog, pipes = Backlog(), [Pipe(), Pipe()]
        boxes = [box_over(pipe, backlog) for pipe in pipes]
        for serial in range(4):
            for number, box in enumerate(boxes):
                box.put(f"{serial} for {number}")
        assert not any(pipe.written for pipe in pipes)
        await end_of_turn()
        for number, pipe in enumerate(pipes):
            frames = [text_frame(f"{serial} for {number}") for serial in range(4)]
            assert pipe.written == [b"".join(frames)]
        # The next turn begins anew.
        boxes[1].put("more")
        await end_of_turn()
        assert [len(pipe.written) for pipe in pipes] == [1, 2]
        assert pipes[1].written[1] == text_frame("more")

    run(whole())


def test_no_turn_holds_back_more_than_a_little_however_many_readers_there_are() -> None:
    async def whole() -> None:
        backlog, pipes = Backlog(), [Pipe() for _ in range(100)]
        boxes = [box_over(pipe, backlog) for pipe in pipes]
        put = 0
        for _ in range(20):
            for box in boxes:
                box.put("x" * 1_000)
                put += len(text_frame("x" * 1_000))
                assert put - sum(pipe.waiting for pipe in pipes) <= GATHERED_MAX
        await end_of_turn()
        assert {pipe.waiting for pipe in pipes} == {put // 100}
        boxes[0].put("the next turn has as much again")
        assert pipes[0].waiting == put // 100

    run(whole())


def test_a_reader_that_lets_too_much_pile_up_loses_its_socket() -> None:
    async def whole() -> None:
        pipe = Pipe()
        box = box_over(pipe)
        while pipe.waiting <= OUTBOX_MAX - 70_000:
            box.put("x" * 65_000)
            await end_of_turn()
        assert not pipe.aborted.is_set()
        for _ in range(3):
            box.put("x" * 65_000)
            await end_of_turn()
        assert pipe.aborted.is_set()
        assert pipe.waiting <= OUTBOX_MAX + 70_000, "nothing is written to who is gone"

    run(whole())


def test_many_readers_that_take_nothing_do_not_get_all_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbox, "BACKLOG_MAX", 3_000_000)

    async def whole() -> None:
        backlog, pipes = Backlog(), [Pipe() for _ in range(20)]
        boxes = [box_over(pipe, backlog) for pipe in pipes]
        for _ in range(10):
            for box in boxes:
                box.put("x" * 65_000)
                await end_of_turn()
        waiting = sum(pipe.waiting for pipe in pipes if not pipe.aborted.is_set())
        assert 0 < waiting <= 3_000_000
        assert backlog.octets == waiting
        # Who reads is served all the while.
        prompt = Pipe()
        reader = box_over(prompt, backlog)
        for _ in range(100):
            reader.put("x" * 60_000)
            await end_of_turn()
            assert not prompt.aborted.is_set()
            prompt.waiting = 0
        # What has been taken, or whose reader is gone, no longer counts.
        for pipe in pipes[::2]:
            pipe.waiting = 0
        for box in boxes[::2]:
            box.put("x")
        await end_of_turn()
        for box in boxes[1::2]:
            await box.settled()
        assert backlog.octets == 0

    run(whole())


def test_a_reader_that_takes_nothing_loses_its_socket_and_a_slow_one_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbox, "SEND_WITHIN_S", 0.05)

    async def whole() -> None:
        idle, slow = Pipe(), Pipe()
        box_over(idle).put("x" * 2 * WATCHED_FROM)
        box_over(slow).put("x" * 2 * WATCHED_FROM)
        taking = asyncio.create_task(sip(slow))
        async with asyncio.timeout(20):
            await idle.aborted.wait()
        assert not slow.aborted.is_set()
        taking.cancel()
        async with asyncio.timeout(20):
            await slow.aborted.wait()

    async def sip(pipe: Pipe) -> None:
        while True:
            pipe.waiting -= 1
            await asyncio.sleep(0)

    run(whole())
