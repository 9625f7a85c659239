"""What the core of a signalling server is told, what it wants done, and its limits."""

from dataclasses import dataclass
from typing import TypeAlias

from meshdl.ids import Callsign, StationKey

Socket = int
"""One WebSocket, unique while the server lives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """What one server, one station and one socket may use.

    Attributes:
        sockets: in all; a system gives a process some ten thousand files.
        sockets_per_address: one household, or a club behind one address.
        connects_per_address_per_s: in the long run; ``connects_burst`` at once.
        messages_per_s: of one socket in the long run; ``messages_burst`` at once: a station
            that comes back announces all it has.
        octets_per_s: characters of one socket in the long run.
        faults: messages that cannot be read, until the socket is closed.
        rooms: in all.
        rooms_per_station: at once.
        contents_per_room: that one station may announce.
        watches_per_room: contents that one station may look for.
        presence_members: in a room with more, nobody is told who comes and goes.
        authenticate_within_s: from the open socket.
    """

    sockets: int = 20_000
    sockets_per_address: int = 256
    connects_per_address_per_s: float = 20.0
    connects_burst: int = 256
    messages_per_s: float = 50.0
    messages_burst: int = 400
    octets_per_s: float = 256 * 1024
    faults: int = 8
    rooms: int = 10_000
    rooms_per_station: int = 16
    contents_per_room: int = 4096
    watches_per_room: int = 256
    presence_members: int = 256
    authenticate_within_s: float = 10.0


# Inputs.


@dataclass(frozen=True, slots=True)
class SocketOpened:
    """Somebody connected.

    Attributes:
        address: an IP address.
        server_name: what it dialled, see :func:`meshdl.signalling.proofs.authentication`.
    """

    socket: Socket
    address: str
    server_name: str


@dataclass(frozen=True, slots=True)
class TextReceived:
    """One text message came."""

    socket: Socket
    text: str


@dataclass(frozen=True, slots=True)
class SocketClosed:
    """A WebSocket is gone."""

    socket: Socket


@dataclass(frozen=True, slots=True)
class DenyListChanged:
    """The operator does not want these: callsigns, station ids, addresses or networks."""

    entries: frozenset[str]


@dataclass(frozen=True, slots=True)
class Shutdown:
    """Say goodbye to everybody.

    Attributes:
        retry_after_ms: when the server expects to be back.
    """

    reason: str
    retry_after_ms: int


ServerInput: TypeAlias = SocketOpened | TextReceived | SocketClosed | DenyListChanged | Shutdown


# Effects.


@dataclass(frozen=True, slots=True)
class SendText:
    """Send one text message."""

    socket: Socket
    text: str


@dataclass(frozen=True, slots=True)
class CloseSocket:
    """Close a WebSocket after what is queued; it is gone for the core already."""

    socket: Socket
    reason: str


@dataclass(frozen=True, slots=True)
class PinCallsign:
    """From now on this callsign goes with this key; make it durable."""

    callsign: Callsign
    key: StationKey


ServerEffect: TypeAlias = SendText | CloseSocket | PinCallsign
