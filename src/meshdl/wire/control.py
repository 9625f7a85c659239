"""Messages of the control channel: JSON text, one object each, told apart by ``type``.

The specification, with every field and limit, is ``docs/protocol/control.md``; the
vectors beside it are read by the tests, so text and code cannot drift. What all families of
messages share is in :mod:`meshdl.wire.json_messages`.
"""

from typing import Annotated, TypeAlias

import msgspec

from meshdl.ids import station_key
from meshdl.wire.json_messages import (
    Call,
    JsonMessage,
    JsonValue,
    Millis,
    Octets8,
    Octets32,
    Reader,
    Signature,
    Text,
    Unsigned,
)
from meshdl.wire.rotation import Rotations
from meshdl.wire.signals import SIGNAL_MAX

PROTOCOL_VERSION = 1

CONTROL_MESSAGE_MAX = 192 * 1024
"""Longest control message in characters: a full bitfield of 2**20 chunks, the most that a
content may have, is 171 KiB of base64."""

RANGES_MAX = 256
"""Ranges in one request: more than any window asks for at once."""

RANGE_OCTETS_MAX = 128 * 1024
"""One range is answered by one chunks message. Longer ones carry more where event loops are what
is scarce, for each message costs them the same; shorter ones let urgent traffic in sooner."""

RECORDS_MAX = 128
"""Records in one message."""

HASHES_MAX = 4096
"""Hashes in one answer: the leaves of the largest chunk that a content may have."""

INFO_OCTETS_MAX = 64 * 1024
"""Octets of an info dictionary in one answer."""

HAVE_CHUNKS_MAX = 4096
"""Chunk numbers in one ``have``; more are sent as a bitfield."""

PEERS_MAX = 32
"""Stations in one ``peers``: more than anybody dials on hearsay."""

LANES_TOLD_MAX = 256
"""Links with one station that a number can speak of; stations allow far fewer."""

RangeOctets = Annotated[int, msgspec.Meta(gt=0, le=RANGE_OCTETS_MAX)]
Range: TypeAlias = tuple[Unsigned, Unsigned, RangeOctets]
"""(chunk index, offset in the chunk in octets, length in octets)"""
Ranges = Annotated[tuple[Range, ...], msgspec.Meta(min_length=1, max_length=RANGES_MAX)]


class Hello(JsonMessage, frozen=True, tag="hello"):
    """First message both ways: who claims to be here.

    ``lanes`` is how many links the sender keeps with one station at a time; ``lane`` which
    of them this one shall be, said by the side that dialled. ``watches``: the sender asks
    some of its peers for signs of life and tells the others of silence, see :class:`Suspect`.
    """

    protocol: Unsigned
    callsign: Call
    station_key: Octets32
    instance: Octets8
    nonce: Octets32
    agent: Text = ""
    rotations: Rotations = ()
    exchange: bool = False
    lanes: Annotated[int, msgspec.Meta(ge=1, le=LANES_TOLD_MAX)] = 1
    lane: Annotated[int, msgspec.Meta(ge=0, lt=LANES_TOLD_MAX)] = 0
    watches: bool = False

    def __post_init__(self) -> None:
        """Refuse what is no station key (ValueError; when read, an error of the message)."""
        station_key(self.station_key)


class HelloProof(JsonMessage, frozen=True, tag="hello-proof"):
    """Second message both ways: the proof of the claim, see :mod:`meshdl.swarm.handshake`."""

    signature: Signature


class Records(JsonMessage, frozen=True, tag="records"):
    """Content records of what the sender holds, wholly or in part."""

    records: Annotated[
        tuple[Annotated[bytes, msgspec.Meta(max_length=255)], ...],
        msgspec.Meta(max_length=RECORDS_MAX),
    ]


class RecordsGone(JsonMessage, frozen=True, tag="records-gone"):
    """The sender holds these contents no longer."""

    content_hashes: Annotated[tuple[Octets32, ...], msgspec.Meta(max_length=RECORDS_MAX)]


class Want(JsonMessage, frozen=True, tag="want"):
    """The sender wants to hear what the receiver has of a content, now and from now on."""

    content_hash: Octets32
    wanted: bool = True


class Have(JsonMessage, frozen=True, tag="have"):
    """What the sender has of a content.

    Exactly one of: ``complete``; ``bitfield`` (the whole state, replaces what was said
    before); ``chunks`` (in addition to what was said before).
    """

    content_hash: Octets32
    complete: bool = False
    bitfield: bytes | None = None
    chunks: Annotated[tuple[Unsigned, ...], msgspec.Meta(max_length=HAVE_CHUNKS_MAX)] | None = None


class InfoRequest(JsonMessage, frozen=True, tag="info-request"):
    """Asks for the info dictionary from ``offset`` on."""

    content_hash: Octets32
    offset: Unsigned = 0


class Info(JsonMessage, frozen=True, tag="info"):
    """A stretch of the info dictionary."""

    content_hash: Octets32
    total_octets: Unsigned
    offset: Unsigned
    octets: Annotated[bytes, msgspec.Meta(max_length=INFO_OCTETS_MAX)]


class HashesRequest(JsonMessage, frozen=True, tag="hashes-request"):
    """Asks for Merkle hashes, with the meaning of BEP 52's ``hash request``.

    ``base_layer`` 0 is the leaves; ``index`` and ``length`` count hashes of that layer;
    ``proof_layers`` is how many uncle hashes must follow.
    """

    content_hash: Octets32
    root: Octets32
    base_layer: Annotated[int, msgspec.Meta(ge=0, le=40)]
    index: Unsigned
    length: Annotated[int, msgspec.Meta(gt=0, le=HASHES_MAX)]
    proof_layers: Annotated[int, msgspec.Meta(ge=0, le=40)] = 0


