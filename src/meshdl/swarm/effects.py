"""What the swarm core wants done."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from meshdl.content.metainfo import Metainfo
from meshdl.ids import Callsign, ChunkIndex, ContentHash, LinkId, StationId, StationKey
from meshdl.links import Message, Path, Way
from meshdl.wire.control import PeerHint
from meshdl.wire.signals import Envelope


@dataclass(frozen=True, slots=True)
class Send:
    """Hand this message to the link's transport."""

    link: LinkId
    message: Message


@dataclass(frozen=True, slots=True)
class CloseLink:
    """Close this link."""

    link: LinkId
    reason: str


@dataclass(frozen=True, slots=True)
class Dial:
    """Try to reach this station this way."""

    station: StationId
    way: Way


@dataclass(frozen=True, slots=True)
class Advertise:
    """Let stations out of reach know that this content, or some of it, is here, or no longer."""

    content: ContentHash
    held: bool


@dataclass(frozen=True, slots=True)
class Seek:
    """Look for stations that have this content, or no longer."""

    content: ContentHash
    wanted: bool


@dataclass(frozen=True, slots=True)
class PeersHeard:
    """A peer tells who else has a content that is wanted here; a hint, and no more.

    Attributes:
        peers: all that it tells of, of this content.
        clock_ms: its clock.
    """

    carrier: StationId
    content: ContentHash
    peers: tuple[PeerHint, ...]
    clock_ms: int


@dataclass(frozen=True, slots=True)
class SignalCarried:
    """A peer passes this on to us; ``clock_ms`` is its clock."""

    carrier: StationId
    envelope: Envelope
    clock_ms: int


@dataclass(frozen=True, slots=True)
class SignalUncarried:
    """What was to be passed on to this station was not."""

    recipient: StationId
    reason: str


@dataclass(frozen=True, slots=True)
class CarrierGone:
    """This peer is a peer no longer, and what it told is no longer so."""

    carrier: StationId


@dataclass(frozen=True, slots=True)
class PinStation:
    """Remember that this callsign goes with this key (first sight)."""

    callsign: Callsign
    key: StationKey


@dataclass(frozen=True, slots=True)
class PinMoved:
    """A callsign goes with another key from now on: the one it went with signed for it."""

    callsign: Callsign
    old_key: StationKey
    key: StationKey


@dataclass(frozen=True, slots=True)
class PeerUp:
    """A station proved who it is."""

    link: LinkId
    callsign: Callsign
    key: StationKey
    path: Path
    address: str


@dataclass(frozen=True, slots=True)
class PeerMoved:
    """The link to a peer runs elsewhere now; fields as in :class:`PeerUp`."""

    link: LinkId
    callsign: Callsign
    key: StationKey
    path: Path
    address: str


@dataclass(frozen=True, slots=True)
class PeerDown:
    """A link that had been up with :class:`PeerUp` is gone."""

    link: LinkId
    callsign: Callsign
    key: StationKey
    reason: str


@dataclass(frozen=True, slots=True)
class PeerRefused:
    """A link was refused or dropped for a reason that the operator should know.

    Attributes:
        callsign: empty when none was proved.
        key: that was proved, if any.
    """

    link: LinkId
    callsign: str
    address: str
    reason: str
    key: StationKey | None = None


@dataclass(frozen=True, slots=True)
class Identified:
    """A station identified itself on a link: we (``sent``) or the peer."""

    link: LinkId
    callsign: Callsign
    text: str
    sent: bool


@dataclass(frozen=True, slots=True)
class RecordsHeard:
    """A peer told what it holds. The records are not yet verified."""

    key: StationKey
    callsign: Callsign
    records: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class RecordsForgotten:
    """A peer holds these no longer."""

    key: StationKey
    contents: tuple[ContentHash, ...]


@dataclass(frozen=True, slots=True)
class CheckInfo:
    """This has the hash that was wanted: see what it says, which may take seconds.

    The answer is :class:`~meshdl.swarm.inputs.InfoChecked`.
    """

    content: ContentHash
    info_octets: bytes


@dataclass(frozen=True, slots=True)
class CreateContent:
    """Metainfo and layers are proved: make room for this download, then open it."""

    content: ContentHash
    metainfo: Metainfo
    layers: Mapping[bytes, bytes]
    chunk_hashes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class WriteLeafHashes:
    """Keep these leaf hashes of a chunk, joined, for a restart and for other peers."""

    content: ContentHash
    chunk: ChunkIndex
    hashes: bytes


@dataclass(frozen=True, slots=True)
class WriteRange:
    """Write these verified leaves; with ``completes_chunk`` the chunk is then whole."""

    content: ContentHash
    chunk: ChunkIndex
    offset: int
    octets: memoryview
    completes_chunk: bool


@dataclass(frozen=True, slots=True)
class FinishContent:
    """Every chunk is written: put the files under their own names."""

    content: ContentHash


@dataclass(frozen=True, slots=True)
class ReadRange:
    """Read octets of a chunk to serve them."""

    ticket: int
    content: ContentHash
    chunk: ChunkIndex
    offset: int
    octets: int


@dataclass(frozen=True, slots=True)
class ReadHashes:
    """Read Merkle hashes to serve them; fields as in the wire's ``hashes-request``."""

    ticket: int
    content: ContentHash
    root: bytes
    base_layer: int
    index: int
    length: int
    proof_layers: int


@dataclass(frozen=True, slots=True)
class Transferred:
    """A peer and we are done with a content for now: for the station log.

    Attributes:
        octets: verified octets received (or octets sent, with ``sent``) since the last
            such record.
    """

    content: ContentHash
    callsign: Callsign
    key: StationKey
    path: Path
    octets: int
    sent: bool


@dataclass(frozen=True, slots=True)
class DownloadChanged:
    """The state of a download changed in a way that an observer would show."""

    content: ContentHash


LinkEffect: TypeAlias = Send | CloseLink | Dial
"""For the transports."""

DiscoveryEffect: TypeAlias = Advertise | Seek
"""For whoever finds stations by what they have."""

ExchangeEffect: TypeAlias = PeersHeard | SignalCarried | SignalUncarried | CarrierGone
"""For whoever meets stations by way of peers."""

StoreEffect: TypeAlias = (
    CheckInfo
    | CreateContent
    | WriteLeafHashes
    | WriteRange
    | FinishContent
    | ReadRange
    | ReadHashes
)
"""For the store."""

Notice: TypeAlias = (
    PinStation
    | PinMoved
    | PeerUp
    | PeerMoved
    | PeerDown
    | PeerRefused
    | Identified
    | RecordsHeard
    | RecordsForgotten
    | Transferred
    | DownloadChanged
)
"""For the catalogue, the station log and whoever looks on."""

SwarmEffect: TypeAlias = LinkEffect | DiscoveryEffect | ExchangeEffect | StoreEffect | Notice
