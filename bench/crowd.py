"""Many stations at a signalling server, in one process that costs less than the server.

They are sockets and signatures, no whole stations: frames are made and counted by hand. Each
authenticates as the protocol wants, from one of many loopback addresses, for a server allows
one address 256 sockets. ``python -m bench.crowd COUNT PORT ...`` writes ``"ready"``; of several
ports each has as many stations, and half of the pairs are at one. A command is a
JSON array on a line of its standard input, an answer a JSON value:
``["relay", messages a second of all together or 0 for as many as pass, seconds]`` is answered by
``[relayed a second, median and 95th percentile of the latency in seconds, relayed in all]``: all
that was under way in the end has arrived by then, and counts for the last number alone.
"""

import asyncio
import hashlib
import json
import resource
import statistics
import sys
import time

import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.hand_socket import HandSocket, frame
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

ARRIVE_WITHIN_S = 30.0

RELAYED = b'{"type":"relay'
"""How a relayed message begins; :mod:`bench.bare_relay` forwards it as it was sent."""

ROOM = "cq"
SIGNAL_CHARACTERS = 400
"""A signal with one candidate, its addresses and times."""

NUMBER_DIGITS, TIME_DIGITS = 8, 12
MARK = b"@@"
"""In a signal, between the sender's number and the time at which it was sent."""


class Member(HandSocket):
    """One socket, from the request to the end."""

    def __init__(self, number: int, host: str, crowd: "Crowd") -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"%d" % number).digest())
        self.key = StationKey(self._key.public_key().public_bytes_raw())
        self.station: StationId = station_id(self.key)
        self._callsign = callsign_of(number)
        super().__init__(host)
        self._crowd = crowd
        self.joined = asyncio.get_running_loop().create_future()

    def connection_lost(self, exc: Exception | None) -> None:
        """The server went, or refused us."""
        self._fail(exc or ConnectionError("the server closed the socket"))

    def say(self, message: wire.StationMessage) -> None:
        """Send one message."""
        self.write(frame(wire.encode(message).encode()))

    def heard(self, text: bytes) -> None:
        """Be admitted and join; then pass on what was relayed."""
        if text.startswith(RELAYED):
            self._crowd.arrived(text)
            return
        match wire.decode_server_message(text.decode()):
            case wire.Challenge(_, nonce):
                statement = proofs.authentication(
                    server_name=self.host, nonce=nonce, callsign=self._callsign,
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

    def __init__(self, ports: list[int], count: int) -> None:
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ports, self._count = ports, count
        self._members: dict[int, Member] = {}
        self._trips: list[float] = []
        self._under_way = 0
        self._all_there = asyncio.Event()
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
            # Receivers change half as often as senders: of two ports, half of the pairs are at one.
            port = self._ports[(number // 4 if number % 2 else number // 2) % len(self._ports)]
            member = Member(number, f"127.0.0.1:{port}", self)
            self._members[number] = member
            await asyncio.get_running_loop().create_connection(
                lambda: member, "127.0.0.1", port, local_addr=(address_of(number), 0)
            )
            await member.joined

    def arrived(self, text: bytes) -> None:
        """A relayed message is there: note how long it took, perhaps send the next."""
        at = text.index(MARK) + len(MARK)
        self._trips.append(time.perf_counter() - float(text[at : at + TIME_DIGITS]))
        self._under_way -= 1
        if self._saturating:
            end = at - len(MARK)
            self._send(int(text[end - NUMBER_DIGITS : end]))
        elif not self._under_way:
            self._all_there.set()

    def _send(self, number: int) -> None:
        stamped = self._texts[number // 2] % f"{time.perf_counter():.4f}".encode()
        self._under_way += 1
        self._members[number].write(frame(stamped))

    async def relay(self, rate: int, seconds: float) -> tuple[float, float, float, int]:
        """Relayed a second, the latency's median and 95th percentile, and relayed in all.

        Raises:
            ConnectionError: the server did not want one of them.
            TimeoutError: a message did not arrive.
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
        # Or those under way would be on top of the next measurement's own.
        self._all_there.clear()
        async with asyncio.timeout(ARRIVE_WITHIN_S):
            if self._under_way:
                await self._all_there.wait()
        late_s = trips[len(trips) * 95 // 100]
        return len(trips) / took, statistics.median(trips), late_s, len(self._trips)

    async def _pace(self, rate: int, until: float, senders: range) -> None:
        began, sent = time.perf_counter(), 0
        while (now := time.perf_counter()) < until:
            while sent < (now - began) * rate:
                self._send(senders[sent % len(senders)])
                sent += 1
            await asyncio.sleep(0.001)


def address_of(number: int) -> str:
    """That it connects from."""
    return f"127.0.{1 + number // PER_ADDRESS}.1"


def callsign_of(number: int) -> str:
    """Of the station with this number."""
    letters = (chr(65 + number // 10 // 26**place % 26) for place in (2, 1, 0))
    return f"K{number % 10}{''.join(letters)}"


async def _play(count: int, ports: list[int]) -> None:
    crowd = Crowd(ports, count)
    await crowd.come()
    print(json.dumps("ready"), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        _, rate, seconds = json.loads(line)
        print(json.dumps(await crowd.relay(rate, seconds)), flush=True)
    crowd.failure.cancel()  # that they go now is none


def open_all_files() -> None:
    """As many as the system lets this process have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    open_all_files()
    uvloop.run(_play(int(sys.argv[1]), [int(port) for port in sys.argv[2:]]))
