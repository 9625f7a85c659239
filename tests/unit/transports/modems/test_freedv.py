"""FreeDV bursts through noise and fading: frames are whole or absent, ends are noticed."""

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from meshdl.sim.audio_channel import POOR, AudioChannel, Fading
from meshdl.transports.modems.codec2 import SAMPLE_RATE_HZ, Samples, Step, Waveform
from meshdl.transports.modems.freedv import FreedvReceiver, FreedvSender, Heard
from meshdl.transports.modems.freedv_modes import FREEDV_TRAITS, FreedvMode

PIECE = 800


def silence(seconds: float) -> Samples:
    return np.zeros(int(seconds * SAMPLE_RATE_HZ), np.int16)


def sound_of(mode: FreedvMode, *bursts: list[bytes], pause_s: float = 0.4) -> Samples:
    sender = FreedvSender(mode)
    pieces = [silence(0.5)]
    for burst in bursts:
        pieces += [*sender.burst(burst), silence(pause_s)]
    sender.close()
    return np.concatenate([*pieces, silence(0.5)])


def payload(mode: FreedvMode, octets: int, seed: int = 1) -> list[bytes]:
    longest = FREEDV_TRAITS[mode].payload_octets_max
    content = Random(seed).randbytes(octets)
    return [content[i : i + longest] for i in range(0, octets, longest)]


def filled(mode: FreedvMode, frames: list[bytes]) -> list[bytes]:
    return [frame.ljust(FREEDV_TRAITS[mode].payload_octets_max, b"\0") for frame in frames]


def feed(receiver: FreedvReceiver, sound: Samples, piece: int = PIECE) -> list[Heard]:
    return [
        heard for i in range(0, len(sound), piece) for heard in receiver.feed(sound[i : i + piece])
    ]


def hear(sound: Samples, *modes: FreedvMode) -> list[Heard]:
    receiver = FreedvReceiver(modes)
    heard = feed(receiver, sound)
    assert not receiver.busy
    receiver.close()
    return heard


def octets_of(heard: list[Heard]) -> list[bytes]:
    return [one.octets for one in heard]


@pytest.mark.parametrize(
    ("mode", "octets", "snr_db"),
    [
        (FreedvMode.DATAC1, 16_384, 4.0),
        (FreedvMode.DATAC3, 4_096, 0.0),
        (FreedvMode.DATAC0, 2_048, 1.0),
        (FreedvMode.DATAC4, 2_048, -5.0),
        (FreedvMode.DATAC13, 2_048, -5.0),
    ],
)
def test_a_payload_comes_through_noise_byte_identical(
    mode: FreedvMode, octets: int, snr_db: float
) -> None:
    frames = payload(mode, octets)
    bursts = [frames[i : i + 20] for i in range(0, len(frames), 20)]
    sound = AudioChannel(snr_db=snr_db, seed=3).carry(sound_of(mode, *bursts))
    assert octets_of(hear(sound, mode)) == filled(mode, frames)


@pytest.mark.parametrize(
    ("mode", "octets", "snr_db"),
    [
        (FreedvMode.DATAC1, 4_080, 10.0),
        (FreedvMode.DATAC3, 2_048, 6.0),
        (FreedvMode.DATAC0, 560, 8.0),
        (FreedvMode.DATAC4, 540, 3.0),
        (FreedvMode.DATAC13, 280, 3.0),
    ],
)
def test_fading_takes_whole_frames_and_harms_none(
    mode: FreedvMode, octets: int, snr_db: float
) -> None:
    frames = payload(mode, octets)
    bursts = [frames[i : i + 2] for i in range(0, len(frames), 2)]
    sound = AudioChannel(snr_db=snr_db, fading=POOR, seed=5).carry(sound_of(mode, *bursts))
    heard = octets_of(hear(sound, mode))
    expected = filled(mode, frames)
    assert heard == [frame for frame in expected if frame in heard]
    assert len(heard) >= len(expected) / 2


@pytest.mark.parametrize("mode", FreedvMode)
@pytest.mark.parametrize("snr_db", [None, 15.0])
def test_bursts_of_any_length_follow_each_other_at_once(
    mode: FreedvMode, snr_db: float | None
) -> None:
    octets = FREEDV_TRAITS[mode].payload_octets_max
    bursts = [payload(mode, octets * count, seed=count) for count in (1, 3, 1, 2, 1)]
    sound = sound_of(mode, *bursts, pause_s=0.2)
    if snr_db is not None:
        sound = AudioChannel(snr_db=snr_db, seed=8).carry(sound)
    assert octets_of(hear(sound, mode)) == [frame for burst in bursts for frame in burst]


