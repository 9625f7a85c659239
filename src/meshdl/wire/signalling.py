"""Messages between a station and a signalling server: JSON text over a WebSocket.

The specification, with every field and limit, is ``docs/protocol/signalling.md``. Octet
strings travel as standard base64 (RFC 4648, section 4). Unknown types and unknown fields
are ignored, so that old stations and servers survive new ones.

What one station says to another by way of the server is a *signal*, sealed in an
:class:`Envelope` (:mod:`meshdl.signalling.envelope`): the server carries it and can
neither change nor repeat it.
"""

from typing import Annotated, TypeAlias, TypeVar

import msgspec

from meshdl.errors import RemoteProtocolError

PROTOCOL_VERSION = 1

MESSAGE_MAX = 64 * 1024
"""Longest message in characters: a sealed description of the longest kind, and room."""

SDP_MAX = 32 * 1024
"""Characters of a description; one with forty candidates has about 5 kB."""

SIGNAL_MAX = 48 * 1024
"""Characters of a signal: a description, its JSON escapes, and room."""

CANDIDATES_MAX = 64
"""Candidates in one signal; a machine with ten addresses and two relays has forty."""

CANDIDATE_MAX = 512
"""Characters of one candidate line; those of RFC 8839 have about 120."""

CONTENTS_MAX = 256
"""Content hashes in one message: 11 kB of base64."""

MEMBERS_MAX = 50
"""Members told in one message. More would be more than a station dials."""

ICE_SERVERS_MAX = 8
URLS_MAX = 8
URL_MAX = 256

TEXT_MAX = 256
"""Characters in any text meant for people."""

LIFETIME_MAX_S = 3600
"""An announcement or a lookup is forgotten after that, unless it is repeated."""

ROOM_PATTERN = r"^[a-z0-9][a-z0-9-]{0,31}(#[0-9a-f]{64})?$"
"""A name; a closed room's is followed by the key (Ed25519) that signs memberships."""

Octets8 = Annotated[bytes, msgspec.Meta(min_length=8, max_length=8)]
Octets16 = Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
Octets32 = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
Signature = Annotated[bytes, msgspec.Meta(min_length=64, max_length=64)]
Unsigned = Annotated[int, msgspec.Meta(ge=0, lt=2**32)]
Millis = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
"""Milliseconds since 1970 (UTC), or a span; a whole number to a browser too."""
Seconds = Annotated[int, msgspec.Meta(ge=0, lt=2**32)]
Lifetime = Annotated[int, msgspec.Meta(ge=0, le=LIFETIME_MAX_S)]
Text = Annotated[str, msgspec.Meta(max_length=TEXT_MAX)]
Call = Annotated[str, msgspec.Meta(max_length=16)]
Room = Annotated[str, msgspec.Meta(max_length=97, pattern=ROOM_PATTERN)]
Station = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}$")]
Hashes = Annotated[tuple[Octets32, ...], msgspec.Meta(min_length=1, max_length=CONTENTS_MAX)]
Sdp = Annotated[str, msgspec.Meta(max_length=SDP_MAX)]


class _Message(msgspec.Struct, frozen=True, rename="camel", tag_field="type", omit_defaults=True):
    """What all messages share."""


