"""A real ``meshdl signal`` in a process of its own, and ends of sockets that mean no good."""

import asyncio
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

import aiohttp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.support.processes import POLL_EVERY_S

from meshdl.ids import StationId, StationKey, station_id
from meshdl.signalling import proofs
from meshdl.signalling.envelope import seal
from meshdl.wire import signalling as wire
from meshdl.wire.signals import Address, Envelope, Offer, Signal, decode_signal

KindT = TypeVar("KindT")

WITHIN_S = 20.0
ATTACKER = "127.0.0.66"
"""Loopback addresses are many, so that the limits of one do not hit the others."""


class Dialled(Protocol):
    """A server, wherever it runs."""

    @property
    def port(self) -> int:
        """Where it listens, at the loopback address."""


class SignalProcess:
    """A running server."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path, port: int) -> None:
        self.process, self._log, self._port = process, log, port

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._port

    @property
    def log(self) -> str:
        """What it said."""
        return self._log.read_text(encoding="utf-8")

    @property
    def url(self) -> str:
        """Where stations dial it."""
        return f"ws://127.0.0.1:{self.port}"

    @property
    def resident_octets(self) -> int:
        """Memory that it holds just now."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def signal_process(directory: Path, *options: str) -> Iterator[SignalProcess]:
    """``meshdl signal`` on a free port of the loopback address while the block runs."""
    log = directory / "signal.log"
    words = [sys.executable, "-m", "meshdl", "signal", "--port", "0", *options]
    with log.open("wb") as file:
        process = subprocess.Popen(words, stderr=file)
    try:
        port = None
        while port is None:
            assert process.poll() is None, log.read_text(encoding="utf-8")
            found = re.search(r"listening at \w+://\S+:(\d+)", log.read_text(encoding="utf-8"))
            port = int(found.group(1)) if found else None
            if port is None:
                time.sleep(POLL_EVERY_S)  # and leave the machine to it
        yield SignalProcess(process, log, port)
        assert process.poll() is None, log.read_text(encoding="utf-8")
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Stranger:
    """One WebSocket at a server, and a station's key.

    Attributes:
        heard: every message so far.
    """

    def __init__(
        self, websocket: aiohttp.ClientWebSocketResponse, call: str, server_name: str, *, key: str
    ) -> None:
        self.socket, self.call, self._server_name = websocket, call, server_name
        seed = hashlib.sha256((key or call).encode()).digest()
        self._secret = Ed25519PrivateKey.from_private_bytes(seed)
        self.key = StationKey(self._secret.public_key().public_bytes_raw())
        self.address = Address(self.key, b"stranger")
        self.heard: list[wire.ServerMessage] = []
        self.clock_ms = 0
        self._serial = 0

    @property
    def id(self) -> StationId:
        """Of the key."""
        return station_id(self.key)

    async def say(self, *messages: wire.StationMessage) -> None:
        """Send messages."""
        for message in messages:
            await self.socket.send_str(wire.encode(message))

    async def hear(self, kind: type[KindT]) -> KindT:
        """The next message of a kind."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                message = await self.socket.receive()
                if message.type is not aiohttp.WSMsgType.TEXT:
                    raise ConnectionError(f"the server closed: {message.data} {message.extra}")
                decoded = wire.decode_server_message(message.data)
                assert decoded is not None
                self.heard.append(decoded)
                if isinstance(decoded, kind):
                    return decoded

    async def closed(self) -> list[str]:
        """Read until the server closes; the codes of what it refused."""
        codes = []
        try:
            while True:
                codes.append((await self.hear(wire.Refused)).code)
        except ConnectionError:
            return codes

    def authentication(self, challenge: wire.Challenge) -> wire.Authenticate:
        """The answer to a challenge."""
        statement = proofs.authentication(
            server_name=self._server_name,
            nonce=challenge.nonce,
            callsign=self.call,
            station_key=self.key,
            instance=self.address.instance,
        )
        return wire.Authenticate(
            1, self.call, self.key, self.address.instance, self._secret.sign(statement)
        )

    async def prove(self) -> "Stranger":
        """Be let in."""
        await self.say(self.authentication(await self.hear(wire.Challenge)))
        self.clock_ms = (await self.hear(wire.Welcome)).now_ms
        return self

    async def join(self, room: str) -> wire.Joined:
        """Be in a room."""
        await self.say(wire.Join(room))
        return await self.hear(wire.Joined)

    def sealed(self, signal: Signal) -> Envelope:
        """Signed as it should be."""
        return seal(signal, self._secret.sign)

    def offer(self, to: wire.Member, sdp: str, *, session: bytes, age_s: float = 0.0) -> Envelope:
        """An offer with this description, in a session of its own."""
        self._serial += 1
        recipient = Address(to.station_key, to.instance)
        at_ms = max(self.clock_ms - int(age_s * 1000), 0)
        signal = Offer(self.address, recipient, session, self._serial, at_ms, sdp)
        return self.sealed(signal)


@asynccontextmanager
async def stranger(
    server: Dialled,
    call: str,
    *,
    address: str = ATTACKER,
    key: str = "",
    deaf: bool = False,
) -> AsyncIterator[Stranger]:
    """Connect; nothing is said yet. Who is ``deaf`` has little room for what it does not read."""

    def small(info: aiohttp.AddrInfoType) -> socket.socket:
        made = socket.socket(*info[:3])
        if deaf:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        return made

    connector = aiohttp.TCPConnector(local_addr=(address, 0), socket_factory=small)
    async with (
        aiohttp.ClientSession(connector=connector) as http,
        http.ws_connect(f"http://127.0.0.1:{server.port}/v1", max_msg_size=0) as websocket,
    ):
        yield Stranger(websocket, call, f"127.0.0.1:{server.port}", key=key)


def relay_to(room: str, member: wire.Member, envelope: Envelope) -> wire.Relay:
    """Ask the server to carry it."""
    return wire.Relay(room, station_id(StationKey(member.station_key)), envelope)


def kind_of(relayed: wire.Relayed) -> str:
    """The type of a signal, and for what is refused the reason."""
    signal = decode_signal(relayed.envelope.signal)
    return str(json.loads(relayed.envelope.signal)["type"]) if signal is not None else "future"
