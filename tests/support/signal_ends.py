"""Stations at real signalling servers that are no more than a socket and a key."""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import aiohttp
import pytest
from bench.redis_child import PROGRAM, RedisChild
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.support.processes import until

from meshdl.ids import StationKey, station_id
from meshdl.signalling import proofs
from meshdl.wire import signalling as wire
from meshdl.wire.signals import Envelope

KindT = TypeVar("KindT")

PASSWORD = "a-password-of-this-test-alone"
HEARS_WITHIN_S = 30.0


@contextmanager
def redis() -> Iterator[RedisChild]:
    """A Redis of this test alone; without it the test cannot be."""
    if shutil.which(PROGRAM) is None:
        pytest.skip("needs redis-server; tools/install-system-packages installs it")
    child = RedisChild(PASSWORD)
    child.start()
    try:
        yield child
    finally:
        child.kill()


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """A running ``meshdl signal``."""

    process: subprocess.Popen[bytes]
    log: Path
    port: int

    def has_logged(self, text: str, *, times: int = 1) -> bool:
        return self.log.read_text().count(text) >= times

    def kill(self) -> None:
        """Without a word to anybody."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@contextmanager
def server_process(log: Path, redis_url: str, *options: str) -> Iterator[ServerProcess]:
    """One process of a server, that shares stations with others; it listens."""
    with log.open("ab") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "meshdl", "signal", "--port", "0", "-v", *options],
            env=os.environ | {"MESHDL_REDIS": redis_url}, stderr=said,
        )  # fmt: skip
    try:
        listening = re.compile(r"listening at ws://.*:(\d+)")
        until(lambda: bool(listening.search(log.read_text())), "the server listens")
        found = listening.search(log.read_text())
        assert found is not None
        yield ServerProcess(process, log, int(found[1]))
    finally:
        process.kill()
        process.wait()


@dataclass(slots=True)
class SocketEnd:
    """A station's end of a socket."""

    key: StationKey
    socket: aiohttp.ClientWebSocketResponse
    heard: list[wire.ServerMessage] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    closed: bool = False

    async def listen(self) -> None:
        async for said in self.socket:
            if said.type is not aiohttp.WSMsgType.TEXT:
                continue  # of who does not answer pings by itself
            message = wire.decode_server_message(said.data)
            assert message is not None
            self.heard.append(message)
            self._news.set()
        self.closed = True
        self._news.set()

    async def hears(
        self, kind: type[KindT], fits: Callable[[KindT], bool] = lambda _: True
    ) -> KindT:
        """The first such message, when it is there."""
        async with asyncio.timeout(HEARS_WITHIN_S):
            while True:
                for message in self.heard:
                    if isinstance(message, kind) and fits(message):
                        return message
                assert not self.closed, f"closed; it heard {self.heard[-3:]}"
                self._news.clear()
                await self._news.wait()

    async def says(self, *messages: wire.StationMessage) -> None:
        for message in messages:
            await self.socket.send_str(wire.encode(message))

    async def signals(self, other: "SocketEnd", text: str) -> None:
        """Send it a signal; that it is none a server need not know."""
        envelope = Envelope(text, bytes(64))
        await self.says(wire.Relay("cq", station_id(other.key), envelope))


@asynccontextmanager
async def station_at(
    port: int, call: str, *, seed: str = "", pongs: bool = True
) -> AsyncIterator[SocketEnd]:
    """A station that has proved itself, or was refused, until the block ends.

    Args:
        port: of the server.
        call: its callsign.
        seed: of its key, when it is not the callsign's own.
        pongs: whether it answers the server's pings.
    """
    secret = Ed25519PrivateKey.from_private_bytes((seed or call).encode().ljust(32, b"."))
    key = StationKey(secret.public_key().public_bytes_raw())
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"http://127.0.0.1:{port}/v1", autoping=pongs) as socket,
    ):
        end = SocketEnd(key, socket)
        listening = asyncio.create_task(end.listen())
        challenge = await end.hears(wire.Challenge)
        statement = proofs.authentication(
            server_name=f"127.0.0.1:{port}",
            nonce=challenge.nonce,
            callsign=call,
            station_key=key,
            instance=bytes(8),
        )
        await end.says(wire.Authenticate(1, call, key, bytes(8), secret.sign(statement)))
        answer = await end.hears(wire.Welcome | wire.Refused)  # type: ignore[arg-type]
        if isinstance(answer, wire.Welcome):
            await end.says(wire.Join("cq"))
        try:
            yield end
        finally:
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listening
