"""48 kHz from and to 8 kHz: what is in the voice band passes, what is not does not fold in."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshdl.transports.modems.codec2 import Samples
from meshdl.transports.modems.resampling import FACTOR, Decimator, Interpolator

SECOND = 8_000


def tone(hz: float, rate_hz: int) -> Samples:
    return (10_000 * np.sin(2 * np.pi * hz * np.arange(rate_hz) / rate_hz)).astype(np.int16)


def gain_db(sound: Samples) -> float:
    middle = sound[len(sound) // 4 : -len(sound) // 4].astype(np.float64)
    return float(10 * np.log10(np.mean(middle**2) / (10_000**2 / 2) + 1e-12))


@pytest.mark.parametrize("hz", [100, 300, 1_500, 3_000])
def test_what_the_waveforms_use_passes_unchanged(hz: float) -> None:
    assert gain_db(Decimator().feed(tone(hz, 48_000))) == pytest.approx(0, abs=0.1)
    assert gain_db(Interpolator().feed(tone(hz, 8_000))) == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("hz", [5_000, 7_000, 9_500, 17_000, 23_000])
def test_what_would_fold_into_it_is_60_db_down(hz: float) -> None:
    assert gain_db(Decimator().feed(tone(hz, 48_000))) < -60


def test_no_images_are_sent() -> None:
    sound = Interpolator().feed(tone(1_500, 8_000)).astype(np.float64)[4_800:-4_800]
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    hz = np.fft.rfftfreq(len(sound), 1 / 48_000)
    assert spectrum[hz > 4_300].max() < spectrum.max() * 1e-6


@given(st.lists(st.integers(0, 2_000), max_size=8), st.integers(0, 2**32 - 1))
def test_how_sound_is_cut_does_not_matter(cuts: list[int], seed: int) -> None:
    sound = np.random.default_rng(seed).integers(-9_000, 9_000, 3_000).astype(np.int16)
    for make in (Decimator, Interpolator):
        whole, pieces = make().feed(sound), make()
        edges = [0, *sorted(min(cut, 3_000) for cut in cuts), 3_000]
        cut = [
            pieces.feed(sound[begin:end])
            for begin, end in itertools.pairwise(edges)
        ]  # fmt: skip
        assert np.array_equal(np.concatenate(cut), whole)


def test_up_and_down_again_loses_nothing_but_time() -> None:
    sound = tone(1_000, 8_000)
    up = Interpolator()
    there = np.concatenate((up.feed(sound), up.drain()))
    assert len(there) == FACTOR * (len(sound) + 32)
    assert gain_db(Decimator().feed(there)) == pytest.approx(0, abs=0.1)


def test_clipping_does_not_wrap_around() -> None:
    square = np.where(np.arange(8_000) % 16 < 8, 32_767, -32_767).astype(np.int16)
    assert Interpolator().feed(square).max() == 32_767
