"""The FreeDV data modes: what each carries, occupies and needs, as measured."""

import enum
from dataclasses import replace

from meshdl.air import ModemTraits
from meshdl.transports.modems.codec2 import SAMPLE_RATE_HZ

SYMBOL_S = 0.022
"""An OFDM symbol of all these modes: 16 ms and a cyclic prefix of 6 ms."""


class FreedvMode(enum.Enum):
    """The data modes, by the library's numbers."""

    DATAC0 = 14
    DATAC1 = 10
    DATAC3 = 12
    DATAC4 = 18
    DATAC13 = 19


_FRAME = {
    FreedvMode.DATAC0: (14, 3_520),
    FreedvMode.DATAC1: (510, 33_440),
    FreedvMode.DATAC3: (126, 25_520),
    FreedvMode.DATAC4: (54, 41_360),
    FreedvMode.DATAC13: (14, 15_840),
}
"""Payload in octets, length in samples; compared with the library when a mode is opened."""

PAYLOAD_OCTETS = {mode: octets for mode, (octets, _) in _FRAME.items()}
FRAME_SAMPLES = {mode: samples for mode, (_, samples) in _FRAME.items()}

_AUDIO_HZ = {
    FreedvMode.DATAC0: (1_135.0, 1_865.0),
    FreedvMode.DATAC1: (658.0, 2_345.0),
    FreedvMode.DATAC3: (1_136.0, 1_859.0),
    FreedvMode.DATAC4: (1_316.0, 1_620.0),
    FreedvMode.DATAC13: (1_363.0, 1_637.0),
}
"""Between these lie 99 % of the power: the widest of bursts of 1 to 12 random frames."""

NEEDS_SNR_DB = {
    FreedvMode.DATAC0: 0.5,
    FreedvMode.DATAC1: 3.0,
    FreedvMode.DATAC3: -0.3,
    FreedvMode.DATAC4: -3.5,
    FreedvMode.DATAC13: -5.0,
}
"""In 3 kHz, *as the library estimates it*. Meant to be where three frames in ten are lost on two
paths that fade: with less lost, a mode of a third of the rate is no gain; with more, what got lost
says so. What ``python -m bench freedv`` finds there is in ``docs/reference/modems.md``."""

AMBLE_SAMPLES = 880
"""Preamble and postamble, each, in every mode."""

FREEDV_TRAITS = {
    mode: ModemTraits(
        name=mode.name,
        payload_octets_max=octets,
        payload_bps=8 * octets * SAMPLE_RATE_HZ / samples,
        audio_low_hz=_AUDIO_HZ[mode][0],
        audio_high_hz=_AUDIO_HZ[mode][1],
        baud=1 / SYMBOL_S,
        fixed_frames=True,
        burst_overhead_s=2 * AMBLE_SAMPLES / SAMPLE_RATE_HZ,
        measures_busy=True,
        aborts_at_once=True,
        needs_snr_db=NEEDS_SNR_DB[mode],
    )
    for mode, (octets, samples) in _FRAME.items()
}
"""Of the sound alone, without key-up and tail."""


def keyed_traits(mode: FreedvMode, *, key_up_s: float, tail_s: float, busy: bool) -> ModemTraits:
    """Traits of a mode behind a transmitter.

    Args:
        mode: that it sends.
        key_up_s: from PTT until the first sound.
        tail_s: from the last sound until PTT is off.
        busy: whether somebody listens to the channel.
    """
    sound = FREEDV_TRAITS[mode]
    return replace(
        sound,
        burst_overhead_s=sound.burst_overhead_s + key_up_s + tail_s,
        turnaround_s=tail_s,
        measures_busy=busy,
    )
