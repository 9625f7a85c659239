"""Many stations at a signalling server, in one process that costs less than the server.

They are sockets and signatures, no whole stations: frames are made and counted by hand. Each
authenticates as the protocol wants, from one of many loopback addresses, for a server allows
one address 256 sockets. ``python -m bench.crowd PORT COUNT`` writes ``"ready"``; a command is a
JSON array on a line of its standard input, an answer a JSON value:
``["relay", messages a second of all together or 0 for as many as pass, seconds]`` is answered by
``[relayed a second, median and 95th percentile of the latency in seconds]``.
"""

import asyncio
import base64
import hashlib
import json
import os
import resource
import statistics
import struct
import sys
import time
from typing import cast

import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from meshdl.ids import StationId, StationKey, station_id
from meshdl.signalling import proofs
from meshdl.wire import signalling as wire
from meshdl.wire.signals import Envelope

PER_ADDRESS = 200
"""Below what a server allows one address."""

AT_ONCE = 50
"""Sockets being opened: more would only wait for the server's signatures."""

UNDER_WAY = 4
"""Messages of one sender not yet arrived, when as many as pass are asked for."""

ROOM = "cq"
SIGNAL_CHARACTERS = 400
"""A signal with one candidate, its addresses and times."""

NUMBER_DIGITS, TIME_DIGITS = 8, 12
MARK = b"@@"
"""In a signal, between the sender's number and the time at which it was sent."""

# RFC 6455, 5.2: the first octet of a whole text message, and what the second may say.
TEXT, MASKED, LENGTH_16, LENGTH_16_MAX = b"\x81", 0x80, 126, 0xFFFF


class Member(asyncio.Protocol):
    """One socket, from the request to the end."""

    def __init__(self, number: int, host: str, crowd: "Crowd") -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"%d" % number).digest())
        self.key = StationKey(self._key.public_key().public_bytes_raw())
        self.station: StationId = station_id(self.key)
        self._callsign = f"K{number % 10}{_letters(number // 10)}"
        self._host, self._crowd = host, crowd
        self._octets = b""
        self._upgraded = False
        self.joined = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for a WebSocket."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name
        key = base64.b64encode(os.urandom(16)).decode()
        head = (
            f"GET /v1 HTTP/1.1\r\nHost: {self._host}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
        )
        self._transport.write(head.encode())

    def data_received(self, octets: bytes) -> None:
        """Take whole frames."""
        octets = self._octets + octets
        if not self._upgraded:
            head, found, octets = octets.partition(b"\r\n\r\n")
            if not found:
                self._octets = head
                return
            assert b" 101 " in head, head
            self._upgraded = True
        at = 0
        while len(octets) - at >= 2:
            length, header = octets[at + 1], 2
            if length == LENGTH_16:
                if len(octets) - at < 4:
                    break
                length, header = int.from_bytes(octets[at + 2 : at + 4], "big"), 4
            end = at + header + length
            if len(octets) < end:
                break
            if octets[at] == TEXT[0]:
                self._take(octets[at + header : end])
            at = end
        self._octets = octets[at:]

    def connection_lost(self, exc: Exception | None) -> None:
        """The server went, or refused us."""
        self._fail(exc or ConnectionError("the server closed the socket"))

    def say(self, message: wire.StationMessage) -> None:
        """Send one message."""
        self.write(frame(wire.encode(message).encode()))

    def write(self, octets: bytes) -> None:
        """Send a frame."""
        self._transport.write(octets)

    def _take(self, text: bytes) -> None:
        if text.startswith(b'{"type":"relayed"'):
            self._crowd.arrived(text)
            return
        match wire.decode_server_message(text.decode()):
            case wire.Challenge(_, nonce):
                statement = proofs.authentication(
                    server_name=self._host, nonce=nonce, callsign=self._callsign,
                    station_key=self.key, instance=bytes(8),
                )  # fmt: skip
                signature = self._key.sign(statement)
                self.say(wire.Authenticate(1, self._callsign, self.key, bytes(8), signature))
            case wire.Welcome():
                self.say(wire.Join(ROOM))
            case wire.Joined():
                self.joined.set_result(None)
            case wire.Refused(_, reason):
                self._fail(ConnectionError(f"the server refused: {reason}"))

    def _fail(self, error: Exception) -> None:
        if not self.joined.done():
            self.joined.set_exception(error)
        elif not self._crowd.failure.done():
            self._crowd.failure.set_exception(error)


