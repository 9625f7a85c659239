"""The Internet of a station: signalling servers, rooms, and links that they introduce."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from yarl import URL

from meshdl import __version__
from meshdl.discovery.interfaces import look
from meshdl.discovery.internet import (
    Complaint,
    Found,
    Gone,
    InternetDiscovery,
    InternetEvent,
    ServerReady,
    Signalled,
    Unsignalled,
    server_name,
)
from meshdl.ids import station_id
from meshdl.links import LinkEvent, Way
from meshdl.signalling import client_events
from meshdl.signalling.identity import ClientIdentity
from meshdl.station.config import InternetConfig
from meshdl.station.rooms import Room
from meshdl.swarm import effects
from meshdl.swarm.handshake import Identity
from meshdl.swarm.inputs import StationGone, StationSeen, SwarmInput
from meshdl.transports.signalled import SignalledTransport
from meshdl.wire.membership import Membership

Report: TypeAlias = Callable[[LinkEvent], None]

LOOK_EVERY_S = 2.0
"""How often this machine's addresses are compared; costs 0.5 ms."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interfaces:
    """Which of the machine's addresses count; see :class:`meshdl.station.config.LanConfig`."""

    names: tuple[str, ...]
    loopback: bool


class Internet:
    """Served by :meth:`run`.

    Args:
        settings: of the operator.
        identity: of the station.
        rooms: to be in; see :mod:`meshdl.station.rooms`.
        interfaces: whose changes mend links and sockets.
        post: takes what is heard.
        warn: takes sentences for the operator.
    """

    def __init__(
        self,
        settings: InternetConfig,
        identity: Identity,
        *,
        rooms: Sequence[Room],
        interfaces: Interfaces,
        post: Callable[[SwarmInput], None],
        warn: Callable[[str], None],
    ) -> None:
        self._post, self._warn, self._interfaces = post, warn, interfaces
        self._said: set[str] = set()
        named = self._enterable(rooms)
        self._discovery = InternetDiscovery(
            {
                (url := URL(text)): ClientIdentity(
                    server_name=server_name(url),
                    callsign=identity.callsign,
                    key=identity.key,
                    instance=identity.instance,
                    sign=identity.sign,
                    rooms=named,
                    agent=f"meshdl {__version__}",
                    rotations=identity.rotations,
                )
                for text in settings.servers
            }
        )
        self.transport = SignalledTransport(
            station_id(identity.key),
            self._discovery.send,
            links_max=settings.max_links,
            loopback=interfaces.loopback,
        )

    def _enterable(self, rooms: Sequence[Room]) -> dict[str, Membership | None]:
        for room in rooms:
            if room.problem:
                self._warn(f"not in the room {room.name}: {room.problem}")
        return {room.whole_name: room.membership for room in rooms if not room.problem}

    async def run(self, report: Report) -> None:
        """Serve until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.transport.run(report))
            tasks.create_task(self._discovery.run(self._heard))
            tasks.create_task(self._watch_addresses())

    def contents_moved(self, effect: effects.Advertise | effects.Seek) -> None:
        """The swarm has, or wants, something else."""
        match effect:
            case effects.Advertise(content, held):
                self._discovery.advertise(client_events.Advertise(content, held))
            case effects.Seek(content, wanted):
                self._discovery.seek(client_events.Seek(content, wanted))
            case _:
                assert_never(effect)

    def state(self) -> str:
        """One sentence for people."""
        states = self._discovery.states()
        if not states:
            return "starting"
        return "; ".join(
            f"{url.host}: {state.value}{f' ({problem})' if problem else ''}"
            for url, state, problem in states
        )

    def _heard(self, event: InternetEvent) -> None:
        match event:
            case Found(station, callsign):
                self._post(StationSeen(station, callsign, Way.INTERNET))
            case Gone(station):
                self._post(StationGone(station, Way.INTERNET))
            case Signalled(station, session, body):
                self.transport.receive(station, session, body)
            case Unsignalled(station, session, reason):
                self.transport.signal_lost(station, session, reason)
            case ServerReady(ice_servers):
                self.transport.use(ice_servers)
                self.transport.mend()
            case Complaint(text):
                self._complain(text)
            case _:
                assert_never(event)

    def _complain(self, text: str) -> None:
        """Once: a server that refuses us does so every few minutes."""
        _log.info("%s", text)
        if text not in self._said and len(self._said) < 100:
            self._said.add(text)
            self._warn(text)

    async def _watch_addresses(self) -> None:
        names, loopback = self._interfaces.names, self._interfaces.loopback
        known = look(names, loopback=loopback).addresses
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            found = look(names, loopback=loopback).addresses
            if found != known:
                known = found
                _log.info("addresses are now %s", ", ".join(found) or "none")
                self._discovery.network_changed()
                self.transport.network_changed()
