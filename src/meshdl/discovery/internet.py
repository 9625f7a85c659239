"""Stations far away, found by way of signalling servers: the shell of their client cores.

Every server has a core and a socket of its own; a server that is down costs a connection
attempt now and then, and nothing else. A station that several servers tell of is one
station: it is lost when the last of them no longer tells of it, and signals go by way of
the first that does.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable, Container, Mapping
from contextlib import suppress
from dataclasses import dataclass
from random import SystemRandom
from typing import TypeAlias, assert_never

import aiohttp
from yarl import URL

from meshdl.discovery.tls import what_is_wrong
from meshdl.driver import Driver
from meshdl.ids import Callsign, StationId
from meshdl.signalling import client_events as events
from meshdl.signalling.client import ClientState, SignallingClient
from meshdl.signalling.identity import ClientIdentity
from meshdl.signalling.letters import Letters
from meshdl.wire.signalling import MESSAGE_MAX, IceServer

PATH = "/v1"
HEARTBEAT_S = 20.0
"""A server that went without a word is noticed within one and a half of these; and no
address translation forgets the connection."""

FRAME_MAX = 4 * MESSAGE_MAX

_log = logging.getLogger(__name__)


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


class _Line:
    """One server: its core, its socket, whom it told of."""

    def __init__(
        self,
        url: URL,
        identity: ClientIdentity,
        letters: Letters,
        tls: ssl.SSLContext,
        report: Callable[..., None],
    ) -> None:
        self.url, self._tls, self._report = url, tls, report
        now = asyncio.get_running_loop().time()
        self.core = SignallingClient(identity, rng=SystemRandom(), now=now, letters=letters)
        self.driver: Driver[events.ClientInput, events.ClientEffect] = Driver(
            self.core, self._perform
        )
        self.heard: dict[StationId, Callsign] = {}
        self.ice_servers: tuple[IceServer, ...] = ()
        self._http: aiohttp.ClientSession | None = None
        self._connection: asyncio.Task[None] | None = None
        self._texts: asyncio.Queue[str] = asyncio.Queue()

    async def run(self, http: aiohttp.ClientSession) -> None:
        """Serve until cancelled."""
        self._http = http
        # Any input sets the timer going; this one also says that it is time to connect.
        self.driver.post(events.NetworkChanged())
        try:
            await self.driver.failure
        finally:
            self.driver.stop()
            if self._connection is not None:
                self._connection.cancel()
                await asyncio.gather(self._connection, return_exceptions=True)

    def _perform(self, effect: events.ClientEffect) -> None:
        match effect:
            case events.OpenSocket(socket):
                self._hang_up()
                self._texts = asyncio.Queue()
                self._connection = asyncio.create_task(self._connect(socket, self._texts))
            case events.SendText(text):
                self._texts.put_nowait(text)
            case events.CloseSocket():
                self._hang_up()
            case events.Online(ice_servers):
                self.ice_servers = ice_servers
                _log.info("signalling server %s is ready", self.url.host)
                self._report(self, effect)
            case events.Offline(reason):
                _log.info("signalling server %s is out of reach: %s", self.url.host, reason)
            case (
                events.Heard()
                | events.Lost()
                | events.SignalReceived()
                | events.SignalLost()
                | events.Trouble()
            ):
                self._report(self, effect)
            case _:
                assert_never(effect)

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.cancel()
            self._connection = None

    async def _connect(self, socket: int, texts: "asyncio.Queue[str]") -> None:
        assert self._http is not None
        reason = "the server closed the connection"
        try:
            # For how long, the core decides.
            websocket = await self._http.ws_connect(
                self.url / PATH.lstrip("/"),
                heartbeat=HEARTBEAT_S,
                max_msg_size=FRAME_MAX,
                ssl=self._tls,
            )
            async with websocket:
                self.driver.post(events.SocketOpened(socket))
                sending = asyncio.create_task(_send(websocket, texts))
                try:
                    async for message in websocket:
                        if message.type is aiohttp.WSMsgType.TEXT:
                            self.driver.post(events.TextReceived(socket, message.data))
                finally:
                    sending.cancel()
                    await asyncio.gather(sending, return_exceptions=True)
        except aiohttp.ClientConnectorError as error:
            reason = self._unconnected(error)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            reason = str(error) or type(error).__name__
        self.driver.post(events.SocketClosed(socket, reason))

    def _unconnected(self, error: aiohttp.ClientConnectorError) -> str:
        if not isinstance(error.os_error, ssl.SSLError):
            return str(error)
        reason = what_is_wrong(self.url.host or "", error.os_error)
        self._report(self, events.Trouble(reason))
        return reason


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
        self._lines: list[_Line] = []
        self._report: Callable[[InternetEvent], None] = _unheard
        self._advertised: list[events.Advertise] = []
        self._sought: list[events.Seek] = []

    async def run(self, report: Callable[[InternetEvent], None]) -> None:
        """Serve until cancelled."""
        self._report = report
        self._lines = [
            _Line(url, identity, self._letters, self._tls, self._happened)
            for url, identity in self._identities.items()
        ]
        wishes: list[events.ClientInput] = [*self._advertised, *self._sought]
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
        self._advertised = [one for one in self._advertised if one.content != event.content]
        if event.held:
            self._advertised.append(event)
        self._post(event)

    def seek(self, event: events.Seek) -> None:
        """A content is wanted, or no longer."""
        self._sought = [one for one in self._sought if one.content != event.content]
        if event.wanted:
            self._sought.append(event)
        self._post(event)

    def send(self, station: StationId, session: bytes, body: events.SignalBody) -> None:
        """Have a signal carried; what is lost is told later."""
        line = next((line for line in self._lines if station in line.core.reachable), None)
        if line is None:
            loop = asyncio.get_running_loop()
            reason = "no signalling server knows the station"
            loop.call_soon(self._tell, Unsignalled(station, session, reason))
            return
        line.driver.post(events.SendSignal(station, session, body))

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

    def _happened(self, line: _Line, effect: events.ClientEffect) -> None:
        match effect:
            case events.Heard(station, callsign):
                line.heard[station] = callsign
                self._tell(Found(station, callsign))
            case events.Lost(station):
                line.heard.pop(station, None)
                if not self.heard(station):
                    self._tell(Gone(station))
            case events.SignalReceived(station, session, body):
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


async def _send(websocket: aiohttp.ClientWebSocketResponse, texts: "asyncio.Queue[str]") -> None:
    with suppress(aiohttp.ClientError, ConnectionError):  # the reader finds out
        while True:
            await websocket.send_str(await texts.get())


def _unheard(_: InternetEvent) -> None:
    raise RuntimeError("discovery does not run")
