"""The end of a burst is told from another frame."""

from random import Random

import numpy as np
import pytest

from meshdl.sim.audio_channel import AudioChannel
from meshdl.transports.modems.codec2 import SAMPLE_RATE_HZ, Waveform, load
from meshdl.transports.modems.freedv_modes import FREEDV_TRAITS, FreedvMode
from meshdl.transports.modems.postamble import PostambleDetector

SNR_DB = {
    FreedvMode.DATAC0: -3.0,
    FreedvMode.DATAC1: 2.0,
    FreedvMode.DATAC3: -3.0,
    FreedvMode.DATAC4: -5.0,
    FreedvMode.DATAC13: -5.0,
}
LEAD = 1_000


@pytest.mark.parametrize("mode", FreedvMode)
@pytest.mark.parametrize("noisy", [False, True])
@pytest.mark.parametrize("offset_hz", [0.0, 45.0])
def test_a_postamble_is_found_and_a_frame_is_none(
    mode: FreedvMode, noisy: bool, offset_hz: float
) -> None:
    waveform = Waveform(load(), mode.value)
    frame = waveform.frame(Random(1).randbytes(waveform.payload_octets))
    detector = PostambleDetector(waveform.postamble(), FREEDV_TRAITS[mode])
    snr_db = SNR_DB[mode] if noisy else None
    for seed in range(3):
        channel = AudioChannel(snr_db=snr_db, offset_hz=offset_hz, seed=seed)
        ending = np.concatenate((frame[-LEAD:], waveform.postamble(), np.zeros(400, np.int16)))
        going_on = np.concatenate((frame[-LEAD:], frame[:1_280]))
        assert detector.found_in(channel.carry(ending), LEAD + 30)
        assert not detector.found_in(channel.carry(going_on), LEAD + 30)
    waveform.close()


def test_neither_noise_nor_silence_nor_too_little_sound_is_a_postamble() -> None:
    waveform = Waveform(load(), FreedvMode.DATAC13.value)
    detector = PostambleDetector(waveform.postamble(), FREEDV_TRAITS[FreedvMode.DATAC13])
    rng = np.random.default_rng(1)
    for _ in range(50):
        assert not detector.found_in(rng.normal(scale=900, size=2_000).astype(np.int16), 500)
    assert not detector.found_in(np.zeros(SAMPLE_RATE_HZ, np.int16), 500)
    assert not detector.found_in(waveform.postamble(), 0)
    waveform.close()
