"""FreeDV modems on simulated air: processor time, frame loss over SNR, cost of a burst.

Processor time is of this process (all its threads), per second of sound; the sound is made
beforehand. A station with a sound card also filters 48 kHz down to 8 kHz and looks at level and
carrier. Frame loss is of bursts of three frames, so it contains lost preambles; a path that
fades has two equal paths, 2 ms apart, 1 Hz. Beside each loss stands what SNR the library says
of the frames that it read: by that, modes are chosen.
"""

import time
from collections.abc import Iterable
from random import Random

import numpy as np

from bench.report import Figure, Report
from meshdl.sim.audio_channel import POOR, AudioChannel, Fading
from meshdl.transports.modems.carrier_sense import CarrierSense
from meshdl.transports.modems.codec2 import SAMPLE_RATE_HZ, Samples, load
from meshdl.transports.modems.freedv import FreedvReceiver, FreedvSender, Heard
from meshdl.transports.modems.freedv_modes import FREEDV_TRAITS, FreedvMode
from meshdl.transports.modems.levels import LevelMeter
from meshdl.transports.modems.resampling import FACTOR, Decimator

CORE_AT_MOST = 10.0
"""Per cent of a core, while receiving DATAC1 or nothing, and listening for all modes."""

PIECE_SAMPLES = 800
SECONDS_OF_NOISE = 20.0
FRAMES_PER_BURST = 3
FRAMES = 60
SNRS_DB = {
    FreedvMode.DATAC1: (0.0, 2.0, 4.0, 6.0, 8.0, 10.0),
    FreedvMode.DATAC3: (-4.0, -2.0, 0.0, 2.0, 4.0, 6.0),
    FreedvMode.DATAC0: (-4.0, -2.0, 0.0, 2.0, 4.0, 6.0),
    FreedvMode.DATAC4: (-9.0, -7.0, -5.0, -3.0, -1.0, 1.0),
    FreedvMode.DATAC13: (-10.0, -8.0, -6.0, -4.0, -2.0, 0.0),
}
"""Of each mode: from where most is lost to where nothing is."""

SLOW = (FreedvMode.DATAC4, FreedvMode.DATAC13)


async def measure(report: Report) -> None:
    """All of it; a few minutes on a quiet machine."""
    print(f"{load()}")
    _processor_time(report)
    _bursts(report)
    for mode, snrs_db in SNRS_DB.items():
        _loss(report, mode, snrs_db)


def _processor_time(report: Report) -> None:
    frames = _frames(FreedvMode.DATAC1, 12)
    burst = AudioChannel(snr_db=10.0, seed=1).carry(_sound(FreedvMode.DATAC1, [frames]))
    rng = np.random.default_rng(1)
    noise = rng.normal(scale=900, size=int(SECONDS_OF_NOISE * SAMPLE_RATE_HZ)).astype(np.int16)
    for name, modes in (("all modes", tuple(FreedvMode)), ("DATAC1 alone", (FreedvMode.DATAC1,))):
        share, heard = _share_of_core(burst, modes)
        assert [one.octets for one in heard] == frames
        report.add(
            Figure(
                f"receiving DATAC1, listening for {name}", share, "% of a core",
                at_most=CORE_AT_MOST, note="a burst of 12 frames at 10 dB",
            )
        )  # fmt: skip
        share, _ = _share_of_core(noise, modes)
        report.add(
            Figure(f"noise, listening for {name}", share, "% of a core", at_most=CORE_AT_MOST)
        )
    report.add(
        Figure("48 kHz to 8 kHz, level, carrier", _filters_share(noise), "% of a core",
               note="comes on top where sound comes from a sound card")
    )  # fmt: skip


def _bursts(report: Report) -> None:
    for mode in FreedvMode:
        traits = FREEDV_TRAITS[mode]
        octets = traits.payload_octets_max
        report.add(
            Figure(
                f"{mode.name}, payload rate in a burst of 10 frames",
                round(8 * 10 * octets / traits.burst_s([octets] * 10)), "bit/s",
                note=f"{octets} octets in {traits.frame_s(octets):.2f} s",
            )
        )  # fmt: skip


def _loss(report: Report, mode: FreedvMode, snrs_db: Iterable[float]) -> None:
    count = FRAMES if mode not in SLOW else FRAMES // 2
    frames = _frames(mode, count)
    bursts = [frames[i : i + FRAMES_PER_BURST] for i in range(0, count, FRAMES_PER_BURST)]
    sound = _sound(mode, bursts)
    for path, fading in (("steady", None), ("fading", POOR)):
        for snr_db in snrs_db:
            lost, told_db = _lost(mode, sound, frames, snr_db, fading)
            says = f"; read with {told_db:.1f} dB" if told_db is not None else ""
            report.add(
                Figure(
                    f"{mode.name}, {path} path, {snr_db:g} dB", round(100 * lost), "% lost",
                    note=f"of {count} frames{says}",
                )
            )  # fmt: skip


def _lost(
    mode: FreedvMode, sound: Samples, frames: list[bytes], snr_db: float, fading: Fading | None
) -> tuple[float, float | None]:
    """Which part was lost, and the mean SNR that the library says of the others."""
    channel = AudioChannel(snr_db=snr_db, fading=fading, seed=int(10 * snr_db) + 100)
    _, heard = _share_of_core(channel.carry(sound), (mode,))
    read = {one.octets for one in heard}
    assert read <= set(frames), "an octet of a frame was wrong"
    told_db = float(np.mean([one.snr_db for one in heard])) if heard else None
    return 1 - len(read) / len(frames), told_db


def _filters_share(sound: Samples) -> float:
    """What a sound card's sound costs before it comes to the receiver."""
    decimator, meter, sense = Decimator(), LevelMeter(), CarrierSense()
    raw = np.repeat(sound, FACTOR)
    began = time.process_time()
    for begin in range(0, len(raw), FACTOR * PIECE_SAMPLES):
        piece = decimator.feed(raw[begin : begin + FACTOR * PIECE_SAMPLES])
        meter.feed(piece)
        sense.feed(piece)
    return round(100 * (time.process_time() - began) * SAMPLE_RATE_HZ / len(sound), 1)


def _share_of_core(sound: Samples, modes: tuple[FreedvMode, ...]) -> tuple[float, list[Heard]]:
    receiver = FreedvReceiver(modes)
    heard = []
    began = time.process_time()
    for begin in range(0, len(sound), PIECE_SAMPLES):
        heard += receiver.feed(sound[begin : begin + PIECE_SAMPLES])
    spent_s = time.process_time() - began
    receiver.close()
    return round(100 * spent_s * SAMPLE_RATE_HZ / len(sound), 1), heard


def _frames(mode: FreedvMode, count: int) -> list[bytes]:
    rng = Random(1)
    return [rng.randbytes(FREEDV_TRAITS[mode].payload_octets_max) for _ in range(count)]


def _sound(mode: FreedvMode, bursts: list[list[bytes]]) -> Samples:
    sender = FreedvSender(mode)
    pause = np.zeros(SAMPLE_RATE_HZ, np.int16)
    pieces = [pause]
    for burst in bursts:
        pieces += [*sender.burst(burst), pause]
    sender.close()
    return np.concatenate(pieces)
