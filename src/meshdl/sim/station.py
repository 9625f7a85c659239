"""A whole station on virtual time: the real swarm core, a store in memory."""

import hashlib
from collections import defaultdict, deque
from collections.abc import Callable
from functools import partial
from typing import assert_never

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from meshdl.content import merkle
from meshdl.content.hashing import layer_and_root
from meshdl.content.metainfo import Metainfo, build_info, chunk_hashes
from meshdl.content.paths import RelativePath
from meshdl.content.precedence import Precedence
from meshdl.ids import (
    Callsign,
    ChunkIndex,
    ContentHash,
    LinkId,
    StationId,
    station_id,
    station_key,
)
from meshdl.links import DialFailed, LinkEvent, LinkWritable, Message, Way
from meshdl.sim.network import Network, Nic
from meshdl.sim.world import Host, World
from meshdl.swarm import effects, inputs
from meshdl.swarm.handshake import Identity
from meshdl.swarm.state import SwarmSettings
from meshdl.swarm.swarm import Swarm

LAN_OCTETS_PER_S = 100e6
DISK_S = 0.0005


class SimContent:
    """A content of pseudo-random octets in one file, with all its hashes."""

    def __init__(
        self, seed: int, octets: int, chunk_octets: int, name: str = "picture.bin"
    ) -> None:
        self.octets = World(seed).rng.randbytes(octets)
        self.leaves = merkle.hash_leaves(self.octets)
        layer, root = layer_and_root(b"".join(self.leaves), octets, chunk_octets)
        path = RelativePath.parse([name])
        self.metainfo = build_info(
            name, [(path, octets, root)], chunk_octets=chunk_octets, is_folder=False
        )
        self.layers = {root: layer} if root is not None and layer else {}
        self.chunk_hashes = tuple(chunk_hashes(self.metainfo, self.layers))
        self.hash = self.metainfo.content_hash


