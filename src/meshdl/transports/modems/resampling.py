"""48 kHz, which every sound card has, from and to the 8 kHz of the waveforms.

A windowed-sinc filter, as a matrix product over its phases: at these rates that costs less
than the call into a library would be worth. It passes 0 to 3 kHz flat; what would fold into
that is at least 60 dB down.
"""

import numpy as np
import numpy.typing as npt

from meshdl.transports.modems.codec2 import Samples

FACTOR = 6
_TAPS_PER_PHASE = 32
_CUTOFF = 0.93
"""Of the lower rate's half: 3.7 kHz, with a transition to 4.3 kHz that meets nothing."""

_KAISER_BETA = 6.5
_FULL_SCALE = 32_767


def _prototype() -> npt.NDArray[np.float64]:
    taps = FACTOR * _TAPS_PER_PHASE
    at = np.arange(taps) - (taps - 1) / 2
    sinc = np.sinc(at * _CUTOFF / FACTOR) * np.kaiser(taps, _KAISER_BETA)
    return np.asarray(sinc / sinc.sum(), np.float64)


class Decimator:
    """48 kHz to 8 kHz, piece by piece as if it were one."""

    def __init__(self) -> None:
        self._filter = _prototype()
        self._tail: npt.NDArray[np.float64] = np.zeros(len(self._filter) - 1)

    def feed(self, sound: Samples) -> Samples:
        """What can be told from all that was fed."""
        known = np.concatenate((self._tail, sound.astype(np.float64)))
        taps = len(self._filter)
        if len(known) < taps:
            self._tail = known
            return np.zeros(0, np.int16)
        windows = np.lib.stride_tricks.sliding_window_view(known, taps)[::FACTOR]
        self._tail = known[len(windows) * FACTOR :]
        return _rounded(windows @ self._filter)


class Interpolator:
    """8 kHz to 48 kHz, piece by piece as if it were one."""

    def __init__(self) -> None:
        # A column for each of the phases, newest sample last.
        self._phases = _prototype().reshape(_TAPS_PER_PHASE, FACTOR)[::-1] * FACTOR
        self._tail: npt.NDArray[np.float64] = np.zeros(_TAPS_PER_PHASE - 1)

    def feed(self, sound: Samples) -> Samples:
        """``FACTOR`` times as many samples."""
        known = np.concatenate((self._tail, sound.astype(np.float64)))
        self._tail = known[len(known) - (_TAPS_PER_PHASE - 1) :]
        if not len(sound):
            return sound
        windows = np.lib.stride_tricks.sliding_window_view(known, _TAPS_PER_PHASE)
        return _rounded((windows @ self._phases).reshape(-1))

    def drain(self) -> Samples:
        """What the filter still holds, at the end."""
        return self.feed(np.zeros(_TAPS_PER_PHASE, np.int16))


def _rounded(sound: npt.NDArray[np.float64]) -> Samples:
    return np.clip(np.rint(sound), -_FULL_SCALE, _FULL_SCALE).astype(np.int16)
