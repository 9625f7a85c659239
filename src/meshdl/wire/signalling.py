"""Messages between a station and a signalling server: JSON text over a WebSocket.

The specification, with every field and limit, is ``docs/protocol/signalling.md``.

What one station says to another by way of the server is sealed, see
:mod:`meshdl.wire.signals`.
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
    Seconds,
    Signature,
    Text,
    Unsigned,
)
from meshdl.wire.membership import Membership
from meshdl.wire.rotation import Rotations
from meshdl.wire.signals import Envelope

PROTOCOL_VERSION = 1

MESSAGE_MAX = 64 * 1024
"""Longest message in characters: a sealed description of the longest kind, and room."""

CONTENTS_MAX = 256
"""Content hashes in one message: 11 kB of base64."""

MEMBERS_MAX = 50
"""Members told in one message. More would be more than a station dials."""

ICE_SERVERS_MAX = 8
URLS_MAX, URL_MAX = 8, 256

LIFETIME_MAX_S = 3600
"""An announcement or a lookup is forgotten after that, unless it is repeated."""

ROOM_PATTERN = r"^[a-z0-9][a-z0-9-]{0,31}(#[0-9a-f]{64})?$"
"""A name; a closed room's is followed by the key (Ed25519) that signs memberships."""

Lifetime = Annotated[int, msgspec.Meta(ge=0, le=LIFETIME_MAX_S)]
Room = Annotated[str, msgspec.Meta(max_length=97, pattern=ROOM_PATTERN)]
Station = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}$")]
Hashes = Annotated[tuple[Octets32, ...], msgspec.Meta(min_length=1, max_length=CONTENTS_MAX)]


class Member(JsonValue, frozen=True):
    """A station in a room.

    Attributes:
        instance: of the station's run, as in ``hello``.
    """

    callsign: Call
    station_key: Octets32
    instance: Octets8
    membership: Membership | None = None

    def __post_init__(self) -> None:
        """Refuse what is no station key (ValueError; when read, an error of the message)."""
        station_key(self.station_key)


class IceServer(JsonValue, frozen=True):
    """A STUN or TURN server (W3C ``RTCIceServer``); credentials expire."""

    urls: Annotated[
        tuple[Annotated[str, msgspec.Meta(max_length=URL_MAX)], ...],
        msgspec.Meta(min_length=1, max_length=URLS_MAX),
    ]
    username: Text = ""
    credential: Text = ""


IceServers = Annotated[tuple[IceServer, ...], msgspec.Meta(max_length=ICE_SERVERS_MAX)]
Members = Annotated[tuple[Member, ...], msgspec.Meta(max_length=MEMBERS_MAX)]


# From a station.


class Authenticate(JsonMessage, frozen=True, tag="authenticate"):
    """Answers :class:`Challenge`: who is here, signed."""

    protocol: Unsigned
    callsign: Call
    station_key: Octets32
    instance: Octets8
    signature: Signature
    agent: Text = ""
    rotations: Rotations = ()

    def __post_init__(self) -> None:
        """Refuse what is no station key (ValueError; when read, an error of the message)."""
        station_key(self.station_key)


class Join(JsonMessage, frozen=True, tag="join"):
    """The station wants to be in a room; joining again renews the membership."""

    room: Room
    membership: Membership | None = None


class Leave(JsonMessage, frozen=True, tag="leave"):
    """The station leaves a room, and what it announced there."""

    room: Room


class Announce(JsonMessage, frozen=True, tag="announce"):
    """The station has these contents, wholly or in part."""

    room: Room
    content_hashes: Hashes
    lifetime_s: Lifetime


class Withdraw(JsonMessage, frozen=True, tag="withdraw"):
    """The station no longer has these contents."""

    room: Room
    content_hashes: Hashes


class Lookup(JsonMessage, frozen=True, tag="lookup"):
    """Asks who has a content; ``watch_s`` asks to be told of later ones, too."""

    room: Room
    content_hash: Octets32
    watch_s: Lifetime = 0


class Unwatch(JsonMessage, frozen=True, tag="unwatch"):
    """The station no longer wants to be told of later holders of these contents."""

    room: Room
    content_hashes: Hashes


class Relay(JsonMessage, frozen=True, gc=False, tag="relay"):
    """Carry this to a station of the same room."""

    room: Room
    to: Station
    envelope: Envelope


class IceRequest(JsonMessage, frozen=True, tag="ice-request"):
    """Asks for fresh TURN credentials."""


# From the server.


class Challenge(JsonMessage, frozen=True, tag="challenge"):
    """The first message of all."""

    protocol: Unsigned
    nonce: Octets32


