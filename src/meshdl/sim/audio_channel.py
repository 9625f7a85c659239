"""The air as sound: noise and fading between two modems, far faster than real time.

SNR is the mean power of the signal, over the time in which there is one, against the white
noise in 3 kHz: as in FreeDV's documents, so that figures can be laid side by side.

Source of the fading: Watterson, Juroshek, Bensema, "Experimental confirmation of an HF
channel model" (1970); "poor" is two equal paths 2 ms apart with a Doppler spread of 1 Hz, as
in ITU-R F.520.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SAMPLE_RATE_HZ = 8000
NOISE_BANDWIDTH_HZ = 3000.0

_TAP_RATE_HZ = 64
"""Fading of 1 Hz changes slowly; between its values lie straight lines."""

_TAP_KERNEL_S = 3.0
_FULL_SCALE = 32_767
_BLOCK_SAMPLES = 80
"""10 ms without a single sample is silence."""

Sound = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fading:
    """Two paths of equal mean strength, fading on their own.

    Attributes:
        delay_s: between them.
        doppler_hz: twice the standard deviation of their Doppler spectrum.
    """

    delay_s: float
    doppler_hz: float


POOR = Fading(delay_s=0.002, doppler_hz=1.0)


class AudioChannel:
    """What a receiver hears of what a sender plays.

    Args:
        snr_db: in 3 kHz; ``None`` for no noise at all.
        fading: of the paths; ``None`` for one that does not fade.
        offset_hz: by which the receiver's dial is off.
        seed: one seed is one history.
    """

    def __init__(
        self,
        *,
        snr_db: float | None = None,
        fading: Fading | None = None,
        offset_hz: float = 0.0,
        seed: int = 0,
    ) -> None:
        self._snr_db, self._fading, self._offset_hz = snr_db, fading, offset_hz
        self._rng = np.random.default_rng(seed)

    def carry(self, sound: Sound) -> Sound:
        """What arrives of one stretch of sound; silence in it is filled with noise."""
        sent = sound.astype(np.float64)
        power = _power_while_there_is_one(sent)
        if not power:
            return sound
        if self._fading is not None or self._offset_hz:
            sent = self._faded(_analytic(sent))
        if self._snr_db is not None:
            in_3_khz = power / 10 ** (self._snr_db / 10)
            in_all = in_3_khz * (SAMPLE_RATE_HZ / 2) / NOISE_BANDWIDTH_HZ
            sent = sent + self._rng.normal(scale=np.sqrt(in_all), size=len(sent))
        return np.clip(np.rint(sent), -_FULL_SCALE, _FULL_SCALE).astype(np.int16)

    def _faded(self, sent: npt.NDArray[np.complex128]) -> npt.NDArray[np.float64]:
        if self._fading is not None:
            late = round(self._fading.delay_s * SAMPLE_RATE_HZ)
            second = np.concatenate((np.zeros(late), sent[: len(sent) - late]))
            sent = (sent * self._tap(len(sent)) + second * self._tap(len(sent))) / np.sqrt(2)
        if self._offset_hz:
            at_s = np.arange(len(sent)) / SAMPLE_RATE_HZ
            sent = sent * np.exp(2j * np.pi * self._offset_hz * at_s)
        return sent.real

    def _tap(self, samples: int) -> npt.NDArray[np.complex128]:
        """Complex gain of a path: Gaussian noise of mean power 1, Gaussian Doppler spectrum."""
        assert self._fading is not None
        spread_hz = self._fading.doppler_hz / 2
        half = int(_TAP_KERNEL_S * _TAP_RATE_HZ)
        at_s = np.arange(-half, half + 1) / _TAP_RATE_HZ
        kernel = np.exp(-((2 * np.pi * spread_hz * at_s) ** 2))
        kernel /= np.linalg.norm(kernel)
        points = samples * _TAP_RATE_HZ // SAMPLE_RATE_HZ + 2
        white = self._rng.normal(size=(2, points + 2 * half)) / np.sqrt(2)
        slow = np.convolve(white[0] + 1j * white[1], kernel, "valid")
        at = np.arange(samples) * _TAP_RATE_HZ / SAMPLE_RATE_HZ
        gain = np.interp(at, np.arange(points), slow.real) + 1j * np.interp(
            at, np.arange(points), slow.imag
        )
        return np.asarray(gain, np.complex128)


def _power_while_there_is_one(sent: npt.NDArray[np.float64]) -> float:
    """Mean power of the stretches that are not silent."""
    blocks = (
        np.add.reduceat(sent**2, np.arange(0, len(sent), _BLOCK_SAMPLES)) if len(sent) else sent
    )
    loud = blocks[blocks > 0]
    return float(loud.sum() / (len(loud) * _BLOCK_SAMPLES)) if len(loud) else 0.0


def _analytic(sound: npt.NDArray[np.float64]) -> npt.NDArray[np.complex128]:
    """The signal without its negative frequencies, so that its real part is the sound."""
    spectrum = np.fft.fft(sound)
    middle = (len(sound) + 1) // 2
    spectrum[1:middle] *= 2
    spectrum[len(sound) // 2 + 1 :] = 0
    return np.asarray(np.fft.ifft(spectrum), np.complex128)
