"""What every transport promises, asked of each: see :mod:`meshdl.transports.base`."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

import pytest
from tests.support.loops import run
from tests.support.transports import (
    ALICE,
    BOB,
    MALLORY,
    NOBODY,
    WITHIN_S,
    Ear,
    SignalledNetwork,
    running,
)

from meshdl.errors import LinkClosed, LinkError
from meshdl.ids import LinkId, StationId
from meshdl.links import (
    DialFailed,
    LinkDown,
    LinkUp,
    LinkWritable,
    Message,
    MessageReceived,
    PathChanged,
)
from meshdl.transports.base import Transport
from meshdl.transports.exchange import Answer, Offer
from meshdl.transports.loopback import LoopbackNetwork
from meshdl.transports.webrtc import WebRtcTransport


class Network(Protocol):
    """Where transports of one kind reach each other."""

    def transport(self, station: StationId, *, links_max: int = 8) -> Transport: ...

    def intercept(self) -> None: ...


class WebRtcNetwork:
    """Offers go straight to the other transport, or through a middleman's."""

    def __init__(self) -> None:
        self.transports: dict[StationId, WebRtcTransport] = {}
        self.middleman: WebRtcTransport | None = None
        self._intercepted = False

    def transport(self, station: StationId, *, links_max: int = 8) -> Transport:
        made = WebRtcTransport(station, self, links_max=links_max, loopback=True)
        self.transports[station] = made
        return made

    def intercept(self) -> None:
        self._intercepted = True

    async def exchange(self, station: StationId, offer: Offer) -> Answer:
        if station not in self.transports:
            raise LinkError(f"nobody knows {station}")
        if not self._intercepted or offer.station == MALLORY:
            return await self.transports[station].answer(offer)
        # Mallory answers the dialler himself, and dials the station he was asked for.
        mallory = self.transports[MALLORY]
        mallory.dial(station)
        return await mallory.answer(offer)


KINDS: dict[str, Callable[[], Network]] = {
    "loopback": LoopbackNetwork,
    "webrtc": WebRtcNetwork,
    "signalled": SignalledNetwork,
}


@pytest.fixture(params=[pytest.param(kind, marks=pytest.mark.real) for kind in KINDS])
def network(request: pytest.FixtureRequest) -> Network:
    return KINDS[request.param]()


@asynccontextmanager
async def pair(network: Network) -> AsyncIterator[tuple[Ear, Ear]]:
    """Alice has dialled Bob and has a link to him."""
    async with (
        running(network.transport(ALICE)) as alice,
        running(network.transport(BOB)) as bob,
    ):
        alice.transport.dial(BOB)
        await alice.up()
        await bob.up()
        yield alice, bob


async def link_of(ear: Ear) -> LinkId:
    return (await ear.up()).link


def test_a_link_comes_up_first_and_its_bindings_mirror(network: Network) -> None:
    async def whole() -> None:
        async with pair(network) as (alice, bob):
            ours, theirs = alice.events[0], bob.events[0]
            assert isinstance(ours, LinkUp)
            assert isinstance(theirs, LinkUp)
            assert ours.binding.local == theirs.binding.remote
            assert ours.binding.remote == theirs.binding.local
            assert ours.binding.local != ours.binding.remote
            assert len(ours.binding.local) == len(ours.binding.remote) == 32
            assert (ours.dialled, theirs.dialled) == (BOB, None)

    run(whole())


def test_a_message_sent_at_once_comes_after_the_link(network: Network) -> None:
    async def whole() -> None:
        async with (
            running(network.transport(ALICE), greeting=("hello", b"hello")) as alice,
            running(network.transport(BOB)) as bob,
        ):
            alice.transport.dial(BOB)
            await bob.hear(MessageReceived, 2)
            # The way of the packets may be told in between.
            told = [event for event in bob.events if not isinstance(event, PathChanged)]
            assert isinstance(told[0], LinkUp)
            assert isinstance(told[1], MessageReceived)

    run(whole())


