"""The simulated air does to sound what it was asked to."""

import numpy as np
import pytest

from meshdl.sim.audio_channel import POOR, SAMPLE_RATE_HZ, AudioChannel, Sound


def tone(hz: float = 1_500.0, seconds: float = 20.0) -> Sound:
    at_s = np.arange(int(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return (5_000 * np.sin(2 * np.pi * hz * at_s)).astype(np.int16)


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 10.0])
def test_the_noise_has_the_power_that_was_asked_for(snr_db: float) -> None:
    sent = tone()
    noise = AudioChannel(snr_db=snr_db).carry(sent).astype(np.float64) - sent
    power = np.abs(np.fft.rfft(noise)) ** 2
    hz = np.fft.rfftfreq(len(noise), 1 / SAMPLE_RATE_HZ)
    share_in_3_khz = power[hz < 3_000].sum() / power.sum()
    in_3_khz = np.mean(noise**2) * share_in_3_khz
    measured_db = 10 * np.log10(np.mean(sent.astype(np.float64) ** 2) / in_3_khz)
    assert measured_db == pytest.approx(snr_db, abs=0.2)


def test_silence_around_a_signal_does_not_dilute_it() -> None:
    short = np.concatenate((np.zeros(80_000, np.int16), tone(seconds=2.0)))
    noise = AudioChannel(snr_db=0.0).carry(short)[:80_000].astype(np.float64)
    assert np.mean(noise**2) == pytest.approx(5_000**2 / 2 * 4 / 3, rel=0.05)


def test_a_fading_path_keeps_its_mean_power_and_loses_its_signal_now_and_then() -> None:
    sent = tone(seconds=300.0)
    heard = AudioChannel(fading=POOR, seed=1).carry(sent).astype(np.float64)
    per_second = (heard.reshape(-1, SAMPLE_RATE_HZ // 4) ** 2).mean(axis=1)
    assert per_second.mean() == pytest.approx(5_000**2 / 2, rel=0.25)
    assert per_second.min() < per_second.mean() / 20


def test_an_offset_moves_the_sound() -> None:
    heard = AudioChannel(offset_hz=40.0).carry(tone(1_000.0))
    spectrum = np.abs(np.fft.rfft(heard.astype(np.float64)))
    assert np.argmax(spectrum) / 20.0 == pytest.approx(1_040.0)


def test_one_seed_is_one_history() -> None:
    first, again, other = (
        AudioChannel(snr_db=3.0, fading=POOR, seed=seed).carry(tone(seconds=1.0))
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_without_noise_or_fading_sound_passes_unchanged() -> None:
    sent = tone(seconds=1.0)
    assert np.array_equal(AudioChannel().carry(sent), sent)
    assert not AudioChannel(snr_db=0.0).carry(np.zeros(100, np.int16)).any()