class MemoryStore:
    """What a station has of one content."""

    def __init__(self, metainfo: Metainfo, hashes: tuple[bytes, ...]) -> None:
        self.metainfo = metainfo
        self.chunk_hashes = hashes
        self.have = 0
        self.octets = bytearray(metainfo.total_octets)
        self.partial: dict[ChunkIndex, int] = {}
        self.leaves: dict[ChunkIndex, list[bytes]] = {}

    @classmethod
    def full(cls, content: SimContent) -> "MemoryStore":
        """A seed's store."""
        store = cls(content.metainfo, content.chunk_hashes)
        store.octets[:] = content.octets
        per_chunk = content.metainfo.leaves_per_chunk
        for index in range(content.metainfo.chunk_count):
            store.leaves[ChunkIndex(index)] = content.leaves[
                index * per_chunk : (index + 1) * per_chunk
            ]
        store.have = (1 << content.metainfo.chunk_count) - 1
        return store

    def start_of(self, chunk: ChunkIndex) -> int:
        """Where a chunk begins, in octets from the content's start."""
        return chunk * self.metainfo.chunk_octets

    def note(self, chunk: ChunkIndex, offset: int, octets: int) -> None:
        """Remember which leaves of an unfinished chunk are written."""
        first, count = offset // merkle.LEAF_OCTETS, -(-octets // merkle.LEAF_OCTETS)
        leaves = ((1 << count) - 1) << first
        self.partial[chunk] = self.partial.get(chunk, 0) | leaves

    def hashes(self, ask: effects.ReadHashes) -> bytes | None:
        """Answer a hash request, ``None`` when it cannot be."""
        per_chunk = self.metainfo.leaves_per_chunk
        layer = per_chunk.bit_length() - 1
        if ask.base_layer == 0 != layer:
            leaves = self.leaves.get(ChunkIndex(ask.index // per_chunk))
            return None if leaves is None else b"".join(leaves)
        if ask.base_layer != layer:
            return None
        width = merkle.width_for(len(self.chunk_hashes))
        found = list(self.chunk_hashes[ask.index : ask.index + ask.length])
        uncles = merkle.proof(
            list(self.chunk_hashes), layer=layer, index=ask.index, length=ask.length, width=width
        )
        return b"".join(found + uncles[: ask.proof_layers])


class SimStation:
    """One station of a simulated network.

    Attributes:
        received_from: verified octets by sender's callsign.
        events: effects that tell the operator something, in order.
    """

    def __init__(
        self,
        world: World,
        network: Network,
        callsign: str,
        *,
        settings: SwarmSettings | None = None,
        up_octets_per_s: float = LAN_OCTETS_PER_S,
        down_octets_per_s: float = LAN_OCTETS_PER_S,
    ) -> None:
        self.world, self.network, self.callsign = world, network, Callsign(callsign)
        private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(callsign.encode()).digest())
        self.key = station_key(private.public_key().public_bytes_raw())
        self.id: StationId = station_id(self.key)
        self.nic = Nic(
            name=callsign,
            up_octets_per_s=up_octets_per_s,
            down_octets_per_s=down_octets_per_s,
            report=self._link_event,
        )
        self._sign = private.sign
        self._settings = settings or SwarmSettings()
        self._run = 0
        self._start()
        self.stores: dict[ContentHash, MemoryStore] = {}
        self.directory: dict[StationId, SimStation] = {}
        self.events: list[effects.SwarmEffect] = []
        self.completed_at: dict[ContentHash, float] = {}
        self.octets_served: dict[ContentHash, int] = defaultdict(int)
        self.disk_fails: Callable[[effects.WriteRange], str | None] = lambda _: None
        self.read_fails: Callable[[effects.ReadRange], str | None] = lambda _: None
        self.wanted: set[ContentHash] = set()

    def _start(self) -> None:
        world = self.world
        identity = Identity(self.callsign, self.key, world.rng.randbytes(8), self._sign)
        self.core = Swarm(identity, self._settings, rng=world.rng, pins={}, now=world.now)
        self.host: Host[inputs.SwarmInput, effects.SwarmEffect] = Host(
            world, self.callsign, self.core, self._perform
        )
        self._backlog: dict[LinkId, deque[Message]] = {}

    def meet(self, *others: "SimStation") -> None:
        """Discovery: hear of others, and they of us."""
        for other in others:
            self.directory[other.id] = other
            other.directory[self.id] = self
            way = self.network.way
            self.host.post(inputs.StationSeen(other.id, other.callsign, way))
            other.host.post(inputs.StationSeen(self.id, self.callsign, way))

    def seed(
        self, content: SimContent, *, precedence: Precedence = Precedence.ROUTINE, have: int = -1
    ) -> None:
        """Hold a content, wholly or the chunks in ``have``."""
        store = MemoryStore.full(content)
        store.have &= have
        self.stores[content.hash] = store
        self.host.post(
            inputs.ContentOpened(
                content.hash, content.metainfo, content.chunk_hashes, store.have, {}, precedence
            )
        )

    def get(self, content: ContentHash, *, precedence: Precedence = Precedence.ROUTINE) -> None:
        """Start a download."""
        self.wanted.add(content)
        self.host.post(inputs.StartDownload(content, precedence))

    def kill(self) -> None:
        """As ``kill -9``: the network falls silent, nobody is told."""
        self.host.kill()
        self.nic.connected = False
        self._run += 1

    def restart(self) -> None:
        """Run again, with what the disk has kept, and go on with what was wanted."""
        self.network.forget(self.nic)
        self.nic.connected = True
        self._start()
        for content, store in self.stores.items():
            opened = inputs.ContentOpened(
                content, store.metainfo, store.chunk_hashes, store.have, dict(store.partial)
            )
            self.host.post(opened)
        for content in self.wanted:
            if content not in self.completed_at:
                self.host.post(inputs.StartDownload(content))
        for other in self.directory.values():
            self.host.post(inputs.StationSeen(other.id, other.callsign, self.network.way))

    def has(self, content: SimContent) -> bool:
        """Whether every octet is here and right."""
        store = self.stores.get(content.hash)
        return (
            content.hash in self.completed_at
            and store is not None
            and store.octets == content.octets
        )

    def _link_event(self, event: LinkEvent) -> None:
        if isinstance(event, LinkWritable):
            backlog = self._backlog.get(event.link, deque())
            while backlog:
                if not self.network.send(event.link, backlog[0]):
                    return
                backlog.popleft()
        self.host.post(event)

    def _perform(self, effect: effects.SwarmEffect) -> None:
        match effect:
            case effects.Send() | effects.CloseLink() | effects.Dial():
                self._use_network(effect)
            case (
                effects.PeersHeard()
                | effects.SignalCarried()
                | effects.SignalUncarried()
                | effects.CarrierGone()
            ):
                pass  # nobody needs to be introduced
            case effects.Advertise() | effects.Seek():
                pass  # everybody is in reach
            case (
                effects.CheckInfo()
                | effects.CreateContent()
                | effects.WriteLeafHashes()
                | effects.WriteRange()
                | effects.FinishContent()
                | effects.ReadRange()
                | effects.ReadHashes()
            ):
                self._use_store(effect)
            case _:
                self._notice(effect)

    def _use_network(self, effect: effects.LinkEffect) -> None:
        match effect:
            case effects.Send(link, message):
                self._send(link, message)
            case effects.CloseLink(link, reason):
                self.network.close(link, reason)
            case effects.Dial(station, way):
                self._dial(station, way)
            case _:
                assert_never(effect)

    def _use_store(self, effect: effects.StoreEffect) -> None:
        later = self._later
        match effect:
            case effects.WriteRange():
                later(DISK_S, partial(self._write, effect))
            case effects.ReadRange():
                later(DISK_S, partial(self._read, effect))
            case effects.ReadHashes():
                later(DISK_S, partial(self._read_hashes, effect))
            case effects.WriteLeafHashes(content, chunk, hashes):
                self.stores[content].leaves[chunk] = [
                    hashes[i : i + 32] for i in range(0, len(hashes), 32)
                ]
            case effects.CheckInfo(content, info):
                later(0.0, partial(self.host.post, inputs.InfoChecked.of(content, info)))
            case effects.CreateContent(content, metainfo, _, hashes):
                self.stores[content] = MemoryStore(metainfo, hashes)
                opened = inputs.ContentOpened(content, metainfo, hashes, 0)
                later(DISK_S, partial(self.host.post, opened))
            case effects.FinishContent(content):
                self.completed_at.setdefault(content, self.world.now)
                later(0.0, partial(self.host.post, inputs.ContentFinished(content)))
            case _:
                assert_never(effect)

    def _notice(self, effect: effects.Notice) -> None:
        self.events.append(effect)

    def _later(self, delay_s: float, action: Callable[[], None]) -> None:
        """What a disk does for a program that was killed meanwhile, nobody hears of."""
        run = self._run

        def unless_killed() -> None:
            if self._run == run:
                action()

        self.world.after(delay_s, unless_killed)

    def _send(self, link: LinkId, message: Message) -> None:
        if isinstance(message, str):
            self.network.send(link, message)
            return
        backlog = self._backlog.setdefault(link, deque())
        if backlog or not self.network.send(link, message):
            if not backlog:
                self.world.after(0.0, partial(self.host.post, inputs.LinkBlocked(link)))
            backlog.append(message)

    def _dial(self, station: StationId, way: Way) -> None:
        other = self.directory.get(station)
        if other is None or not (other.nic.connected and self.nic.connected):
            failed = DialFailed(station, "no answer", way)
            self.world.after(1.0, partial(self.host.post, failed))
            return
        self.network.connect(self.nic, other.nic, station)

    def _write(self, effect: effects.WriteRange) -> None:
        problem = self.disk_fails(effect)
        if problem is not None:
            self.host.post(inputs.StoreFailed(effect.content, problem, len(effect.octets)))
            return
        store = self.stores[effect.content]
        start = store.start_of(effect.chunk) + effect.offset
        store.octets[start : start + len(effect.octets)] = effect.octets
        store.note(effect.chunk, effect.offset, len(effect.octets))
        if effect.completes_chunk:
            store.have |= 1 << effect.chunk
            store.partial.pop(effect.chunk, None)
        self.host.post(
            inputs.RangeWritten(effect.content, effect.chunk, effect.offset, len(effect.octets))
        )

    def _read(self, effect: effects.ReadRange) -> None:
        problem = self.read_fails(effect)
        if problem is not None:
            self.host.post(inputs.ReadFailed(effect.ticket, problem, changed=True))
            return
        store = self.stores[effect.content]
        start = store.start_of(effect.chunk) + effect.offset
        octets = bytes(store.octets[start : start + effect.octets])
        self.octets_served[effect.content] += len(octets)
        self.host.post(inputs.RangeRead(effect.ticket, octets))

    def _read_hashes(self, effect: effects.ReadHashes) -> None:
        hashes = self.stores[effect.content].hashes(effect)
        if hashes is None:
            self.host.post(inputs.ReadFailed(effect.ticket, "not-held"))
            return
        self.host.post(inputs.HashesRead(effect.ticket, hashes))