def test_each_channel_keeps_its_order_both_ways(network: Network) -> None:
    async def whole() -> None:
        async with pair(network) as (alice, bob):
            here, there = await link_of(alice), await link_of(bob)
            for number in range(100):
                alice.transport.send(here, f"{number}")
                bob.transport.send(there, f"{number}")
                assert alice.transport.send(here, number.to_bytes(2, "big"))
            await bob.hear(MessageReceived, 200)
            await alice.hear(MessageReceived, 100)
            texts = [one for one in bob.messages() if isinstance(one, str)]
            octets = [one for one in bob.messages() if isinstance(one, bytes)]
            assert texts == alice.messages() == [f"{number}" for number in range(100)]
            assert octets == [number.to_bytes(2, "big") for number in range(100)]

    run(whole())


def test_text_stays_text_and_octets_stay_octets(network: Network) -> None:
    async def whole() -> None:
        async with pair(network) as (alice, bob):
            here = await link_of(alice)
            alice.transport.send(here, "73 ÄÖ 🙂")
            await bob.hear(MessageReceived, 1)
            alice.transport.send(here, b"73")
            await bob.hear(MessageReceived, 2)
            assert bob.messages() == ["73 ÄÖ 🙂", b"73"]

    run(whole())


def test_the_longest_message_passes_and_a_longer_one_is_refused(network: Network) -> None:
    async def whole() -> None:
        async with pair(network) as (alice, bob):
            up = await alice.up()
            mtu = up.traits.mtu_octets
            assert mtu >= 65_536
            longest: list[Message] = [b"\x07" * mtu, "ä" * (mtu // 2)]
            for message in longest:
                assert alice.transport.send(up.link, message)
            for message in (b"\x07" * (mtu + 1), "ä" * (mtu // 2) + "ä", "x" * (mtu + 1)):
                with pytest.raises(ValueError, match="mtu"):
                    alice.transport.send(up.link, message)
            await bob.hear(MessageReceived, 2)
            assert sorted(bob.messages(), key=repr) == sorted(longest, key=repr)

    run(whole())


def test_a_full_link_says_so_and_loses_nothing(network: Network) -> None:
    async def whole() -> None:
        async with pair(network) as (alice, bob):
            here = await link_of(alice)
            sent = refused = 0
            while sent < 80:
                message = bytes([sent]) * 65_536
                if alice.transport.send(here, message):
                    sent += 1
                else:
                    refused += 1
                    await alice.hear(LinkWritable, refused)
            await bob.hear(MessageReceived, 80)
            assert bob.messages() == [bytes([number]) * 65_536 for number in range(80)]
            assert refused > 0
            assert len(alice.heard(LinkWritable)) <= refused

    run(whole())


def test_control_passes_while_chunks_are_full(network: Network) -> None:
    async def whole() -> None:
        async with pair(network) as (alice, bob):
            here = await link_of(alice)
            while alice.transport.send(here, bytes(65_536)):
                pass
            assert alice.transport.send(here, "urgent")
            async with asyncio.timeout(WITHIN_S):
                while "urgent" not in bob.messages():
                    await asyncio.sleep(0.01)

    run(whole())


def test_both_ends_hear_once_that_a_link_was_closed(network: Network) -> None:
    async def whole() -> None:
        async with pair(network) as (alice, bob):
            alice.transport.close(await link_of(alice), "enough")
            alice.transport.close(await link_of(alice), "enough again")
            down = await alice.hear(LinkDown)
            await bob.hear(LinkDown)
            alice.transport.close(await link_of(alice), "long gone")
            bob.transport.close(await link_of(bob), "long gone")
            await asyncio.sleep(0.1)
            assert down == [LinkDown(await link_of(alice), "enough")]
            for ear in (alice, bob):
                assert len(ear.heard(LinkDown)) == 1
                assert isinstance(ear.events[-1], LinkDown)

    run(whole())


def test_what_was_sent_on_control_before_a_close_arrives(network: Network) -> None:
    async def whole() -> None:
        async with pair(network) as (alice, bob):
            here = await link_of(alice)
            words = [f"{number} " + "x" * 10_000 for number in range(50)]
            for word in words:
                alice.transport.send(here, word)
            alice.transport.close(here, "enough")
            await bob.hear(LinkDown)
            assert bob.messages() == words

    run(whole())


def test_nothing_can_be_sent_on_a_link_that_is_down(network: Network) -> None:
    async def whole() -> None:
        async with pair(network) as (alice, bob):
            alice.transport.close(await link_of(alice), "enough")
            await bob.hear(LinkDown)
            await alice.hear(LinkDown)
            for ear in (alice, bob):
                for message in ("hello", b"hello"):
                    with pytest.raises(LinkClosed):
                        ear.transport.send(await link_of(ear), message)
            with pytest.raises(LinkClosed):
                alice.transport.send(LinkId("never:1"), "hello")

    run(whole())


def test_a_station_that_is_not_there_cannot_be_dialled(network: Network) -> None:
    async def whole() -> None:
        async with running(network.transport(ALICE)) as alice:
            alice.transport.dial(NOBODY)
            assert alice.events == []
            (failed,) = await alice.hear(DialFailed)
            assert failed.station == NOBODY
            assert failed.reason
            assert alice.events == [failed]

    run(whole())


def test_a_station_that_dials_itself_fails(network: Network) -> None:
    async def whole() -> None:
        async with running(network.transport(ALICE)) as alice:
            alice.transport.dial(ALICE)
            (failed,) = await alice.hear(DialFailed)
            assert alice.events == [failed]

    run(whole())


def test_a_transport_that_stops_leaves_nothing_behind(network: Network) -> None:
    async def whole() -> None:
        before = asyncio.all_tasks()
        async with running(network.transport(BOB)) as bob:
            async with running(network.transport(ALICE)) as alice:
                alice.transport.dial(BOB)
                await alice.up()
                await bob.up()
                alice.transport.dial(BOB)  # one more, under way when all ends
            events = list(alice.events)
            await bob.hear(LinkDown)
            assert alice.events == events
            assert alice.heard(LinkDown) == []
            with pytest.raises(LinkClosed):
                alice.transport.send(await link_of(alice), "hello")
        async with asyncio.timeout(WITHIN_S):
            while asyncio.all_tasks() != before:
                await asyncio.sleep(0.01)

    run(whole())


def test_a_station_with_enough_links_refuses_more(network: Network) -> None:
    async def whole() -> None:
        async with (
            running(network.transport(BOB, links_max=1)) as bob,
            running(network.transport(ALICE)) as alice,
        ):
            alice.transport.dial(BOB)
            await bob.up()
            await alice.up()
            alice.transport.dial(BOB)
            (failed,) = await alice.hear(DialFailed)
            assert "1 links" in failed.reason
            bob.transport.dial(ALICE)
            (failed,) = await bob.hear(DialFailed)
            assert "1 links" in failed.reason
            assert len(alice.heard(LinkUp)) == len(bob.heard(LinkUp)) == 1
            # There is room again when the link is gone.
            alice.transport.close(await link_of(alice), "enough")
            await bob.hear(LinkDown)
            await alice.hear(LinkDown)
            alice.transport.dial(BOB)
            await bob.hear(LinkUp, 2)

    run(whole())


def test_two_that_dial_each_other_at_once_get_two_links(network: Network) -> None:
    async def whole() -> None:
        async with (
            running(network.transport(ALICE)) as alice,
            running(network.transport(BOB)) as bob,
        ):
            alice.transport.dial(BOB)
            bob.transport.dial(ALICE)
            for ear in (alice, bob):
                ups = await ear.hear(LinkUp, 2)
                assert {up.dialled for up in ups} == {None, BOB if ear is alice else ALICE}
                for up in ups:
                    ear.transport.send(up.link, up.binding.local.hex())
            for ear in (alice, bob):
                received = await ear.hear(MessageReceived, 2)
                bindings = {up.link: up.binding for up in ear.heard(LinkUp)}
                for event in received:
                    assert event.message == bindings[event.link].remote.hex()

    run(whole())


def test_somebody_in_the_middle_shows_in_the_bindings(network: Network) -> None:
    async def whole() -> None:
        network.intercept()
        async with running(network.transport(MALLORY)), pair(network) as (alice, bob):
            ours, theirs = (await alice.up()).binding, (await bob.up()).binding
            assert ours.remote != theirs.local
            assert ours.local != theirs.remote

    run(whole())