def test_equal_frames_all_count() -> None:
    frames = [b"the same again"] * 3
    sound = sound_of(FreedvMode.DATAC0, frames, frames[:1], frames[:1])
    assert octets_of(hear(sound, FreedvMode.DATAC0)) == [b"the same again"] * 5


def test_the_last_frame_is_read_when_the_preamble_was_lost() -> None:
    mode = FreedvMode.DATAC3
    frames = payload(mode, 2 * 126)
    sound = AudioChannel(snr_db=5.0, seed=2).carry(sound_of(mode, frames))
    begin = SAMPLE_RATE_HZ // 2
    sound[begin : begin + 2_000] = 0
    assert octets_of(hear(sound, mode)) == frames[-1:]


def test_a_burst_that_breaks_off_does_not_hold_the_receiver() -> None:
    mode = FreedvMode.DATAC0
    one, other = payload(mode, 14 * 6), payload(mode, 14, seed=2)
    whole = sound_of(mode, one)
    cut = whole[: SAMPLE_RATE_HZ // 2 + 880 + 3_520 * 3 + 1_500]
    later = sound_of(mode, other)
    sound = AudioChannel(snr_db=6.0, seed=2).carry(np.concatenate((cut, silence(2), later)))
    assert octets_of(hear(sound, mode)) == [*one[:3], *other]


def test_the_receiver_is_busy_while_a_burst_is_there() -> None:
    mode = FreedvMode.DATAC3
    sound = sound_of(mode, payload(mode, 3 * 126))
    receiver = FreedvReceiver([mode])
    busy = []
    for i in range(0, len(sound), PIECE):
        receiver.feed(sound[i : i + PIECE])
        busy.append(receiver.busy)
    receiver.close()
    changes = [i for i in range(1, len(busy)) if busy[i] != busy[i - 1]]
    assert len(changes) == 2
    begin, end = 0.5, 0.5 + FREEDV_TRAITS[mode].burst_s([126] * 3)
    piece_s = PIECE / SAMPLE_RATE_HZ
    assert begin < changes[0] * piece_s < begin + 1.0
    assert end - 0.5 < changes[1] * piece_s < end + 0.3


def test_one_receiver_hears_what_mode_others_choose() -> None:
    modes = (FreedvMode.DATAC0, FreedvMode.DATAC3, FreedvMode.DATAC13)
    frames = {mode: payload(mode, FREEDV_TRAITS[mode].payload_octets_max) for mode in modes}
    sound = np.concatenate([sound_of(mode, burst) for mode, burst in frames.items()])
    noisy = AudioChannel(snr_db=8.0, seed=4).carry(sound)
    heard = hear(noisy, *modes)
    assert [(one.mode, one.octets) for one in heard] == [
        (mode, frame) for mode, burst in frames.items() for frame in burst
    ]


def test_while_a_burst_is_read_the_other_modes_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    mode = FreedvMode.DATAC3
    sound = sound_of(mode, payload(mode, 126 * 3), payload(mode, 126))
    receiver = FreedvReceiver([FreedvMode.DATAC0, mode])
    worked: list[int] = []
    demodulate = Waveform.demodulate

    def counted(waveform: Waveform, samples: Samples) -> Step:
        worked.append(waveform.payload_octets)
        return demodulate(waveform, samples)

    monkeypatch.setattr(Waveform, "demodulate", counted)
    first_at, last_at = 5 * SAMPLE_RATE_HZ, 10 * SAMPLE_RATE_HZ
    assert len(feed(receiver, sound[:first_at])) == 1
    assert set(worked) == {14, 126}
    worked.clear()
    assert len(feed(receiver, sound[first_at:last_at])) == 1
    assert set(worked) == {126}
    worked.clear()
    assert len(feed(receiver, sound[last_at:])) == 2
    assert set(worked) == {14, 126}
    receiver.close()


@pytest.mark.parametrize("offset_hz", [-40.0, 40.0])
def test_a_dial_that_is_a_little_off_does_not_matter(offset_hz: float) -> None:
    mode = FreedvMode.DATAC0
    frames = payload(mode, 14 * 4)
    channel = AudioChannel(snr_db=6.0, offset_hz=offset_hz, seed=6)
    sound = channel.carry(sound_of(mode, frames, frames))
    assert octets_of(hear(sound, mode)) == frames * 2


def test_the_snr_that_is_told_is_that_of_the_channel() -> None:
    mode = FreedvMode.DATAC3
    told = []
    for snr_db in (0.0, 5.0):
        sound = AudioChannel(snr_db=snr_db, seed=9).carry(sound_of(mode, payload(mode, 504)))
        estimates = [one.snr_db for one in hear(sound, mode)]
        told.append(sum(estimates) / len(estimates))
        assert told[-1] == pytest.approx(snr_db, abs=3.0)
    assert told[0] < told[1]


@pytest.mark.parametrize("piece", [1, 160, 4_321])
def test_how_sound_is_cut_does_not_matter(piece: int) -> None:
    mode = FreedvMode.DATAC0
    frames = payload(mode, 14 * 3)
    receiver = FreedvReceiver([mode])
    assert octets_of(feed(receiver, sound_of(mode, frames, frames[:1]), piece)) == [
        *frames, frames[0]
    ]  # fmt: skip
    receiver.close()


def test_a_frame_that_was_jammed_is_absent() -> None:
    mode = FreedvMode.DATAC3
    frames = payload(mode, 126 * 3)
    sound = sound_of(mode, frames)
    begin = SAMPLE_RATE_HZ // 2 + 880 + 25_520 + 2_000
    noise = np.random.default_rng(1).normal(scale=12_000, size=20_000)
    sound[begin : begin + len(noise)] = np.clip(noise, -32_767, 32_767).astype(np.int16)
    assert octets_of(hear(sound, mode)) == [frames[0], frames[2]]


@given(sound=st_numpy.arrays(np.int16, st.integers(0, 6_000)))
@settings(max_examples=8)
def test_no_sound_is_an_error_and_none_is_a_frame(sound: Samples) -> None:
    receiver = FreedvReceiver([FreedvMode.DATAC0, FreedvMode.DATAC13])
    assert feed(receiver, np.tile(sound, 2)) == []
    receiver.close()


@pytest.mark.parametrize("scale", [0, 300, 60_000])
def test_noise_is_no_frame(scale: int) -> None:
    noise = np.random.default_rng(scale).normal(scale=scale, size=SAMPLE_RATE_HZ * 5)
    receiver = FreedvReceiver([FreedvMode.DATAC0, FreedvMode.DATAC13])
    assert feed(receiver, np.clip(noise, -32_768, 32_767).astype(np.int16)) == []
    receiver.close()


@pytest.mark.parametrize("mode", FreedvMode)
def test_a_mode_occupies_what_its_traits_say(mode: FreedvMode) -> None:
    traits = FREEDV_TRAITS[mode]
    frames = payload(mode, traits.payload_octets_max * 4)
    sender = FreedvSender(mode)
    sound = np.concatenate(list(sender.burst(frames))).astype(np.float64)
    sender.close()
    blocks = sound[: len(sound) // 2_048 * 2_048].reshape(-1, 2_048) * np.hanning(2_048)
    power = (np.abs(np.fft.rfft(blocks, axis=1)) ** 2).sum(axis=0)
    share = np.cumsum(power) / power.sum()
    frequencies = np.fft.rfftfreq(2_048, 1 / SAMPLE_RATE_HZ)
    low_hz, high_hz = frequencies[np.searchsorted(share, [0.005, 0.995])]
    bin_hz = 4.0
    assert traits.audio_low_hz - bin_hz <= low_hz <= traits.audio_low_hz + 40
    assert traits.audio_high_hz - 40 <= high_hz <= traits.audio_high_hz + bin_hz


@pytest.mark.parametrize("mode", FreedvMode)
def test_a_burst_takes_as_long_as_its_traits_say(mode: FreedvMode) -> None:
    traits = FREEDV_TRAITS[mode]
    sender = FreedvSender(mode)
    samples = sum(len(piece) for piece in sender.burst([b"a", b"b", b"c"]))
    sender.close()
    assert samples / SAMPLE_RATE_HZ == pytest.approx(traits.burst_s([1, 1, 1]))


def test_a_path_with_echoes_is_not_noise() -> None:
    mode = FreedvMode.DATAC1
    frames = payload(mode, 510 * 2)
    fading = Fading(delay_s=0.003, doppler_hz=0.2)
    sound = AudioChannel(snr_db=20.0, fading=fading, seed=1).carry(sound_of(mode, frames))
    assert octets_of(hear(sound, mode)) == frames
