"""Honest stations at a signalling server that means no good: nobody wrong is ever accepted,
and what can connect connects.
"""

import asyncio
import itertools
import json
import re
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random

import msgspec
import pytest
from bench.ports import free_port
from tests.real.test_internet import serving, station
from tests.support.hostile import HostileServer, Later, hostile_server
from tests.support.stations import hash_of, make_file, run, until, until_linked

from meshdl.station.station import Station
from meshdl.wire import signalling as wire

pytestmark = pytest.mark.real

MIB = 1024 * 1024
ALICE, BOB, CAROL = "KA1AAA", "KA1BBB", "KA1CCC"


async def join(stack: AsyncExitStack, tmp_path: Path, server: HostileServer, call: str) -> Station:
    return await stack.enter_async_context(station(tmp_path, call, server.port))


async def warned(one: Station, text: str) -> None:
    """Return when the operator of a station was told so."""

    async def told() -> bool:
        return any(text in warning for warning in (await one.view.status()).warnings)

    await until(told)


async def linked_with(one: Station) -> set[str]:
    return {peer.callsign for peer in await one.view.peers() if peer.link_state.value == "up"}


async def move_a_file(tmp_path: Path, source: Station, sink: Station) -> None:
    path = make_file(tmp_path / "bulletin.bin", MIB)
    shared = await source.share(path)
    got = await sink.download(hash_of(shared))
    assert Path(got.location).read_bytes() == path.read_bytes()


def test_signals_that_are_lost_late_twice_and_out_of_order_still_make_a_link(
    tmp_path: Path,
) -> None:
    rng, carried = Random(5), itertools.count()

    def tamper(_call: str, message: wire.ServerMessage, text: str) -> Sequence[Later]:
        if not isinstance(message, wire.Relayed):
            return (Later(text),)
        if next(carried) == 0:
            return ()  # the very first offer
        kind = json.loads(message.envelope.signal)["type"]
        if kind == "candidates" and rng.random() < 0.5:
            return ()
        return tuple(Later(text, rng.uniform(0.01, 0.4)) for _ in range(2))

    async def whole() -> None:
        async with hostile_server() as server, AsyncExitStack() as stack:
            server.tamper = tamper
            alice = await join(stack, tmp_path, server, ALICE)
            bob = await join(stack, tmp_path, server, BOB)
            await move_a_file(tmp_path, alice, bob)
            assert next(carried) > 2
            # What came twice was dropped with a word, and cost nobody the server.
            await warned(bob, "a signal that came before")
            assert server.visits == {ALICE: 1, BOB: 1}

    run(whole())


def test_a_server_that_loses_all_signals_keeps_nobody_apart_whom_another_one_knows(
    tmp_path: Path,
) -> None:
    lost = asyncio.Event()

    def tamper(_call: str, message: wire.ServerMessage, text: str) -> Sequence[Later]:
        if not isinstance(message, wire.Relayed):
            return (Later(text),)
        lost.set()
        return ()

    async def whole() -> None:
        async with hostile_server() as server, AsyncExitStack() as stack:
            server.tamper = tamper
            port = free_port()
            alice, bob = [
                await stack.enter_async_context(station(tmp_path, call, server.port, port))
                for call in (ALICE, BOB)
            ]
            await lost.wait()
            await stack.enter_async_context(serving(port=port))
            await move_a_file(tmp_path, alice, bob)

    run(whole())


def with_another_fingerprint(signal: str) -> str:
    return re.sub(r"sha-256 [0-9A-F:]{95}", f"sha-256 {':'.join(['AB'] * 32)}", signal)


def test_swapped_fingerprints_are_noticed_and_make_no_link(tmp_path: Path) -> None:
    def tamper(_call: str, message: wire.ServerMessage, text: str) -> Sequence[Later]:
        if not isinstance(message, wire.Relayed):
            return (Later(text),)
        signal = with_another_fingerprint(message.envelope.signal)
        swapped = msgspec.structs.replace(message.envelope, signal=signal)
        return (Later(wire.encode(msgspec.structs.replace(message, envelope=swapped))),)

    async def whole() -> None:
        async with hostile_server() as server, AsyncExitStack() as stack:
            server.tamper = tamper
            alice = await join(stack, tmp_path, server, ALICE)
            bob = await join(stack, tmp_path, server, BOB)
            server_name = f"127.0.0.1:{server.port}"
            for one, other in ((alice, BOB), (bob, ALICE)):
                await warned(
                    one,
                    f"dropped what {server_name} brought as if from {other}: a signal whose "
                    "signature does not hold; if that goes on, name another server",
                )
            assert await linked_with(alice) == await linked_with(bob) == set()
            server.tamper = lambda _call, _message, text: (Later(text),)
            carol = await join(stack, tmp_path, server, CAROL)
            await move_a_file(tmp_path, alice, carol)

    run(whole())


