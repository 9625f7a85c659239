"""Carries between WebSockets and the core of a signalling server; decides nothing."""

import asyncio
import errno
import itertools
import logging
import random
import secrets
import ssl
import time
from collections.abc import Collection
from contextlib import AsyncExitStack, suppress
from typing import Any, Self, assert_never

import msgspec
from aiohttp import WSMsgType, web

from meshdl import __version__
from meshdl.discovery.masking import masked
from meshdl.driver import Driver
from meshdl.errors import ConfigError
from meshdl.ids import StationId
from meshdl.signal_server.forwarded import Forwarded
from meshdl.signal_server.metrics import CONTENT_TYPE, exposition
from meshdl.signal_server.outbox import Backlog, Outbox
from meshdl.signal_server.pin_file import PinFile
from meshdl.signal_server.redis_bus import RedisBus
from meshdl.signal_server.settings import TURN_LIFETIME_S, ServerSettings, read_deny_list
from meshdl.signalling import turn
from meshdl.signalling.deny_list import DenyList
from meshdl.signalling.server import SignallingServer
from meshdl.signalling.server_events import (
    ClaimPin,
    CloseSocket,
    ComparePins,
    DenyListChanged,
    JudgeSockets,
    PinCallsign,
    Process,
    Publish,
    SendText,
    ServerEffect,
    ServerInput,
    Shutdown,
    Socket,
    SocketClosed,
    SocketOpened,
    TextReceived,
)
from meshdl.wire.signalling import MESSAGE_MAX, IceServer

WEBSOCKET_PATH, HEALTH_PATH, METRICS_PATH = "/v1", "/health", "/metrics"

HEARTBEAT_S = 30.0
"""A station that went without a word is noticed within one and a half of these."""

FRAME_MAX = 4 * MESSAGE_MAX
"""Octets of a message: a longer one ends the connection before it is read whole; what is
shorter and yet too long is refused with words."""

REQUEST_WITHIN_S = 10.0
"""Who connects and asks for nothing in that time, or for nothing more, is not kept."""

JUDGED_AT_ONCE = 250
"""Sockets that a new deny list is held against in one go: 20 microseconds each."""

RETRY_AFTER_MS = 500
STOP_WITHIN_S = 3.0

ALONE = "a server of one process has nobody to tell"

_ENDS = frozenset({WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED})
"""What :meth:`aiohttp.web.WebSocketResponse.receive` returns when there is nothing more."""

_log = logging.getLogger(__name__)


