"""Is somebody on the channel? By the power in the band, where no modem understands it.

Theory of operation
===================

The sound is cut into blocks, and each block's power in the audio band is measured. The noise
floor is the least of the last ``FLOOR_S``: it falls at once and rises slowly, so a signal of
a minute does not become the floor. Busy is what stands ``BUSY_DB`` above the floor for
``BUSY_BLOCKS`` blocks in a row; free is what does not for ``FREE_BLOCKS``.

A receiver whose AGC makes noise as loud as signals defeats this. Then only signals that the
modem itself follows count as busy: this is a help, not a promise.
"""

from collections import deque

import numpy as np

from meshdl.transports.modems.codec2 import SAMPLE_RATE_HZ, Samples

BLOCK_SAMPLES = 800
FLOOR_S = 60.0
BUSY_DB = 6.0
"""The power of one block of noise varies by half a decibel; a signal in DATAC1 that can be
read stands 4 dB and more above the noise, and is found by the modem anyway."""

BUSY_BLOCKS = 2
FREE_BLOCKS = 3
BAND_HZ = (300.0, 2700.0)
"""What an SSB receiver lets through."""

_POWER_MIN = 1.0
"""Digital silence has no floor."""


class CarrierSense:
    """Fed with all that is heard, except our own bursts.

    Attributes:
        busy: whether something is there.
    """

    def __init__(self) -> None:
        self.busy = False
        self._waiting = np.zeros(0, np.int16)
        self._powers: deque[float] = deque(maxlen=int(FLOOR_S * SAMPLE_RATE_HZ / BLOCK_SAMPLES))
        self._streak = 0
        frequencies = np.fft.rfftfreq(BLOCK_SAMPLES, 1 / SAMPLE_RATE_HZ)
        self._band = (frequencies >= BAND_HZ[0]) & (frequencies <= BAND_HZ[1])

    def feed(self, sound: Samples) -> None:
        """Take sound."""
        self._waiting = np.concatenate((self._waiting, sound))
        while len(self._waiting) >= BLOCK_SAMPLES:
            block, self._waiting = self._waiting[:BLOCK_SAMPLES], self._waiting[BLOCK_SAMPLES:]
            self._judge(block)

    def _judge(self, block: Samples) -> None:
        spectrum = np.fft.rfft(block.astype(np.float64))[self._band]
        power = max(float((np.abs(spectrum) ** 2).mean()), _POWER_MIN)
        self._powers.append(power)
        loud = power > min(self._powers) * 10 ** (BUSY_DB / 10)
        self._streak = self._streak + 1 if loud is not self.busy else 0
        if self._streak >= (FREE_BLOCKS if self.busy else BUSY_BLOCKS):
            self.busy, self._streak = loud, 0
