"""How long things take on this modem: every wait in a transfer is a multiple of one of these."""

from dataclasses import dataclass

from meshdl.air import ModemTraits

SHORT_FRAME_OCTETS = 40
"""A WANT or an ENOUGH for a handful of objects."""

SLOTS_OF_QUIET = 3.0
"""A sender with more to send begins its next burst within that time, whatever the channel
access makes it wait; longer silence means that it is through."""

SLOTS_OF_ANSWER = 5.0
"""Those who can answer a WANT spread over so many slots, so that the first is heard by the rest."""

LONG_FRAME_OCTETS = 256
"""On modems that take any length. Longer frames carry more only where none is lost."""

BURST_S = 15.0
"""What one key-down may last unless the operator says less: long against key-up and
turnaround, short against what an emergency may have to wait."""

BURST_FRAMES = 7
"""And so many frames, however long that takes: what is between two bursts is no longer where
frames are, and a burst of three of DATAC1 would cost a tenth of the channel."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Derived from a modem's traits.

    Attributes:
        slot_s: a short frame on the air, and everybody knows of it.
        quiet_s: silence about a content after which its sender is taken to be through.
        answer_s: from the end of a WANT to the first symbol, at the latest.
        frame_octets: length of the frames that carry symbols.
        burst_s: airtime of a burst.
    """

    slot_s: float
    quiet_s: float
    answer_s: float
    frame_octets: int
    burst_s: float


def whole_frames(room_s: float, frame_s: float) -> int:
    """How many frames of that length fit."""
    # Sums of the same lengths may differ in their last bit.
    return int(room_s / frame_s + 1e-6)


def pace_of(traits: ModemTraits, *, burst_max_s: float) -> Pace:
    """The pace on a modem."""
    short = min(SHORT_FRAME_OCTETS, traits.payload_octets_max)
    longest = traits.payload_octets_max
    frame = longest if traits.fixed_frames else min(longest, LONG_FRAME_OCTETS)
    slot_s = traits.burst_s([short]) + traits.turnaround_s + traits.access_within_s
    quiet_s = SLOTS_OF_QUIET * slot_s + traits.frame_s(frame)
    return Pace(
        slot_s=slot_s,
        quiet_s=quiet_s,
        answer_s=quiet_s + (SLOTS_OF_ANSWER + 1) * slot_s,
        frame_octets=frame,
        burst_s=min(max(BURST_S, traits.burst_s([frame] * BURST_FRAMES)), burst_max_s),
    )