def test_signals_that_are_redirected_reach_nobody(tmp_path: Path) -> None:
    """What is meant for Bob is brought to Carol, as if from whom it really is."""

    async def whole() -> None:
        async with hostile_server() as server, AsyncExitStack() as stack:
            waiting: list[str] = []

            def tamper(call: str, message: wire.ServerMessage, text: str) -> Sequence[Later]:
                if call == CAROL and waiting and isinstance(message, wire.MemberJoined):
                    return (Later(text), *(Later(one) for one in waiting))
                if call == CAROL or not isinstance(message, wire.Relayed):
                    return (Later(text),)
                waiting.append(text)
                return ()

            server.tamper = tamper
            alice = await join(stack, tmp_path, server, ALICE)
            await join(stack, tmp_path, server, BOB)

            async def kept() -> bool:
                return bool(waiting)

            await until(kept)
            carol = await join(stack, tmp_path, server, CAROL)
            await join(stack, tmp_path, server, "KA1DDD")  # so Carol hears of a member
            await warned(carol, "for another station")
            assert "KA1BBB" not in await linked_with(alice)
            server.tamper = lambda _call, _message, text: (Later(text),)
            await until_linked(alice, 2)

    run(whole())


def test_a_server_that_shows_another_station_under_a_known_callsign_is_refused(
    tmp_path: Path,
) -> None:
    async def whole() -> None:
        async with serving() as honest, hostile_server() as server, AsyncExitStack() as stack:
            alice = await stack.enter_async_context(
                station(tmp_path, ALICE, honest.port, server.port)
            )
            async with station(tmp_path, BOB, honest.port):
                await until_linked(alice)
            # This server has never seen Bob, or does not care.
            await stack.enter_async_context(station(tmp_path / "false", BOB, server.port))
            await warned(alice, "another station key")
            assert await linked_with(alice) == set()

    run(whole())


GARBAGE = (
    "",
    "{",
    "[" * 3000,
    '{"type":"welcome"}',
    '{"type":"telepathy"}',
    '{"type":"found","room":"cq","contentHash":"AAAA","members":[],"count":0}',
    '{"type":"challenge","protocol":1,"nonce":"' + "A" * 43 + '="}',
    '{"type":"refused","code":"denied","reason":"' + "\\u001b[31m" * 20 + '"}',
    "x" * 300_000,
)


@pytest.mark.parametrize("at", ["first", "when-linked"])
def test_a_server_that_says_nonsense_breaks_no_link_and_no_station(tmp_path: Path, at: str) -> None:
    async def whole() -> None:
        async with hostile_server() as server, AsyncExitStack() as stack:
            nonsense = iter(GARBAGE[1:4])

            def tamper(_call: str, message: wire.ServerMessage, text: str) -> Sequence[Later]:
                if isinstance(message, wire.Welcome):
                    more = next(nonsense, None)
                    return (Later(text),) if more is None else (Later(more), Later(text))
                return (Later(text),)

            if at == "first":
                server.tamper = tamper
            alice = await join(stack, tmp_path, server, ALICE)
            bob = await join(stack, tmp_path, server, BOB)
            await until_linked(alice)
            (before,) = await alice.view.peers()
            if at == "when-linked":
                for text in GARBAGE:
                    socket = server.sockets.get(ALICE)
                    if socket is not None and not socket.closed:
                        await socket.send_str(text)
            await move_a_file(tmp_path, alice, bob)
            (after,) = await alice.view.peers()
            assert after.since == pytest.approx(before.since, abs=0.5), "the same link"

    run(whole())


def test_false_members_and_false_finders_cost_attempts_and_no_more(tmp_path: Path) -> None:
    def tamper(_call: str, message: wire.ServerMessage, text: str) -> Sequence[Later]:
        if isinstance(message, wire.Joined):
            invented = tuple(
                wire.Member(f"KB1{chr(65 + n)}AA", bytes([n + 1]) * 32, b"invented")
                for n in range(20)
            )
            members = (message.members + invented)[:50]
            return (Later(wire.encode(msgspec.structs.replace(message, members=members))),)
        return (Later(text),)

    async def whole() -> None:
        async with hostile_server() as server, AsyncExitStack() as stack:
            server.tamper = tamper
            alice = await join(stack, tmp_path, server, ALICE)
            bob = await join(stack, tmp_path, server, BOB)
            await move_a_file(tmp_path, alice, bob)
            assert await linked_with(bob) == {ALICE}

    run(whole())
