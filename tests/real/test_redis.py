"""Processes of one signalling server that share their stations by a real Redis."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from bench.redis_child import RedisChild
from tests.support.loops import run
from tests.support.signal_ends import (
    PASSWORD,
    ServerProcess,
    SocketEnd,
    redis,
    server_process,
    station_at,
)

from meshdl.ids import station_id
from meshdl.signal_server.server import SignalServer
from meshdl.signal_server.settings import ServerSettings
from meshdl.wire import signalling as wire

pytestmark = pytest.mark.real

CONTENT = b"c" * 32
SHARED = "stations are shared"
ALONE = "serves its own stations alone"


@asynccontextmanager
async def two_processes(
    directory: Path,
) -> AsyncIterator[tuple[RedisChild, ServerProcess, ServerProcess]]:
    """That are one server, by this Redis."""
    with (
        redis() as child,
        server_process(directory / "one", child.url) as one,
        server_process(directory / "two", child.url) as two,
    ):
        yield child, one, two


@asynccontextmanager
async def three_stations(
    one: ServerProcess, two: ServerProcess
) -> AsyncIterator[tuple[SocketEnd, SocketEnd, SocketEnd]]:
    """Two at the first process, one at the second."""
    async with (
        station_at(one.port, "KA1AAA") as alice,
        station_at(one.port, "KA1CCC") as carol,
        station_at(two.port, "KA1BBB") as bob,
    ):
        yield alice, carol, bob


async def hears_of(one: SocketEnd, call: str) -> None:
    """Among those who are there when it joins, or as one who joins just then."""

    def tells(message: wire.Joined | wire.MemberJoined) -> bool:
        members = message.members if isinstance(message, wire.Joined) else (message.member,)
        return any(member.callsign == call for member in members)

    await one.hears(wire.Joined | wire.MemberJoined, tells)  # type: ignore[arg-type]


def test_two_processes_are_one_server_and_one_that_is_killed_loses_only_its_own(
    tmp_path: Path,
) -> None:
    async def whole() -> None:
        async with (
            two_processes(tmp_path) as (_, one, two),
            three_stations(one, two) as (alice, carol, bob),
        ):
            # Presence, relays both ways, contents.
            await alice.hears(wire.MemberJoined, lambda told: told.member.callsign == "KA1BBB")
            await hears_of(bob, "KA1AAA")
            await hears_of(bob, "KA1CCC")
            await alice.signals(bob, "to you")
            await bob.hears(wire.Relayed, lambda told: told.envelope.signal == "to you")
            await bob.signals(alice, "and back")
            await alice.hears(wire.Relayed, lambda told: told.sender.callsign == "KA1BBB")
            await alice.says(wire.Lookup("cq", CONTENT, 60))
            await bob.says(wire.Announce("cq", (CONTENT,), 60))
            await alice.hears(wire.Found, lambda told: told.count == 1)
            # A callsign is pinned at both.
            async with station_at(two.port, "KA1AAA", seed="thief") as thief:
                assert (await thief.hears(wire.Refused)).code == "callsign-pinned"
            # One is killed: its station is missed, and nothing else.
            two.kill()
            await alice.hears(wire.MemberLeft, lambda told: told.station == station_id(bob.key))
            await carol.hears(wire.MemberLeft)
            await alice.signals(carol, "still here")
            await carol.hears(wire.Relayed, lambda told: told.envelope.signal == "still here")

    run(whole())


def test_stations_outlive_redis_and_are_shared_again_when_it_is_back(tmp_path: Path) -> None:
    async def whole() -> None:
        async with (
            two_processes(tmp_path) as (child, one, two),
            three_stations(one, two) as (alice, carol, bob),
        ):
            await alice.hears(wire.MemberJoined, lambda told: told.member.callsign == "KA1BBB")
            child.kill()
            while not (one.has_logged(ALONE) and two.has_logged(ALONE)):
                await asyncio.sleep(0.05)
            await alice.signals(carol, "among us")
            await carol.hears(wire.Relayed, lambda told: told.envelope.signal == "among us")
            await alice.signals(bob, "not now")
            assert (await alice.hears(wire.Undeliverable)).to == station_id(bob.key)
            await alice.hears(wire.MemberLeft)
            await bob.says(wire.Announce("cq", (CONTENT,), 600))
            child.start()
            back = len(alice.heard)
            while not (one.has_logged(SHARED, times=2) and two.has_logged(SHARED, times=2)):
                await asyncio.sleep(0.05)
            while not any(isinstance(told, wire.MemberJoined) for told in alice.heard[back:]):
                await asyncio.sleep(0.05)
            await alice.says(wire.Lookup("cq", CONTENT, 60))
            await alice.hears(wire.Found, lambda told: told.count == 1)
            await alice.signals(bob, "now again")
            await bob.hears(wire.Relayed, lambda told: told.envelope.signal == "now again")
            # It had forgotten the pins; each process gave it back its own, so that one which
            # was not there before has them, too.
            with server_process(tmp_path / "three", child.url) as three:
                for process in (two, three):
                    async with station_at(process.port, "KA1AAA", seed="thief") as thief:
                        assert (await thief.hears(wire.Refused)).code == "callsign-pinned"
            assert [one.closed for one in (alice, bob, carol)] == [False] * 3
            for process in (one, two):
                log = process.log.read_text()
                assert log.count(ALONE) == 1, log
                assert f"127.0.0.1:{child.port}" in log
                assert PASSWORD not in log

    run(whole())


def test_a_redis_that_hangs_is_given_up_and_used_again_when_it_goes_on(
    tmp_path: Path,
) -> None:
    """Its connections stay open: nothing but time tells."""

    async def whole() -> None:
        async with (
            two_processes(tmp_path) as (child, one, two),
            three_stations(one, two) as (alice, carol, bob),
        ):
            await alice.hears(wire.MemberJoined, lambda told: told.member.callsign == "KA1BBB")
            child.hang(until_freed=True)
            await alice.signals(carol, "among us")
            await carol.hears(wire.Relayed, lambda told: told.envelope.signal == "among us")
            # A callsign that is new waits for it, but not for ever.
            async with station_at(one.port, "KA1DDD") as dave:
                await dave.hears(wire.Joined)
            while not (one.has_logged(ALONE) and two.has_logged(ALONE)):
                await asyncio.sleep(0.05)
            child.hang(until_freed=False)
            while not (one.has_logged(SHARED, times=2) and two.has_logged(SHARED, times=2)):
                await asyncio.sleep(0.05)
            async with station_at(two.port, "KA1EEE"):
                await alice.hears(wire.MemberJoined, lambda told: told.member.callsign == "KA1EEE")
            await bob.says(wire.Announce("cq", (CONTENT,), 600), wire.Lookup("cq", CONTENT))
            await bob.hears(wire.Found)
            await alice.says(wire.Lookup("cq", CONTENT, 600))
            await alice.hears(wire.Found, lambda told: told.count == 1)
            assert [end.closed for end in (alice, bob, carol)] == [False] * 3

    run(whole())


def test_a_server_starts_without_its_redis_and_finds_it_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def whole() -> None:
        with redis() as child:
            child.kill()
            async with (
                SignalServer(ServerSettings(port=0, redis_url=child.url)) as server,
                station_at(server.port, "KA1AAA") as alice,
            ):
                await alice.hears(wire.Joined)
                child.start()
                async with SignalServer(ServerSettings(port=0, redis_url=child.url)) as other:
                    async with station_at(other.port, "KA1BBB"):
                        await alice.hears(wire.MemberJoined)
                    await alice.hears(wire.MemberLeft)
                    assert server.core.siblings == 1

    with caplog.at_level(logging.INFO):
        run(whole())
    assert PASSWORD not in caplog.text
    assert ALONE in caplog.text


def test_a_wrong_password_is_said_and_the_server_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    async def whole() -> None:
        with redis() as child:
            url = child.url.replace(PASSWORD, "another-password")
            async with SignalServer(ServerSettings(port=0, redis_url=url)) as server:
                async with station_at(server.port, "KA1AAA") as alice:
                    await alice.hears(wire.Joined)
                async with asyncio.timeout(20):
                    while ALONE not in caplog.text:
                        await asyncio.sleep(0.01)

    run(whole())
    assert "invalid username-password pair" in caplog.text
    assert "another-password" not in caplog.text


def test_garbage_in_redis_disturbs_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async def whole() -> None:
        from redis.asyncio import Redis

        with redis() as child:
            stranger = Redis.from_url(child.url)
            for name, value in (
                ("KA1ZZZ", "no key"),
                ("no call", "00" * 32),
                ("KA1PPP", "11" * 32),
            ):
                await stranger.hset("meshdl:signal:0:pins", name, value)
            settings = ServerSettings(port=0, redis_url=child.url)
            async with SignalServer(settings) as one, SignalServer(settings) as two:
                async with station_at(one.port, "KA1AAA") as alice:
                    for garbage in (b"\xff\x00", b"{}", b"[{},7]", b"x" * 2_200_000, b'{"type":1}'):
                        assert await stranger.publish("meshdl:signal:0:all", garbage) == 2
                    async with station_at(two.port, "KA1BBB") as bob:
                        await alice.hears(wire.MemberJoined)
                        await alice.signals(bob, "to you")
                        await bob.hears(wire.Relayed)
                    for call in ("KA1PPP", "KA1ZZZ"):
                        async with station_at(one.port, call) as refused:
                            await refused.hears(wire.Refused)
                assert one.core.counts["bus_unreadable"] >= 5
            await stranger.aclose()

    run(whole())
    assert "2200000 octets is dropped" in caplog.text
    assert "HDEL meshdl:signal:0:pins KA1ZZZ" in caplog.text
