"""Contents on the air: what they look like, what is here of them, what is still wanted.

A PDU names a content by a tag of four octets, so a content is looked up by its tag. Of two
contents here that share a tag, the first one has it; the other does not go on the air.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from meshdl.content import merkle
from meshdl.content.metainfo import Metainfo
from meshdl.content.precedence import Precedence
from meshdl.ids import ChunkIndex, ContentHash
from meshdl.radio.leaf_symbols import Leaf
from meshdl.wire.onair.codes import ContentTag, content_tag
from meshdl.wire.onair.info_segments import Info, segments
from meshdl.wire.onair.pdus import ObjectKind, Run


@dataclass(frozen=True, slots=True)
class ObjectKey:
    """Names one object on the air."""

    content: ContentTag
    kind: ObjectKind
    number: int


@dataclass(frozen=True, slots=True)
class LeafPlace:
    """Where a leaf lies: octets from ``offset`` of ``chunk``."""

    chunk: ChunkIndex
    offset: int
    octets: int


def leaf_place(metainfo: Metainfo, number: int) -> LeafPlace | None:
    """Where the leaf of that number lies; ``None``: there is none."""
    chunk, within = divmod(number, metainfo.leaves_per_chunk)
    if not 0 <= chunk < metainfo.chunk_count:
        return None
    span = metainfo.span(ChunkIndex(chunk))
    if within >= span.leaf_count:
        return None
    offset = within * merkle.LEAF_OCTETS
    return LeafPlace(ChunkIndex(chunk), offset, min(merkle.LEAF_OCTETS, span.octets - offset))


class Shape:
    """Metainfo that is proved, and which leaves are here. Leaves have the numbers of the air.

    Attributes:
        held: set of leaf numbers.
        all_leaves: set of those that there are.
    """

    def __init__(self, metainfo: Metainfo, chunk_hashes: Sequence[bytes], held: int = 0) -> None:
        self.metainfo, self.chunk_hashes = metainfo, tuple(chunk_hashes)
        self.held = held
        self.all_leaves = _all_leaves(metainfo)
        self._leaf_hashes: dict[int, list[bytes]] = {}

    @property
    def missing(self) -> int:
        """The set of leaves that are not here."""
        return self.all_leaves & ~self.held

    @property
    def octets_missing(self) -> int:
        """Of the leaves that are not here."""
        if not self.held:
            return self.metainfo.total_octets
        numbers = (one for one in range(self.missing.bit_length()) if self.missing >> one & 1)
        places = (self.place(one) for one in numbers)
        return sum(one.octets for one in places if one is not None)

    def place(self, number: int) -> LeafPlace | None:
        """Where the leaf of that number lies; ``None``: there is none."""
        return leaf_place(self.metainfo, number)

    def leaf(self, number: int) -> Leaf | None:
        """Hash and length of a leaf, if its hash is known."""
        place = self.place(number)
        if place is None:
            return None
        hashes = self.leaf_hashes(place.chunk)
        if hashes is None:
            return None
        return Leaf(hashes[place.offset // merkle.LEAF_OCTETS], place.octets)

    def leaf_hashes(self, chunk: ChunkIndex) -> list[bytes] | None:
        """Of a chunk; a chunk that is one leaf tells its hash itself."""
        if self.metainfo.span(chunk).width == 1:
            return [self.chunk_hashes[chunk]]
        return self._leaf_hashes.get(chunk)

    @property
    def known_leaf_hashes(self) -> dict[ChunkIndex, bytes]:
        """Joined, of the chunks of several leaves whose hashes are known."""
        return {ChunkIndex(at): b"".join(hashes) for at, hashes in self._leaf_hashes.items()}

    @property
    def layers(self) -> dict[bytes, bytes]:
        """Piece layers by root, as in the metainfo."""
        return layers_of(
            self.metainfo,
            b"".join(
                b"".join(self.chunk_hashes[one.first_chunk : one.first_chunk + one.chunk_count])
                for one in self.metainfo.files
                if one.chunk_count > 1
            ),
        )

    def lacks_leaf_hashes(self, chunk: ChunkIndex) -> bool:
        """Whether there is such a chunk, and its leaf hashes are not known."""
        return 0 <= chunk < self.metainfo.chunk_count and self.leaf_hashes(chunk) is None

    def leaf_hashes_octets(self, chunk: ChunkIndex) -> int:
        """Length of the leaf hashes of a chunk, joined."""
        return self.metainfo.span(chunk).leaf_count * merkle.HASH_OCTETS

    def are_leaf_hashes(self, chunk: ChunkIndex, octets: bytes) -> bool:
        """Whether these are the leaf hashes of a chunk, joined."""
        hashes = merkle.split(octets)
        width = self.metainfo.span(chunk).width
        whole = len(octets) == self.leaf_hashes_octets(chunk)
        return whole and merkle.root(hashes, width=width) == self.chunk_hashes[chunk]

    def learn_leaf_hashes(self, chunk: ChunkIndex, octets: bytes) -> None:
        """Keep them, once :meth:`are_leaf_hashes` holds."""
        self._leaf_hashes[chunk] = merkle.split(octets)

    def whole_chunks(self) -> tuple[Run, ...] | None:
        """Runs of chunks that are here; ``None``: all of them."""
        if not self.missing:
            return None
        full = self.metainfo.leaves_per_chunk
        runs: list[Run] = []
        for chunk in range(self.metainfo.chunk_count):
            count = self.metainfo.span(ChunkIndex(chunk)).leaf_count
            if (self.held >> chunk * full) & (1 << count) - 1 != (1 << count) - 1:
                continue
            if runs and runs[-1].first + runs[-1].count == chunk:
                runs[-1] = Run(runs[-1].first, runs[-1].count + 1)
            else:
                runs.append(Run(chunk, 1))
        return tuple(runs)


@dataclass(slots=True, kw_only=True)
class AirContent:
    """One content.

    Attributes:
        content: its whole hash; ``None`` while only its tag was heard.
        shape: its metainfo, once that is here.
        record: octets of its record, empty when there is none.
        wanted: the operator asked for it by radio.
        kept: the station keeps what comes of it; otherwise it was merely overheard.
        served: it may be sent by radio.
        declared: the operator declared it bulletin or emergency traffic.
        cleartext: nothing in it says that it is encrypted.
        heard_at: when something of it was last on the air.
        segment_count: of its INFO, once one segment told.
        segments: of its INFO that are here.
    """

    tag: ContentTag
    content: ContentHash | None = None
    shape: Shape | None = None
    record: bytes = b""
    precedence: Precedence = Precedence.ROUTINE
    wanted: bool = False
    kept: bool = False
    served: bool = False
    declared: bool = False
    cleartext: bool = True
    heard_at: float = 0.0
    segment_count: int = 1
    segments: dict[int, bytes] = field(default_factory=dict)

    def info_segments(self) -> list[bytes]:
        """The INFO to send; none while we do not have the metainfo, or it is too long."""
        if self.shape is None:
            return []
        metainfo = self.shape.metainfo
        hashes = b"".join(
            b"".join(self.shape.chunk_hashes[one.first_chunk : one.first_chunk + one.chunk_count])
            for one in metainfo.files
            if one.chunk_count > 1
        )
        try:
            return segments(
                Info(record=self.record, info_octets=metainfo.info_octets, chunk_hashes=hashes)
            )
        except ValueError:  # more than the air carries in hours
            return []

    def missing_objects(self) -> Iterator[ObjectKey]:
        """What to ask for, in the order of use: before leaves, the hashes of their chunk."""
        if self.shape is None:
            for number in range(self.segment_count):
                if number not in self.segments:
                    yield ObjectKey(self.tag, ObjectKind.INFO, number)
            return
        shape, missing = self.shape, self.shape.missing
        last_chunk = -1
        while missing:
            number = (missing & -missing).bit_length() - 1
            missing &= missing - 1
            chunk = number // shape.metainfo.leaves_per_chunk
            if chunk != last_chunk and shape.leaf_hashes(ChunkIndex(chunk)) is None:
                yield ObjectKey(self.tag, ObjectKind.HASHES, chunk)
            last_chunk = chunk
            yield ObjectKey(self.tag, ObjectKind.LEAF, number)

    def has(self, key: ObjectKey) -> bool:
        """Whether this object can be sent from here."""
        shape = self.shape
        if shape is None or not self.served:
            return False
        match key.kind:
            case ObjectKind.INFO:
                return True
            case ObjectKind.HASHES:
                full = shape.metainfo.leaves_per_chunk
                return bool(shape.held >> key.number * full & (1 << full) - 1)
            case ObjectKind.LEAF:
                return bool(shape.held >> key.number & 1)


def layers_of(metainfo: Metainfo, joined: bytes) -> dict[bytes, bytes]:
    """Piece layers from an INFO's hashes; not yet proved."""
    layers: dict[bytes, bytes] = {}
    at = 0
    for entry in metainfo.files:
        if entry.chunk_count > 1 and entry.root is not None:
            length = entry.chunk_count * merkle.HASH_OCTETS
            layers[entry.root] = joined[at : at + length]
            at += length
    return layers