class _Value(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What all parts of messages share."""


class Membership(_Value, frozen=True):
    """Leave to be in a closed room: the room's key signs the station's key.

    Attributes:
        expires_at_s: since 1970 (UTC).
    """

    expires_at_s: Seconds
    signature: Signature


class Member(_Value, frozen=True):
    """A station in a room.

    Attributes:
        instance: of the station's run, as in ``hello``.
    """

    callsign: Call
    station_key: Octets32
    instance: Octets8
    membership: Membership | None = None


class KeyRotation(_Value, frozen=True):
    """The old key of a callsign hands over to the key that authenticates."""

    old_key: Octets32
    signature: Signature


class IceServer(_Value, frozen=True):
    """A STUN or TURN server (W3C ``RTCIceServer``); credentials expire."""

    urls: Annotated[
        tuple[Annotated[str, msgspec.Meta(max_length=URL_MAX)], ...],
        msgspec.Meta(min_length=1, max_length=URLS_MAX),
    ]
    username: Text = ""
    credential: Text = ""


IceServers = Annotated[tuple[IceServer, ...], msgspec.Meta(max_length=ICE_SERVERS_MAX)]
Members = Annotated[tuple[Member, ...], msgspec.Meta(max_length=MEMBERS_MAX)]


class Envelope(_Value, frozen=True):
    """A signal and its sender's signature, see :mod:`meshdl.signalling.envelope`.

    Attributes:
        signal: the JSON text of a :data:`Signal`.
    """

    signal: Annotated[str, msgspec.Meta(max_length=SIGNAL_MAX)]
    signature: Signature


# From a station.


class Authenticate(_Message, frozen=True, tag="authenticate"):
    """Answers :class:`Challenge`: who is here, signed."""

    protocol: Unsigned
    callsign: Call
    station_key: Octets32
    instance: Octets8
    signature: Signature
    agent: Text = ""
    rotation: KeyRotation | None = None


class Join(_Message, frozen=True, tag="join"):
    """The station wants to be in a room; joining again renews the membership."""

    room: Room
    membership: Membership | None = None


class Leave(_Message, frozen=True, tag="leave"):
    """The station leaves a room, and what it announced there."""

    room: Room


class Announce(_Message, frozen=True, tag="announce"):
    """The station has these contents, wholly or in part."""

    room: Room
    content_hashes: Hashes
    lifetime_s: Lifetime


class Withdraw(_Message, frozen=True, tag="withdraw"):
    """The station no longer has these contents."""

    room: Room
    content_hashes: Hashes


class Lookup(_Message, frozen=True, tag="lookup"):
    """Asks who has a content; ``watch_s`` asks to be told of later ones, too."""

    room: Room
    content_hash: Octets32
    watch_s: Lifetime = 0


class Relay(_Message, frozen=True, tag="relay"):
    """Carry this to a station of the same room."""

    room: Room
    to: Station
    envelope: Envelope


class IceRequest(_Message, frozen=True, tag="ice-request"):
    """Asks for fresh TURN credentials."""


# From the server.


class Challenge(_Message, frozen=True, tag="challenge"):
    """The first message of all."""

    protocol: Unsigned
    nonce: Octets32


class Welcome(_Message, frozen=True, tag="welcome"):
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


class IceAnswer(_Message, frozen=True, tag="ice-servers"):
    """Answers :class:`IceRequest`."""

    ice_servers: IceServers = ()
    ice_lifetime_s: Seconds = 0


class Joined(_Message, frozen=True, tag="joined"):
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


class MemberJoined(_Message, frozen=True, tag="member-joined"):
    """A station has come, or has come back in another run."""

    room: Room
    member: Member


class MemberLeft(_Message, frozen=True, tag="member-left"):
    """A station has left."""

    room: Room
    station: Station


class Found(_Message, frozen=True, tag="found"):
    """Who has a content: the answer to a lookup, or news for one that watches.

    Attributes:
        count: how many there are; ``members`` may be some of them by chance.
    """

    room: Room
    content_hash: Octets32
    members: Members
    count: Unsigned


class Relayed(_Message, frozen=True, tag="relayed"):
    """A station of the room sends this."""

    room: Room
    sender: Member
    envelope: Envelope


class Undeliverable(_Message, frozen=True, tag="undeliverable"):
    """What was to be relayed was not: the station is not in the room, or does not read."""

    room: Room
    to: Station
    reason: Text


class Refused(_Message, frozen=True, tag="refused"):
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


class Goodbye(_Message, frozen=True, tag="goodbye"):
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
    Authenticate | Join | Leave | Announce | Withdraw | Lookup | Relay | IceRequest
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


# From station to station, sealed.


class Address(_Value, frozen=True):
    """One run of one station."""

    station_key: Octets32
    instance: Octets8


class _Signal(_Message, frozen=True):
    """What all signals share.

    Attributes:
        session: one attempt to link; made by the station that dials.
        serial: counts what the sender says in this session, from 0.
        at_ms: when, by the clock of the server that carries it.
    """

    sender: Address
    recipient: Address
    session: Octets16
    serial: Unsigned
    at_ms: Millis


class Offer(_Signal, frozen=True, tag="offer"):
    """A description (RFC 8829); the first of a session, or one that restarts ICE."""

    sdp: Sdp


class Answer(_Signal, frozen=True, tag="answer"):
    """The description that answers an offer."""

    sdp: Sdp


class Candidate(_Value, frozen=True):
    """One way to reach the sender (W3C ``RTCIceCandidateInit``)."""

    candidate: Annotated[str, msgspec.Meta(max_length=CANDIDATE_MAX)]
    sdp_mid: Annotated[str, msgspec.Meta(max_length=32)] = "0"


class Candidates(_Signal, frozen=True, tag="candidates"):
    """More ways, found meanwhile (trickle ICE, RFC 8838)."""

    candidates: Annotated[
        tuple[Candidate, ...], msgspec.Meta(min_length=1, max_length=CANDIDATES_MAX)
    ]


class SessionRefused(_Signal, frozen=True, tag="refused"):
    """The sender does not want this session, or cannot make it; for people why."""

    reason: Text


Signal: TypeAlias = Offer | Answer | Candidates | SessionRefused


class _Tag(msgspec.Struct):
    type: str


MessageT = TypeVar("MessageT")

_encoder = msgspec.json.Encoder()
_tag_decoder = msgspec.json.Decoder(_Tag)


class _Reader:
    """Decodes one of the three families."""

    def __init__(self, what: str, limit: int, kinds: tuple[type, ...]) -> None:
        self._what, self._limit = what, limit
        self._known = frozenset(str(kind.__struct_config__.tag) for kind in kinds)  # type: ignore[attr-defined]

    def read(self, decoder: msgspec.json.Decoder[MessageT], text: str) -> MessageT | None:
        if len(text) > self._limit:
            raise RemoteProtocolError(
                f"a {self._what} of {len(text)} characters; the limit is {self._limit}",
                penalty=100,
            )
        try:
            return decoder.decode(text)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            if self._is_of_the_future(text):
                return None
            raise RemoteProtocolError(f"malformed {self._what}: {error}") from error

    def _is_of_the_future(self, text: str) -> bool:
        try:
            return _tag_decoder.decode(text).type not in self._known
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return False


_station_decoder: msgspec.json.Decoder[StationMessage] = msgspec.json.Decoder(StationMessage)
_server_decoder: msgspec.json.Decoder[ServerMessage] = msgspec.json.Decoder(ServerMessage)
_signal_decoder: msgspec.json.Decoder[Signal] = msgspec.json.Decoder(Signal)
_from_station = _Reader("station's message", MESSAGE_MAX, StationMessage.__args__)
_from_server = _Reader("server's message", MESSAGE_MAX, ServerMessage.__args__)
_signals = _Reader("signal", SIGNAL_MAX, Signal.__args__)


def encode(message: StationMessage | ServerMessage | Signal) -> str:
    """The text that carries ``message``."""
    return _encoder.encode(message).decode("utf-8")


def decode_station_message(text: str) -> StationMessage | None:
    """What a station says, or ``None`` when its type is of the future.

    Raises:
        RemoteProtocolError: not JSON, not an object with a type, a field missing, of
            the wrong type or beyond its limit.
    """
    return _from_station.read(_station_decoder, text)


def decode_server_message(text: str) -> ServerMessage | None:
    """What the server says; as :func:`decode_station_message`."""
    return _from_server.read(_server_decoder, text)


def decode_signal(text: str) -> Signal | None:
    """What is in an envelope; as :func:`decode_station_message`."""
    return _signals.read(_signal_decoder, text)