class Welcome(JsonMessage, frozen=True, tag="welcome"):
    """The station is who it says.

    Attributes:
        now_ms: the server's clock; signals are dated by it.
        lifetime_s: after which announcements must be repeated at the latest.
        ice_lifetime_s: after which the credentials run out; 0: they do not.
    """

    station: Station
    now_ms: Millis
    lifetime_s: Lifetime
    ice_servers: IceServers = ()
    ice_lifetime_s: Seconds = 0


class IceAnswer(JsonMessage, frozen=True, tag="ice-servers"):
    """Answers :class:`IceRequest`."""

    ice_servers: IceServers = ()
    ice_lifetime_s: Seconds = 0


class Joined(JsonMessage, frozen=True, tag="joined"):
    """The station is in the room.

    Attributes:
        members: others in the room, some by chance when there are more.
        count: how many others there are.
        quiet: nobody is told who comes and goes: there are too many.
    """

    room: Room
    members: Members
    count: Unsigned
    quiet: bool = False


class MemberJoined(JsonMessage, frozen=True, tag="member-joined"):
    """A station has come, or has come back in another run."""

    room: Room
    member: Member


class MemberLeft(JsonMessage, frozen=True, tag="member-left"):
    """A station has left."""

    room: Room
    station: Station


class Found(JsonMessage, frozen=True, tag="found"):
    """Who has a content: the answer to a lookup, or news for one that watches.

    Attributes:
        count: how many there are; ``members`` may be some of them by chance.
    """

    room: Room
    content_hash: Octets32
    members: Members
    count: Unsigned


class Relayed(JsonMessage, frozen=True, gc=False, tag="relayed"):
    """A station of the room sends this."""

    room: Room
    sender: Member
    envelope: Envelope


class Undeliverable(JsonMessage, frozen=True, tag="undeliverable"):
    """What was to be relayed was not: the station is not in the room, or does not read."""

    room: Room
    to: Station
    reason: Text


class Refused(JsonMessage, frozen=True, tag="refused"):
    """The server does not do what a message asked.

    Attributes:
        code: for programs, of :data:`REFUSAL_CODES`.
        reason: for people.
        about: ``type`` of the message, empty when it could not be read.
        room: of the message, if it had one.
        retry_after_ms: 0: it will not help to ask again.
    """

    code: Text
    reason: Text
    about: Text = ""
    room: Text = ""
    retry_after_ms: Millis = 0


class Goodbye(JsonMessage, frozen=True, tag="goodbye"):
    """The server closes the connection for a reason that is not the station's.

    Attributes:
        retry_after_ms: the earliest that a new connection is of use; add jitter.
    """

    reason: Text
    retry_after_ms: Millis = 0


REFUSAL_CODES = frozenset(
    {
        "malformed",  # no message of the protocol, or one out of turn
        "too-long",
        "protocol-version",
        "signature",  # an authentication or a membership that does not hold
        "callsign-pinned",  # the callsign is pinned to another key
        "denied",  # the operator's deny list
        "not-a-member",
        "expired",
        "too-many",  # rooms, announcements, lookups or stations
        "rate",
        "replaced",  # the station is here by another connection
        "unavailable",  # the server's own trouble, as a lost database
    }
)

StationMessage: TypeAlias = (
    Authenticate | Join | Leave | Announce | Withdraw | Lookup | Unwatch | Relay | IceRequest
)
ServerMessage: TypeAlias = (
    Challenge
    | Welcome
    | IceAnswer
    | Joined
    | MemberJoined
    | MemberLeft
    | Found
    | Relayed
    | Undeliverable
    | Refused
    | Goodbye
)


_encoder = msgspec.json.Encoder()
_from_station: Reader[StationMessage] = Reader(
    "station's message",
    limit=MESSAGE_MAX,
    decoder=msgspec.json.Decoder(StationMessage),
    kinds=StationMessage.__args__,
)
_from_server: Reader[ServerMessage] = Reader(
    "server's message",
    limit=MESSAGE_MAX,
    decoder=msgspec.json.Decoder(ServerMessage),
    kinds=ServerMessage.__args__,
)


def encode(message: StationMessage | ServerMessage) -> str:
    """The text that carries ``message``."""
    return _encoder.encode(message).decode("utf-8")


def decode_station_message(text: str) -> StationMessage | None:
    """What a station says, or ``None`` when its type is of the future.

    Raises:
        RemoteProtocolError: not JSON, not an object with a type, a field missing, of
            the wrong type or beyond its limit.
    """
    return _from_station.read(text)


def decode_server_message(text: str) -> ServerMessage | None:
    """What the server says; as :func:`decode_station_message`."""
    return _from_server.read(text)