class Hashes(JsonMessage, frozen=True, tag="hashes"):
    """Answers :class:`HashesRequest`: ``length`` hashes, then the uncles, bottom up."""

    content_hash: Octets32
    root: Octets32
    base_layer: Annotated[int, msgspec.Meta(ge=0, le=40)]
    index: Unsigned
    length: Annotated[int, msgspec.Meta(gt=0, le=HASHES_MAX)]
    hashes: Annotated[bytes, msgspec.Meta(max_length=(HASHES_MAX + 40) * 32)]


class HashesReject(JsonMessage, frozen=True, tag="hashes-reject"):
    """The sender cannot answer a :class:`HashesRequest` or an :class:`InfoRequest`."""

    content_hash: Octets32
    root: Annotated[bytes, msgspec.Meta(max_length=32)] = b""
    base_layer: Annotated[int, msgspec.Meta(ge=0, le=40)] = 0
    index: Unsigned = 0
    reason: Text = ""


class ChunkRequest(JsonMessage, frozen=True, tag="chunk-request"):
    """Asks for ranges of chunks; each is answered by one chunks message or a reject.

    ``handle`` is any number of the asker's; it stands for the content hash in the
    answers.
    """

    content_hash: Octets32
    handle: Unsigned
    ranges: Ranges
    precedence: Annotated[int, msgspec.Meta(ge=0, le=3)] = 3


class ChunkReject(JsonMessage, frozen=True, tag="chunk-reject"):
    """These ranges will not come.

    ``reason``: ``busy`` (all upload slots are taken: ask again after
    ``retry_after_ms``), ``elsewhere`` (another peer is getting this chunk and will have it
    soon: take another one), ``not-held``, ``changed`` (the file is no longer what it was)
    or ``failed`` (could not be read).
    """

    content_hash: Octets32
    ranges: Ranges
    reason: Text
    retry_after_ms: Unsigned = 0


class ChunkCancel(JsonMessage, frozen=True, tag="chunk-cancel"):
    """These ranges are no longer needed; what is already on its way may still arrive."""

    content_hash: Octets32
    ranges: Ranges


class PeerHint(JsonValue, frozen=True):
    """A station that the sender is linked with, and over which path; never where it is."""

    callsign: Call
    station_key: Octets32
    instance: Octets8
    path: Annotated[str, msgspec.Meta(max_length=16)] = ""

    def __post_init__(self) -> None:
        """Refuse what is no station key (ValueError; when read, an error of the message)."""
        station_key(self.station_key)


class Peers(JsonMessage, frozen=True, tag="peers"):
    """Who else has, or gathers, a content; replaces what the sender said of it before.

    ``now_ms`` is a clock of the sender's that never jumps; what it relays is dated by it.
    """

    content_hash: Octets32
    peers: Annotated[tuple[PeerHint, ...], msgspec.Meta(max_length=PEERS_MAX)]
    now_ms: Millis


class Relay(JsonMessage, frozen=True, tag="relay"):
    """Asks to pass a sealed signal of the sender's own on to the peer that it is meant for."""

    signal: Annotated[str, msgspec.Meta(max_length=SIGNAL_MAX)]
    signature: Signature


class Relayed(JsonMessage, frozen=True, tag="relayed"):
    """A sealed signal that a peer of the sender's asked to pass on, and the sender's clock."""

    signal: Annotated[str, msgspec.Meta(max_length=SIGNAL_MAX)]
    signature: Signature
    now_ms: Millis


class Undeliverable(JsonMessage, frozen=True, tag="undeliverable"):
    """A :class:`Relay` to this station was not passed on."""

    station_key: Octets32
    reason: Text = ""

    def __post_init__(self) -> None:
        """Refuse what is no station key (ValueError; when read, an error of the message)."""
        station_key(self.station_key)


class Ping(JsonMessage, frozen=True, tag="ping"):
    """Asks for a sign of life."""

    token: Unsigned


class Pong(JsonMessage, frozen=True, tag="pong"):
    """The sign of life, with the token of the :class:`Ping`."""

    token: Unsigned


class Suspect(JsonMessage, frozen=True, tag="suspect"):
    """The sender hears nothing of the station with this id: ask it yourself."""

    station: Octets8


class StationIdentification(JsonMessage, frozen=True, tag="station-id"):
    """The sender identifies itself, at least every ten minutes (47 CFR 97.119(a))."""

    callsign: Call
    text: Text = ""


class Bye(JsonMessage, frozen=True, tag="bye"):
    """The sender closes the link; identification included (47 CFR 97.119(a))."""

    reason: Text = ""
    callsign: Call = ""


ControlMessage: TypeAlias = (
    Hello
    | HelloProof
    | Records
    | RecordsGone
    | Want
    | Have
    | InfoRequest
    | Info
    | HashesRequest
    | Hashes
    | HashesReject
    | ChunkRequest
    | ChunkReject
    | ChunkCancel
    | Peers
    | Relay
    | Relayed
    | Undeliverable
    | Ping
    | Pong
    | Suspect
    | StationIdentification
    | Bye
)


_encoder = msgspec.json.Encoder()
_reader: Reader[ControlMessage] = Reader(
    "control message",
    limit=CONTROL_MESSAGE_MAX,
    decoder=msgspec.json.Decoder(ControlMessage),
    kinds=ControlMessage.__args__,
)


def encode(message: ControlMessage) -> str:
    """The text that carries ``message``."""
    return _encoder.encode(message).decode("utf-8")


def decode(text: str) -> ControlMessage | None:
    """The message in ``text``, or ``None`` when its type is of the future.

    Raises:
        RemoteProtocolError: not JSON, not an object with a type, a field missing, of
            the wrong type or beyond its limit.
    """
    return _reader.read(text)
