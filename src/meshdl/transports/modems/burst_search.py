"""Where may a burst begin or end? One cheap search for all modes, before the library's costly one.

Theory of operation
===================

The library searches for preambles and postambles too, lag by lag and in each mode on its own;
five modes at once cost a small computer a fifth of its time while there is nothing but noise.
Here the spectrum of a block of sound is taken once. For each mode its band is multiplied by the
conjugate spectrum of the preamble, moved by every offset that two dials may have, and
transformed back: so come all lags at once, at the band's own low rate. The share of the power
in the band that is like the preamble is the similarity, as in :mod:`.postamble`.

What stands out is only a suspicion. The library then hears that stretch, and decides. So the
limits are low: noise alone passes them now and then, and what the library would find passes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from meshdl.transports.modems.codec2 import SAMPLE_RATE_HZ, Samples
from meshdl.transports.modems.freedv_modes import (
    AMBLE_SAMPLES,
    FRAME_SAMPLES,
    FREEDV_TRAITS,
    FreedvMode,
)

BLOCK_SAMPLES = 2_048
HOP_SAMPLES = BLOCK_SAMPLES - AMBLE_SAMPLES
"""A preamble lies whole in one of the blocks that begin so far apart."""

OFFSET_MAX_HZ = 50.0
"""The library finds signals up to there."""

_BIN_HZ = SAMPLE_RATE_HZ / BLOCK_SAMPLES
_OFFSETS = round(OFFSET_MAX_HZ / _BIN_HZ)
_MARGIN_HZ = OFFSET_MAX_HZ + 10.0

_OVERSAMPLED = 1.25
"""Between two lags at the band's rate no more than a decibel gets lost."""

SIMILARITY_MIN = {
    FreedvMode.DATAC0: (0.135, 0.165),
    FreedvMode.DATAC1: (0.065, 0.071),
    FreedvMode.DATAC3: (0.135, 0.165),
    FreedvMode.DATAC4: (0.21, 0.25),
    FreedvMode.DATAC13: (0.22, 0.25),
}
"""Of preambles: what a few blocks of noise in a hundred reach; of postambles, after which a whole
frame must be heard again: a few in a thousand. Measured."""

HEAR_BEFORE_SAMPLES = 4 * AMBLE_SAMPLES
"""What the library wants to have heard before a preamble: with half of that it lost one frame in
ten more where most were lost, since what it remembered was of another time."""

HEAR_AFTER_SAMPLES = 4 * AMBLE_SAMPLES
"""How far behind its end the library has found it, or does not believe in it."""

LOOK_BACK_SAMPLES = max(FRAME_SAMPLES.values()) + 2 * HEAR_BEFORE_SAMPLES + 2 * BLOCK_SAMPLES
"""What must be kept of the sound: a suspicion begins no longer ago."""


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A stretch of sound that the library should hear, in samples since the beginning."""

    mode: FreedvMode
    begin: int
    end: int


class BurstSearch:
    """Fed with all the sound, piece by piece.

    Args:
        ambles: preamble and postamble of each mode that is searched for.
    """

    def __init__(self, ambles: Mapping[FreedvMode, tuple[Samples, Samples]]) -> None:
        self._modes = [_Matched(mode, both) for mode, both in ambles.items()]
        self._waiting = np.zeros(0, np.int16)
        self._heard = 0

    def feed(self, sound: Samples) -> list[Suspicion]:
        """What stands out in the blocks that are complete now."""
        self._waiting = np.concatenate((self._waiting, sound))
        self._heard += len(sound)
        found = []
        while len(self._waiting) >= BLOCK_SAMPLES:
            at = self._heard - len(self._waiting)
            spectrum = np.fft.fft(self._waiting[:BLOCK_SAMPLES].astype(np.float32))
            found += [one for mode in self._modes for one in mode.suspicions(spectrum, at)]
            self._waiting = self._waiting[HOP_SAMPLES:]
        return found

    def rest(self, sound: Samples) -> None:
        """Let this pass without a look."""
        self._waiting = np.zeros(0, np.int16)
        self._heard += len(sound)


class _Matched:
    """Preamble and postamble of one mode, at every offset, ready to be multiplied by a spectrum."""

    def __init__(self, mode: FreedvMode, ambles: tuple[Samples, Samples]) -> None:
        self._mode = mode
        traits = FREEDV_TRAITS[mode]
        low = int((traits.audio_low_hz - _MARGIN_HZ) / _BIN_HZ)
        high = int((traits.audio_high_hz + _MARGIN_HZ) / _BIN_HZ) + 1
        self._band = slice(low, high)
        self._points = 1 << int(np.ceil(np.log2((high - low) * _OVERSAMPLED)))
        self._samples_per_lag = BLOCK_SAMPLES // self._points
        self._lags = HOP_SAMPLES // self._samples_per_lag
        references = []
        for amble in ambles:
            spectrum = np.fft.fft(amble.astype(np.float32), BLOCK_SAMPLES)
            for offset in range(-_OFFSETS, _OFFSETS + 1):
                moved = spectrum[low - offset : high - offset]
                references.append(np.conj(moved) / np.linalg.norm(moved))
        self._references = np.array(references, np.complex64)

    def suspicions(self, spectrum: npt.NDArray[np.complexfloating], at: int) -> list[Suspicion]:
        """What stands out in the block that begins at ``at``."""
        similarity = self._similarity(spectrum)
        lags = similarity.argmax(axis=1)
        frame = FRAME_SAMPLES[self._mode]
        found = []
        for which, needs in enumerate(SIMILARITY_MIN[self._mode]):
            if similarity[which, lags[which]] >= needs:
                amble = at + int(lags[which]) * self._samples_per_lag
                # Of a postamble the library goes back to the beginning of the frame before it.
                begin = amble - HEAR_BEFORE_SAMPLES - which * (frame + HEAR_BEFORE_SAMPLES)
                end = amble + AMBLE_SAMPLES + HEAR_AFTER_SAMPLES
                found.append(Suspicion(self._mode, begin, end))
        return found

    def _similarity(self, spectrum: npt.NDArray[np.complexfloating]) -> npt.NDArray[np.float32]:
        """Of each lag to the preamble and to the postamble, 0 to 1."""
        band = spectrum[self._band]
        spread = np.zeros((len(self._references) + 1, self._points), np.complex64)
        spread[:-1, : len(band)] = self._references * band
        spread[-1, : len(band)] = band
        lines = np.fft.ifft(spread, axis=1)
        power = (lines.real**2 + lines.imag**2).reshape(-1, self._points)
        alike = power[:-1, : self._lags].reshape(2, -1, self._lags).max(axis=1)
        window = AMBLE_SAMPLES // self._samples_per_lag
        sums = np.concatenate(([0.0], np.cumsum(power[-1], dtype=np.float64)))
        in_window = sums[window : window + self._lags] - sums[: self._lags]
        # Parseval: the reference has unit norm over the bins of the whole block.
        scale = self._points / in_window.clip(min=1e-9)
        return np.asarray(alike * scale, np.float32)
