"""The local network of a station: announce, hear, dial and answer over WebRTC."""

import asyncio
import logging
import secrets
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Self, TypeAlias

from meshdl import __version__
from meshdl.control.station_status import LanStatus
from meshdl.discovery.announcement import Announcement
from meshdl.discovery.book import AddressBook
from meshdl.discovery.events import KeyInUseElsewhere, LanEvent, StationFound, StationLost
from meshdl.discovery.exchange import LanExchange
from meshdl.discovery.interfaces import check_interfaces
from meshdl.discovery.lan import LanDiscovery
from meshdl.discovery.messages import Card
from meshdl.discovery.server import LanServer
from meshdl.errors import LinkError
from meshdl.ids import Callsign, StationId
from meshdl.links import LinkEvent
from meshdl.station.config import LanConfig
from meshdl.swarm.inputs import StationGone, StationSeen, SwarmInput
from meshdl.transports.webrtc import WebRtcTransport

Report: TypeAlias = Callable[[LinkEvent], None]

_log = logging.getLogger(__name__)


class Lan:
    """Runs while the ``async with`` block does; :meth:`run` serves it.

    Args:
        settings: of the operator.
        station: this one.
        callsign: of this one.
        post: takes what is heard.
        warn: takes sentences for the operator.
    """

    def __init__(
        self,
        settings: LanConfig,
        *,
        station: StationId,
        callsign: Callsign,
        post: Callable[[SwarmInput], None],
        warn: Callable[[str], None],
    ) -> None:
        self._settings, self._post, self._warn = settings, post, warn
        self._station = station
        self._instance = secrets.token_hex(8)
        self._book = AddressBook()
        self._exchange = LanExchange(self._book)
        self.transport = WebRtcTransport(
            station,
            self._exchange,
            links_max=settings.max_links,
            loopback=settings.allow_loopback,
        )
        card = Card(f"meshdl {__version__}", callsign, station, self._instance)
        self._server = LanServer(card, self.transport.answer, port=settings.port)
        self._announcement = Announcement(station, callsign, self._instance)
        self._discovery: LanDiscovery | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        check_interfaces(self._settings.interfaces)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._exchange)
            await stack.enter_async_context(self._server)
            self._stack = stack.pop_all()
        self._discovery = LanDiscovery(
            self._announcement,
            port=self._server.port,
            interfaces=self._settings.interfaces,
            loopback=self._settings.allow_loopback,
        )
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._stack.aclose()

    async def run(self, report: Report) -> None:
        """Serve until cancelled; links and announcement end with it."""
        assert self._discovery is not None
        async with asyncio.TaskGroup() as tasks:

            def heard(event: LanEvent) -> None:
                self._heard(event, tasks)

            tasks.create_task(self.transport.run(report))
            tasks.create_task(self._discovery.run(heard))

    def status(self) -> LanStatus:
        """For people."""
        discovery = self._discovery
        return LanStatus(
            enabled=True,
            addresses=discovery.addresses if discovery is not None else (),
            port=self._server.port or None,
            state=discovery.state if discovery is not None else "starting",
        )

    def address_of(self, station: StationId) -> str:
        """Where a station was heard, for people."""
        endpoints = self._book.endpoints(station)
        return str(endpoints[0]) if endpoints else ""

    def _heard(self, event: LanEvent, tasks: asyncio.TaskGroup) -> None:
        match event:
            case StationFound():
                self._book.note(event.station, event.endpoints)
                self._post(StationSeen(event.station, event.callsign))
            case StationLost(station):
                self._book.forget(station)
                self._post(StationGone(station))
            case KeyInUseElsewhere():
                tasks.create_task(self._look_for_our_double(event))

    async def _look_for_our_double(self, event: KeyInUseElsewhere) -> None:
        """An announcement may be our own from a run that was killed: ask there."""
        for endpoint in event.endpoints:
            try:
                card = await self._exchange.card(endpoint)
            except LinkError:
                continue
            if card.station == self._station and card.instance != self._instance:
                self._warn(
                    f"another station at {endpoint} has the same key as this one; give one of "
                    "them a new key (move its station.key away and run `meshdl init`)"
                )
                return
