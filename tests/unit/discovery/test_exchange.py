"""Carrying an offer to one of several addresses, over real sockets of this machine."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeAlias

import msgspec
import pytest
from aiohttp import web

from meshdl.discovery import exchange as client
from meshdl.discovery.book import AddressBook
from meshdl.discovery.events import Endpoint
from meshdl.discovery.exchange import LanExchange
from meshdl.discovery.messages import BODY_OCTETS_MAX, Card
from meshdl.discovery.server import LanServer
from meshdl.errors import LinkError, LinkRefused
from meshdl.ids import StationId
from meshdl.transports.exchange import Answer, Offer

ALICE, BOB = StationId("a11ce00000000000"), StationId("b0b0000000000000")
OFFER = Offer(ALICE, "v=0")
CARD = Card("meshdl 0", "KA1ABC", BOB, "0011223344556677")

Page: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def bob(taken: list[Offer], *, station: StationId = BOB) -> AsyncIterator[Endpoint]:
    """A station that answers and notes what it was asked."""

    async def answer(offer: Offer) -> Answer:
        taken.append(offer)
        return Answer(station, "fine")

    card = msgspec.structs.replace(CARD, station=station)
    with closed_port() as port:
        pass
    async with LanServer(card, answer, port=port.port) as server:
        yield Endpoint("127.0.0.1", server.port)


@asynccontextmanager
async def pages(offer: Page, card: Page | None = None) -> AsyncIterator[Endpoint]:
    """Somebody who answers as a test wants."""

    async def own_card(_: web.Request) -> web.StreamResponse:
        return web.Response(body=msgspec.json.encode(CARD))

    application = web.Application()
    application.router.add_post("/rtc/offer", offer)
    application.router.add_get("/", card or own_card)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield Endpoint("127.0.0.1", runner.addresses[0][1])
    finally:
        await runner.cleanup()


@contextmanager
def closed_port() -> Iterator[Endpoint]:
    """Nobody listens there."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield Endpoint("127.0.0.1", held.getsockname()[1])


