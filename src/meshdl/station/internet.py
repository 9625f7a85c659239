"""Links that others introduce: signalling servers with their rooms, and peers."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias, assert_never

from yarl import URL

from meshdl import __version__
from meshdl.control.internet_status import RoomStatus, ServerStatus
from meshdl.discovery import tls
from meshdl.discovery.interfaces import look
from meshdl.discovery.internet import (
    Complaint,
    Found,
    Gone,
    InternetDiscovery,
    InternetEvent,
    ServerReady,
    Signalled,
    Standing,
    Unsignalled,
    server_name,
)
from meshdl.discovery.wall_clock import pause
from meshdl.driver import Driver
from meshdl.errors import MeshdlError
from meshdl.ids import StationId, station_id
from meshdl.links import DialFailed, LinkEvent, LinkUp, Way
from meshdl.signalling import client_events
from meshdl.signalling import introduction_events as introductions
from meshdl.signalling.client import ClientState
from meshdl.signalling.identity import ClientIdentity
from meshdl.signalling.introductions import Introductions
from meshdl.signalling.letters import Letters
from meshdl.station.complaints import Complaints
from meshdl.station.config import InternetConfig
from meshdl.station.introducing import Introducing
from meshdl.station.rooms import Room, Rooms
from meshdl.swarm import effects
from meshdl.swarm.handshake import Identity
from meshdl.swarm.inputs import CarrySignal, Introduce, StationGone, StationSeen, SwarmInput
from meshdl.transports.signalled import SignalledTransport
from meshdl.wire.membership import Membership
from meshdl.wire.signalling import IceServer
from meshdl.wire.signals import Address

Report: TypeAlias = Callable[[LinkEvent], None]

LOOK_EVERY_S = 2.0
"""How often this machine's addresses are compared; costs 0.5 ms."""

_log = logging.getLogger(__name__)


