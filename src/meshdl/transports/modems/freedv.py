"""FreeDV data modes: bursts of frames to sound, and sound to frames.

Theory of operation
===================

A burst is a preamble, frames, a postamble. Every frame has the mode's fixed length; a
shorter payload is filled with zeros. How many frames come is said nowhere, and the library
would follow noise for ever after the last one. So after each frame the receiver looks for
the postamble where it must be (:mod:`.postamble`), and lets go when it is there:

    SEARCHING --preamble--> FOLLOWING --postamble, or too many failed frames--> SEARCHING
        '------postamble--> LAST FRAME --its end-------------------------------->'

By a postamble that it finds while searching, the library steps back and reads the last
frame of a burst whose preamble was lost.

Where even the postamble is lost, the receiver gives up after one failed frame if it has read
none in this burst, and otherwise after ``FAILURES_MAX`` in a row.

Looking for preambles costs more than following frames. While a burst is being read in one
mode, the other modes rest; a station would not understand two at once anyway.
"""

import enum
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from meshdl.air import ModemTraits
from meshdl.transports.modems.codec2 import SAMPLE_RATE_HZ, Codec2, Samples, Step, Waveform, load
from meshdl.transports.modems.postamble import PostambleDetector

FAILURES_MAX = 2
"""Frames in a row that a burst may lose. More patience would be deafness for the next one."""

STEPS_WITHOUT_SOUND_MAX = 256
"""After a postamble the library looks back at one frame, 47 steps at most."""

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

_AUDIO_HZ = {
    FreedvMode.DATAC0: (1_135.0, 1_865.0),
    FreedvMode.DATAC1: (658.0, 2_345.0),
    FreedvMode.DATAC3: (1_136.0, 1_859.0),
    FreedvMode.DATAC4: (1_316.0, 1_620.0),
    FreedvMode.DATAC13: (1_363.0, 1_637.0),
}
"""Between these lie 99 % of the power: the widest of bursts of 1 to 12 random frames."""

NEEDS_SNR_DB = {
    FreedvMode.DATAC0: 2.8,
    FreedvMode.DATAC1: 6.3,
    FreedvMode.DATAC3: 1.6,
    FreedvMode.DATAC4: -3.0,
    FreedvMode.DATAC13: -3.6,
}
"""In 3 kHz, where one frame in ten is lost on two paths that fade (``python -m bench freedv``).
On a steady path 4 to 6 dB less will do."""

_AMBLE_SAMPLES = 880
"""Preamble and postamble, each, in every mode."""

_FRAME_END_LAG_SAMPLES = {
    FreedvMode.DATAC0: 1_280,
    FreedvMode.DATAC1: 1_280,
    FreedvMode.DATAC3: 1_280,
    FreedvMode.DATAC4: 1_330,
    FreedvMode.DATAC13: 1_330,
}
"""So much sound has come after a frame when the library tells of it. Measured."""

RECENT_SAMPLES = 4_000
"""What is kept of the sound, to look for a postamble in it."""

FREEDV_TRAITS = {
    mode: ModemTraits(
        name=mode.name,
        payload_octets_max=octets,
        payload_bps=8 * octets * SAMPLE_RATE_HZ / samples,
        audio_low_hz=_AUDIO_HZ[mode][0],
        audio_high_hz=_AUDIO_HZ[mode][1],
        baud=1 / SYMBOL_S,
        fixed_frames=True,
        burst_overhead_s=2 * _AMBLE_SAMPLES / SAMPLE_RATE_HZ,
        measures_busy=True,
        aborts_at_once=True,
    )
    for mode, (octets, samples) in _FRAME.items()
}
"""Of the sound alone, without key-up and tail."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One frame whose checksum is right.

    Attributes:
        mode: it came in.
        octets: all of the mode's payload, with whatever zeros its sender filled in.
        snr_db: in 3 kHz, as the library estimates it.
    """

    mode: FreedvMode
    octets: bytes
    snr_db: float


