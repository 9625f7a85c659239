"""Stations of one host hear each other by real mDNS, on loopback alone."""

import asyncio
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar

import pytest
import zeroconf
from tests.support.loops import run
from zeroconf import RecordUpdate, RecordUpdateListener
from zeroconf.asyncio import AsyncZeroconf

from meshdl.discovery import lan, wall_clock
from meshdl.discovery.announcement import Announcement
from meshdl.discovery.book import AddressBook
from meshdl.discovery.events import (
    Endpoint,
    KeyInUseElsewhere,
    LanEvent,
    StationFound,
    StationLost,
)
from meshdl.discovery.exchange import LanExchange
from meshdl.discovery.interfaces import Reach, look
from meshdl.discovery.lan import LanDiscovery
from meshdl.discovery.messages import Card
from meshdl.discovery.server import LanServer
from meshdl.ids import Callsign, StationId
from meshdl.links import LinkEvent, LinkUp, MessageReceived, PathChanged
from meshdl.transports.exchange import Answer, Offer
from meshdl.transports.webrtc import WebRtcTransport

pytestmark = pytest.mark.real

WITHIN_S = 20.0
LOOPBACK = ("127.0.0.1",)
LOOK_EVERY_S = 0.2
LAST_WORD_S = 3.0
"""Longer than between two of the times that one announcement is sent."""

EventT = TypeVar("EventT", bound=LanEvent)


def new_id() -> StationId:
    return StationId(secrets.token_hex(8))


@dataclass
class Ear:
    """A discovery that runs, and all that it reported.

    Attributes:
        events: not yet heard by the test.
        last: reported last of each station.
    """

    discovery: LanDiscovery
    own: Announcement
    events: list[LanEvent] = field(default_factory=list)
    last: dict[StationId, LanEvent] = field(default_factory=dict)
    book: AddressBook = field(default_factory=AddressBook)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def report(self, event: LanEvent) -> None:
        if isinstance(event, StationFound):
            self.book.note(event.station, event.endpoints)
        self.events.append(event)
        if not isinstance(event, KeyInUseElsewhere):
            self.last[event.station] = event
        self.news.set()

    def waiting(self, station: StationId) -> list[LanEvent]:
        """Of a station; others on this machine may come and go meanwhile."""
        return [event for event in self.events if _station_of(event) == station]

    async def hear(self, kind: type[EventT], station: StationId | None = None) -> EventT:
        """The latest event of a kind, once there is one; it is taken away."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                for event in reversed(self.events):
                    if isinstance(event, kind) and station in {None, _station_of(event)}:
                        self.events.remove(event)
                        return event
                self.news.clear()
                await self.news.wait()


def _station_of(event: LanEvent) -> StationId | None:
    return None if isinstance(event, KeyInUseElsewhere) else event.station


@asynccontextmanager
async def on_air(
    port: int, *, station: StationId | None = None, interfaces: tuple[str, ...] = LOOPBACK
) -> AsyncIterator[Ear]:
    own = Announcement(station or new_id(), Callsign("KA1ABC"), secrets.token_hex(8))
    discovery = LanDiscovery(
        own, port=port, interfaces=interfaces, loopback=True, look_every_s=LOOK_EVERY_S
    )
    ear = Ear(discovery, own)
    task = asyncio.create_task(discovery.run(ear.report))
    try:
        yield ear
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def test_two_stations_of_one_host_find_each_other() -> None:
    async def whole() -> None:
        async with on_air(4001) as one, on_air(4002) as other:
            found = await one.hear(StationFound, other.own.station)
            assert found == StationFound(
                other.own.station,
                Callsign("KA1ABC"),
                (Endpoint("127.0.0.1", 4002),),
                other.own.instance,
            )
            assert (await other.hear(StationFound, one.own.station)).endpoints[0].port == 4001
            assert one.discovery.state == "announced"
            assert one.discovery.addresses == LOOPBACK
            # Our own announcement is not another station.
            assert one.waiting(one.own.station) == []

    run(whole())


def test_a_third_station_is_found_by_all_and_lost_by_all() -> None:
    async def whole() -> None:
        async with on_air(4001) as one, on_air(4002) as other:
            async with on_air(4003) as third:
                for ear in (one, other):
                    await ear.hear(StationFound, third.own.station)
                    await third.hear(StationFound, ear.own.station)
            for ear in (one, other):
                await ear.hear(StationLost, third.own.station)
            await one.hear(StationFound, other.own.station)
            assert StationLost(other.own.station) not in one.events

    run(whole())


def test_a_station_that_comes_back_on_another_port_is_found_there() -> None:
    async def whole() -> None:
        station = new_id()
        async with on_air(4001) as one:
            async with on_air(4002, station=station):
                assert (await one.hear(StationFound, station)).endpoints[0].port == 4002
            async with on_air(4003, station=station) as again:
                found = await one.hear(StationFound, station)
                while found.endpoints[0].port != 4003:
                    found = await one.hear(StationFound, station)
                assert found.instance == again.own.instance
                # The goodbye of the run before may run out a second later, and is no loss.
                await asyncio.sleep(1.5)
                assert one.last[station] == found
            await one.hear(StationLost, station)

    run(whole())


def test_of_two_runs_of_a_station_the_one_heard_last_counts() -> None:
    async def whole() -> None:
        station = new_id()
        async with on_air(4001) as one, AsyncExitStack() as first, AsyncExitStack() as second:
            await first.enter_async_context(on_air(4002, station=station))
            await one.hear(StationFound, station)
            await second.enter_async_context(on_air(4003, station=station))
            assert (await one.hear(StationFound, station)).endpoints[0].port == 4003
            await first.aclose()
            await asyncio.sleep(1.5)  # the goodbye has run out
            assert one.waiting(station) == []  # what was told last still holds
            await first.enter_async_context(on_air(4004, station=station))
            assert (await one.hear(StationFound, station)).endpoints[0].port == 4004
            await first.aclose()
            # Back to the one that is left.
            assert (await one.hear(StationFound, station)).endpoints[0].port == 4003
            await second.aclose()
            await one.hear(StationLost, station)

    run(whole())


PEER = """
import asyncio, sys
from meshdl.discovery.announcement import Announcement
from meshdl.discovery.lan import LanDiscovery
from meshdl.ids import Callsign, StationId

