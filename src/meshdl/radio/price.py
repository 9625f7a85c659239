"""What a transfer costs in airtime, told before anything is keyed.

Airtime is what all stations of a channel share, so the price counts every burst that the
transfer takes, whoever sends it: the symbols, the WANTs, and both sides' identifications.
It is the price of a clean channel and of octets that cannot be compressed: losses make it
dearer, compression and what others ask for at the same time make it cheaper.
"""

import enum
import math
from dataclasses import dataclass

from meshdl.air import ModemTraits
from meshdl.content.merkle import HASH_OCTETS, LEAF_OCTETS
from meshdl.radio.budget import DUTY_WINDOW_S, HOUR_S, AirtimeLimits
from meshdl.radio.identification import AHEAD_S, SIGN_OFF_AFTER_S
from meshdl.radio.transfer.asking import ASKED_AIRTIME_S
from meshdl.radio.transfer.framing import carries_symbols
from meshdl.radio.transfer.pace import SHORT_FRAME_OCTETS, pace_of, whole_frames
from meshdl.wire.onair.codes import ContentTag
from meshdl.wire.onair.frames import symbols_that_fit
from meshdl.wire.onair.pdus import (
    SOURCE_SYMBOLS_MAX,
    SYMBOL_OCTETS,
    AirObject,
    Codec,
    Form,
    ObjectKind,
)

IDENTIFICATION_OCTETS = 14
"""``DE`` and a callsign with its SSID."""

STATIONS_OF_A_TRANSFER = 2
"""One asks, one answers; each identifies."""

_TYPICAL = AirObject(
    content=ContentTag(bytes(4)),
    kind=ObjectKind.LEAF,
    number=63,
    form=Form(Codec.RAW, SOURCE_SYMBOLS_MAX),
)


class Basis(enum.Enum):
    """What a number of symbols rests on."""

    METAINFO = "metainfo"
    """The content is described: what is missing is known to the symbol."""
    CALL = "call"
    """A station told the size, to an eighth, when it called CQ."""
    INFO = "info"
    """Nothing is known of the content: its description alone is counted."""


@dataclass(frozen=True, slots=True)
class Lacking:
    """What a content still lacks.

    Attributes:
        symbols: that would do.
        octets: of content that these stand for; ``None`` while nobody has told.
    """

    symbols: int
    octets: int | None
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Of one transfer.

    Attributes:
        airtime_s: of all bursts.
        bursts: that carry symbols.
        identifications: of both stations, in that time.
        lasts_s: until all is here, if it is answered at once.
        held_back_s: of that, while a sender waits because it has used up its airtime.
    """

    airtime_s: float
    bursts: int
    identifications: int
    lasts_s: float
    held_back_s: float = 0.0


def symbols_of(octets: int) -> int:
    """How many symbols a content of that size takes, leaf hashes included; it is not here."""
    whole, rest = divmod(octets, LEAF_OCTETS)
    leaves = whole * SOURCE_SYMBOLS_MAX + -(-rest // SYMBOL_OCTETS)
    hashes = (whole + bool(rest)) * HASH_OCTETS if whole > 1 else 0
    return leaves + -(-hashes // SYMBOL_OCTETS)


def price(
    symbols: int, traits: ModemTraits, *, limits: AirtimeLimits, identify_every_s: float
) -> Price:
    """What so many symbols cost on this modem.

    Args:
        symbols: that are missing.
        traits: of the modem.
        limits: of the one who sends; ours stand for his.
        identify_every_s: the law's limit.

    Raises:
        ValueError: the modem carries no symbols.
    """
    if not carries_symbols(traits):
        raise ValueError(f"{traits.name} carries no symbols; choose another mode")
    if symbols <= 0:
        return Price(airtime_s=0.0, bursts=0, identifications=0, lasts_s=0.0)
    pace = pace_of(traits, burst_max_s=limits.burst_max_s)
    in_frame = symbols_that_fit(_TYPICAL, pace.frame_octets)
    frame_s = traits.frame_s(pace.frame_octets)
    room_s = pace.burst_s - traits.burst_overhead_s - (0.0 if in_frame else frame_s)
    frames = -(-symbols // max(1, in_frame))
    bursts = -(-frames // max(1, whole_frames(room_s, frame_s)))
    if not in_frame:
        frames += bursts  # each tells first which object its short symbols are of
    sending_s = frames * frame_s + bursts * traits.burst_overhead_s
    wants = math.ceil(sending_s / ASKED_AIRTIME_S)
    asking_s = wants * traits.burst_s([min(SHORT_FRAME_OCTETS, traits.payload_octets_max)])
    between_s = traits.turnaround_s + traits.access_within_s
    waiting_s = (bursts + wants) * between_s + wants * (pace.answer_s - pace.quiet_s)
    held_back_s = _held_back_s(sending_s, limits)
    lasts_s = held_back_s + sending_s + asking_s + waiting_s
    each = 1 + int(lasts_s // max(SIGN_OFF_AFTER_S, identify_every_s - AHEAD_S))
    identifications = STATIONS_OF_A_TRANSFER * each
    longest = min(IDENTIFICATION_OCTETS, traits.payload_octets_max)
    identifying_s = identifications * traits.burst_s([longest])
    return Price(
        airtime_s=sending_s + asking_s + identifying_s,
        bursts=bursts,
        identifications=identifications,
        lasts_s=lasts_s,
        held_back_s=held_back_s,
    )


def _held_back_s(sending_s: float, limits: AirtimeLimits) -> float:
    """How long a sender waits because it has used up its airtime."""
    windows = (
        (HOUR_S, limits.airtime_s_per_hour),
        (DUTY_WINDOW_S, limits.duty_cycle_max * DUTY_WINDOW_S),
    )
    return max(
        (math.ceil(sending_s / allowed_s) - 1) * max(0.0, window_s - allowed_s)
        for window_s, allowed_s in windows
    )