@contextmanager
def silent_port() -> Iterator[Endpoint]:
    """Takes connections and never says a word, as an address that leads nowhere."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        yield Endpoint("127.0.0.1", held.getsockname()[1])


async def carried(*endpoints: Endpoint) -> Answer:
    book = AddressBook()
    book.note(BOB, endpoints)
    async with LanExchange(book) as exchange:
        return await exchange.exchange(BOB, OFFER)


def test_an_offer_is_carried_and_its_answer_brought_back() -> None:
    async def whole() -> None:
        taken: list[Offer] = []
        async with bob(taken) as endpoint:
            assert await carried(endpoint) == Answer(BOB, "fine")
            assert taken == [OFFER]

    asyncio.run(whole())


def test_a_silent_address_is_passed_by_at_once() -> None:
    async def whole() -> None:
        taken: list[Offer] = []
        loop = asyncio.get_running_loop()
        async with bob(taken) as endpoint:
            with silent_port() as one, silent_port() as other:
                began_at = loop.time()
                assert await carried(one, other, endpoint) == Answer(BOB, "fine")
                assert loop.time() - began_at < client.ANSWER_WITHIN_S / 2
        assert taken == [OFFER]

    asyncio.run(whole())


def test_a_refused_connection_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "ATTEMPT_AFTER_S", 1_000.0)

    async def whole() -> None:
        async with bob([]) as endpoint, asyncio.timeout(5):
            with closed_port() as one, closed_port() as other:
                assert await carried(one, other, endpoint) == Answer(BOB, "fine")

    asyncio.run(whole())


def test_only_one_address_gets_the_offer() -> None:
    async def whole() -> None:
        taken: list[Offer] = []
        async with bob(taken) as one, bob(taken) as other, bob(taken) as third:
            await carried(one, other, third)
        assert taken == [OFFER]

    asyncio.run(whole())


def test_another_station_at_an_address_is_passed_by() -> None:
    async def whole() -> None:
        taken: list[Offer] = []
        strangers: list[Offer] = []
        async with bob(taken) as right, bob(strangers, station=ALICE) as wrong:
            assert await carried(wrong, right) == Answer(BOB, "fine")
            assert strangers == []
            with pytest.raises(LinkError, match="is another station"):
                await carried(wrong)

    asyncio.run(whole())


def test_no_connection_is_kept_for_the_next_offer() -> None:
    callers: list[object] = []

    def note(request: web.Request) -> None:
        assert request.transport is not None
        callers.append(request.transport.get_extra_info("peername"))

    async def card(request: web.Request) -> web.StreamResponse:
        note(request)
        return web.Response(body=msgspec.json.encode(CARD))

    async def offer(request: web.Request) -> web.StreamResponse:
        note(request)
        return web.json_response({"station": BOB, "sdp": "fine"})

    async def whole() -> None:
        async with pages(offer, card) as endpoint:
            await carried(endpoint)

    asyncio.run(whole())
    assert len(set(callers)) == len(callers) == 2


def test_a_refusal_is_told() -> None:
    async def refuse(_: web.Request) -> web.StreamResponse:
        return web.json_response({"reason": "there are 64 links already"}, status=503)

    async def whole() -> None:
        async with pages(refuse) as endpoint:
            with pytest.raises(LinkRefused, match="503: there are 64 links already"):
                await carried(endpoint)

    asyncio.run(whole())


def test_a_redirect_is_not_followed() -> None:
    async def elsewhere(_: web.Request) -> web.StreamResponse:
        raise web.HTTPTemporaryRedirect("/elsewhere")

    async def whole() -> None:
        async with pages(elsewhere) as endpoint:
            with pytest.raises(LinkRefused, match="307"):
                await carried(endpoint)
        async with pages(elsewhere, elsewhere) as endpoint:
            with pytest.raises(LinkError, match="307"):
                await carried(endpoint)

    asyncio.run(whole())


def test_an_answer_without_end_is_refused() -> None:
    sent = 0

    async def flood(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(1_000):
            await response.write(b" " * BODY_OCTETS_MAX)
            sent += BODY_OCTETS_MAX
        return response

    async def whole() -> None:
        async with pages(flood) as endpoint:
            with pytest.raises(LinkRefused, match="too long"):
                await carried(endpoint)
        assert sent < 500 * BODY_OCTETS_MAX  # the rest was not even read

    asyncio.run(whole())


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"sdp":"\xff"}'])
def test_an_answer_that_is_none_is_refused(body: bytes) -> None:
    async def nonsense(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body)

    async def whole() -> None:
        async with pages(nonsense) as endpoint:
            with pytest.raises(LinkRefused):
                await carried(endpoint)
        async with pages(nonsense, nonsense) as endpoint:
            with pytest.raises(LinkError, match="no station"):
                await carried(endpoint)

    asyncio.run(whole())


def test_what_is_not_http_is_an_error_of_the_link() -> None:
    async def whole() -> None:
        async def babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 smtp.example ESMTP\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(babble, "127.0.0.1", 0)
        async with server:
            endpoint = Endpoint("127.0.0.1", server.sockets[0].getsockname()[1])
            with pytest.raises(LinkError, match=str(endpoint)):
                await carried(endpoint)

    asyncio.run(whole())


def test_every_address_that_failed_is_named() -> None:
    async def whole() -> None:
        with closed_port() as one, closed_port() as other:
            with pytest.raises(LinkError) as raised:
                await carried(one, other)
            assert str(one) in str(raised.value)
            assert str(other) in str(raised.value)

    asyncio.run(whole())


def test_a_station_that_was_never_heard_cannot_be_asked() -> None:
    with pytest.raises(LinkError, match="no address is known"):
        asyncio.run(carried())


def test_giving_up_leaves_no_task_behind() -> None:
    async def whole() -> None:
        with silent_port() as one, silent_port() as other:
            before = asyncio.all_tasks()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.15):
                    await carried(one, other)
            assert asyncio.all_tasks() == before

    asyncio.run(whole())


def test_a_closed_exchange_says_so() -> None:
    async def whole() -> None:
        book = AddressBook()
        book.note(BOB, (Endpoint("127.0.0.1", 9),))
        with pytest.raises(LinkError, match="closed"):
            await LanExchange(book).exchange(BOB, OFFER)

    asyncio.run(whole())
