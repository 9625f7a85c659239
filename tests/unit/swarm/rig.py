"""One swarm core on a bench: its links end in scripted peers, its disk is memory."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from meshdl.ids import Callsign, ChunkIndex, LinkId, StationId, StationKey, station_id
from meshdl.links import LinkBinding, LinkDown, LinkTraits, LinkUp, MessageReceived, Path, Way
from meshdl.sim.station import MemoryStore, SimContent
from meshdl.swarm import effects, inputs
from meshdl.swarm.download import Download
from meshdl.swarm.handshake import Handshake, Identity
from meshdl.swarm.state import SwarmSettings
from meshdl.swarm.swarm import Swarm
from meshdl.wire import chunks
from meshdl.wire import control as wire
from meshdl.wire.rotation import KeyRotation

KindT = TypeVar("KindT")

KIB = 1024
TRAITS = LinkTraits(mtu_octets=256 * KIB, path=Path.LAN, reliable=False, ordered=True)
SMALL_CHUNKS = SimContent(1, 900 * KIB, 64 * KIB)
"""Each chunk fits in one range: no leaf hashes."""
BIG_CHUNKS = SimContent(2, 1024 * KIB + 5, 256 * KIB)
OTHER = SimContent(3, 512 * KIB, 64 * KIB)
INTERNET = replace(TRAITS, path=Path.DIRECT)


def identity(callsign: str, *, key: str = "", instance: bytes = bytes(8)) -> Identity:
    seed = hashlib.sha256((key or callsign).encode()).digest()
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public = StationKey(private.public_key().public_bytes_raw())
    return Identity(Callsign(callsign), public, instance, private.sign)


class Peer:
    """The other end of one link, played by the test."""

    def __init__(
        self,
        rig: "Rig",
        link: LinkId,
        who: Identity,
        binding: LinkBinding,
        *,
        exchange: bool = True,
    ) -> None:
        self.rig, self.link, self.identity = rig, link, who
        self._binding = LinkBinding(binding.remote, binding.local)
        self._exchange = exchange
        self.become()
        self._read = 0
        self._sent: list[wire.ControlMessage | chunks.ChunkOctets] = []

    def become(self, *, lanes: int = 1, lane: int = 0, watches: bool = False) -> None:
        """Before the handshake: say this of oneself. By default nothing, as old stations do."""
        nonce = self.rig.rng.randbytes(32)
        self.handshake = Handshake(
            self.identity,
            self._binding,
            nonce=nonce,
            exchange=self._exchange,
            lanes=lanes,
            lane=lane,
            watches=watches,
        )

    @property
    def id(self) -> StationId:
        return station_id(self.identity.key)

    def say(self, message: wire.ControlMessage) -> None:
        self.say_text(wire.encode(message))

    def say_text(self, text: str) -> None:
        self.rig.post(MessageReceived(self.link, text))

    def say_octets(self, message: bytes) -> None:
        self.rig.post(MessageReceived(self.link, message))

    def heard(self) -> list[wire.ControlMessage | chunks.ChunkOctets]:
        """What the core has sent to this peer since the last look."""
        found: list[wire.ControlMessage | chunks.ChunkOctets] = []
        for effect in self.rig.done[self._read :]:
            if isinstance(effect, effects.Send) and effect.link == self.link:
                message = effect.message
                decoded = (
                    wire.decode(message) if isinstance(message, str) else chunks.decode(message)
                )
                assert decoded is not None
                found.append(decoded)
        self._read = len(self.rig.done)
        return found

    def shake_hands(self) -> None:
        hello = next(m for m in self.heard() if isinstance(m, wire.Hello))
        self.say(self.handshake.hello())
        proof = self.handshake.receive_hello(hello)
        self.say(proof)

    def go(self, reason: str = "gone") -> None:
        self.rig.post(LinkDown(self.link, reason))

    def linked(self) -> bool:
        """Whether the core regards this peer as proved and here."""
        session = self.rig.swarm.sessions.get(self.link)
        return session is not None and session.peer is not None

    def has(self, content: SimContent, chunks_held: int | None = None) -> None:
        """Announce chunks; all of them by default."""
        if chunks_held is None:
            self.say(wire.Have(content.hash, complete=True))
            return
        listed = tuple(i for i in range(content.metainfo.chunk_count) if chunks_held >> i & 1)
        self.say(wire.Have(content.hash, chunks=listed))

    def serve(
        self,
        content: SimContent,
        messages: list[wire.ControlMessage | chunks.ChunkOctets] | None = None,
        *,
        spoil: bool = False,
    ) -> int:
        """Answer what the core asked for; how many answers were sent."""
        sent = 0
        for message in self.heard() if messages is None else messages:
            match message:
                case wire.InfoRequest():
                    info = content.metainfo.info_octets
                    self.say(wire.Info(content.hash, len(info), 0, info))
                    sent += 1
                case wire.HashesRequest():
                    self.say(hashes_for(content, message))
                    sent += 1
                case wire.ChunkRequest():
                    for chunk, offset, octets in message.ranges:
                        self.send_range(content, message.handle, chunk, offset, octets, spoil=spoil)
                        sent += 1
                case _:
                    pass
        return sent

    def send_range(
        self,
        content: SimContent,
        handle: int,
        chunk: int,
        offset: int,
        octets: int,
        *,
        spoil: bool = False,
    ) -> None:
        start = chunk * content.metainfo.chunk_octets + offset
        payload = content.octets[start : start + octets]
        if spoil:
            payload = bytes([payload[0] ^ 1]) + payload[1:]
        self.say_octets(chunks.encode(handle, ChunkIndex(chunk), offset, payload))


def hashes_for(content: SimContent, ask: wire.HashesRequest) -> wire.Hashes:
    store = MemoryStore.full(content)
    question = effects.ReadHashes(
        0, content.hash, ask.root, ask.base_layer, ask.index, ask.length, ask.proof_layers
    )
    found = store.hashes(question)
    assert found is not None
    return wire.Hashes(ask.content_hash, ask.root, ask.base_layer, ask.index, ask.length, found)


class Rig:
    """The core under test.

    Attributes:
        now: the clock; only :meth:`wait` moves it.
        done: every effect there ever was.
        disk: whether the disk answers; when it does not, its effects only pile up.
    """

    def __init__(
        self,
        *,
        settings: SwarmSettings | None = None,
        pins: Mapping[Callsign, StationKey] | None = None,
        callsign: str = "KA1MMM",
    ) -> None:
        self.now = 1000.0
        self.rng = Random(7)
        self.identity = identity(callsign)
        self.swarm = Swarm(
            self.identity, settings or SwarmSettings(), rng=Random(1), pins=pins or {}, now=self.now
        )
        self.done: list[effects.SwarmEffect] = []
        self.disk = True
        self.stores: dict[bytes, MemoryStore] = {}
        self._links = 0

    def post(self, event: inputs.SwarmInput) -> None:
        self.swarm.receive(event, now=self.now)
        self._settle()

    def wait(self, seconds: float) -> None:
        """Let time pass, expiring whatever falls due."""
        end = self.now + seconds
        while (due := self.swarm.deadline()) is not None and due <= end:
            self.now = max(self.now, due)
            self.swarm.expire(now=self.now)
            self._settle()
        self.now = end

    def jump(self, seconds: float) -> None:
        """The clock moves and nothing happened meanwhile."""
        self.now += seconds
        self.swarm.expire(now=self.now)
        self._settle()

    def bare_link(
        self,
        callsign: str,
        *,
        dialled: StationId | None = None,
        key: str = "",
        instance: bytes = bytes(8),
        traits: LinkTraits = TRAITS,
        way: Way = Way.LAN,
        rotations: tuple[KeyRotation, ...] = (),
        exchange: bool = True,
    ) -> Peer:
        """A link before its handshake."""
        self._links += 1
        binding = LinkBinding(self.rng.randbytes(32), self.rng.randbytes(32))
        link = LinkId(f"bench:{self._links}")
        who = replace(identity(callsign, key=key, instance=instance), rotations=rotations)
        peer = Peer(self, link, who, binding, exchange=exchange)
        self.post(LinkUp(link=link, traits=traits, binding=binding, dialled=dialled, way=way))
        return peer

    def peer(
        self,
        callsign: str,
        *,
        key: str = "",
        traits: LinkTraits = TRAITS,
        way: Way = Way.LAN,
        exchange: bool = True,
    ) -> Peer:
        """A peer that proved who it is."""
        peer = self.bare_link(callsign, key=key, traits=traits, way=way, exchange=exchange)
        peer.shake_hands()
        return peer

    def seed(self, content: SimContent, *, have: int = -1) -> None:
        store = self.stores[content.hash] = MemoryStore.full(content)
        store.have &= have
        self.post(
            inputs.ContentOpened(content.hash, content.metainfo, content.chunk_hashes, store.have)
        )

    def open_for_download(self, content: SimContent) -> None:
        """A download whose metainfo is here already."""
        store = MemoryStore(content.metainfo, content.chunk_hashes)
        self.stores[content.hash] = store
        self.post(inputs.ContentOpened(content.hash, content.metainfo, content.chunk_hashes, 0))
        self.post(inputs.StartDownload(content.hash))

    def of(self, kind: type[KindT]) -> list[KindT]:
        """Every effect of one kind so far."""
        return [effect for effect in self.done if isinstance(effect, kind)]

    def complete(self, content: SimContent) -> bool:
        return bytes(self.stores[content.hash].octets) == content.octets

    def _settle(self) -> None:
        while drained := self.swarm.effects():
            self.done += drained
            if self.disk:
                for effect in drained:
                    self._perform(effect)

    def _perform(self, effect: effects.SwarmEffect) -> None:  # noqa: C901 - one flat match
        match effect:
            case effects.CheckInfo(content, info):
                self._tell(inputs.InfoChecked.of(content, info))
            case effects.CreateContent(content, metainfo, _, hashes):
                self.stores[content] = MemoryStore(metainfo, hashes)
                self._tell(inputs.ContentOpened(content, metainfo, hashes, 0))
            case effects.WriteLeafHashes(content, chunk, hashes):
                cut = [hashes[i : i + 32] for i in range(0, len(hashes), 32)]
                self.stores[content].leaves[chunk] = cut
            case effects.WriteRange(content, chunk, offset, octets):
                store = self.stores[content]
                start = store.start_of(chunk) + offset
                store.octets[start : start + len(octets)] = octets
                self._tell(inputs.RangeWritten(content, chunk, offset, len(octets)))
            case effects.ReadRange(ticket, content, chunk, offset, length):
                start = self.stores[content].start_of(chunk) + offset
                found = bytes(self.stores[content].octets[start : start + length])
                self._tell(inputs.RangeRead(ticket, found))
            case effects.ReadHashes(ticket, content):
                hashes_found = self.stores[content].hashes(effect)
                if hashes_found is None:
                    self._tell(inputs.ReadFailed(ticket, "not held"))
                else:
                    self._tell(inputs.HashesRead(ticket, hashes_found))
            case effects.FinishContent(content):
                self._tell(inputs.ContentFinished(content))
            case _:
                pass

    def _tell(self, event: inputs.SwarmInput) -> None:
        self.swarm.receive(event, now=self.now)


def download_of(rig: Rig, content: SimContent) -> Download:
    return rig.swarm.downloads[content.hash]


def serve_all(content: SimContent, *peers: Peer) -> None:
    while sum(peer.serve(content) for peer in peers):
        pass


def asked(peer: Peer) -> list[wire.ChunkRequest]:
    return [message for message in peer.heard() if isinstance(message, wire.ChunkRequest)]


def ranges(requests: list[wire.ChunkRequest]) -> list[tuple[int, int, int]]:
    return [found for request in requests for found in request.ranges]


def refusals(rig: Rig) -> list[str]:
    """Why it refused whom it refused."""
    return [refused.reason for refused in rig.of(effects.PeerRefused)]
