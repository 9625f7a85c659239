"""Recordings: WAV files as the sound of the waveforms, read piece by piece."""

import contextlib
import os
import wave
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from meshdl.errors import FileUnreadable, FileUnwritable
from meshdl.transports.modems.codec2 import SAMPLE_RATE_HZ, Samples
from meshdl.transports.modems.resampling import FACTOR, Decimator

PIECE_S = 0.1
CHANNELS_MAX = 8
_SAMPLE_OCTETS = 2
_RATES_HZ = (SAMPLE_RATE_HZ, SAMPLE_RATE_HZ * FACTOR)

# The last of them when a chunk says that it is longer than the file.
_UNREADABLE = (OSError, EOFError, wave.Error, RuntimeError)


def read_wav(path: Path) -> Iterator[Samples]:
    """The first channel of a recording, at 8 kHz.

    A recording that was cut off is read as far as it goes.

    Raises:
        FileUnreadable: it is no WAV file of 16 bits at 8 or 48 kHz.
    """
    with contextlib.ExitStack() as stack:
        try:
            recording = stack.enter_context(wave.open(str(path), "rb"))
        except _UNREADABLE as error:
            raise FileUnreadable(f"{path} cannot be read as a WAV file: {error}") from None
        channels, rate_hz = recording.getnchannels(), recording.getframerate()
        if recording.getsampwidth() != _SAMPLE_OCTETS or rate_hz not in _RATES_HZ:
            raise FileUnreadable(
                f"{path} has {8 * recording.getsampwidth()} bits at {rate_hz} Hz; save it with"
                " 16 bits at 8000 or 48000 Hz"
            )
        if channels > CHANNELS_MAX:
            raise FileUnreadable(f"{path} has {channels} channels; {CHANNELS_MAX} are allowed")
        decimator = Decimator() if rate_hz != SAMPLE_RATE_HZ else None
        while octets := _read(recording, int(PIECE_S * rate_hz), path):
            whole = len(octets) - len(octets) % (_SAMPLE_OCTETS * channels)
            sound = np.frombuffer(octets[:whole], "<i2")[::channels].astype(np.int16)
            yield decimator.feed(sound) if decimator is not None else sound


def write_wav(path: Path, pieces: Iterable[Samples]) -> None:
    """Write a recording at 8 kHz; it has its name when it is whole and on the disk.

    Raises:
        FileUnwritable: it cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            with wave.open(file, "wb") as recording:
                recording.setnchannels(1)
                recording.setsampwidth(_SAMPLE_OCTETS)
                recording.setframerate(SAMPLE_RATE_HZ)
                for piece in pieces:
                    recording.writeframes(piece.astype("<i2").tobytes())
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise FileUnwritable(f"{path} cannot be written: {error}") from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _read(recording: wave.Wave_read, frames: int, path: Path) -> bytes:
    try:
        return recording.readframes(frames)
    except _UNREADABLE as error:
        raise FileUnreadable(f"{path} cannot be read to its end: {error}") from None