class Crowd:
    """All of them; every even one sends to the one after it.

    Attributes:
        failure: set when one of them is refused, or thrown out: nothing is measured then.
    """

    def __init__(self, port: int, count: int) -> None:
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._port, self._count = port, count
        self._members: list[Member] = []
        self._trips: list[float] = []
        self._texts: list[bytes] = []
        self._saturating = False

    async def come(self) -> None:
        """Return when all are in the room."""
        gate = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(self._come(gate, number) for number in range(self._count)))
        for number in range(0, self._count - 1, 2):
            named = f"{number:0{NUMBER_DIGITS}d}{MARK.decode()}%{TIME_DIGITS}s"
            signal = named.rjust(SIGNAL_CHARACTERS, "x")
            relay = wire.Relay(ROOM, self._members[number + 1].station, Envelope(signal, bytes(64)))
            self._texts.append(wire.encode(relay).encode())

    async def _come(self, gate: asyncio.Semaphore, number: int) -> None:
        async with gate:
            member = Member(number, f"127.0.0.1:{self._port}", self)
            self._members.append(member)
            address = f"127.0.{1 + number // PER_ADDRESS}.1"
            await asyncio.get_running_loop().create_connection(
                lambda: member, "127.0.0.1", self._port, local_addr=(address, 0)
            )
            await member.joined

    def arrived(self, text: bytes) -> None:
        """A relayed message is there: note how long it took, perhaps send the next."""
        at = text.index(MARK) + len(MARK)
        self._trips.append(time.perf_counter() - float(text[at : at + TIME_DIGITS]))
        if self._saturating:
            end = at - len(MARK)
            self._send(int(text[end - NUMBER_DIGITS : end]))

    def _send(self, number: int) -> None:
        stamped = self._texts[number // 2] % f"{time.perf_counter():.4f}".encode()
        self._members[number].write(frame(stamped))

    async def relay(self, rate: int, seconds: float) -> tuple[float, float, float]:
        """Relayed a second, and the latency: median and 95th percentile.

        Raises:
            ConnectionError: the server did not want one of them.
        """
        self._trips.clear()
        began = time.perf_counter()
        senders = range(0, self._count - 1, 2)
        if rate == 0:
            self._saturating = True
            for _ in range(UNDER_WAY):
                for number in senders:
                    self._send(number)
            await asyncio.sleep(seconds)
            self._saturating = False
        else:
            await self._pace(rate, began + seconds, senders)
        took = time.perf_counter() - began
        if self.failure.done():
            self.failure.result()
        trips = sorted(self._trips)
        return len(trips) / took, statistics.median(trips), trips[len(trips) * 95 // 100]

    async def _pace(self, rate: int, until: float, senders: range) -> None:
        began, sent = time.perf_counter(), 0
        while (now := time.perf_counter()) < until:
            while sent < (now - began) * rate:
                self._send(senders[sent % len(senders)])
                sent += 1
            await asyncio.sleep(0.001)


def frame(octets: bytes) -> bytes:
    """A text message as a client sends it, masked with zeros."""
    size = len(octets)
    assert size <= LENGTH_16_MAX
    short = size < LENGTH_16
    length = bytes([MASKED | size]) if short else struct.pack(">BH", MASKED | LENGTH_16, size)
    return TEXT + length + bytes(4) + octets


def _letters(number: int) -> str:
    return "".join(chr(65 + number // 26**place % 26) for place in (2, 1, 0))


async def _play(port: int, count: int) -> None:
    crowd = Crowd(port, count)
    await crowd.come()
    print(json.dumps("ready"), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        _, rate, seconds = json.loads(line)
        print(json.dumps(await crowd.relay(rate, seconds)), flush=True)
    crowd.failure.cancel()  # that they go now is none


if __name__ == "__main__":
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    uvloop.run(_play(int(sys.argv[1]), int(sys.argv[2])))
