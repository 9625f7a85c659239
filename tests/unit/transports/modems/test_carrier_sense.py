"""A channel is busy while something stands above its noise, and free again after it."""

import numpy as np

from meshdl.transports.modems.carrier_sense import CarrierSense
from meshdl.transports.modems.codec2 import Samples

SECOND = 8_000


def noise(seconds: float, scale: float = 300.0, seed: int = 1) -> Samples:
    rng = np.random.default_rng(seed)
    return rng.normal(scale=scale, size=int(seconds * SECOND)).astype(np.int16)


def busy_after(sense: CarrierSense, sound: Samples) -> bool:
    for i in range(0, len(sound), 400):
        sense.feed(sound[i : i + 400])
    return sense.busy


def test_noise_is_a_free_channel() -> None:
    sense = CarrierSense()
    assert not any(busy_after(sense, noise(1, seed=seed)) for seed in range(60))


def test_a_voice_makes_it_busy_and_its_end_free() -> None:
    sense = CarrierSense()
    assert not busy_after(sense, noise(5))
    assert busy_after(sense, noise(0.3, scale=1_200))
    assert busy_after(sense, noise(20, scale=1_200))
    assert not busy_after(sense, noise(0.6))


def test_a_crash_does_not_make_it_busy() -> None:
    sense = CarrierSense()
    busy_after(sense, noise(5))
    assert not busy_after(sense, np.concatenate((noise(0.05, scale=9_000), noise(0.35))))


def test_a_pause_between_words_does_not_make_it_free() -> None:
    sense = CarrierSense()
    busy_after(sense, noise(5))
    busy_after(sense, noise(1, scale=1_200))
    assert busy_after(sense, noise(0.15))


def test_a_quieter_noise_is_learned_at_once_and_a_louder_one_in_a_minute() -> None:
    sense = CarrierSense()
    busy_after(sense, noise(5, scale=2_000))
    assert not busy_after(sense, noise(5, scale=200))
    assert busy_after(sense, noise(1, scale=2_000))
    assert not busy_after(sense, noise(62, scale=2_000))


def test_what_is_outside_the_voice_band_does_not_count() -> None:
    sense = CarrierSense()
    quiet = noise(5)
    busy_after(sense, quiet)
    hum = 9_000 * np.sin(2 * np.pi * 50 * np.arange(SECOND) / SECOND)
    assert not busy_after(sense, (quiet[:SECOND] + hum).astype(np.int16))


def test_digital_silence_is_free() -> None:
    sense = CarrierSense()
    assert not busy_after(sense, np.zeros(SECOND, np.int16))