def _all_leaves(metainfo: Metainfo) -> int:
    full = metainfo.leaves_per_chunk
    everything = (1 << metainfo.chunk_count * full) - 1
    for entry in metainfo.files:
        if entry.chunk_count:
            last = ChunkIndex(entry.first_chunk + entry.chunk_count - 1)
            count = metainfo.span(last).leaf_count
            everything &= ~((1 << full) - (1 << count) << last * full)
    return everything


class Contents:
    """All contents, by tag, each in one place."""

    def __init__(self) -> None:
        self._by_tag: dict[ContentTag, AirContent] = {}

    def __iter__(self) -> Iterator[AirContent]:
        return iter(self._by_tag.values())

    def __len__(self) -> int:
        return len(self._by_tag)

    def get(self, tag: ContentTag) -> AirContent | None:
        """The content of that tag."""
        return self._by_tag.get(tag)

    def find(self, content: ContentHash) -> AirContent | None:
        """A content by its whole hash."""
        found = self._by_tag.get(content_tag(content))
        return found if found is not None and found.content == content else None

    def open(self, content: ContentHash) -> AirContent | None:
        """The same, made when it is not there; ``None``: another one has its tag."""
        tag = content_tag(content)
        found = self._by_tag.setdefault(tag, AirContent(tag=tag))
        if found.content is None:
            found.content = content
        return found if found.content == content else None

    def hear(self, tag: ContentTag, *, now: float, room: int) -> AirContent | None:
        """Something of a content was heard; ``None``: it is strange and there is no room.

        Args:
            tag: of the content.
            now: when.
            room: how many contents are remembered; the one that is of no use to anybody
                here and was not heard for longest goes.
        """
        found = self._by_tag.get(tag)
        if found is None:
            if len(self._by_tag) >= room and not self._make_room():
                return None
            found = self._by_tag[tag] = AirContent(tag=tag)
        found.heard_at = now
        return found

    def forget(self, tag: ContentTag) -> None:
        """It is of no use any more."""
        self._by_tag.pop(tag, None)

    def _make_room(self) -> bool:
        strange = [one for one in self if not one.wanted and one.shape is None]
        if not strange:
            return False
        self.forget(min(strange, key=lambda one: one.heard_at).tag)
        return True
