"""Recordings are read as they are, or it is said why not."""

import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from meshdl.errors import FileUnreadable, FileUnwritable
from meshdl.transports.modems.codec2 import Samples
from meshdl.transports.modems.freedv import FreedvSender
from meshdl.transports.modems.freedv_modes import FreedvMode
from meshdl.transports.modems.resampling import Interpolator
from meshdl.transports.modems.wav_files import read_wav, write_wav
from meshdl.transports.modems.wav_modem import decode_wav

SOUND = np.arange(-8_000, 8_000).astype(np.int16)


def write(
    path: Path, sound: Samples, *, rate_hz: int = 8_000, channels: int = 1, octets: int = 2
) -> Path:
    with wave.open(str(path), "wb") as recording:
        recording.setnchannels(channels)
        recording.setsampwidth(octets)
        recording.setframerate(rate_hz)
        recording.writeframes(sound.tobytes())
    return path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", [SOUND[:100], SOUND[100:]])
    assert np.array_equal(np.concatenate(list(read_wav(tmp_path / "a.wav"))), SOUND)
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_of_several_channels_the_first_is_read(tmp_path: Path) -> None:
    stereo = np.column_stack((SOUND, SOUND[::-1])).reshape(-1)
    path = write(tmp_path / "a.wav", stereo, channels=2)
    assert np.array_equal(np.concatenate(list(read_wav(path))), SOUND)


def test_a_recording_at_48_khz_is_decoded_and_its_times_told(tmp_path: Path) -> None:
    sender = FreedvSender(FreedvMode.DATAC0)
    sound = np.concatenate([np.zeros(16_000, np.int16), *sender.burst([b"hello"])])
    sender.close()
    path = write(tmp_path / "a.wav", Interpolator().feed(sound), rate_hz=48_000)
    [found] = decode_wav(path, [FreedvMode.DATAC0])
    assert found.heard.octets.rstrip(b"\0") == b"hello"
    assert 2.5 <= found.at_s <= 3.0


def test_a_recording_that_was_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", [SOUND])
    octets = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(octets[:-1_001])
    sound = np.concatenate(list(read_wav(tmp_path / "a.wav")))
    assert np.array_equal(sound, SOUND[: len(sound)])
    assert len(sound) == len(SOUND) - 501


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"rate_hz": 44_100}, "44100 Hz; save it with 16 bits"),
        ({"octets": 1}, "8 bits"),
        ({"channels": 20}, "20 channels"),
    ],
)
def test_what_is_not_understood_is_told(tmp_path: Path, options: dict[str, int], told: str) -> None:
    path = write(tmp_path / "a.wav", SOUND, **options)
    with pytest.raises(FileUnreadable, match=told):
        list(read_wav(path))


@pytest.mark.parametrize("octets", [b"", b"RIFF", b"no recording", b"RIFF\xff\xff\xff\xffWAVEfmt "])
def test_what_is_no_recording_is_told(tmp_path: Path, octets: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(octets)
    with pytest.raises(FileUnreadable, match="cannot be read as a WAV file"):
        list(read_wav(tmp_path / "a.wav"))


HEADER = bytes.fromhex(
    "52494646b401000057415645666d74201000000001000100401f0000803e00000200100064617461"
)
"""Of 400 octets of sound."""


@given(
    changes=st.lists(st.tuples(st.integers(0, len(HEADER) - 1), st.integers(0, 255)), max_size=4),
    sound=st.binary(max_size=40),
)
@example(changes=[(13, 0xDF)], sound=b"")  # a chunk that is longer than the file
def test_a_damaged_header_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]], sound: bytes
) -> None:
    octets = bytearray(HEADER + sound)
    for at, octet in changes:
        octets[at] = octet
    path = tmp_path_factory.getbasetemp() / "damaged.wav"
    path.write_bytes(octets)
    try:
        pieces = list(read_wav(path))
    except FileUnreadable:
        return
    assert sum(map(len, pieces)) <= len(octets)


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileUnwritable):
        write_wav(tmp_path / "nowhere" / "a.wav", [SOUND])
    (tmp_path / "b.wav").mkdir()
    with pytest.raises(FileUnwritable):
        write_wav(tmp_path / "b.wav", [SOUND])
    assert [path.name for path in tmp_path.iterdir()] == ["b.wav"]