class FreedvSender:
    """Makes the sound of bursts in one mode."""

    def __init__(self, mode: FreedvMode, library: Codec2 | None = None) -> None:
        self.mode = mode
        self._waveform = _open(mode, library)

    def burst(self, frames: Sequence[bytes]) -> Iterator[Samples]:
        """The sound of a burst, a piece at a time, so that a long one can begin at once.

        Args:
            frames: each of 1 to the mode's payload in octets. A shorter one than that is
                filled with zeros.
        """
        yield self._waveform.preamble()
        for frame in frames:
            yield self._waveform.frame(frame.ljust(self._waveform.payload_octets, b"\0"))
        yield self._waveform.postamble()

    def close(self) -> None:
        """Give its memory back."""
        self._waveform.close()


class FreedvReceiver:
    """Hears several modes at once. Fed by one thread at a time.

    Args:
        modes: to listen for.
    """

    def __init__(self, modes: Collection[FreedvMode], library: Codec2 | None = None) -> None:
        # In the enum's order, so that one input gives one output.
        self._modes = [_ModeReceiver(mode, library) for mode in FreedvMode if mode in modes]

    @property
    def busy(self) -> bool:
        """Whether a FreeDV signal is on the channel."""
        return any(one.following for one in self._modes)

    def feed(self, samples: Samples) -> list[Heard]:
        """Take any amount of sound; the frames that ended in it."""
        reading = next((one for one in self._modes if one.reading), None)
        if reading is not None:
            return reading.feed(samples)
        return [heard for one in self._modes for heard in one.feed(samples)]

    def close(self) -> None:
        """Give its memory back."""
        for one in self._modes:
            one.close()


class _ModeReceiver:
    """Finds and follows the bursts of one mode, one at a time."""

    def __init__(self, mode: FreedvMode, library: Codec2 | None) -> None:
        self._mode = mode
        self._waveform = _open(mode, library)
        self._postamble = PostambleDetector(self._waveform.postamble(), FREEDV_TRAITS[mode])
        self._lag = _FRAME_END_LAG_SAMPLES[mode]
        self._waiting = np.zeros(0, np.int16)
        self._recent = np.zeros(RECENT_SAMPLES, np.int16)
        self._search()

    @property
    def following(self) -> bool:
        """Whether a burst is there: its unique word was right, its last frame too."""
        return self._confirmed and not self._failures

    @property
    def reading(self) -> bool:
        """Whether it is certain: a frame of it was read."""
        return self.following and self._frames > 0

    def feed(self, samples: Samples) -> list[Heard]:
        """The frames that ended in this sound."""
        self._waiting = np.concatenate((self._waiting, samples))
        heard = []
        steps_without_sound = 0
        while (wanted := self._waveform.wanted_samples) <= len(self._waiting):
            steps_without_sound = steps_without_sound + 1 if wanted == 0 else 0
            assert steps_without_sound <= STEPS_WITHOUT_SOUND_MAX, "libcodec2 takes no more sound"
            taken, self._waiting = self._waiting[:wanted], self._waiting[wanted:]
            self._recent = np.concatenate((self._recent, taken))[-RECENT_SAMPLES:]
            step = self._waveform.demodulate(taken)
            self._follow(step)
            if step.octets is not None:
                heard.append(Heard(self._mode, step.octets, step.snr_db))
        return heard

    def close(self) -> None:
        """Give its memory back."""
        self._waveform.close()

    def _search(self) -> None:
        self._confirmed = self._from_postamble = False
        self._frames = self._failures = 0

    def _follow(self, step: Step) -> None:
        if not step.synced:
            self._search()
            self._from_postamble = step.from_postamble
            self._waveform.end_after(1 if step.from_postamble else 0)
            return
        self._confirmed = step.confirmed
        if step.octets is not None:
            self._frames, self._failures = self._frames + 1, 0
        elif step.failed:
            self._failures += 1
        else:
            return
        # From a postamble it must come out of its memory by itself, after this one frame.
        if not self._from_postamble and self._is_over():
            self._waveform.let_go()
            self._search()

    def _is_over(self) -> bool:
        if self._failures >= (FAILURES_MAX if self._frames else 1):
            return True
        return self._postamble.found_in(self._recent, len(self._recent) - self._lag)


def _open(mode: FreedvMode, library: Codec2 | None) -> Waveform:
    waveform = Waveform(library or load(), mode.value)
    assert (waveform.payload_octets, waveform.frame_samples) == _FRAME[mode]
    assert waveform.preamble_samples == waveform.postamble_samples == _AMBLE_SAMPLES
    return waveform


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
