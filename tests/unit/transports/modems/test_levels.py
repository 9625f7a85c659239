"""A level that cannot work is told before it costs a transfer."""

import numpy as np
import pytest

from meshdl.transports.modems.codec2 import Samples
from meshdl.transports.modems.levels import LevelMeter, Verdict

SECOND = 8_000


def noise(scale: float, seconds: float = 2.0) -> Samples:
    sound = np.random.default_rng(1).normal(scale=scale, size=int(seconds * SECOND))
    return np.clip(sound, -32_768, 32_767).astype(np.int16)


@pytest.mark.parametrize(
    ("sound", "verdict"),
    [
        (noise(0), Verdict.SILENT),
        (noise(1_000), Verdict.GOOD),
        (noise(20), Verdict.GOOD),
        (noise(20_000), Verdict.CLIPPING),
    ],
)
def test_a_level_is_judged(sound: Samples, verdict: Verdict) -> None:
    meter = LevelMeter()
    assert meter.level.verdict is Verdict.UNKNOWN
    assert meter.feed(sound)
    assert meter.level.verdict is verdict
    assert not meter.feed(sound)


def test_a_level_is_told_in_decibels_of_full_scale() -> None:
    meter = LevelMeter()
    meter.feed(np.full(2 * SECOND, 16_384, np.int16))
    assert (meter.level.peak_dbfs, meter.level.rms_dbfs) == (-6.0, -6.0)


def test_one_crash_is_no_clipping() -> None:
    meter = LevelMeter()
    sound = noise(1_000)
    sound[:10] = 32_767
    meter.feed(sound)
    assert meter.level.verdict is Verdict.GOOD


def test_nothing_is_judged_before_a_whole_window() -> None:
    meter = LevelMeter()
    assert not meter.feed(noise(0, seconds=1.5))
    assert meter.level.verdict is Verdict.UNKNOWN
    assert not meter.feed(noise(0, seconds=0))
    assert meter.feed(noise(0, seconds=0.5))


def test_the_loudest_negative_sample_counts_too() -> None:
    meter = LevelMeter()
    meter.feed(np.full(2 * SECOND, -32_768, np.int16))
    assert meter.level.verdict is Verdict.CLIPPING
    assert meter.level.peak_dbfs == 0.0
