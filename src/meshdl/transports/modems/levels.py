"""Is the sound that comes in usable? Clipping and silence, told before they cost a transfer."""

import enum
from dataclasses import dataclass

import numpy as np

from meshdl.transports.modems.codec2 import SAMPLE_RATE_HZ, Samples

WINDOW_S = 2.0
"""Shorter than that, a pause between words would be silence."""

CLIPPED_AT = 32_700
"""Converters clip a little below full scale."""

CLIPPED_SHARE = 0.001
"""Below one sample in a thousand it is static crashes."""

SILENT_BELOW = 4
"""Of 32767: an input that is connected to a receiver has more noise than that."""

_FULL_SCALE = 32_768.0


class Verdict(enum.Enum):
    """What there is to do about a level."""

    UNKNOWN = "not heard long enough"
    GOOD = "good"
    SILENT = "silence: nothing seems to be connected, or the input is muted"
    CLIPPING = "clipping: turn the receiver's audio or the input gain down"


@dataclass(frozen=True, slots=True)
class Level:
    """Of the last window.

    Attributes:
        peak_dbfs: loudest sample, 0 is full scale; -90.3 is the smallest there is.
        rms_dbfs: mean power.
        verdict: what it means.
    """

    peak_dbfs: float = -96.0
    rms_dbfs: float = -96.0
    verdict: Verdict = Verdict.UNKNOWN


class LevelMeter:
    """Fed with all the sound that comes in.

    Attributes:
        level: of the last whole window.
    """

    def __init__(self) -> None:
        self.level = Level()
        self._samples = self._clipped = self._peak = 0
        self._power = 0.0

    def feed(self, sound: Samples) -> bool:
        """Take sound; whether the verdict changed."""
        if not len(sound):
            return False
        size = np.abs(sound.astype(np.int32))
        self._samples += len(sound)
        self._clipped += int((size >= CLIPPED_AT).sum())
        self._peak = max(self._peak, int(size.max()))
        self._power += float((size.astype(np.float64) ** 2).sum())
        if self._samples < WINDOW_S * SAMPLE_RATE_HZ:
            return False
        before, self.level = self.level, self._measured()
        self._samples = self._clipped = self._peak = 0
        self._power = 0.0
        return before.verdict is not self.level.verdict

    def _measured(self) -> Level:
        if self._peak < SILENT_BELOW:
            verdict = Verdict.SILENT
        elif self._clipped > CLIPPED_SHARE * self._samples:
            verdict = Verdict.CLIPPING
        else:
            verdict = Verdict.GOOD
        rms = (self._power / self._samples) ** 0.5
        return Level(_dbfs(self._peak), _dbfs(rms), verdict)


def _dbfs(size: float) -> float:
    return round(20 * float(np.log10(max(size, 0.5) / _FULL_SCALE)), 1)
