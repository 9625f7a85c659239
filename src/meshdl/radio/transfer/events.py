"""The two sides of the transfer core: what it is told, and what it wants done."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from meshdl.air import CarrierChanged, ModemDown, ModemUp
from meshdl.content.metainfo import Metainfo
from meshdl.content.precedence import Precedence
from meshdl.ids import Callsign, ChunkIndex, ContentHash
from meshdl.radio.traffic import Traffic
from meshdl.radio.transfer.contents import ObjectKey
from meshdl.radio.transfer.gathering import NewSymbol
from meshdl.radio.transfer.terms import Terms
from meshdl.wire.onair.codes import ContentTag
from meshdl.wire.onair.frames import OnAir
from meshdl.wire.onair.pdus import Cq

# -- Inputs ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Heard:
    """A frame of ours was received.

    Attributes:
        sender: by the modem's addresses; the frame itself may know better.
        snr_db: in 3 kHz, where the modem measures it.
    """

    frame: OnAir
    sender: Callsign | None = None
    snr_db: float | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """A traffic of ours has been on the air to its last frame."""

    traffic: Traffic


@dataclass(frozen=True, slots=True)
class NotSent:
    """A traffic of ours will not be sent.

    Attributes:
        refused: the rules forbid it; trying again changes nothing.
    """

    traffic: Traffic
    reason: str
    refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A content is here, all or some of it, and goes on the air when asked for.

    Attributes:
        chunk_hashes: of all its chunks.
        held: set of leaves that are here, numbered as on the air; ``None``: all.
        record: octets of its record; empty when there is none.
        served: it may be sent by radio.
        declared: declared by the operator as bulletin or emergency traffic.
        cleartext: nothing in it says that it is encrypted.
    """

    metainfo: Metainfo
    chunk_hashes: tuple[bytes, ...]
    held: int | None
    precedence: Precedence = Precedence.ROUTINE
    record: bytes = b""
    served: bool = True
    declared: bool = False
    cleartext: bool = True

    @property
    def emergency(self) -> bool:
        """Declared by the operator of this very station."""
        return self.declared and self.precedence is Precedence.EMERGENCY


@dataclass(frozen=True, slots=True)
class Unhold:
    """A content is not here any more."""

    content: ContentHash


@dataclass(frozen=True, slots=True)
class LeafHeld:
    """A leaf is in the store now, whichever way it came."""

    content: ContentHash
    number: int


@dataclass(frozen=True, slots=True)
class LeafHashesHeld:
    """The leaf hashes of a chunk, joined, are in the store; they need not come by radio."""

    content: ContentHash
    chunk: ChunkIndex
    hashes: bytes


@dataclass(frozen=True, slots=True)
class Fetch:
    """The operator wants this content by radio, and airtime spent on it."""

    content: ContentHash
    precedence: Precedence = Precedence.ROUTINE


@dataclass(frozen=True, slots=True)
class Describe:
    """The operator wants to know what this is that a station says it has.

    Only its INFO is asked for; then there is a hash to fetch it by.
    """

    tag: ContentTag


@dataclass(frozen=True, slots=True)
class StopFetch:
    """No more airtime for this one."""

    content: ContentHash


@dataclass(frozen=True, slots=True)
class OnAirAgain:
    """What the rules refused a moment ago may be sent now: ask and call again."""


@dataclass(frozen=True, slots=True)
class TermsChanged:
    """The operator declares something else from now on."""

    terms: Terms


@dataclass(frozen=True, slots=True)
class ModesPermitted:
    """Modes of the modem, by name, that the rules permit here."""

    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class ObjectRead:
    """The answer to :class:`ReadObject`; ``None``: it is not here."""

    key: ObjectKey
    octets: bytes | None


@dataclass(frozen=True, slots=True)
class SymbolsKept:
    """Symbols of an earlier run, from the journal."""

    symbols: tuple[NewSymbol, ...]


@dataclass(frozen=True, slots=True)
class GatewayChanged:
    """Whether this station reaches others by the Internet."""

    gateway: bool


FromStation: TypeAlias = (
    Hold
    | Unhold
    | LeafHeld
    | LeafHashesHeld
    | Fetch
    | Describe
    | StopFetch
    | GatewayChanged
    | TermsChanged
    | OnAirAgain
)
"""What the station and its operator tell."""

TransferInput: TypeAlias = (
    Heard
    | Sent
    | NotSent
    | ObjectRead
    | SymbolsKept
    | FromStation
    | ModesPermitted
    | CarrierChanged
    | ModemUp
    | ModemDown
)

# -- Effects ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Transmit:
    """For the transmitter; :class:`Sent` or :class:`NotSent` follows."""

    traffic: Traffic


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Nobody needs the traffic of this key any more."""

    withdraw_key: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReadObject:
    """Read a leaf, or the leaf hashes of a chunk (joined); answer :class:`ObjectRead`.

    Attributes:
        chunk: where it lies.
        offset: of the leaf in its chunk; 0 for hashes.
        octets: length of the leaf; 0 for hashes.
    """

    key: ObjectKey
    content: ContentHash
    chunk: ChunkIndex
    offset: int
    octets: int


@dataclass(frozen=True, slots=True)
class MetainfoFound:
    """The metainfo of a content came by radio; it is proved.

    Attributes:
        layers: piece layers by root.
        record: octets of the record that came with it; not verified.
        wanted: the operator asked for it; otherwise it was overheard.
    """

    metainfo: Metainfo
    layers: Mapping[bytes, bytes]
    chunk_hashes: tuple[bytes, ...]
    record: bytes
    wanted: bool


@dataclass(frozen=True, slots=True)
class LeafHashesFound:
    """The leaf hashes of a chunk, joined; they are proved."""

    content: ContentHash
    chunk: ChunkIndex
    hashes: bytes


@dataclass(frozen=True, slots=True)
class LeafFound:
    """A leaf, with the right hash; write it, then tell :class:`LeafHeld`."""

    content: ContentHash
    number: int
    chunk: ChunkIndex
    offset: int
    octets: bytes
    wanted: bool


@dataclass(frozen=True, slots=True)
class KeepSymbols:
    """New symbols of objects that are not whole yet; for the journal."""

    symbols: tuple[NewSymbol, ...]


@dataclass(frozen=True, slots=True)
class ForgetSymbols:
    """These symbols are of no use any more: the object is whole."""

    key: ObjectKey


@dataclass(frozen=True, slots=True)
class StationHeard:
    """A station called CQ."""

    callsign: Callsign
    cq: Cq


@dataclass(frozen=True, slots=True)
class EmergencyHeard:
    """Somebody else's emergency traffic is on the air."""


@dataclass(frozen=True, slots=True)
class Reserve:
    """The channel is one station's until then; all but emergency traffic waits.

    Attributes:
        ours: that station is this one.
    """

    until: float
    ours: bool


@dataclass(frozen=True, slots=True)
class ExchangeGoesOn:
    """Symbols came that we had asked for."""


@dataclass(frozen=True, slots=True)
class WrongSymbols:
    """These stations sent symbols that were not of what they said."""

    key: ObjectKey
    senders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FetchFailed:
    """A content that was wanted cannot be had by radio, and why."""

    content: ContentHash
    reason: str


TransferEffect: TypeAlias = (
    Transmit
    | Withdraw
    | ReadObject
    | MetainfoFound
    | LeafHashesFound
    | LeafFound
    | KeepSymbols
    | ForgetSymbols
    | StationHeard
    | EmergencyHeard
    | Reserve
    | ExchangeGoesOn
    | WrongSymbols
    | FetchFailed
)