RENEW_EVERY_S = 24 * 3600.0
"""How often memberships are made anew that hold a month."""


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
        room_files: looked at for rooms that come and go.
        interfaces: whose changes mend links and sockets.
        post: takes what is heard.
        warn: takes sentences for the operator.

    Raises:
        FileUnreadable: the certificates that are to be trusted.
    """

    def __init__(
        self,
        settings: InternetConfig,
        identity: Identity,
        *,
        rooms: Sequence[Room],
        room_files: Rooms,
        interfaces: Interfaces,
        post: Callable[[SwarmInput], None],
        warn: Callable[[str], None],
    ) -> None:
        self._post, self._interfaces = post, interfaces
        self._complaints = Complaints(warn, now=time.monotonic())
        letters = Letters(Address(identity.key, identity.instance), identity.sign)
        self._introductions = Introductions(identity.key, letters)
        self._hints: Driver[introductions.IntroductionInput, introductions.IntroductionEffect] = (
            Driver(self._introductions, self._introduced)
        )
        self._hinted: set[StationId] = set()
        self._servers = settings.servers
        self._room_files = room_files
        self._read_rooms = partial(room_files.to_be_in, settings.rooms, identity.key)
        named = self._enter(rooms)
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
            },
            letters,
            tls.context(settings.ca_path),
        )
        self.transport = SignalledTransport(
            station_id(identity.key),
            self._send,
            links_max=settings.max_links,
            loopback=interfaces.loopback,
        )

    def _enter(self, rooms: Sequence[Room]) -> dict[str, Membership | None]:
        for room in rooms:
            if room.problem:
                self._complain(f"not in the room {room.name}: {room.problem}")
        self._rooms = [room for room in rooms if not room.problem]
        return {room.whole_name: room.membership for room in self._rooms}

    async def run(self, report: Report) -> None:
        """Serve until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.transport.run(partial(self._happened, report)))
            tasks.create_task(self._discovery.run(self._heard))
            tasks.create_task(self._watch_addresses())
            if self._servers:
                tasks.create_task(self._watch_rooms())
            await self._hints.failure

    def contents_moved(self, effect: effects.Advertise | effects.Seek) -> None:
        """The swarm has, or wants, something else."""
        match effect:
            case effects.Advertise(content, held):
                self._discovery.advertise(client_events.Advertise(content, held))
            case effects.Seek(content, wanted):
                seek = client_events.Seek(content, wanted)
                self._discovery.seek(seek)
                self._hints.post(seek)
            case _:
                assert_never(effect)

    def exchanged(self, effect: effects.ExchangeEffect) -> None:
        """A peer tells of others, or passes something on."""
        match effect:
            case effects.PeersHeard(carrier, content, peers, clock_ms):
                hints = tuple(
                    introductions.Hint(one.callsign, Address(one.station_key, one.instance))
                    for one in peers
                )
                self._hints.post(introductions.HintsHeard(carrier, content, hints, clock_ms))
            case effects.SignalCarried(carrier, envelope, clock_ms):
                self._hints.post(introductions.EnvelopeCame(carrier, envelope, clock_ms))
            case effects.SignalUncarried(recipient, reason):
                self._hints.post(introductions.EnvelopeLost(recipient, reason))
            case effects.CarrierGone(carrier):
                self._hints.post(introductions.CarrierGone(carrier))
            case _:
                assert_never(effect)

    def servers(self) -> tuple[ServerStatus, ...]:
        """Every server of the settings, and how the station stands with it."""
        return tuple(self._server(one) for one in self._discovery.standings())

    def reaches(self) -> bool:
        """Whether a server knows this station now."""
        return any(one.state is ClientState.ONLINE for one in self._discovery.standings())

    def ice_servers(self) -> list[IceServer]:
        """STUN and TURN servers that the signalling servers handed out, each once."""
        every = (server for one in self._discovery.standings() for server in one.ice_servers)
        return list(dict.fromkeys(every))

    def _server(self, standing: Standing) -> ServerStatus:
        online = standing.state is ClientState.ONLINE
        return ServerStatus(
            url=str(standing.url),
            state=standing.state.value,
            problem=standing.problem,
            rooms=tuple(
                RoomStatus(
                    name=room.name,
                    closed=room.membership is not None,
                    joined=online and room.whole_name in standing.joined,
                    expires_at=room.expires_at_s,
                )
                for room in self._rooms
            ),
            ice_servers=tuple(url for one in standing.ice_servers for url in one.urls),
        )

    def _heard(self, event: InternetEvent) -> None:
        match event:
            case Found(station, callsign):
                self._post(StationSeen(station, callsign, Way.INTERNET))
            case Gone(station):
                if station not in self._hinted:
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

    def _introduced(self, effect: introductions.IntroductionEffect) -> None:
        match effect:
            case client_events.Heard() | client_events.Lost():
                self._hint(effect)
            case client_events.SignalReceived(station, session, body):
                self.transport.receive(station, session, body)
            case client_events.SignalLost(station, session, reason):
                # The transport may be in the midst of what it says.
                loop = asyncio.get_running_loop()
                loop.call_soon(self.transport.signal_lost, station, session, reason)
            case client_events.Trouble(text):
                _log.info("%s", text)
            case introductions.Carry(carrier, station, envelope):
                self._post(CarrySignal(carrier, station, envelope))
            case _:
                assert_never(effect)

    def _hint(self, effect: client_events.Heard | client_events.Lost) -> None:
        station = effect.station
        told = self._discovery.heard(station)
        if isinstance(effect, client_events.Heard):
            self._hinted.add(station)
            if not told:
                self._post(StationSeen(station, effect.callsign, Way.INTERNET))
        else:
            self._hinted.discard(station)
            if not told:
                self._post(StationGone(station, Way.INTERNET))

    def _send(self, station: StationId, session: bytes, body: client_events.SignalBody) -> None:
        """By a server that knows the station, else by a peer."""
        if self._discovery.knows(station):
            self._discovery.send(station, session, body)
        else:
            self._hints.post(client_events.SendSignal(station, session, body))

    def _happened(self, report: Report, event: LinkEvent) -> None:
        match event:
            case LinkUp(dialled=station) if station is not None:
                self._hints.post(introductions.Reached(station))
            case DialFailed(station):
                self._discovery.dial_failed(station)
                self._hints.post(introductions.Unreachable(station))
            case _:
                pass
        report(event)

    def _complain(self, text: str) -> None:
        self._complaints.tell(text, now=time.monotonic())

    async def _watch_addresses(self) -> None:
        known = self._addresses(())
        watched = True
        while True:
            slept = await pause(LOOK_EVERY_S)
            if not self._servers and not self.transport.has_links:
                watched = False  # nothing is here to be mended, and looking costs milliseconds
                continue
            found = self._addresses(known)
            if not watched:
                known, watched = found, True  # what is here now was made with these
            elif found != known or slept:
                known = found
                because = "the clock jumped; " if slept else ""
                _log.info("%saddresses are now %s", because, ", ".join(found) or "none")
                self._discovery.network_changed()
                self.transport.network_changed()

    def _addresses(self, known: tuple[str, ...]) -> tuple[str, ...]:
        """What this machine has now; ``known`` while the system does not say."""
        try:
            return look(self._interfaces.names, loopback=self._interfaces.loopback).addresses
        except OSError as error:  # it needs a free file, and memory
            self._complain(f"the addresses of this machine are not to be had ({error})")
            return known

    async def _watch_rooms(self) -> None:
        """Rooms that the operator joins or leaves count at once; memberships are renewed."""
        loop = asyncio.get_running_loop()
        stamp, read_at = self._room_files.stamp(), loop.time()
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            found = self._room_files.stamp()
            if found == stamp and loop.time() - read_at < RENEW_EVERY_S:
                continue
            stamp, read_at = found, loop.time()
            try:
                rooms = await asyncio.to_thread(self._read_rooms)  # scrypt takes a while
            except MeshdlError as error:
                self._complain(f"the rooms stay as they were: {error}")
                continue
            suits = Introducing.suits(rooms)
            self._post(Introduce(far=suits.far, across=suits.across))
            self._discovery.be_in(client_events.BeIn(self._enter(rooms)))
