"""FreeDV modems on simulated air: processor time, frame loss over SNR, cost of a burst.

Processor time is of this process (all its threads), per second of sound; the sound is made
beforehand. Frame loss is of bursts of three frames, so it contains lost preambles; a path
that fades has two equal paths, 2 ms apart, 1 Hz.
"""

import time
from collections.abc import Iterable
from random import Random

import numpy as np

from bench.report import Figure, Report
from meshdl.sim.audio_channel import POOR, AudioChannel, Fading
from meshdl.transports.modems.codec2 import SAMPLE_RATE_HZ, Samples, load
from meshdl.transports.modems.freedv import (
    FREEDV_TRAITS,
    FreedvMode,
    FreedvReceiver,
    FreedvSender,
)

CORE_AT_MOST = 10.0
"""Per cent of a core, while receiving DATAC1 and listening for all modes."""

PIECE_SAMPLES = 800
SECONDS_OF_NOISE = 20.0
FRAMES_PER_BURST = 3
FRAMES = 60
SNRS_DB = (0.0, 2.0, 4.0, 6.0, 8.0, 10.0)
ROBUST_SNRS_DB = (-8.0, -4.0, 0.0, 4.0)
SLOW = (FreedvMode.DATAC4, FreedvMode.DATAC13)


async def measure(report: Report) -> None:
    """All of it; about five minutes on a quiet machine."""
    print(f"{load()}")
    _processor_time(report)
    _bursts(report)
    for mode in (FreedvMode.DATAC1, FreedvMode.DATAC3, FreedvMode.DATAC0):
        _loss(report, mode, SNRS_DB)
    for mode in SLOW:
        _loss(report, mode, ROBUST_SNRS_DB)


def _processor_time(report: Report) -> None:
    frames = _frames(FreedvMode.DATAC1, 12)
    burst = AudioChannel(snr_db=10.0, seed=1).carry(_sound(FreedvMode.DATAC1, [frames]))
    rng = np.random.default_rng(1)
    noise = rng.normal(scale=900, size=int(SECONDS_OF_NOISE * SAMPLE_RATE_HZ)).astype(np.int16)
    for name, modes in (("all modes", tuple(FreedvMode)), ("DATAC1 alone", (FreedvMode.DATAC1,))):
        share, heard = _share_of_core(burst, modes)
        assert heard == frames
        report.add(
            Figure(
                f"receiving DATAC1, listening for {name}", share, "% of a core",
                at_most=CORE_AT_MOST, note="a burst of 12 frames at 10 dB",
            )
        )  # fmt: skip
        share, _ = _share_of_core(noise, modes)
        report.add(Figure(f"noise, listening for {name}", share, "% of a core"))


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
            report.add(
                Figure(
                    f"{mode.name}, {path} path, {snr_db:g} dB",
                    round(100 * _lost(mode, sound, frames, snr_db, fading)), "% lost",
                    note=f"of {count} frames",
                )
            )  # fmt: skip


def _lost(
    mode: FreedvMode, sound: Samples, frames: list[bytes], snr_db: float, fading: Fading | None
) -> float:
    channel = AudioChannel(snr_db=snr_db, fading=fading, seed=int(10 * snr_db) + 100)
    _, heard = _share_of_core(channel.carry(sound), (mode,))
    assert set(heard) <= set(frames), "an octet of a frame was wrong"
    return 1 - len(set(heard)) / len(frames)


def _share_of_core(sound: Samples, modes: tuple[FreedvMode, ...]) -> tuple[float, list[bytes]]:
    receiver = FreedvReceiver(modes)
    heard = []
    began = time.process_time()
    for begin in range(0, len(sound), PIECE_SAMPLES):
        heard += [one.octets for one in receiver.feed(sound[begin : begin + PIECE_SAMPLES])]
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
