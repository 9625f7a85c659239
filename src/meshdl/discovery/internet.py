"""Stations far away, found by way of signalling servers: the shell of their client cores.

Every server has a core and a socket of its own; a server that is down costs a connection
attempt now and then, and nothing else. A station that several servers tell of is one
station: it is lost when the last of them no longer tells of it. By which of them signals go is
told in :mod:`meshdl.discovery.carriers`.
"""

import asyncio
import ssl
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import aiohttp
from yarl import URL

from meshdl.discovery.carriers import Carriers
from meshdl.discovery.signalling_line import Line
from meshdl.ids import Callsign, ContentHash, StationId
from meshdl.signalling import client_events as events
from meshdl.signalling.client import ClientState
from meshdl.signalling.identity import ClientIdentity
from meshdl.signalling.letters import Letters
from meshdl.wire.signalling import IceServer


@dataclass(frozen=True, slots=True)
class Found:
    """A station can be reached across the Internet."""

    station: StationId
    callsign: Callsign


@dataclass(frozen=True, slots=True)
class Gone:
    """A station can no longer be reached that way."""

    station: StationId


@dataclass(frozen=True, slots=True)
class Signalled:
    """A station sends this, for a transport."""

    station: StationId
    session: bytes
    body: events.SignalBody


@dataclass(frozen=True, slots=True)
class Unsignalled:
    """What was to be sent to a station was lost."""

    station: StationId
    session: bytes | None
    reason: str


@dataclass(frozen=True, slots=True)
class ServerReady:
    """A server knows us: signals can be sent; these are all the ICE servers there are now."""

    ice_servers: tuple[IceServer, ...]


@dataclass(frozen=True, slots=True)
class Complaint:
    """Something that the operator should know."""

    text: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How a station stands with one server.

    Attributes:
        joined: whole names of rooms in which the server has the station.
        ice_servers: that it handed out last.
    """

    url: URL
    state: ClientState
    problem: str
    joined: Container[str]
    ice_servers: tuple[IceServer, ...]


InternetEvent: TypeAlias = Found | Gone | Signalled | Unsignalled | ServerReady | Complaint


class InternetDiscovery:
    """All signalling servers of one station.

    Args:
        identities: one for each server, by its URL.
        letters: of this run.
        tls: for servers that are dialled by ``wss:``.
    """

    def __init__(
        self,
        identities: Mapping[URL, ClientIdentity],
        letters: Letters,
        tls: ssl.SSLContext,
    ) -> None:
        self._identities, self._letters, self._tls = identities, letters, tls
        self._lines: list[Line] = []
        self._report: Callable[[InternetEvent], None] = _unheard
        self._advertised: dict[ContentHash, events.Advertise] = {}
        self._sought: dict[ContentHash, events.Seek] = {}
        self._carriers: Carriers[Line] = Carriers()

    async def run(self, report: Callable[[InternetEvent], None]) -> None:
        """Serve until cancelled."""
        self._report = report
        self._lines = [
            Line(url, identity, self._letters, self._tls, self._happened)
            for url, identity in self._identities.items()
        ]
        wishes: list[events.ClientInput] = [*self._advertised.values(), *self._sought.values()]
        for wish in wishes:
            self._post(wish)
        try:
            # No time-out of the session's own: a socket lasts for days.
            timeout = aiohttp.ClientTimeout(total=None)
            async with (
                aiohttp.ClientSession(timeout=timeout) as http,
                asyncio.TaskGroup() as tasks,
            ):
                for line in self._lines:
                    tasks.create_task(line.run(http))
                await asyncio.get_running_loop().create_future()
        finally:
            self._lines = []
            self._report = _unheard

    def advertise(self, event: events.Advertise) -> None:
        """A content is here, or no longer."""
        self._advertised.pop(event.content, None)
        if event.held:
            self._advertised[event.content] = event
        self._post(event)

    def seek(self, event: events.Seek) -> None:
        """A content is wanted, or no longer."""
        self._sought.pop(event.content, None)
        if event.wanted:
            self._sought[event.content] = event
        self._post(event)

    def send(self, station: StationId, session: bytes, body: events.SignalBody) -> None:
        """Have a signal carried; what is lost is told later."""
        able = [line for line in self._lines if station in line.core.reachable]
        line = self._carriers.pick(station, session, able)
        if line is None:
            loop = asyncio.get_running_loop()
            reason = "no signalling server knows the station"
            loop.call_soon(self._tell, Unsignalled(station, session, reason))
            return
        line.driver.post(events.SendSignal(station, session, body))

    def dial_failed(self, station: StationId) -> None:
        """No link came of what was sent to it: the next attempt goes by another server."""
        self._carriers.failed(station)

    def heard(self, station: StationId) -> bool:
        """Whether a server tells of it."""
        return any(station in line.heard for line in self._lines)

    def knows(self, station: StationId) -> bool:
        """Whether a server can carry signals to it."""
        return any(station in line.core.reachable for line in self._lines)

    def be_in(self, event: events.BeIn) -> None:
        """The station wants to be in other rooms."""
        self._post(event)

    def network_changed(self) -> None:
        """This machine has other addresses: connect anew."""
        self._post(events.NetworkChanged())

    def standings(self) -> list["Standing"]:
        """Each server that is spoken to, and how that goes; for people."""
        return [
            Standing(
                line.url, line.core.state, line.core.problem, line.core.joined, line.ice_servers
            )
            for line in self._lines
        ]

    def _post(self, event: events.ClientInput) -> None:
        for line in self._lines:
            line.driver.post(event)

    def _happened(self, line: Line, effect: events.ClientEffect) -> None:
        match effect:
            case events.Heard(station, callsign):
                line.heard[station] = callsign
                self._tell(Found(station, callsign))
            case events.Lost(station):
                line.heard.pop(station, None)
                if not self.heard(station):
                    self._tell(Gone(station))
            case events.SignalReceived(station, session, body):
                self._carriers.brought(session, line)
                self._tell(Signalled(station, session, body))
            case events.SignalLost(station, session, reason):
                self._tell(Unsignalled(station, session, reason))
            case events.Trouble(text):
                self._tell(Complaint(text))
            case events.Online():
                every = [server for one in self._lines for server in one.ice_servers]
                self._tell(ServerReady(tuple(dict.fromkeys(every))))
            case _:
                pass

    def _tell(self, event: InternetEvent) -> None:
        if self._report is not _unheard:
            self._report(event)


def server_name(url: URL) -> str:
    """What a station signs as the server's name; see :mod:`meshdl.signalling.proofs`."""
    host = url.host or ""
    shown = f"[{host}]" if ":" in host else host
    return shown if url.is_default_port() else f"{shown}:{url.port}"


def _unheard(_: InternetEvent) -> None:
    raise RuntimeError("discovery does not run")
