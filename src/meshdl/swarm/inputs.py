"""What the swarm core is told, beside the link events of :mod:`meshdl.links`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self, TypeAlias

from meshdl.content.metainfo import Metainfo, parse_info
from meshdl.content.precedence import Precedence
from meshdl.errors import MetainfoInvalid
from meshdl.ids import Callsign, ChunkIndex, ContentHash, LinkId, StationId, StationKey
from meshdl.links import (
    DialFailed,
    LinkDown,
    LinkUp,
    LinkWritable,
    MessageReceived,
    PathChanged,
    Way,
)
from meshdl.wire.signals import Envelope


@dataclass(frozen=True, slots=True)
class LinkBlocked:
    """The transport answered "full" to the last chunks message of this link.

    The driver keeps that message and what follows; the core asks the disk for no more
    until :class:`meshdl.links.LinkWritable`.
    """

    link: LinkId


@dataclass(frozen=True, slots=True)
class StationSeen:
    """Discovery found a station, or found it again under other addresses."""

    station: StationId
    callsign: Callsign
    way: Way = Way.LAN


@dataclass(frozen=True, slots=True)
class StationGone:
    """Discovery no longer hears of a station this way. Its links, if any, live on."""

    station: StationId
    way: Way = Way.LAN


@dataclass(frozen=True, slots=True)
class CarrySignal:
    """Have this peer pass a sealed signal on to the peer of its own that it is meant for."""

    carrier: StationId
    recipient: StationId
    envelope: Envelope


@dataclass(frozen=True, slots=True, kw_only=True)
class Introduce:
    """Which peers are told of each other from now on: the rooms are others than before.

    As in :class:`meshdl.swarm.state.SwarmSettings`.
    """

    far: bool
    across: bool


@dataclass(frozen=True, slots=True)
class StationTrusted:
    """The operator looked and accepts this key for this callsign from now on."""

    callsign: Callsign
    key: StationKey


@dataclass(frozen=True, slots=True)
class OfferRecord:
    """Announce this encoded content record to the peers, now and from now on."""

    content: ContentHash
    record: bytes


@dataclass(frozen=True, slots=True)
class StartDownload:
    """Fetch this content. Starting a download that runs changes only how.

    Attributes:
        by_links: peers are asked; otherwise it comes by radio alone.
    """

    content: ContentHash
    precedence: Precedence = Precedence.ROUTINE
    in_order: bool = False
    by_links: bool = True


@dataclass(frozen=True, slots=True)
class MetainfoLearned:
    """The metainfo of a content came another way than by links; it is proved."""

    content: ContentHash
    metainfo: Metainfo
    layers: Mapping[bytes, bytes]
    chunk_hashes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class LeafHashesLearned:
    """The leaf hashes of a chunk, joined, came another way than by links."""

    content: ContentHash
    chunk: ChunkIndex
    hashes: bytes


@dataclass(frozen=True, slots=True)
class LeafLearned:
    """A leaf came another way than by links; its chunk's leaf hashes were learned before."""

    content: ContentHash
    chunk: ChunkIndex
    offset: int
    octets: bytes


@dataclass(frozen=True, slots=True)
class PauseDownload:
    """Stop fetching; what is held stays and is served."""

    content: ContentHash


@dataclass(frozen=True, slots=True)
class ContentOpened:
    """The store holds this content, wholly or in part, and can read and write it.

    Attributes:
        chunk_hashes: one per chunk, proved against the metainfo.
        have: set of verified chunks, bit ``i`` for chunk ``i``.
        partial: for unfinished chunks, the set of verified leaves.
    """

    content: ContentHash
    metainfo: Metainfo
    chunk_hashes: tuple[bytes, ...]
    have: int
    partial: Mapping[ChunkIndex, int] = field(default_factory=dict)
    precedence: Precedence = Precedence.ROUTINE


@dataclass(frozen=True, slots=True)
class ContentRemoved:
    """The operator removed this content; nobody is served any more."""

    content: ContentHash


@dataclass(frozen=True, slots=True)
class RangeWritten:
    """The octets of a :class:`meshdl.swarm.effects.WriteRange` are in the file.

    Or of several that stand side by side in the chunk.
    """

    content: ContentHash
    chunk: ChunkIndex
    offset: int
    octets: int


@dataclass(frozen=True, slots=True)
class StoreFailed:
    """The store gave up on this content; it must be opened anew.

    The reason is for people: what happened, to what, and what to do next.

    Attributes:
        unwritten_octets: of the :class:`meshdl.swarm.effects.WriteRange` that failed.
    """

    content: ContentHash
    reason: str
    unwritten_octets: int = 0


@dataclass(frozen=True, slots=True)
class ContentFinished:
    """All files of a download stand complete under their own names."""

    content: ContentHash


@dataclass(frozen=True, slots=True)
class RangeRead:
    """Answer to :class:`meshdl.swarm.effects.ReadRange`."""

    ticket: int
    octets: bytes | memoryview


@dataclass(frozen=True, slots=True)
class HashesRead:
    """Answer to :class:`meshdl.swarm.effects.ReadHashes`, hashes joined."""

    ticket: int
    hashes: bytes


@dataclass(frozen=True, slots=True)
class ReadFailed:
    """The store could not answer a ticket.

    Attributes:
        changed: the file is no longer what was hashed; nothing of the content is
            served until a new :class:`ContentOpened` says what is still right.
    """

    ticket: int
    reason: str
    changed: bool = False


@dataclass(frozen=True, slots=True)
class Shutdown:
    """Say goodbye on every link and close it."""


@dataclass(frozen=True, slots=True)
class InfoChecked:
    """What :class:`~meshdl.swarm.effects.CheckInfo` asked for.

    Attributes:
        metainfo: ``None`` when the dictionary cannot be used.
        problem: why it cannot.
    """

    content: ContentHash
    metainfo: Metainfo | None
    problem: str = ""

    @classmethod
    def of(cls, content: ContentHash, info_octets: bytes) -> Self:
        """Look at it here and now."""
        try:
            return cls(content, parse_info(info_octets))
        except MetainfoInvalid as error:
            return cls(content, None, str(error))


LinkInput: TypeAlias = LinkUp | LinkDown | LinkWritable | LinkBlocked | PathChanged | DialFailed
"""What becomes of links."""

DiscoveryInput: TypeAlias = StationSeen | StationGone | StationTrusted | CarrySignal | Introduce
"""Who is in reach, and what is to be said to who may be."""

OperatorInput: TypeAlias = OfferRecord | StartDownload | PauseDownload | ContentRemoved
"""What the operator wants."""

LearnedInput: TypeAlias = MetainfoLearned | LeafHashesLearned | LeafLearned
"""What came of a download by another path, the radio: the same state machine takes it."""

StoreInput: TypeAlias = InfoChecked | ContentOpened | RangeWritten | StoreFailed | ContentFinished
"""What became of the contents in the store."""

ReadAnswer: TypeAlias = RangeRead | HashesRead | ReadFailed
"""What the store read, to be sent."""

SwarmInput: TypeAlias = (
    MessageReceived
    | LinkInput
    | DiscoveryInput
    | OperatorInput
    | LearnedInput
    | StoreInput
    | ReadAnswer
    | Shutdown
)