own = Announcement(StationId(sys.argv[1]), Callsign("W1AW"), sys.argv[2])
discovery = LanDiscovery(own, port=int(sys.argv[3]), interfaces=("127.0.0.1",), loopback=True)
asyncio.run(discovery.run(lambda event: None))
"""


def test_a_killed_station_is_found_anew_when_it_runs_again() -> None:
    async def started(station: StationId, port: int) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-c", PEER, station, secrets.token_hex(8), str(port),
            stderr=subprocess.DEVNULL,
        )  # fmt: skip

    async def whole() -> None:
        station = new_id()
        async with on_air(4001) as one:
            peer = await started(station, 4002)
            first = await one.hear(StationFound, station)
            peer.send_signal(signal.SIGKILL)
            await peer.wait()
            # It said no goodbye: only a connection can tell that it is gone.
            await asyncio.sleep(1.5)
            assert StationLost(station) not in one.events
            peer = await started(station, 4003)
            second = await one.hear(StationFound, station)
            assert second.endpoints == (Endpoint("127.0.0.1", 4003),)
            assert second.instance != first.instance
            peer.send_signal(signal.SIGKILL)
            await peer.wait()

    run(whole())


def test_two_stations_with_one_key_are_told() -> None:
    async def whole() -> None:
        station = new_id()
        async with on_air(4001, station=station) as one, on_air(4002, station=station) as other:
            assert await one.hear(KeyInUseElsewhere) == KeyInUseElsewhere(
                (Endpoint("127.0.0.1", 4002),)
            )
            await other.hear(KeyInUseElsewhere)
            assert one.waiting(station) == other.waiting(station) == []

    run(whole())


def test_addresses_that_come_and_go_are_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing, both = Reach((), ()), Reach(("127.0.0.1", "::1"), ("127.0.0.1", "::1"))
    reach = nothing

    async def whole() -> None:
        nonlocal reach
        real_look = look
        mine = ("changing",)
        monkeypatch.setattr(
            lan,
            "look",
            lambda chosen, *, loopback: (
                reach if chosen == mine else real_look(chosen, loopback=loopback)
            ),
        )
        async with on_air(4001) as one, on_air(4002, interfaces=mine) as other:
            await asyncio.sleep(LOOK_EVERY_S)
            assert other.discovery.state == "no network interface; trying again"
            reach = Reach(LOOPBACK, LOOPBACK)
            await other.hear(StationFound, one.own.station)
            assert (await one.hear(StationFound, other.own.station)).endpoints == (
                Endpoint("127.0.0.1", 4002),
            )
            reach = both
            while len((await one.hear(StationFound, other.own.station)).endpoints) != 2:
                pass
            reach = nothing
            await one.hear(StationLost, other.own.station)
            await other.hear(StationLost, one.own.station)
            assert other.discovery.addresses == ()
            reach = Reach(LOOPBACK, LOOPBACK)
            await other.hear(StationFound, one.own.station)
            await one.hear(StationFound, other.own.station)

    run(whole())


class Witness(RecordUpdateListener):
    """Notes who announces itself, again and again."""

    def __init__(self) -> None:
        super().__init__()
        self.announced: asyncio.Queue[str] = asyncio.Queue()

    def async_update_records(
        self, zc: zeroconf.Zeroconf, now: float, records: list[RecordUpdate]
    ) -> None:
        for update in records:
            self.announced.put_nowait(update.new.name)

    async def hears(self, own: Announcement) -> None:
        """Return when a station announces itself."""
        async with asyncio.timeout(WITHIN_S):
            while await self.announced.get() != own.service_name:
                pass

    async def hears_nothing_more(self) -> None:
        """An announcement is sent three times."""
        while True:
            try:
                async with asyncio.timeout(LAST_WORD_S):
                    await self.announced.get()
            except TimeoutError:
                return


def test_a_station_that_slept_announces_itself_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever came meanwhile was not heard, and has not heard it."""
    jumped_s = 0.0

    class JumpingClock:
        @staticmethod
        def time() -> float:
            return time.time() + jumped_s

    monkeypatch.setattr(wall_clock, "time", JumpingClock)

    async def whole() -> None:
        nonlocal jumped_s
        witness = Witness()
        speaker = AsyncZeroconf(interfaces=list(LOOPBACK))
        try:
            speaker.zeroconf.async_add_listener(witness, None)
            async with on_air(4001) as one:
                await witness.hears(one.own)
                await witness.hears_nothing_more()
                jumped_s = 3600.0
                await witness.hears(one.own)
        finally:
            await speaker.async_close()

    run(whole())


