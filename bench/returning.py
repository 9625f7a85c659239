"""Stations that come back to a signalling server by the core that real ones have.

``python -m bench.returning COUNT PORT`` writes ``"ready"`` when all are there and have announced
one content. Then it looks, again and again, how many announce it at the server; to each line of
its input it answers with how many seconds it took until all did, counted from that line.
"""

import asyncio
import hashlib
import json
import sys
import time
from contextlib import suppress
from random import Random

import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.crowd import address_of, callsign_of, open_all_files
from bench.hand_socket import HandSocket, frame
from meshdl.driver import Driver
from meshdl.ids import Callsign, ContentHash, StationKey
from meshdl.signalling import proofs
from meshdl.signalling.client import SignallingClient
from meshdl.signalling.client_events import (
    Advertise,
    ClientEffect,
    ClientInput,
    CloseSocket,
    OpenSocket,
    SendText,
    SocketClosed,
    SocketOpened,
    TextReceived,
)
from meshdl.signalling.identity import ClientIdentity
from meshdl.wire import signalling as wire

ROOM = "cq"
CONTENT = ContentHash(hashlib.sha256(b"what all of them have").digest())
LOOK_EVERY_S = 0.05


class Socket(HandSocket):
    """One connection of a station."""

    def __init__(self, host: str, number: int, driver: "Driver[ClientInput, ClientEffect]") -> None:
        super().__init__(host)
        self._number, self._driver = number, driver

    def opened(self) -> None:
        """Tell the core."""
        self._driver.post(SocketOpened(self._number))

    def heard(self, text: bytes) -> None:
        """Tell the core."""
        self._driver.post(TextReceived(self._number, text.decode()))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the core."""
        self._driver.post(SocketClosed(self._number, str(exc)))


class Station:
    """A core, and what it wants done."""

    def __init__(self, number: int, port: int) -> None:
        secret = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"%d" % number).digest())
        self._number, self._port = number, port
        self._socket: Socket | None = None
        self._connecting: asyncio.Task[None] | None = None
        identity = ClientIdentity(
            server_name=f"127.0.0.1:{port}",
            callsign=Callsign(callsign_of(number)),
            key=StationKey(secret.public_key().public_bytes_raw()),
            instance=bytes(8),
            sign=secret.sign,
            rooms={ROOM: None},
        )
        loop = asyncio.get_running_loop()
        core = SignallingClient(identity, rng=Random(number), now=loop.time())
        self._driver: Driver[ClientInput, ClientEffect] = Driver(core, self._perform)
        self._driver.post(Advertise(CONTENT, held=True))

    def _perform(self, effect: ClientEffect) -> None:
        match effect:
            case OpenSocket(number):
                self._connecting = asyncio.get_running_loop().create_task(self._connect(number))
            case SendText(text):
                assert self._socket is not None
                self._socket.write(frame(text.encode()))
            case CloseSocket():
                if self._connecting is not None and not self._connecting.done():
                    self._connecting.cancel()
                elif self._socket is not None:
                    self._socket.close()
            case _:
                pass  # what a station is told

    async def _connect(self, number: int) -> None:
        try:
            self._socket = socket = Socket(f"127.0.0.1:{self._port}", number, self._driver)
            await asyncio.get_running_loop().create_connection(
                lambda: socket,
                "127.0.0.1", self._port, local_addr=(address_of(self._number), 0),
            )  # fmt: skip
        except OSError as error:
            self._driver.post(SocketClosed(number, str(error)))


class Observer(HandSocket):
    """Looks how many announce the content; whoever looks first must join first."""

    def __init__(self, host: str, key: Ed25519PrivateKey) -> None:
        super().__init__(host)
        self._key = key
        self.count = 0
        self.found = asyncio.Event()
        self.joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def heard(self, text: bytes) -> None:
        """Be admitted, join, and note what is found."""
        match wire.decode_server_message(text.decode()):
            case wire.Challenge(_, nonce):
                key = self._key.public_key().public_bytes_raw()
                call, run = "K0OBS", bytes(8)
                statement = proofs.authentication(
                    server_name=self.host, nonce=nonce, callsign=call, station_key=key, instance=run
                )
                self._say(wire.Authenticate(1, call, key, run, self._key.sign(statement)))
            case wire.Welcome():
                self._say(wire.Join(ROOM))
            case wire.Joined():
                self.joined.set_result(None)
            case wire.Found(_, _, _, count):
                self.count = count
                self.found.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever waits need not."""
        self.found.set()
        if not self.joined.done():
            self.joined.set_exception(exc or ConnectionError("the server went"))

    async def look(self) -> int:
        """How many announce it now."""
        self.found.clear()
        self._say(wire.Lookup(ROOM, CONTENT))
        await self.found.wait()
        return self.count

    def _say(self, message: wire.StationMessage) -> None:
        self.write(frame(wire.encode(message).encode()))


async def _until_all(count: int, port: int, key: Ed25519PrivateKey) -> None:
    """Return when a server at this port knows that all have the content."""
    while True:
        with suppress(OSError):
            _, observer = await asyncio.get_running_loop().create_connection(
                lambda: Observer(f"127.0.0.1:{port}", key), "127.0.0.1", port
            )
            await observer.joined
            found = 0
            while found < count and not observer.is_closing():
                await asyncio.sleep(LOOK_EVERY_S)
                found = await observer.look()
            observer.close()
            if found >= count:
                return
        await asyncio.sleep(LOOK_EVERY_S)


async def _play(count: int, port: int) -> None:
    stations = [Station(number, port) for number in range(count)]
    key = Ed25519PrivateKey.generate()
    await _until_all(count, port, key)
    print(json.dumps("ready"), flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        began = time.perf_counter()
        await _until_all(count, port, key)
        print(json.dumps(time.perf_counter() - began), flush=True)
    assert len(stations) == count


if __name__ == "__main__":
    open_all_files()
    uvloop.run(_play(int(sys.argv[1]), int(sys.argv[2])))
