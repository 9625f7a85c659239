"""What only the loopback network can do: be cut, fall silent, have a small buffer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from meshdl.errors import LinkClosed
from meshdl.ids import LinkId, StationId
from meshdl.links import DialFailed, LinkDown, LinkEvent, LinkUp, LinkWritable, MessageReceived
from meshdl.transports.loopback import (
    CONTROL_BACKLOG_OCTETS_MAX,
    LoopbackNetwork,
    LoopbackTransport,
)

ALICE, BOB = StationId("a11ce00000000000"), StationId("b0b0000000000000")
TURNS = 2_000
"""More turns of the loop than any test has messages."""


async def settle() -> None:
    """Let everything be delivered that can be."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


@asynccontextmanager
async def linked(
    network: LoopbackNetwork,
) -> AsyncIterator[tuple[LoopbackTransport, list[LinkEvent], LoopbackTransport, list[LinkEvent]]]:
    alice, bob = network.transport(ALICE), network.transport(BOB)
    heard_by_alice: list[LinkEvent] = []
    heard_by_bob: list[LinkEvent] = []
    tasks = [
        asyncio.create_task(alice.run(heard_by_alice.append)),
        asyncio.create_task(bob.run(heard_by_bob.append)),
    ]
    await settle()
    alice.dial(BOB)
    await settle()
    yield alice, heard_by_alice, bob, heard_by_bob
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def link_in(events: list[LinkEvent]) -> LinkId:
    assert isinstance(events[0], LinkUp)
    return events[0].link


def test_both_ends_hear_of_a_cut() -> None:
    async def whole() -> None:
        network = LoopbackNetwork()
        async with linked(network) as (alice, at_alice, _, at_bob):
            network.cut(BOB, ALICE)
            assert len(at_alice) == 1
            await settle()
            assert at_alice[1:] == [LinkDown(link_in(at_alice), "the link was cut")]
            assert at_bob[1:] == [LinkDown(link_in(at_bob), "the link was cut")]
            with pytest.raises(LinkClosed):
                alice.send(link_in(at_alice), "hello")

    asyncio.run(whole())


def test_a_silent_peer_takes_messages_until_the_buffer_is_full_and_says_nothing() -> None:
    async def whole() -> None:
        network = LoopbackNetwork(buffer_octets=1_000)
        async with linked(network) as (alice, at_alice, _, at_bob):
            here = link_in(at_alice)
            network.silence(ALICE, BOB)
            assert [alice.send(here, bytes(500)) for _ in range(3)] == [True, True, False]
            alice.send(here, "hello")
            alice.dial(BOB)
            await settle()
            assert at_alice[1:] == [DialFailed(BOB, f"station {BOB} does not answer")]
            assert len(at_bob) == 1

    asyncio.run(whole())


def test_what_was_sent_into_silence_arrives_when_it_ends() -> None:
    async def whole() -> None:
        network = LoopbackNetwork(buffer_octets=1_000)
        async with linked(network) as (alice, at_alice, _, at_bob):
            here, there = link_in(at_alice), link_in(at_bob)
            network.silence(ALICE, BOB)
            while alice.send(here, bytes(500)):
                pass
            network.restore(BOB, ALICE)
            await settle()
            assert at_bob[1:] == [MessageReceived(there, bytes(500))] * 2
            assert at_alice[1:] == [LinkWritable(here)]
            assert alice.send(here, bytes(500))

    asyncio.run(whole())


def test_a_link_to_a_silent_peer_can_be_closed() -> None:
    async def whole() -> None:
        network = LoopbackNetwork()
        async with linked(network) as (alice, at_alice, _, at_bob):
            network.silence(ALICE, BOB)
            alice.close(link_in(at_alice), "no answer")
            await settle()
            assert at_alice[1:] == [LinkDown(link_in(at_alice), "no answer")]
            assert len(at_bob) == 1

    asyncio.run(whole())


def test_control_messages_that_pile_up_end_the_link() -> None:
    async def whole() -> None:
        network = LoopbackNetwork()
        async with linked(network) as (alice, at_alice, _, _at_bob):
            network.silence(ALICE, BOB)
            message = "x" * 200_000
            for _ in range(CONTROL_BACKLOG_OCTETS_MAX // len(message) + 1):
                alice.send(link_in(at_alice), message)
            with pytest.raises(LinkClosed):
                alice.send(link_in(at_alice), message)
            await settle()
            assert isinstance(at_alice[1], LinkDown)
            assert "does not read" in at_alice[1].reason

    asyncio.run(whole())


def test_writable_comes_when_a_quarter_is_left() -> None:
    async def whole() -> None:
        network = LoopbackNetwork(buffer_octets=1_000)
        async with linked(network) as (alice, at_alice, _, at_bob):
            here = link_in(at_alice)
            while alice.send(here, bytes(100)):
                pass
            received_then = 0
            while LinkWritable(here) not in at_alice:
                received_then = len(at_bob) - 1
                await asyncio.sleep(0)
            assert received_then in {7, 8}
            assert alice.send(here, bytes(100))

    asyncio.run(whole())


def test_a_station_is_on_the_network_once() -> None:
    network = LoopbackNetwork()
    network.transport(ALICE)
    with pytest.raises(ValueError, match="already"):
        network.transport(ALICE)