class SignalServer:
    """Serves while the ``async with`` block runs.

    Attributes:
        port: where it listens.
        core: to be looked at.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        state = settings.state
        self._pins = PinFile(state / "pins" if state is not None else None)
        self._forwarded = Forwarded(settings.trusted_proxies)
        self._tls: ssl.SSLContext | None = None
        self._serials = itertools.count(1)
        self._outboxes: dict[Socket, Outbox] = {}
        self._backlog = Backlog()
        self._sending: set[asyncio.Task[None]] = set()
        self._empty = asyncio.Event()
        self._stack = AsyncExitStack()
        self.port = 0
        self._bus: RedisBus | None = None
        self.core: SignallingServer
        self._driver: Driver[ServerInput, ServerEffect]

    async def __aenter__(self) -> Self:
        settings = self._settings
        if settings.state is not None:
            settings.state.mkdir(parents=True, exist_ok=True)
        self._tls = settings.tls()
        now = asyncio.get_running_loop().time()
        process = Process(secrets.token_hex(8)) if settings.redis_url else None
        self.core = SignallingServer(
            settings.limits,
            pins=self._pins.load(),
            ice=self._ice,
            rng=random.SystemRandom(),
            unix_offset_s=time.time() - now,
            process=process,
            now=now,
        )
        self._driver = Driver(self.core, self._perform)
        if process is not None:
            self._bus = RedisBus(
                settings.redis_url,
                process,
                pins=lambda: self.core.pins,
                pins_max=settings.limits.pins,
                post=self._driver.post,
            )
        await self.read_deny_list()
        application = web.Application()
        application.router.add_get(WEBSOCKET_PATH, self._serve_socket)
        application.router.add_get(HEALTH_PATH, self._serve_health)
        application.router.add_get(METRICS_PATH, self._serve_metrics)
        runner = web.AppRunner(
            application,
            access_log=None,
            shutdown_timeout=STOP_WITHIN_S,
            keepalive_timeout=REQUEST_WITHIN_S,
        )
        async with AsyncExitStack() as stack:
            writing = asyncio.create_task(self._pins.run())
            stack.push_async_callback(_end, writing)
            stack.callback(self._driver.stop)
            if self._bus is not None:
                sharing = asyncio.create_task(self._bus.run())
                stack.push_async_callback(_end, sharing)
                stack.push_async_callback(self._bus.flush)
                await self._bus.tried()
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            stack.push_async_callback(self._say_goodbye)
            assert runner.server is not None
            try:
                # No site of the library's: who begins no TLS would have a minute with it.
                listening = await asyncio.get_running_loop().create_server(
                    runner.server,
                    settings.host,
                    settings.port,
                    ssl=self._tls,
                    backlog=1024,
                    ssl_handshake_timeout=REQUEST_WITHIN_S if self._tls is not None else None,
                )
            except OSError as error:
                raise _cannot_listen(settings, error) from error
            # First of all, or who is told goodbye comes back to the server that stops.
            stack.callback(listening.close)
            self.port = listening.sockets[0].getsockname()[1]
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._stack.aclose()

    @property
    def sockets(self) -> Collection[Socket]:
        """Those that are open; for showing."""
        return self._outboxes.keys()

    async def run_until(self, stop: asyncio.Event) -> None:
        """Return when ``stop`` is set; raise when the core met a bug of ours."""
        stopping: asyncio.Future[Any] = asyncio.ensure_future(stop.wait())
        failure: asyncio.Future[Any] = self._driver.failure
        try:
            await asyncio.wait({stopping, failure}, return_when=asyncio.FIRST_COMPLETED)
            if self._driver.failure.done():
                await self._driver.failure
        finally:
            stopping.cancel()

    async def read_deny_list(self) -> None:
        """Read it again, and put out who is on it now. A long one keeps nobody waiting.

        Raises:
            FileUnreadable: the list that was read last still holds.
        """
        path = self._settings.deny_file
        if path is not None:
            denied = await asyncio.to_thread(lambda: DenyList.of(read_deny_list(path)))
            self._driver.post(DenyListChanged(denied))
            here = list(self._outboxes)
            for first in range(0, len(here), JUDGED_AT_ONCE):
                self._driver.post(JudgeSockets(here[first : first + JUDGED_AT_ONCE]))
                await asyncio.sleep(0)  # others are served between

    async def read_certificate(self) -> None:
        """Read it again: who connects from now on is shown the new one.

        Raises:
            FileUnreadable: the one that was read last is still shown.
        """
        if self._tls is not None:
            self._settings.tls()  # what does not belong together must not come half
            self._settings.load_certificate(self._tls)

    # Requests.

    async def _serve_socket(self, request: web.Request) -> web.WebSocketResponse:
        websocket = web.WebSocketResponse(
            compress=False, heartbeat=HEARTBEAT_S, max_msg_size=FRAME_MAX
        )
        await websocket.prepare(request)
        assert request.transport is not None
        socket = next(self._serials)
        self._outboxes[socket] = Outbox(websocket, request.transport, self._keep, self._backlog)
        address = self._address(request)
        name = self._settings.public_name or request.headers.get("Host", "")
        _log.debug("socket %d opened by %s", socket, self._shown(address))
        self._driver.post(SocketOpened(socket, address, name.lower()))
        try:
            while (message := await websocket.receive()).type not in _ENDS:
                if message.type is WSMsgType.TEXT:
                    self._driver.post(TextReceived(socket, message.data))
                elif message.type is WSMsgType.BINARY:
                    self._driver.post(TextReceived(socket, ""))  # refused as any other garbage
        finally:
            self._driver.post(SocketClosed(socket))
            await self._outboxes[socket].settled()
            del self._outboxes[socket]
            if not self._outboxes:
                self._empty.set()
        return websocket

    async def _serve_health(self, _request: web.Request) -> web.Response:
        body: dict[str, str | int] = {
            "status": "ok",
            "program": f"meshdl {__version__}",
            "stations": self.core.stations,
            "rooms": self.core.rooms,
        }
        if self._bus is not None:
            body["redis"] = "up" if self._bus.up else "down"
            body["siblings"] = self.core.siblings
        return web.Response(body=msgspec.json.encode(body), content_type="application/json")

    async def _serve_metrics(self, _request: web.Request) -> web.Response:
        return web.Response(
            body=exposition(self.core).encode(), headers={"Content-Type": CONTENT_TYPE}
        )

    def _address(self, request: web.Request) -> str:
        lines = request.headers.getall("X-Forwarded-For", ())
        return self._forwarded.address(request.remote or "", lines)

    def _shown(self, address: str) -> str:
        """An address for the log: without its host part, unless the operator wants it."""
        return address if self._settings.log_addresses else masked(address)

    # Effects.

    def _perform(self, effect: ServerEffect) -> None:
        match effect:
            case SendText(socket, text):
                outbox = self._outboxes.get(socket)
                if outbox is not None:
                    outbox.put(text)
            case Publish():
                assert self._bus is not None, ALONE
                self._bus.publish(effect)
            case CloseSocket(socket, reason):
                outbox = self._outboxes.get(socket)
                if outbox is not None:
                    outbox.close(reason)
                _log.debug("socket %d is closed: %s", socket, reason)
            case PinCallsign(call, key):
                self._pins.add(call, key)
                _log.info("%s is pinned to a key", call)
            case ClaimPin() | ComparePins():
                self._perform_shared(effect)
            case _:
                assert_never(effect)

    def _perform_shared(self, effect: ClaimPin | ComparePins) -> None:
        assert self._bus is not None, ALONE
        if isinstance(effect, ComparePins):
            self._bus.compare_pins()
        else:
            self._bus.claim(effect)

    def _keep(self, task: "asyncio.Task[None]") -> None:
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    def _ice(self, station: StationId, unix_now_s: float) -> tuple[tuple[IceServer, ...], int]:
        settings, servers = self._settings, []
        if settings.stun_urls:
            servers.append(IceServer(settings.stun_urls))
        if not settings.turn_urls:
            return tuple(servers), 0
        until_s = int(unix_now_s) + TURN_LIFETIME_S
        secret = settings.turn_secret
        servers.append(turn.credentials(settings.turn_urls, secret, station, expires_at_s=until_s))
        return tuple(servers), TURN_LIFETIME_S

    async def _say_goodbye(self) -> None:
        self._driver.post(Shutdown("the server stops", RETRY_AFTER_MS))
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_WITHIN_S):
                while self._outboxes:
                    self._empty.clear()
                    await self._empty.wait()


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _cannot_listen(settings: ServerSettings, error: OSError) -> ConfigError:
    hint = (
        "give another --port, or stop what uses it"
        if error.errno == errno.EADDRINUSE
        else ("give a --host that this machine has")
    )
    return ConfigError(
        "--port", f"cannot listen on {settings.host}:{settings.port} ({error.strerror}); {hint}"
    )
