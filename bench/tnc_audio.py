"""What the waveforms of a TNC occupy: the sound that the real Dire Wolf sends, random frames.

The occupied range is the one with 99 % of the power, half a per cent being below and half
above it (ITU Radio Regulations 1.153), of a spectrum by Welch's method.
"""

import asyncio
import os
import tempfile
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt

from bench.report import Figure, Report
from meshdl.air import BurstEnded, ModemDown, ModemReport, ModemUp
from meshdl.errors import ModemUnavailable
from meshdl.ids import Callsign
from meshdl.radio.keying import Key
from meshdl.transports.modems.dire_wolf import DireWolfModem
from meshdl.transports.modems.dire_wolf_settings import SAMPLE_RATE_HZ, DireWolfSettings
from meshdl.transports.modems.ptt import NoPtt
from meshdl.transports.modems.tnc import AFSK_1200, G3RUH_9600, TncSettings, Waveform

FRAMES = {AFSK_1200: 4, G3RUH_9600: 32}
"""Of 256 octets: eight seconds of sound."""

SEGMENT_SAMPLES = 4_096
OUTSIDE = 0.005
_SILENT_PORT = 27_181
"""Of UDP, where nobody sends: there is nothing to hear."""


async def measure(report: Report) -> None:
    """Both waveforms; about twenty seconds."""
    for waveform, frames in FRAMES.items():
        low_hz, high_hz = occupied(await sound_of(waveform, frames), SAMPLE_RATE_HZ)
        note = f"the traits say {waveform.audio_low_hz:.0f} to {waveform.audio_high_hz:.0f} Hz"
        report.add(Figure(f"{waveform.name}, lowest of 99 % of the power", round(low_hz), "Hz"))
        report.add(
            Figure(
                f"{waveform.name}, highest of 99 % of the power", round(high_hz), "Hz", note=note
            )
        )


def occupied(sound: npt.NDArray[np.float64], rate_hz: int) -> tuple[float, float]:
    """Lowest and highest frequency (Hz) of the range with 99 % of the power."""
    hop = SEGMENT_SAMPLES // 2
    begins = range(0, len(sound) - SEGMENT_SAMPLES + 1, hop)
    window = np.hanning(SEGMENT_SAMPLES)
    power = np.zeros(SEGMENT_SAMPLES // 2 + 1)
    for begin in begins:
        power += np.abs(np.fft.rfft(sound[begin : begin + SEGMENT_SAMPLES] * window)) ** 2
    share = np.cumsum(power) / power.sum()
    frequencies = np.fft.rfftfreq(SEGMENT_SAMPLES, 1 / rate_hz)
    low, high = np.searchsorted(share, [OUTSIDE, 1 - OUTSIDE])
    return float(frequencies[low]), float(frequencies[high])


async def sound_of(waveform: Waveform, frames: int) -> npt.NDArray[np.float64]:
    """One burst of random frames, as the real Dire Wolf sends it.

    Raises:
        ModemUnavailable: there is no Dire Wolf, or it does not run.
    """
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        sound = directory / "sound.raw"
        (directory / ".asoundrc").write_text(
            f'pcm.sound {{ type file slave.pcm "null" file "{sound}" format "raw" '
            "truncate true }\n"
        )
        home, os.environ["HOME"] = os.environ.get("HOME"), str(directory)
        try:
            await _send(waveform, frames)
        finally:
            os.environ["HOME"] = home or ""
        return np.frombuffer(sound.read_bytes(), "<i2").astype(float)


async def _send(waveform: Waveform, frames: int) -> None:
    settings = DireWolfSettings(
        tnc=TncSettings(waveform=waveform, txdelay_ms=100),
        audio_input=f"UDP:{_SILENT_PORT}",
        audio_output="sound",
    )
    modem = DireWolfModem(settings, Callsign("N0CALL"), NoPtt())
    reports: asyncio.Queue[ModemReport] = asyncio.Queue()
    running = asyncio.create_task(modem.run(reports.put_nowait))
    try:
        while not isinstance(told := await reports.get(), BurstEnded):
            if isinstance(told, ModemDown):
                raise ModemUnavailable(told.reason)
            if isinstance(told, ModemUp):
                rng = Random(1)
                modem.key(Key(1, tuple(rng.randbytes(256) for _ in range(frames)), 0.0))
    finally:
        modem.close()
        await running
