"""What a station's side of a signalling server is told, and what it wants done.

Sockets have numbers: what is told of an earlier one than the last opened means nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from meshdl.ids import Callsign, ContentHash, StationId
from meshdl.wire.membership import Membership
from meshdl.wire.signalling import IceServer
from meshdl.wire.signals import Candidate


@dataclass(frozen=True, slots=True)
class Description:
    """A session description (RFC 8829): an offer, or the answer to one."""

    sdp: str
    is_answer: bool


@dataclass(frozen=True, slots=True)
class MoreCandidates:
    """Ways to reach the sender, found since its description."""

    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """The sender does not want the session; for people why."""

    reason: str


SignalBody: TypeAlias = Description | MoreCandidates | Refusal
"""What a signal says, without what its carrier adds."""


# Inputs.


@dataclass(frozen=True, slots=True)
class SocketOpened:
    """The WebSocket is there."""

    socket: int


@dataclass(frozen=True, slots=True)
class TextReceived:
    """One text message came."""

    socket: int
    text: str


@dataclass(frozen=True, slots=True)
class SocketClosed:
    """The WebSocket is gone, or could not be opened."""

    socket: int
    reason: str


@dataclass(frozen=True, slots=True)
class Advertise:
    """This content, or some of it, is here, or no longer."""

    content: ContentHash
    held: bool


@dataclass(frozen=True, slots=True)
class Seek:
    """Stations that have this content are wanted, or no longer."""

    content: ContentHash
    wanted: bool


@dataclass(frozen=True, slots=True)
class SendSignal:
    """Carry this to a station.

    Attributes:
        session: 16 octets, of the attempt to link that it belongs to.
    """

    station: StationId
    session: bytes
    body: SignalBody


@dataclass(frozen=True, slots=True)
class BeIn:
    """These are the rooms to be in from now on, with the memberships of the closed ones.

    Rooms that were not there before are joined, others left, and a membership that is
    another than before is shown anew.
    """

    rooms: Mapping[str, Membership | None]


@dataclass(frozen=True, slots=True)
class NetworkChanged:
    """This machine has other addresses: the socket is probably dead, whatever it says."""


ClientInput: TypeAlias = (
    SocketOpened
    | TextReceived
    | SocketClosed
    | Advertise
    | Seek
    | SendSignal
    | BeIn
    | NetworkChanged
)


# Effects.


@dataclass(frozen=True, slots=True)
class OpenSocket:
    """Connect to the server; the last socket, if any, is of no use any more."""

    socket: int


@dataclass(frozen=True, slots=True)
class SendText:
    """Send one text message."""

    text: str


@dataclass(frozen=True, slots=True)
class CloseSocket:
    """Close the WebSocket."""

    reason: str


@dataclass(frozen=True, slots=True)
class Online:
    """The server knows us; signals can be carried.

    Attributes:
        ice_servers: to be used from now on.
    """

    ice_servers: tuple[IceServer, ...]


@dataclass(frozen=True, slots=True)
class Offline:
    """The server is out of reach; for people why. It will be tried again."""

    reason: str


@dataclass(frozen=True, slots=True)
class Heard:
    """A station can be reached by way of this server."""

    station: StationId
    callsign: Callsign


@dataclass(frozen=True, slots=True)
class Lost:
    """A station can no longer be reached by way of this server."""

    station: StationId


@dataclass(frozen=True, slots=True)
class SignalReceived:
    """A station says this: it wrote it, for this run of ours, and just now."""

    station: StationId
    session: bytes
    body: SignalBody


@dataclass(frozen=True, slots=True)
class SignalLost:
    """What was to be carried was not.

    Attributes:
        session: ``None``: the server does not say which; any with this station.
    """

    station: StationId
    session: bytes | None
    reason: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that the operator should know."""

    text: str


ClientEffect: TypeAlias = (
    OpenSocket
    | SendText
    | CloseSocket
    | Online
    | Offline
    | Heard
    | Lost
    | SignalReceived
    | SignalLost
    | Trouble
)
