"""What the core of a signalling server is told, what it wants done, and its limits."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NewType, TypeAlias

import msgspec

from meshdl.ids import Callsign, StationKey
from meshdl.signalling.deny_list import DenyList

Socket = int
"""One WebSocket, unique while the server lives."""

Process = NewType("Process", str)
"""One process of a server, until it ends: 8 octets taken by chance, in hexadecimal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """What one server, one station and one socket may use.

    Attributes:
        sockets: in all; a system gives a process some ten thousand files.
        sockets_per_address: one household, or a club behind one address; of public IPv6
            addresses, here and below, a network of 64 bits.
        connects_per_address_per_s: in the long run; ``connects_burst`` at once.
        messages_per_s: of one socket in the long run; ``messages_burst`` at once: a station
            that comes back announces all it has.
        messages_per_address_per_s: of all sockets of one address, and to others because of
            them, in the long run; ``messages_per_address_burst`` at once: a club's stations
            that come back together. A fifth of what a process can do.
        octets_per_s: characters of one socket in the long run.
        faults: messages that cannot be read, until the socket is closed.
        rooms: in all.
        rooms_per_station: at once.
        contents_per_room: that one station may announce.
        contents_per_address: that stations from there may announce and look for, in all rooms.
        watches_per_room: contents that one station may look for.
        presence_members: in a room with more, nobody is told who comes and goes.
        authenticate_within_s: from the open socket.
        pins: callsigns whose key is remembered; beyond that a new one is refused. Some 300
            octets each.
        pins_per_address_per_hour: callsigns that are new, from one address in the long run;
            ``pins_per_address_burst`` at once.
    """

    sockets: int = 20_000
    sockets_per_address: int = 256
    connects_per_address_per_s: float = 20.0
    connects_burst: int = 256
    messages_per_s: float = 50.0
    messages_burst: int = 400
    messages_per_address_per_s: float = 5_000.0
    messages_per_address_burst: int = 100_000
    octets_per_s: float = 256 * 1024
    faults: int = 8
    rooms: int = 10_000
    rooms_per_station: int = 16
    contents_per_room: int = 4096
    contents_per_address: int = 262_144
    watches_per_room: int = 256
    presence_members: int = 256
    authenticate_within_s: float = 10.0
    pins: int = 100_000
    pins_per_address_per_hour: int = 360
    pins_per_address_burst: int = 512


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


class TextReceived(msgspec.Struct, frozen=True, gc=False):
    """One text message came.

    What is made for every message is no dataclass: it costs a quarter of one.
    """

    socket: Socket
    text: str


@dataclass(frozen=True, slots=True)
class SocketClosed:
    """A WebSocket is gone."""

    socket: Socket


@dataclass(frozen=True, slots=True)
class DenyListChanged:
    """The operator does not want these, and no others any more; :class:`JudgeSockets` follows."""

    denied: DenyList


@dataclass(frozen=True, slots=True)
class JudgeSockets:
    """Put out those of these sockets that the deny list has now; some at a time, see there."""

    sockets: Sequence[Socket]


@dataclass(frozen=True, slots=True)
class Shutdown:
    """Say goodbye to everybody.

    Attributes:
        retry_after_ms: when the server expects to be back.
    """

    reason: str
    retry_after_ms: int


@dataclass(frozen=True, slots=True)
class BusUp:
    """The other processes of this server can be reached."""


@dataclass(frozen=True, slots=True)
class BusDown:
    """The other processes cannot be reached; what was not yet published is lost."""


class BusHeard(msgspec.Struct, frozen=True, gc=False):
    """Other processes, or this one, said something, see :mod:`meshdl.wire.siblings`.

    Attributes:
        octets: one message or several, in an array.
    """

    octets: bytes


@dataclass(frozen=True, slots=True)
class NobodyListens:
    """What was published for a process was taken by none."""

    process: Process


@dataclass(frozen=True, slots=True)
class PinAnswered:
    """Answers :class:`ClaimPin`.

    Attributes:
        key: that the callsign is pinned to; ``None``: there are too many pins.
    """

    socket: Socket
    callsign: Callsign
    key: StationKey | None


@dataclass(frozen=True, slots=True)
class PinsHeard:
    """What callsigns are pinned to, for all processes: it outweighs what was believed here."""

    pins: tuple[tuple[Callsign, StationKey], ...]


BusInput: TypeAlias = BusUp | BusDown | BusHeard | NobodyListens
PinInput: TypeAlias = PinAnswered | PinsHeard
ServerInput: TypeAlias = (
    SocketOpened
    | TextReceived
    | SocketClosed
    | DenyListChanged
    | JudgeSockets
    | Shutdown
    | BusUp
    | BusDown
    | BusHeard
    | NobodyListens
    | PinAnswered
    | PinsHeard
)


# Effects.


class SendText(msgspec.Struct, frozen=True, gc=False):
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


class Publish(msgspec.Struct, frozen=True, gc=False):
    """Tell a message to a process, or to all; in order.

    Attributes:
        to: ``None``: all of them.
    """

    to: Process | None
    octets: bytes


@dataclass(frozen=True, slots=True)
class ClaimPin:
    """Pin a callsign for all processes; answer with :class:`PinAnswered`.

    Attributes:
        old: the key that hands over, proved already; ``None``: none does.
    """

    socket: Socket
    callsign: Callsign
    key: StationKey
    old: StationKey | None


@dataclass(frozen=True, slots=True)
class ComparePins:
    """Tell all pins that are known here to the others, and answer with all of theirs."""


ServerEffect: TypeAlias = SendText | CloseSocket | PinCallsign | Publish | ClaimPin | ComparePins
