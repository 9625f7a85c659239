"""Is this the end of the burst? Looks for a known waveform where it must be.

Theory of operation
===================

After a frame comes either another frame or the postamble, which is always the same. Its
place is known to within the drift of two sound cards' clocks, its frequency to within the
tuning of two radios. For every lag the sound is multiplied by the conjugate postamble; what
is then left of a true one is a line in the spectrum, at the difference of the dials. The
share of the power that stands in the highest such line is the similarity: 1 for a clean
postamble, S / (S + N) in noise, and about 1 / (bandwidth x duration) for any frame.
"""

import numpy as np
import numpy.typing as npt

from meshdl.air import ModemTraits
from meshdl.transports.modems.codec2 import SAMPLE_RATE_HZ, Samples

SIMILARITY_MIN = 0.3
NARROW_SIMILARITY_MIN = 0.42
"""Frames were seen up to 0.2, in narrow modes up to 0.39; postambles from 0.5 on, in narrow
modes from 0.4 on, but for the weakest signals. A frame that is taken for the end costs the
rest of its burst; an end that is missed only the time of a frame or two, so the limit is
nearer to the frames."""

NARROW_HZ = 400.0

LAG_MAX_SAMPLES = 80
"""Two clocks that differ by 150 in a million drift apart so far in a minute."""

LAG_STEP_SAMPLES = 2

OFFSET_MAX_HZ = 60.0
"""The library itself follows signals that are up to 50 Hz off."""

_SPECTRUM_POINTS = 2_048
"""A line between two points loses a tenth at most."""


class PostambleDetector:
    """Of one mode.

    Args:
        postamble: as it is sent.
        traits: of the mode; what lies outside its audio range is left out.
    """

    def __init__(self, postamble: Samples, traits: ModemTraits) -> None:
        self._low_hz = traits.audio_low_hz - OFFSET_MAX_HZ
        self._high_hz = traits.audio_high_hz + OFFSET_MAX_HZ
        narrow = traits.audio_high_hz - traits.audio_low_hz < NARROW_HZ
        self._similarity_min = NARROW_SIMILARITY_MIN if narrow else SIMILARITY_MIN
        self._samples = len(postamble)
        reference = self._in_band(postamble)
        self._reference = np.conj(reference) / np.linalg.norm(reference)
        bins = int(OFFSET_MAX_HZ * _SPECTRUM_POINTS / SAMPLE_RATE_HZ) + 1
        self._offsets = np.r_[0:bins, _SPECTRUM_POINTS - bins : _SPECTRUM_POINTS]

    def similarity(self, sound: Samples, at: int) -> float:
        """How similar the sound from ``at`` on is to the postamble, 0 to 1."""
        begin = at - LAG_MAX_SAMPLES
        end = at + self._samples + LAG_MAX_SAMPLES
        if begin < 0 or end > len(sound):
            return 0.0
        around = self._in_band(sound[begin:end])
        windows = np.lib.stride_tricks.sliding_window_view(around, self._samples)
        windows = windows[::LAG_STEP_SAMPLES]
        power = (np.abs(windows) ** 2).sum(axis=1)
        lines = np.fft.fft(windows * self._reference, _SPECTRUM_POINTS, axis=1)[:, self._offsets]
        shares = (np.abs(lines) ** 2).max(axis=1) / np.maximum(power, 1.0)
        return float(shares.max())

    def found_in(self, sound: Samples, at: int) -> bool:
        """Whether the postamble begins at about ``at`` in this sound."""
        return self.similarity(sound, at) >= self._similarity_min

    def _in_band(self, sound: Samples) -> npt.NDArray[np.complex128]:
        """The part of the sound that is in the mode's band, without negative frequencies."""
        spectrum = np.fft.fft(sound.astype(np.float64))
        frequencies = np.fft.fftfreq(len(sound), 1 / SAMPLE_RATE_HZ)
        spectrum[(frequencies < self._low_hz) | (frequencies > self._high_hz)] = 0
        return np.asarray(np.fft.ifft(spectrum), np.complex128)
