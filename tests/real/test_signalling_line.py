"""Sockets between stations and signalling servers of which one end is dead, or deaf."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.support.loops import run
from tests.support.signal_ends import station_at
from yarl import URL

from meshdl.discovery import signalling_line
from meshdl.discovery.internet import (
    Found,
    Gone,
    InternetDiscovery,
    InternetEvent,
    server_name,
)
from meshdl.ids import Callsign, StationKey, station_id
from meshdl.signal_server import server
from meshdl.signal_server.server import SignalServer
from meshdl.signal_server.settings import ServerSettings
from meshdl.signalling.client import ClientState
from meshdl.signalling.client_events import Description
from meshdl.signalling.identity import ClientIdentity
from meshdl.signalling.letters import Letters
from meshdl.wire import signalling as wire
from meshdl.wire.signals import Address

pytestmark = pytest.mark.real

SECRET = Ed25519PrivateKey.from_private_bytes(b"a" * 32)
OWN = StationKey(SECRET.public_key().public_bytes_raw())
OTHER = Ed25519PrivateKey.from_private_bytes(b"b" * 32).public_key().public_bytes_raw()
INSTANCE = b"i" * 8


@asynccontextmanager
async def server_that_stops_reading(*, pings: bool) -> AsyncIterator[tuple[int, asyncio.Event]]:
    """Its port, and what is set when a station has come back to it."""
    again = asyncio.Event()
    visits = 0

    async def serve(request: web.Request) -> web.WebSocketResponse:
        nonlocal visits
        visits += 1
        if visits > 1:
            again.set()
        socket = web.WebSocketResponse()
        await socket.prepare(request)

        async def say(message: wire.ServerMessage) -> None:
            await socket.send_str(wire.encode(message))

        await say(wire.Challenge(wire.PROTOCOL_VERSION, b"n" * 32))
        await socket.receive()
        await say(wire.Welcome(station_id(OWN), 1_000, 600))
        await say(wire.Joined("cq", (wire.Member("KA1BBB", OTHER, INSTANCE),), 1))
        while True:  # it is alive, and says so; but it takes nothing
            if pings:
                await socket.ping()
            await asyncio.sleep(0.1)

    application = web.Application()
    application.router.add_get("/v1", serve)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1], again
    finally:
        await runner.cleanup()


def discovery_at(*ports: int) -> InternetDiscovery:
    """Of one station, at all these servers."""
    urls = [URL(f"ws://127.0.0.1:{port}") for port in ports]
    identities = {
        url: ClientIdentity(
            server_name=server_name(url),
            callsign=Callsign("KA1AAA"),
            key=OWN,
            instance=INSTANCE,
            sign=SECRET.sign,
            rooms={"cq": None},
        )
        for url in urls
    }
    letters = Letters(Address(OWN, INSTANCE), SECRET.sign)
    return InternetDiscovery(identities, letters, ssl.create_default_context())


@asynccontextmanager
async def station_at_it(port: int) -> AsyncIterator[tuple[InternetDiscovery, asyncio.Event]]:
    """A station's end, and what is set when it has found the other one."""
    discovery = discovery_at(port)
    found = asyncio.Event()

    def report(event: InternetEvent) -> None:
        if isinstance(event, Found):
            found.set()

    running = asyncio.create_task(discovery.run(report))
    try:
        async with asyncio.timeout(60):
            yield discovery, found
    finally:
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


def test_a_server_that_does_not_read_is_left_before_much_waits_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(signalling_line, "WAITING_MAX", 1_000_000)

    async def whole() -> None:
        async with (
            server_that_stops_reading(pings=True) as (port, again),
            station_at_it(port) as (discovery, found),
        ):
            await found.wait()
            bob = station_id(StationKey(OTHER))
            offer = Description("v=0" + "x" * 30_000, is_answer=False)
            while discovery.knows(bob):  # the system's own buffers take some of it
                discovery.send(bob, b"s" * 16, offer)
                await asyncio.sleep(0)
            (standing,) = discovery.standings()
            assert standing.problem == "the server does not read what we say"
            await again.wait()

    run(whole())


def test_a_server_that_is_gone_without_a_word_is_noticed_and_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(signalling_line, "HEARTBEAT_S", 1.0)

    async def whole() -> None:
        async with (
            server_that_stops_reading(pings=False) as (port, again),
            station_at_it(port) as (discovery, found),
        ):
            await found.wait()
            await again.wait()
            assert discovery.standings()[0].problem

    run(whole())


def test_a_station_that_two_servers_tell_of_is_there_until_the_last_of_them_is_gone() -> None:
    async def whole() -> None:
        heard: asyncio.Queue[InternetEvent] = asyncio.Queue()
        first, second = SignalServer(ServerSettings(port=0)), SignalServer(ServerSettings(port=0))
        async with AsyncExitStack() as stack, asyncio.timeout(60):
            await first.__aenter__()
            await stack.enter_async_context(second)
            bob = await stack.enter_async_context(station_at(first.port, "KA1BBB"))
            there = AsyncExitStack()
            await there.enter_async_context(station_at(second.port, "KA1BBB"))
            discovery = discovery_at(first.port, second.port)
            running = asyncio.create_task(discovery.run(heard.put_nowait))
            try:
                found = 0
                while found < 2:  # each tells of it
                    found += isinstance(await heard.get(), Found)
                await first.__aexit__(None, None, None)
                while discovery.standings()[0].state is ClientState.ONLINE:
                    await asyncio.sleep(0.01)
                assert discovery.knows(station_id(bob.key))
                while not heard.empty():
                    assert not isinstance(heard.get_nowait(), Gone)
                await there.aclose()
                while not isinstance(await heard.get(), Gone):
                    pass
                assert not discovery.knows(station_id(bob.key))
            finally:
                running.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await running

    run(whole())


def test_a_station_that_is_gone_without_a_word_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEARTBEAT_S", 4.0)

    async def whole() -> None:
        async with (
            SignalServer(ServerSettings(port=0)) as signal,
            station_at(signal.port, "KA1AAA") as alice,
            station_at(signal.port, "KA1BBB", pongs=False) as bob,
        ):
            await alice.hears(wire.MemberJoined)
            left = await alice.hears(wire.MemberLeft)
            assert left.station == station_id(bob.key)
            await alice.says(wire.Lookup("cq", b"c" * 32))
            await alice.hears(wire.Found)

    run(whole())
