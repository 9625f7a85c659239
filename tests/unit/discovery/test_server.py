"""The door for offers, asked over real sockets of this machine."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import msgspec
import pytest
from tests.support.loops import run

from meshdl.discovery import server as door
from meshdl.discovery import visitors
from meshdl.discovery.messages import BODY_OCTETS_MAX, Card, Description
from meshdl.discovery.server import (
    ADDRESSES_REMEMBERED,
    OFFERS_BURST,
    OFFERS_PER_ADDRESS_BURST,
    PORT_DEFAULT,
    LanServer,
)
from meshdl.errors import ConfigError, LinkRefused
from meshdl.ids import StationId
from meshdl.transports.exchange import Answer, Offer

CARD = Card("meshdl 0", "KA1ABC", "b0b0000000000000", "0011223344556677")
ALICE, BOB = StationId("a11ce00000000000"), StationId("b0b0000000000000")
BODY = msgspec.json.encode(Description(ALICE, "v=0"))
JSON = {"Content-Type": "application/json"}


async def echo(offer: Offer) -> Answer:
    return Answer(BOB, f"answer to {offer.station}: {offer.sdp}")


async def full(_: Offer) -> Answer:
    raise LinkRefused("there are 64 links already")


class Caller:
    """Somebody on the network."""

    def __init__(self, http: aiohttp.ClientSession, port: int) -> None:
        self.http, self.port = http, port

    async def post(
        self,
        body: bytes = BODY,
        headers: dict[str, str] = JSON,
        *,
        host: str = "127.0.0.1",
    ) -> tuple[int, Any]:
        url = f"http://{host}:{self.port}/rtc/offer"
        async with self.http.post(url, data=body, headers=headers) as response:
            return response.status, await response.json()

    async def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        url = f"http://127.0.0.1:{self.port}{path}"
        async with self.http.get(url, headers=headers) as response:
            return response.status, await response.read()


@asynccontextmanager
async def served(answer: door.Answerer = echo, *, port: int = 0) -> AsyncIterator[Caller]:
    async with (
        LanServer(CARD, answer, port=port) as server,
        aiohttp.ClientSession() as http,
    ):
        yield Caller(http, server.port)


def test_an_offer_is_answered() -> None:
    async def whole() -> None:
        async with served() as caller:
            status, body = await caller.post()
            assert status == 200
            assert body == {"station": BOB, "sdp": f"answer to {ALICE}: v=0"}

    asyncio.run(whole())


def test_anybody_may_ask_who_is_there_and_nothing_else() -> None:
    async def whole() -> None:
        async with served() as caller:
            status, body = await caller.get("/")
            assert (status, msgspec.json.decode(body, type=Card)) == (200, CARD)
            assert (await caller.get("/rtc/offer"))[0] == 405
            for path in ("/api/v1/contents", "/rtc", "/rtc/offer/"):
                assert (await caller.get(path))[0] == 404

    asyncio.run(whole())


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b'{"station":"a","sdp":"\xff"}', b"[" * 50_000],
)
def test_what_is_no_offer_is_told_so(body: bytes) -> None:
    async def whole() -> None:
        async with served() as caller:
            status, said = await caller.post(body)
            assert status == 400
            assert "description" in said["reason"]

    asyncio.run(whole())


def test_a_long_body_is_refused() -> None:
    async def whole() -> None:
        async with served() as caller:
            status, said = await caller.post(b" " * (BODY_OCTETS_MAX + 1))
            assert status == 413
            assert str(BODY_OCTETS_MAX) in said["reason"]
            assert (await caller.post())[0] == 200

    asyncio.run(whole())


def test_a_body_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "BODY_WITHIN_S", 0.05)

    async def whole() -> None:
        async with served() as caller:
            reader, writer = await asyncio.open_connection("127.0.0.1", caller.port)
            writer.write(
                b"POST /rtc/offer HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
            )
            async with asyncio.timeout(5):
                assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
            writer.close()
            await writer.wait_closed()

    asyncio.run(whole())


def test_only_json_is_taken() -> None:
    async def whole() -> None:
        async with served() as caller:
            for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
                status, said = await caller.post(headers={"Content-Type": kind})
                assert status == 415
                assert "application/json" in said["reason"]

    asyncio.run(whole())


def test_a_full_station_says_so() -> None:
    async def whole() -> None:
        async with served(full) as caller:
            assert await caller.post() == (503, {"reason": "there are 64 links already"})

    asyncio.run(whole())


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:7373"},
        {"Host": "127.0.0.1.evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1"},  # another port is another program
        {"Origin": "http://localhost:7373"},
    ],
)
def test_pages_of_other_sites_get_nothing(headers: dict[str, str]) -> None:
    async def whole() -> None:
        async with served() as caller:
            assert (await caller.post(headers=JSON | headers))[0] == 403
            assert (await caller.get("/", headers))[0] == 403

    asyncio.run(whole())


def test_our_own_page_and_our_own_names_are_let_in() -> None:
    async def whole() -> None:
        async with served() as caller:
            here = f"127.0.0.1:{caller.port}"
            assert (await caller.post(headers=JSON | {"Origin": f"http://{here}"}))[0] == 200
            for name in ("localhost", "shack.local", "shack", "[fe80::1%2]:7373", "[::1]"):
                assert (await caller.post(headers=JSON | {"Host": name}))[0] == 200

    asyncio.run(whole())


@pytest.mark.parametrize("said", [b"", b"POST /rtc/offer HTTP/1.1\r\nHost: 127.0.0.1\r\n"])
def test_who_connects_and_asks_nothing_is_put_out(
    said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visitors, "STAY_S", 0.2)

    async def whole() -> None:
        async with asyncio.timeout(10.0), served() as caller:
            reader, writer = await asyncio.open_connection("127.0.0.1", caller.port)
            writer.write(said)
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
            writer.close()
            assert (await caller.post())[0] == 200

    run(whole())


def test_one_machine_that_opens_connections_without_end_keeps_the_last_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(visitors, "VISITORS_PER_ADDRESS_MAX", 5)

    async def whole() -> None:
        async with asyncio.timeout(10.0), served() as caller:
            idle = [await asyncio.open_connection("127.0.0.1", caller.port) for _ in range(20)]
            for reader, _ in idle[:15]:
                with suppress(ConnectionResetError):
                    assert await reader.read() == b""
            assert (await caller.get("/"))[0] == 200
            _, writer = idle[-1]
            writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert (await idle[-1][0].readline()).startswith(b"HTTP/1.1 200")
            for _, writer in idle:
                writer.close()

    run(whole())


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 in this Python")
def test_one_address_that_floods_is_held_back_and_others_are_not() -> None:
    async def whole() -> None:
        async with served() as caller:
            burst = int(OFFERS_PER_ADDRESS_BURST)
            statuses = [(await caller.post())[0] for _ in range(burst + 10)]
            assert statuses[:burst] == [200] * burst
            assert statuses[-5:].count(429) >= 4
            assert (await caller.post(host="[::1]"))[0] == 200
            assert (await caller.get("/"))[0] == 200

    asyncio.run(whole())


def test_all_together_are_held_back_too() -> None:
    async def whole() -> None:
        server = LanServer(CARD, echo, port=None)
        admitted = sum(server._admit(f"fd00::{number:x}") for number in range(500))
        assert OFFERS_BURST <= admitted <= OFFERS_BURST + 10

    asyncio.run(whole())


def test_addresses_are_not_remembered_without_end() -> None:
    async def whole() -> None:
        server = LanServer(CARD, echo, port=None)
        for number in range(ADDRESSES_REMEMBERED + 100):
            server._admit(f"fd00::{number:x}")
        assert len(server._each) == ADDRESSES_REMEMBERED

    asyncio.run(whole())


def test_a_taken_port_that_was_asked_for_is_an_error_of_the_settings() -> None:
    async def whole() -> None:
        async with served() as caller:
            with pytest.raises(ConfigError, match=rf"lan.port: TCP port {caller.port} cannot"):
                async with LanServer(CARD, echo, port=caller.port):
                    raise AssertionError

    asyncio.run(whole())


def test_a_taken_default_port_is_replaced_by_a_free_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async def whole() -> None:
        async with served() as first:
            monkeypatch.setattr(door, "PORT_DEFAULT", first.port)
            async with LanServer(CARD, echo, port=None) as second:
                assert second.port not in {0, first.port}
                assert (await Caller(first.http, second.port).post())[0] == 200

    asyncio.run(whole())


def test_the_default_port_is_the_documented_one() -> None:
    assert PORT_DEFAULT == 7373


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 in this Python")
def test_both_families_reach_the_same_port() -> None:
    async def whole() -> None:
        async with served() as caller:
            assert (await caller.post())[0] == 200
            assert (await caller.post(host="[::1]"))[0] == 200

    asyncio.run(whole())


def test_the_port_is_free_again_afterwards() -> None:
    async def whole() -> None:
        async with served() as caller:
            await caller.post()
            port = caller.port
        async with served(port=port) as again:
            assert (await again.post())[0] == 200

    asyncio.run(whole())


def test_a_start_that_fails_halfway_leaves_the_port_free(monkeypatch: pytest.MonkeyPatch) -> None:
    real, listen = asyncio.BaseEventLoop.create_server, door._listen
    listeners: list[socket.socket] = []

    def listening(port: int | None) -> list[socket.socket]:
        listeners.extend(listen(port))
        return listeners

    async def failing(loop: asyncio.BaseEventLoop, *what: Any, **more: Any) -> asyncio.Server:
        if more["sock"] is listeners[-1]:
            raise OSError(24, "Too many open files")
        return await real(loop, *what, **more)

    monkeypatch.setattr(door, "_listen", listening)
    monkeypatch.setattr(asyncio.BaseEventLoop, "create_server", failing)

    async def whole() -> None:
        # Any free port, and no second start at it: another program may take it in between.
        with pytest.raises(OSError, match="Too many open files"):
            async with served(port=0):
                raise AssertionError
        assert [listener.fileno() for listener in listeners] == [-1] * len(listeners)

    asyncio.run(whole())
