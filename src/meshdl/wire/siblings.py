"""Messages between the processes of one signalling server: JSON objects, several in an array.

They travel through a bus (Redis), to all processes or to one; how they are used is told in
:mod:`meshdl.signalling.siblings`. They are no interface for other programs: all processes of
one server run the same version.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Annotated, TypeAlias

import msgspec

from meshdl.errors import RemoteProtocolError
from meshdl.ids import Callsign, StationKey, callsign, station_key
from meshdl.wire.json_messages import Call, JsonMessage, Millis, Octets32, Reader
from meshdl.wire.membership import Membership
from meshdl.wire.signalling import Hashes, Lifetime, Member, Room, Station
from meshdl.wire.signals import Envelope

MESSAGE_MAX = 256 * 1024
"""Characters in one message: a page, or a relay of the longest kind, and room."""

MESSAGES_MAX = 8192
"""In one array; none takes fewer than some fifty octets."""

FACTS_MAX = 512
"""In one page."""

ROOMS_MAX = 256
"""Of one station; what a server allows is far below."""

PROCESS_PATTERN = r"^[0-9a-f]{16}$"

Process = Annotated[str, msgspec.Meta(pattern=PROCESS_PATTERN)]
Name = Annotated[str, msgspec.Meta(max_length=97)]
"""Of a station, a room or a process, or anything else."""
Cursor = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{16})?$")]
Serial = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]


# Facts: what a process tells of a station that is connected to it.


class Came(JsonMessage, frozen=True, tag="came"):
    """A station has proved itself.

    Attributes:
        at_ms: when; of two connections of one station the later one counts.
        rooms: that it is in; others it has left.
        origin: a number that its process has for where it comes from; no address.
    """

    member: Member
    at_ms: Millis
    rooms: Annotated[tuple[Room, ...], msgspec.Meta(max_length=ROOMS_MAX)] = ()
    origin: Serial = 0


class Gone(JsonMessage, frozen=True, tag="gone"):
    """A station has left."""

    station: Station


class Entered(JsonMessage, frozen=True, tag="entered"):
    """A station is in a room, or has renewed its membership."""

    station: Station
    room: Room
    membership: Membership | None = None


class Exited(JsonMessage, frozen=True, tag="exited"):
    """A station has left a room."""

    station: Station
    room: Room


class Announced(JsonMessage, frozen=True, tag="announced"):
    """A station has contents, for so long."""

    station: Station
    room: Room
    content_hashes: Hashes
    lifetime_s: Lifetime


class Withdrawn(JsonMessage, frozen=True, tag="withdrawn"):
    """A station no longer has contents."""

    station: Station
    room: Room
    content_hashes: Hashes


class Pinned(JsonMessage, frozen=True, tag="pinned"):
    """A callsign goes with this key from now on."""

    callsign: Call
    station_key: Octets32

    def __post_init__(self) -> None:
        """Refuse what is no station key (ValueError; when read, an error of the message)."""
        station_key(self.station_key)


Fact: TypeAlias = Came | Gone | Entered | Exited | Announced | Withdrawn | Pinned


# Messages; ``process`` is always the one that says it.


class Beat(JsonMessage, frozen=True, tag="beat"):
    """The process lives.

    Attributes:
        serial: of its last news.
    """

    process: Process
    serial: Serial


class News(JsonMessage, frozen=True, tag="news"):
    """Something has changed; ``serial`` is one more than that of the news before."""

    process: Process
    serial: Serial
    fact: Fact


class Pull(JsonMessage, frozen=True, tag="pull"):
    """Asks a process for the stations with ids above ``after``.

    Attributes:
        number: of this round of questions; the pages repeat it.
    """

    process: Process
    number: Serial
    after: Cursor = ""


class Page(JsonMessage, frozen=True, tag="page"):
    """Answers :class:`Pull`, with one or several pages.

    Attributes:
        more: another page follows unasked.
        after: to ask with for the next ones; empty: there are none.
    """

    process: Process
    number: Serial
    facts: Annotated[tuple[Fact, ...], msgspec.Meta(max_length=FACTS_MAX)]
    more: bool = False
    after: Cursor = ""


class Carried(JsonMessage, frozen=True, gc=False, tag="carried"):
    """A signal for a station of the process that is told.

    There may be thousands a second, and patterns would be half of what it takes to read one. Who
    delivers it looks the names up, and whatever is none is nobody's.
    """

    process: Name
    room: Name
    sender: Name
    to: Name
    envelope: Envelope


class Returned(JsonMessage, frozen=True, tag="returned"):
    """A signal could not be delivered: the station is not there, or not in the room."""

    process: Process
    room: Room
    sender: Station
    to: Station


SiblingMessage: TypeAlias = Beat | News | Pull | Page | Carried | Returned

_encoder = msgspec.json.Encoder()
_single: Reader[SiblingMessage] = Reader(
    "message of another process",
    limit=MESSAGE_MAX,
    decoder=msgspec.json.Decoder(SiblingMessage),
    kinds=SiblingMessage.__args__,
)
_many = msgspec.json.Decoder(Annotated[list[SiblingMessage], msgspec.Meta(max_length=MESSAGES_MAX)])
_apart = msgspec.json.Decoder(Annotated[list[msgspec.Raw], msgspec.Meta(max_length=MESSAGES_MAX)])
_is_process = re.compile(PROCESS_PATTERN).fullmatch


def encode(message: SiblingMessage) -> bytes:
    """The octets that carry ``message``."""
    return _encoder.encode(message)


def gathered(messages: Iterable[bytes]) -> bytes:
    """The array of messages that were encoded one by one."""
    return b"[" + b",".join(messages) + b"]"


def size(fact: Fact) -> int:
    """Octets that a fact takes in a page."""
    return len(_encoder.encode(fact)) + 1


def decode(text: str) -> SiblingMessage | None:
    """What one message says, or ``None`` when its type is of the future.

    Raises:
        RemoteProtocolError: it is no message.
    """
    return _single.read(text)


def decode_gathered(octets: bytes) -> tuple[Sequence[SiblingMessage], int]:
    """The messages in an array, and how many besides cannot be read; never raises.

    All are read in one step: a call for each would cost about what reading it does. How long the
    array is was limited by whoever took it from the bus.
    """
    try:
        return _many.decode(octets), 0
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return _decode_apart(octets)


def _decode_apart(octets: bytes) -> tuple[list[SiblingMessage], int]:
    """The same, for an array in which something is wrong, or of the future."""
    try:
        texts = [bytes(raw).decode("utf-8", errors="replace") for raw in _apart.decode(octets)]
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return [], 1
    messages: list[SiblingMessage] = []
    unreadable = 0
    for text in texts:
        try:
            message = decode(text)
        except RemoteProtocolError:
            unreadable += 1
        else:
            messages += [message] if message is not None else []
    return messages, unreadable


def is_process(name: str) -> bool:
    """Whether a process may have that name."""
    return _is_process(name) is not None


def decode_pin(name: bytes, value: bytes) -> tuple[Callsign, StationKey] | None:
    """A pin as it is kept: callsign, and key in hexadecimal; ``None`` when it is none."""
    try:
        return callsign(name.decode("ascii")), station_key(bytes.fromhex(value.decode("ascii")))
    except ValueError:
        return None
