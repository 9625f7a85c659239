"""Ends of WebRTC links on one machine, whose offers a test carries as it wants."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from meshdl.errors import LinkError
from meshdl.ids import StationId
from meshdl.links import LinkEvent
from meshdl.transports.exchange import Answer, Offer
from meshdl.transports.webrtc import WebRtcTransport

WITHIN_S = 20.0

Exchange = Callable[[StationId, Offer], Awaitable[Answer]]


class Carrier:
    """An exchange that does what a test wants; nobody is reached otherwise."""

    def __init__(self) -> None:
        self.carry: Exchange = _nobody

    async def exchange(self, station: StationId, offer: Offer) -> Answer:
        return await self.carry(station, offer)


async def _nobody(station: StationId, _: Offer) -> Answer:
    raise LinkError(f"nobody knows {station}")


class Heard:
    """Events, and a way to wait for them."""

    def __init__(self) -> None:
        self.events: list[LinkEvent] = []
        self._news = asyncio.Event()

    def report(self, event: LinkEvent) -> None:
        self.events.append(event)
        self._news.set()

    async def until(self, kind: type[LinkEvent], count: int = 1) -> None:
        async with asyncio.timeout(WITHIN_S):
            while sum(isinstance(event, kind) for event in self.events) < count:
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def running(
    station: StationId, *, links_max: int = 64, dial_timeout_s: float = 15.0
) -> AsyncIterator[tuple[WebRtcTransport, Carrier, Heard]]:
    carrier, heard = Carrier(), Heard()
    transport = WebRtcTransport(
        station, carrier, links_max=links_max, dial_timeout_s=dial_timeout_s, loopback=True
    )
    task = asyncio.create_task(transport.run(heard.report))
    await asyncio.sleep(0)
    try:
        yield transport, carrier, heard
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