@pytest.mark.filterwarnings("error")
def test_multicast_that_fails_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors of the library's own, and of an address that has just gone."""
    failures: list[BaseException] = [
        RuntimeError("No adapter found for IP address fe80::1"),
        zeroconf.NotRunningException(),
        OSError(19, "No such device"),
    ]
    real = AsyncZeroconf.async_register_service

    async def failing(self: AsyncZeroconf, *args: object, **kwargs: object) -> object:
        if failures:
            raise failures.pop()
        return await real(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(AsyncZeroconf, "async_register_service", failing)

    async def whole() -> None:
        async with on_air(4001) as one, on_air(4002) as other:
            await one.hear(StationFound, other.own.station)
            assert failures == []
            assert one.discovery.state == "announced"

    run(whole())


def test_an_address_that_is_not_ours_is_no_reason_to_die(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Reach(("192.0.2.254", "2001:db8::1"), ("192.0.2.254", "2001:db8::1"))
    monkeypatch.setattr(lan, "look", lambda chosen, *, loopback: gone)

    async def whole() -> None:
        async with on_air(4001) as one:
            async with asyncio.timeout(WITHIN_S):
                while not one.discovery.state.startswith("multicast is not to be had"):
                    await asyncio.sleep(0.05)
            assert one.discovery.state.endswith("trying again")

    run(whole())


@asynccontextmanager
async def whole_lan(heard: list[LinkEvent]) -> AsyncIterator[tuple[Ear, WebRtcTransport]]:
    """Announcement, book, exchange, door and WebRTC in one chain."""
    station = new_id()
    async with AsyncExitStack() as stack:
        transport: WebRtcTransport

        async def answer(offer: Offer) -> Answer:
            return await transport.answer(offer)

        card = Card("meshdl 0", "KA1ABC", station, "0011223344556677")
        server = await stack.enter_async_context(LanServer(card, answer, port=None))
        ear = await stack.enter_async_context(on_air(server.port, station=station))
        exchange = await stack.enter_async_context(LanExchange(ear.book))
        transport = WebRtcTransport(station, exchange, links_max=4, loopback=True)
        task = asyncio.create_task(transport.run(heard.append))
        try:
            yield ear, transport
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def test_a_station_that_is_found_can_be_dialled() -> None:
    async def until(heard: list[LinkEvent], kind: type[LinkEvent]) -> None:
        async with asyncio.timeout(WITHIN_S):
            while not any(isinstance(event, kind) for event in heard):
                await asyncio.sleep(0.01)

    async def whole() -> None:
        at_one: list[LinkEvent] = []
        at_other: list[LinkEvent] = []
        async with whole_lan(at_one) as (one, dialler), whole_lan(at_other) as (other, _):
            await one.hear(StationFound, other.own.station)
            dialler.dial(other.own.station)
            await until(at_one, LinkUp)
            assert isinstance(at_one[0], LinkUp)
            dialler.send(at_one[0].link, "hello")
            await until(at_other, MessageReceived)
            assert isinstance(at_other[0], LinkUp)
            # Where a link runs may be told better a moment after it is up.
            heard = [event for event in at_other[1:] if not isinstance(event, PathChanged)]
            assert heard == [MessageReceived(at_other[0].link, "hello")]

    run(whole())
