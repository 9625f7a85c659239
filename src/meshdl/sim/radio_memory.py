"""What a simulated radio station keeps, all of it in memory: contents, symbols, log, complaints.

Two shells carry for a radio without a disk: :mod:`meshdl.sim.radio` on virtual time, and the
one that tests put over real modems. What they keep is the same, and stands here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol, TypeAlias, assert_never

from meshdl.content import merkle
from meshdl.content.layout import chunk_octets_for
from meshdl.content.metainfo import Metainfo, build_info, chunk_hashes
from meshdl.content.paths import RelativePath
from meshdl.content.precedence import Precedence
from meshdl.ids import ContentHash
from meshdl.radio import transmitter_events as door
from meshdl.radio.log_records import RadioRecord
from meshdl.radio.station import FrameUnread
from meshdl.radio.transfer import events
from meshdl.radio.transfer.gathering import NewSymbol
from meshdl.wire.onair.pdus import ObjectKind

UNREAD_MAX = 10_000
"""Frames that made no sense; a test that sends more of them has seen enough."""

Remembered: TypeAlias = (
    events.MetainfoFound
    | events.LeafHashesFound
    | events.LeafFound
    | events.KeepSymbols
    | events.ForgetSymbols
    | events.WrongSymbols
    | events.FetchFailed
    | events.StationHeard
    | FrameUnread
    | door.Refused
    | door.Switched
    | door.Reconfigured
    | door.ReadRig
    | door.Finished
)
"""Effects of a radio that need nothing but memory."""


@dataclass(frozen=True, slots=True)
class RadioContent:
    """A content of one file: its metainfo, and its octets."""

    metainfo: Metainfo
    hashes: tuple[bytes, ...]
    octets: bytes

    @property
    def content(self) -> ContentHash:
        """Its name."""
        return self.metainfo.content_hash


def content_of(name: str, octets: bytes, *, chunk_octets: int | None = None) -> RadioContent:
    """One file."""
    chunk_octets = chunk_octets or chunk_octets_for(len(octets))
    leaves = merkle.hash_leaves(octets)
    root = merkle.root_of_layer(leaves, layer=0)
    metainfo = build_info(
        name,
        [(RelativePath.parse([name]), len(octets), root)],
        chunk_octets=chunk_octets,
        is_folder=False,
    )
    per_chunk = chunk_octets // merkle.LEAF_OCTETS
    layer = per_chunk.bit_length() - 1
    layers = {}
    if metainfo.chunk_count > 1:
        nodes = [
            merkle.root(leaves[at : at + per_chunk], width=per_chunk)
            for at in range(0, len(leaves), per_chunk)
        ]
        assert merkle.root_of_layer(nodes, layer=layer) == root
        layers = {root: b"".join(nodes)}
    return RadioContent(metainfo, tuple(chunk_hashes(metainfo, layers)), octets)


@dataclass(slots=True)
class Stored:
    """What a simulated station has of a content."""

    metainfo: Metainfo
    hashes: tuple[bytes, ...]
    octets: bytearray
    leaf_hashes: dict[int, bytes] = field(default_factory=dict)
    held: set[int] = field(default_factory=set)


class RadioMemory:
    """Of one station.

    Args:
        journal: symbols of an earlier run.

    Attributes:
        stored: contents by hash.
        finished_at: when a content was whole.
        journal: symbols of objects that are not whole yet.
        records: of the log, with the instant at which they were durable.
        durable: serials of those.
        wrong: symbols that were not of what their senders said.
        failures: contents that cannot be had.
        refusals: of the rules.
        switched: what the kill switch did.
        unread: frames that look like ours and are not right.
    """

    def __init__(self, journal: Sequence[NewSymbol] = ()) -> None:
        self.stored: dict[ContentHash, Stored] = {}
        self.finished_at: dict[ContentHash, float] = {}
        self.journal: list[NewSymbol] = list(journal)
        self.records: list[tuple[float, RadioRecord]] = []
        self.durable: set[int] = set()
        self.wrong: list[events.WrongSymbols] = []
        self.failures: list[events.FetchFailed] = []
        self.refusals: list[door.Refused] = []
        self.switched: list[door.Switched] = []
        self.unread: list[FrameUnread] = []

    def hold(
        self,
        content: RadioContent,
        *,
        leaves: set[int] | None = None,
        precedence: Precedence = Precedence.ROUTINE,
    ) -> events.Hold:
        """This content, or some leaves of it, is here; what the core is to be told."""
        stored = Stored(content.metainfo, content.hashes, bytearray(content.octets))
        full = content.metainfo.leaves_per_chunk
        for chunk in range(content.metainfo.chunk_count):
            start = chunk * content.metainfo.chunk_octets
            octets = content.octets[start : start + content.metainfo.chunk_octets]
            hashes = merkle.hash_leaves(octets)
            stored.leaf_hashes[chunk] = b"".join(hashes)
            stored.held |= {chunk * full + number for number in range(len(hashes))}
        if leaves is not None:
            stored.held &= leaves
        self.stored[content.content] = stored
        return events.Hold(
            metainfo=content.metainfo,
            chunk_hashes=content.hashes,
            held=sum(1 << number for number in stored.held),
            precedence=precedence,
        )

    def log(self, serial: int, record: RadioRecord, *, now: float) -> door.LogCommitted:
        """Keep a record; what the core is to be told."""
        self.durable.add(serial)
        self.records.append((now, record))
        return door.LogCommitted(serial)

    def read(self, asked: events.ReadObject) -> events.ObjectRead:
        """What is here of an object."""
        stored = self.stored.get(asked.content)
        octets: bytes | None = None
        if stored is not None and asked.key.kind is ObjectKind.HASHES:
            octets = stored.leaf_hashes.get(asked.chunk)
        elif stored is not None and asked.key.number in stored.held:
            start = asked.chunk * stored.metainfo.chunk_octets + asked.offset
            octets = bytes(stored.octets[start : start + asked.octets])
        return events.ObjectRead(asked.key, octets)

    def remember(self, effect: Remembered, *, now: float) -> None:
        """Do what an effect says."""
        match effect:
            case events.MetainfoFound() | events.LeafHashesFound() | events.LeafFound():
                self._found(effect, now)
            case events.KeepSymbols(symbols):
                self.journal += symbols
            case events.ForgetSymbols(key):
                self.journal[:] = [one for one in self.journal if one.key != key]
            case _:
                self._noted(effect)

    def _noted(
        self,
        effect: events.WrongSymbols
        | events.FetchFailed
        | events.StationHeard
        | FrameUnread
        | door.Refused
        | door.Switched
        | door.Reconfigured
        | door.ReadRig
        | door.Finished,
    ) -> None:
        match effect:
            case events.WrongSymbols():
                self.wrong.append(effect)
            case events.FetchFailed():
                self.failures.append(effect)
            case door.Refused():
                self.refusals.append(effect)
            case door.Switched():
                self.switched.append(effect)
            case FrameUnread():
                if len(self.unread) < UNREAD_MAX:
                    self.unread.append(effect)
            case events.StationHeard() | door.Reconfigured() | door.ReadRig() | door.Finished():
                pass  # a simulated station has no rig to ask
            case _:
                assert_never(effect)

    def _found(
        self, effect: events.MetainfoFound | events.LeafHashesFound | events.LeafFound, now: float
    ) -> None:
        match effect:
            case events.MetainfoFound(metainfo, _, hashes):
                self.stored[metainfo.content_hash] = Stored(
                    metainfo, hashes, bytearray(metainfo.total_octets)
                )
            case events.LeafHashesFound(content, chunk, hashes):
                self.stored[content].leaf_hashes[chunk] = hashes
            case events.LeafFound():
                stored = self.stored[effect.content]
                start = effect.chunk * stored.metainfo.chunk_octets + effect.offset
                stored.octets[start : start + len(effect.octets)] = effect.octets
                stored.held.add(effect.number)
                leaf_count = -(-stored.metainfo.total_octets // merkle.LEAF_OCTETS)
                if len(stored.held) == leaf_count:
                    self.finished_at[effect.content] = now
            case _:
                assert_never(effect)


class HasMemory(Protocol):
    """A station whose memory can be looked into."""

    @property
    def memory(self) -> RadioMemory:
        """What it keeps."""


def is_whole(station: HasMemory, content: RadioContent) -> bool:
    """Whether a station has every octet of a content, and the right ones."""
    stored = station.memory.stored.get(content.content)
    return (
        stored is not None
        and content.content in station.memory.finished_at
        and sha256(stored.octets).digest() == sha256(content.octets).digest()
    )
