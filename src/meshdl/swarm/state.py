"""What the parts of the swarm core share: one station's sessions, contents, effects."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from random import Random

from meshdl.content.metainfo import Metainfo
from meshdl.content.precedence import Precedence
from meshdl.ids import ChunkIndex, ContentHash, LinkId
from meshdl.links import Message
from meshdl.policy.bucket import UNLIMITED
from meshdl.swarm.effects import Send, SwarmEffect
from meshdl.swarm.handshake import Identity
from meshdl.swarm.peer import Peer
from meshdl.swarm.session import Session
from meshdl.wire.control import ControlMessage, encode


@dataclass(frozen=True, slots=True, kw_only=True)
class SwarmSettings:
    """The operator's choices. See ``docs/reference/config.md`` for the defaults' reasons.

    Attributes:
        max_links: links at once, incoming and dialled together.
        upload_slots: links served at once; others are told ``busy``.
        upload_octets_per_s, download_octets_per_s: limits for links that are not LAN.
        in_flight_octets: on request or verified but not yet written, all together;
            what bounds memory.
        agent: name and version of the program, told in ``hello``.
        exchange: peers may be told of this station and of each other, and signals relayed.
        introduces_far: two peers that came by way of a signalling server, to each other.
        introduces_across: one of the local network and one that came by such a way.
    """

    max_links: int = 64
    upload_slots: int = 16
    upload_octets_per_s: float = UNLIMITED
    download_octets_per_s: float = UNLIMITED
    in_flight_octets: int = 24 * 1024 * 1024
    agent: str = ""
    exchange: bool = True
    introduces_far: bool = True
    introduces_across: bool = True


@dataclass(slots=True)
class Holding:
    """A content that the store has open, wholly or in part.

    Attributes:
        have: set of verified chunks.
        partial: for unfinished chunks, the set of verified leaves.
        complete: cached, asked for every message.
        served: false while a shared file is not what it was.
        files_of_root: Merkle root to positions in ``metainfo.files``; equal files share one.
    """

    metainfo: Metainfo
    chunk_hashes: tuple[bytes, ...]
    have: int
    precedence: Precedence
    partial: dict[ChunkIndex, int] = field(default_factory=dict)
    complete: bool = False
    served: bool = True
    files_of_root: dict[bytes, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.complete = self.have == self.all_chunks
        for position, file in enumerate(self.metainfo.files):
            if file.root is not None:
                self.files_of_root.setdefault(file.root, []).append(position)

    @property
    def all_chunks(self) -> int:
        """The set of all chunks."""
        return (1 << self.metainfo.chunk_count) - 1

    @property
    def octets(self) -> int:
        """Octets of all chunks in ``have``; counts the missing ones when they are fewer."""
        metainfo = self.metainfo
        if self.complete:
            return metainfo.total_octets
        short = sum(
            metainfo.chunk_octets - metainfo.span(last).octets
            for file in metainfo.files
            if file.chunk_count
            and self.have >> (last := ChunkIndex(file.first_chunk + file.chunk_count - 1)) & 1
        )
        return self.have.bit_count() * metainfo.chunk_octets - short

    def gain(self, chunk: ChunkIndex) -> None:
        """All leaves of a chunk are written."""
        self.partial.pop(chunk, None)
        self.have |= 1 << chunk
        self.complete = self.have == self.all_chunks

    def gain_leaves(self, chunk: ChunkIndex, leaves: int) -> bool:
        """Some leaves of a chunk are written; ``True`` when that completes it."""
        held = self.partial.get(chunk, 0) | leaves
        if held != (1 << self.metainfo.span(chunk).leaf_count) - 1:
            self.partial[chunk] = held
            return False
        self.gain(chunk)
        return True


@dataclass(slots=True)
class SwarmState:
    """Shared by the parts of one swarm core; nobody else sees it."""

    identity: Identity
    settings: SwarmSettings
    rng: Random
    sessions: dict[LinkId, Session] = field(default_factory=dict)
    holdings: dict[ContentHash, Holding] = field(default_factory=dict)
    effects: list[SwarmEffect] = field(default_factory=list)
    tickets: Iterator[int] = field(default_factory=partial(itertools.count, 1))

    def peers(self) -> list[Session]:
        """The first lane of each station that has proved who it is."""
        return [session for session in self.lanes() if session.first]

    def lanes(self) -> list[Session]:
        """Every session whose other end has proved who it is."""
        return [session for session in self.sessions.values() if session.peer is not None]

    def lanes_of(self, peer: Peer) -> list[Session]:
        """Every session with this station."""
        return [session for session in self.sessions.values() if session.peer is peer]

    def tell(self, link: LinkId, message: ControlMessage) -> None:
        """Send a control message."""
        self.effects.append(Send(link, encode(message)))

    def send(self, link: LinkId, message: Message) -> None:
        """Send a ready message."""
        self.effects.append(Send(link, message))
