"""What strangers say on multicast DNS stops no station from hearing others."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import Any

import pytest
from tests.support.loops import run
from zeroconf._dns import DNSAddress, DNSPointer, DNSRecord, DNSService, DNSText
from zeroconf._protocol.outgoing import DNSOutgoing
from zeroconf.asyncio import AsyncZeroconf
from zeroconf.const import (
    _CLASS_IN,
    _FLAGS_AA,
    _FLAGS_QR_RESPONSE,
    _TYPE_A,
    _TYPE_AAAA,
    _TYPE_PTR,
    _TYPE_SRV,
    _TYPE_TXT,
)

from meshdl.discovery import lan
from meshdl.discovery.announcement import SERVICE_TYPE, Announcement
from meshdl.discovery.events import Endpoint, LanEvent, StationFound
from meshdl.discovery.lan import LanDiscovery
from meshdl.ids import Callsign, StationId

pytestmark = pytest.mark.real

WITHIN_S = 20.0
TTL_S = 120
MUTATIONS = 400


def new_announcement() -> Announcement:
    return Announcement(StationId(secrets.token_hex(8)), Callsign("KA1ABC"), secrets.token_hex(8))


class Listener:
    """A station that listens, what it heard, and what went wrong in its event loop."""

    def __init__(self) -> None:
        self.heard: list[LanEvent] = []
        self.errors: list[dict[str, Any]] = []
        self._news = asyncio.Event()

    def report(self, event: LanEvent) -> None:
        self.heard.append(event)
        self._news.set()

    def of(self, station: StationId) -> list[LanEvent]:
        return [
            one for one in self.heard if isinstance(one, StationFound) and one.station == station
        ]

    async def hears(self, station: StationId) -> None:
        async with asyncio.timeout(WITHIN_S):
            while not self.of(station):
                self._news.clear()
                await self._news.wait()

    async def hears_a_newcomer(self) -> None:
        """Fails, by time-out, when the listener has gone deaf."""
        newcomer = new_announcement()
        async with running(newcomer, 4002, lambda _: None):
            await self.hears(newcomer.station)


class Stranger:
    """Somebody on the network who says what they like."""

    def __init__(self, voice: AsyncZeroconf) -> None:
        self._voice = voice

    async def say(self, *records: DNSRecord) -> None:
        await self.shout([packet_of(*records)])

    async def shout(self, packets: Iterable[bytes]) -> None:
        for octets in packets:
            for sender in self._voice.zeroconf.engine.senders:
                sender.transport.sendto(octets, ("224.0.0.251", 5353))
            await asyncio.sleep(0)
        await asyncio.sleep(0.2)  # on its way, and no answer tells when it has arrived


def packet_of(*records: DNSRecord) -> bytes:
    out = DNSOutgoing(_FLAGS_QR_RESPONSE | _FLAGS_AA)
    for record in records:
        out.add_answer_at_time(record, 0)
    (packet,) = out.packets()
    return packet


def pointer(name: str) -> DNSPointer:
    return DNSPointer(SERVICE_TYPE, _TYPE_PTR, _CLASS_IN, TTL_S, name)


def announcement_records(
    said: Announcement, *, name: str | None = None, port: int = 4009, txt: bytes | None = None
) -> tuple[DNSRecord, ...]:
    """A whole announcement, right but for what is asked to be wrong."""
    name = name or said.service_name
    fields = [f"{key}={value}".encode() for key, value in said.to_txt().items()]
    whole = b"".join(bytes([len(one)]) + one for one in fields) if txt is None else txt
    host = f"{said.station}.local."
    return (
        DNSService(name, _TYPE_SRV, _CLASS_IN, TTL_S, 0, 0, port, host),
        DNSText(name, _TYPE_TXT, _CLASS_IN, TTL_S, whole),
        DNSAddress(host, _TYPE_A, _CLASS_IN, TTL_S, bytes([127, 0, 0, 1])),
        DNSAddress(host, _TYPE_AAAA, _CLASS_IN, TTL_S, bytes(15) + b"\x01"),
        pointer(name),
    )


@asynccontextmanager
async def running(own: Announcement, port: int, report: Any) -> AsyncIterator[None]:
    discovery = LanDiscovery(own, port=port, interfaces=("127.0.0.1",), loopback=True)
    task = asyncio.create_task(discovery.run(report))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def scene() -> AsyncIterator[tuple[Listener, Stranger]]:
    listener = Listener()
    asyncio.get_running_loop().set_exception_handler(
        lambda _loop, context: listener.errors.append(context)
    )
    async with (
        running(new_announcement(), 4001, listener.report),
        AsyncZeroconf(interfaces=["127.0.0.1"]) as voice,
    ):
        await voice.zeroconf.async_wait_for_start()
        await listener.hears_a_newcomer()
        yield listener, Stranger(voice)
        assert listener.errors == []


def test_a_pointer_to_what_is_no_station_makes_nobody_deaf() -> None:
    """The library fails when asked about such a name, and hands it on again each time."""

    async def whole() -> None:
        async with scene() as (listener, stranger):
            for name in ("x", "shack.local.", "shack._http._tcp.local.", SERVICE_TYPE):
                await stranger.say(pointer(name))
                await listener.hears_a_newcomer()

    run(whole())


def test_an_announcement_under_another_stations_name_is_passed_over() -> None:
    async def whole() -> None:
        async with scene() as (listener, stranger):
            liar, other, honest = new_announcement(), new_announcement(), new_announcement()
            await stranger.say(*announcement_records(liar, name=other.service_name))
            await stranger.say(*announcement_records(liar, txt=b"\x03v=1\xff"))
            await stranger.say(*announcement_records(liar, port=0))
            await stranger.say(*announcement_records(honest))
            await listener.hears(honest.station)
            assert listener.of(liar.station) == listener.of(other.station) == []
            found = listener.of(honest.station)[-1]
            assert isinstance(found, StationFound)
            assert Endpoint("127.0.0.1", 4009) in found.endpoints

    run(whole())


def test_mangled_packets_make_nobody_deaf() -> None:
    async def whole() -> None:
        chance = Random(5353)
        whole_packet = packet_of(*announcement_records(new_announcement()))
        async with scene() as (listener, stranger):
            await stranger.shout(mangled(whole_packet, chance) for _ in range(MUTATIONS))
            await listener.hears_a_newcomer()

    run(whole())


def mangled(packet: bytes, chance: Random) -> bytes:
    octets = bytearray(packet)
    for _ in range(chance.randint(1, 8)):
        octets[chance.randrange(12, len(octets))] = chance.randrange(256)
    return bytes(octets[: chance.randint(12, len(octets))] if chance.random() < 0.2 else octets)


def test_a_crowd_of_strangers_is_remembered_up_to_a_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lan, "STATIONS_MAX", 8)

    async def whole() -> None:
        async with scene() as (listener, stranger):
            crowd = [new_announcement() for _ in range(30)]
            await stranger.shout(packet_of(*announcement_records(one)) for one in crowd)

            def remembered() -> int:
                return sum(bool(listener.of(one.station)) for one in crowd)

            async with asyncio.timeout(WITHIN_S):
                while not remembered():
                    await asyncio.sleep(0.01)
            # Other stations of this machine may take room too.
            assert remembered() <= 8

    run(whole())
