"""Many seeds in one process: real WebRTC and the real swarm core, a content in memory.

They hear of one station only, and it hears nothing of them before they dial it; so its links
are a star. ``python -m bench.light_seeds FIRST COUNT`` writes ``[content hash, octets]``. A
line on its standard input, a JSON array ``[station id, callsign, host, port]``, makes all of
them dial, and is answered by their number when all have a link. They end with the input.
"""

import asyncio
import hashlib
import json
import random
import sys
from contextlib import AsyncExitStack

import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.stations import callsigns
from meshdl.discovery.book import AddressBook
from meshdl.discovery.events import Endpoint
from meshdl.discovery.exchange import LanExchange
from meshdl.driver import Driver
from meshdl.ids import Callsign, StationId, StationKey, station_id
from meshdl.links import Way
from meshdl.sim.station import MemoryStore, SimContent
from meshdl.station.switchboard import Switchboard
from meshdl.swarm import effects, inputs
from meshdl.swarm.handshake import Identity
from meshdl.swarm.state import SwarmSettings
from meshdl.swarm.swarm import Swarm
from meshdl.transports.webrtc import WebRtcTransport

OCTETS = 240 * 1024**2
"""More than this the random source of a simulated content does not make at once."""
CHUNK_OCTETS = 256 * 1024
CONTENT_SEED = 1


class LightSeed:
    """One station that has the content and does nothing but serve it."""

    def __init__(self, callsign: Callsign, store: MemoryStore, exchange: LanExchange) -> None:
        private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(callsign.encode()).digest())
        key = StationKey(private.public_key().public_bytes_raw())
        self._store = store
        identity = Identity(callsign, key, bytes(8), private.sign)
        now = asyncio.get_running_loop().time()
        core = Swarm(
            identity, SwarmSettings(exchange=False), rng=random.SystemRandom(), pins={}, now=now
        )
        self._driver: Driver[inputs.SwarmInput, effects.SwarmEffect] = Driver(core, self._perform)
        self._switchboard = Switchboard(self._driver.post)
        transport = WebRtcTransport(station_id(key), exchange, links_max=1, loopback=True)
        self._running = transport.run(self._switchboard.attach(transport, Way.LAN))
        self.linked = asyncio.Event()

    async def run(self) -> None:
        """Serve until cancelled."""
        metainfo = self._store.metainfo
        self._driver.post(
            inputs.ContentOpened(
                metainfo.content_hash, metainfo, self._store.chunk_hashes, self._store.have
            )
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._running)
            await self._driver.failure

    def dial(self, station: StationId, callsign: Callsign) -> None:
        """Hear of a station."""
        self._driver.post(inputs.StationSeen(station, callsign))

    def _perform(self, effect: effects.SwarmEffect) -> None:
        store, post = self._store, self._driver.post
        match effect:
            case effects.Send(link, message):
                self._switchboard.send(link, message)
            case effects.CloseLink(link, reason):
                self._switchboard.close(link, reason)
            case effects.Dial(station, way):
                self._switchboard.dial(station, way)
            case effects.ReadRange(ticket, _, chunk, offset, octets):
                start = store.start_of(chunk) + offset
                post(inputs.RangeRead(ticket, bytes(store.octets[start : start + octets])))
            case effects.ReadHashes(ticket):
                hashes = store.hashes(effect)
                assert hashes is not None
                post(inputs.HashesRead(ticket, hashes))
            case effects.PeerUp():
                self.linked.set()
            case _:
                pass  # what a station shows or writes down


async def play(first: int, count: int) -> None:
    """Serve until there is no more input."""
    content = SimContent(CONTENT_SEED, OCTETS, CHUNK_OCTETS, "content.bin")
    store = MemoryStore.full(content)
    book = AddressBook()
    async with AsyncExitStack() as stack:
        exchange = await stack.enter_async_context(LanExchange(book))
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        names = callsigns(first + count)[first:]
        seeds = [LightSeed(name, store, exchange) for name in names]
        serving = [tasks.create_task(one.run()) for one in seeds]
        _tell([content.hash.hex(), OCTETS])
        while line := await asyncio.to_thread(sys.stdin.readline):
            station, callsign, host, port = json.loads(line)
            book.note(StationId(station), (Endpoint(host, port),))
            for one in seeds:
                one.dial(StationId(station), Callsign(callsign))
            for one in seeds:
                await one.linked.wait()
            _tell(count)
        for task in serving:
            task.cancel()


def _tell(answer: object) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    uvloop.run(play(int(sys.argv[1]), int(sys.argv[2])))
