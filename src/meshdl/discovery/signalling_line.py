"""The socket of a station at one signalling server, and the core that speaks on it."""

import asyncio
import logging
import ssl
from collections.abc import Callable
from contextlib import suppress
from random import SystemRandom
from typing import assert_never

import aiohttp
from yarl import URL

from meshdl.discovery.tls import what_is_wrong
from meshdl.driver import Driver
from meshdl.ids import Callsign, StationId
from meshdl.signalling import client_events as events
from meshdl.signalling.client import SignallingClient
from meshdl.signalling.identity import ClientIdentity
from meshdl.signalling.letters import Letters
from meshdl.wire.signalling import MESSAGE_MAX, IceServer

PATH = "/v1"
HEARTBEAT_S = 20.0
"""A server that went without a word is noticed within one and a half of these; and no
address translation forgets the connection."""

FRAME_MAX = 4 * MESSAGE_MAX

WAITING_MAX = 16 * 1024 * 1024
"""Characters that wait for a server that does not read: all that a large library says at once."""

_log = logging.getLogger(__name__)


class Line:
    """One server: its core, its socket, whom it told of.

    Args:
        url: of the server.
        identity: who the station is to it.
        letters: of this run.
        tls: for a server that is dialled by ``wss:``.
        report: takes effects that concern more than the socket, after the line.
    """

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
        self._socket, self._waiting = 0, 0

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
                self._texts, self._waiting, self._socket = asyncio.Queue(), 0, socket
                self._connection = asyncio.create_task(self._connect(socket, self._texts))
            case events.SendText(text):
                self._queue(text)
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

    def _queue(self, text: str) -> None:
        if self._connection is None:
            return
        self._waiting += len(text)
        self._texts.put_nowait(text)
        if self._waiting > WAITING_MAX:
            self._hang_up()
            closed = events.SocketClosed(self._socket, "the server does not read what we say")
            asyncio.get_running_loop().call_soon(self.driver.post, closed)

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
                sending = asyncio.create_task(self._send(websocket, texts))
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

    async def _send(
        self, websocket: aiohttp.ClientWebSocketResponse, texts: "asyncio.Queue[str]"
    ) -> None:
        with suppress(aiohttp.ClientError, ConnectionError):  # the reader finds out
            while True:
                text = await texts.get()
                await websocket.send_str(text)
                self._waiting -= len(text)

    def _unconnected(self, error: aiohttp.ClientConnectorError) -> str:
        if not isinstance(error.os_error, ssl.SSLError):
            return str(error)
        reason = what_is_wrong(self.url.host or "", error.os_error)
        self._report(self, events.Trouble(reason))
        return reason
