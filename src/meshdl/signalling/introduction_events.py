"""What a station's introductions are told, and what they want done."""

from dataclasses import dataclass
from typing import TypeAlias

from meshdl.ids import ContentHash, StationId
from meshdl.signalling.client_events import (
    Heard,
    Lost,
    Seek,
    SendSignal,
    SignalLost,
    SignalReceived,
    Trouble,
)
from meshdl.wire.signals import Address, Envelope


@dataclass(frozen=True, slots=True)
class Hint:
    """A station that a peer is linked with."""

    callsign: str
    address: Address


@dataclass(frozen=True, slots=True)
class HintsHeard:
    """A peer tells who has a content: all that it tells of."""

    carrier: StationId
    content: ContentHash
    hints: tuple[Hint, ...]
    clock_ms: int


@dataclass(frozen=True, slots=True)
class EnvelopeCame:
    """A peer passes this on."""

    carrier: StationId
    envelope: Envelope
    clock_ms: int


@dataclass(frozen=True, slots=True)
class EnvelopeLost:
    """What was to be passed on to a station was not."""

    station: StationId
    reason: str


@dataclass(frozen=True, slots=True)
class CarrierGone:
    """A peer is a peer no longer."""

    carrier: StationId


@dataclass(frozen=True, slots=True)
class Reached:
    """A link to a station came up."""

    station: StationId


@dataclass(frozen=True, slots=True)
class Unreachable:
    """A station was dialled in vain."""

    station: StationId


IntroductionInput: TypeAlias = (
    HintsHeard
    | EnvelopeCame
    | EnvelopeLost
    | CarrierGone
    | Reached
    | Unreachable
    | Seek
    | SendSignal
)


@dataclass(frozen=True, slots=True)
class Carry:
    """Have a peer pass this on to a station."""

    carrier: StationId
    station: StationId
    envelope: Envelope


IntroductionEffect: TypeAlias = Heard | Lost | SignalReceived | SignalLost | Trouble | Carry
