"""What the cheap search must find, and how often noise may wake the costly one."""

import numpy as np
import pytest

from meshdl.sim.audio_channel import AudioChannel
from meshdl.transports.modems.burst_search import (
    BLOCK_SAMPLES,
    HEAR_AFTER_SAMPLES,
    HEAR_BEFORE_SAMPLES,
    LOOK_BACK_SAMPLES,
    BurstSearch,
    Suspicion,
)
from meshdl.transports.modems.codec2 import SAMPLE_RATE_HZ, Samples, Waveform, load
from meshdl.transports.modems.freedv_modes import AMBLE_SAMPLES, FRAME_SAMPLES, FreedvMode

AT = 50_000
WEAK_DB = {
    FreedvMode.DATAC0: -5.0,
    FreedvMode.DATAC1: 0.0,
    FreedvMode.DATAC3: -5.0,
    FreedvMode.DATAC4: -9.0,
    FreedvMode.DATAC13: -9.0,
}
"""About where the modes lose every other frame of a steady path."""


@pytest.fixture(scope="module")
def ambles() -> dict[FreedvMode, tuple[Samples, Samples]]:
    made = {}
    for mode in FreedvMode:
        waveform = Waveform(load(), mode.value)
        made[mode] = waveform.preamble(), waveform.postamble()
        waveform.close()
    return made


def search(
    ambles: dict[FreedvMode, tuple[Samples, Samples]], sound: Samples, piece: int
) -> list[Suspicion]:
    searching = BurstSearch(ambles)
    pieces = range(0, len(sound), piece)
    return [one for at in pieces for one in searching.feed(sound[at : at + piece])]


def with_amble(amble: Samples, snr_db: float, offset_hz: float, seed: int) -> Samples:
    quiet = np.zeros(AT, np.int16)
    channel = AudioChannel(snr_db=snr_db, offset_hz=offset_hz, seed=seed)
    return channel.carry(np.concatenate((quiet, amble, quiet[: 2 * BLOCK_SAMPLES])))


@pytest.mark.parametrize("mode", FreedvMode)
@pytest.mark.parametrize("offset_hz", [-45.0, 2.0])
def test_a_weak_preamble_is_found_wherever_the_dials_are(
    mode: FreedvMode, offset_hz: float, ambles: dict[FreedvMode, tuple[Samples, Samples]]
) -> None:
    for seed in range(5):
        sound = with_amble(ambles[mode][0], WEAK_DB[mode], offset_hz, seed)
        found = search({mode: ambles[mode]}, sound, 800)
        assert any(
            one.begin <= AT - HEAR_BEFORE_SAMPLES + 100
            and one.end >= AT + AMBLE_SAMPLES + HEAR_AFTER_SAMPLES - 100
            for one in found
        )


@pytest.mark.parametrize("mode", FreedvMode)
def test_of_a_postamble_the_whole_frame_before_it_is_heard_again(
    mode: FreedvMode, ambles: dict[FreedvMode, tuple[Samples, Samples]]
) -> None:
    sound = with_amble(ambles[mode][1], 5.0, 0.0, 1)
    begin = min(one.begin for one in search({mode: ambles[mode]}, sound, 800))
    assert begin <= AT - FRAME_SAMPLES[mode] - AMBLE_SAMPLES
    assert AT + AMBLE_SAMPLES + BLOCK_SAMPLES - begin <= LOOK_BACK_SAMPLES


@pytest.mark.parametrize("piece", [1, 799, 2_048, 10**6])
def test_how_sound_comes_in_changes_nothing(
    piece: int, ambles: dict[FreedvMode, tuple[Samples, Samples]]
) -> None:
    sound = with_amble(ambles[FreedvMode.DATAC3][0], 3.0, 0.0, 1)[AT - 5_000 :]
    assert search(ambles, sound, piece) == search(ambles, sound, 800)


def test_noise_wakes_the_library_for_a_small_part_of_the_time(
    ambles: dict[FreedvMode, tuple[Samples, Samples]],
) -> None:
    seconds = 60
    noise = np.random.default_rng(1).normal(scale=900, size=seconds * SAMPLE_RATE_HZ)
    found = search(ambles, noise.astype(np.int16), 800)
    assert sum(one.end - one.begin for one in found) < 0.25 * 5 * seconds * SAMPLE_RATE_HZ


def test_silence_is_no_suspicion(ambles: dict[FreedvMode, tuple[Samples, Samples]]) -> None:
    assert search(ambles, np.zeros(20_000, np.int16), 800) == []
