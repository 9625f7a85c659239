"""What was recorded is read, whatever the file is called."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshdl.errors import CaptureInvalid, FileUnreadable
from meshdl.station.radio import recordings
from meshdl.station.radio.listening import OnAir
from meshdl.station.radio.recordings import AtestReader, read_recording
from meshdl.transports.modems.freedv import FreedvSender
from meshdl.transports.modems.freedv_modes import FreedvMode
from meshdl.transports.modems.wav_files import write_wav
from meshdl.wire import capture, kiss
from meshdl.wire.capture import Captured, Framing

ONE = Captured(at=1_790_000_000.0, framing=Framing.AX25, octets=bytes(range(20)), port=2)
OTHER = Captured(at=1_790_000_001.0, framing=Framing.BARE, octets=b"DE KA1ABC")

ATEST = """\
44100 samples per second.  16 bits per sample.  1 audio channels.
\x1b[38;2;0;192;0mChannel 0: 1200 baud, AFSK 1200 & 2200 Hz, E, 44100 sample rate.
\x1b[38;2;0;192;0m
DECODED[1] 0:00.771 WB2OSZ-15 audio level = 81(27/31)     
[0] WB2OSZ-15>TEST:  000:  ff ff ff<0x0a>
------
U frame UI: p/f=0, No layer 3 protocol implemented., length = 19
 dest    TEST    0 c/r=1 res=3 last=0
  000:  a8 8a a6 a8 40 40 e0 ae 84 64 9e a6 b4 ff 03 f0  ....@@...d......
  010:  2c 54 68                                         ,Th
  010:  ff                                               .
------

DECODED[2] 1:01.552 WB2OSZ-15 audio level = 117(33/32)     
  000:  a8 8a                                            ..
2 packets decoded in 0.063 seconds.  37.4 x realtime
"""  # noqa: W291 - as it is printed


@pytest.fixture
def notes() -> list[str]:
    return []


def written(path: Path, octets: bytes) -> Path:
    path.write_bytes(octets)
    return path


def test_a_capture_is_read_as_it_was_written(tmp_path: Path, notes: list[str]) -> None:
    octets = capture.encode_head() + capture.encode(ONE) + capture.encode(OTHER)
    found = list(read_recording(written(tmp_path / "air.txt", octets), notes.append))
    assert (found, notes) == ([OnAir(ONE), OnAir(OTHER)], [])


def test_packets_of_a_capture_that_are_no_frames_are_told(tmp_path: Path, notes: list[str]) -> None:
    ethernet = b"\xd4\xc3\xb2\xa1\x02\0\x04\0" + bytes(8) + b"\xff\xff\0\0\x01\0\0\0"
    packet = bytes(8) + b"\x02\0\0\0\x02\0\0\0ab"
    found = list(read_recording(written(tmp_path / "lan.pcap", ethernet + packet), notes.append))
    assert found == []
    assert notes == [f"1 packets of {tmp_path / 'lan.pcap'} are no frames of a radio"]


def test_octets_of_a_tnc_are_read_with_their_ports(tmp_path: Path, notes: list[str]) -> None:
    stream = kiss.encode_txdelay(300) + kiss.encode(b"one", port=3) + kiss.encode(b"two\xc0")
    found = list(read_recording(written(tmp_path / "tnc.kiss", stream), notes.append))
    assert [(one.captured.octets, one.captured.port) for one in found] == [
        (b"one", 3), (b"two\xc0", 0),
    ]  # fmt: skip
    assert {one.captured.framing for one in found} == {Framing.AX25}


def sound_of(*frames: bytes) -> Iterator[object]:
    sender = FreedvSender(FreedvMode.DATAC0)
    yield from sender.burst(frames)
    sender.close()


def test_a_freedv_recording_is_decoded_and_what_is_not_looked_for_is_told(
    tmp_path: Path, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings, "ATEST", "no-such-atest")
    path = tmp_path / "air.wav"
    write_wav(path, sound_of(b"DE KA1ABC"))  # type: ignore[arg-type]
    [found] = read_recording(path, notes.append)
    assert found.captured.octets.rstrip(b"\0") == b"DE KA1ABC"
    assert found.captured.framing is Framing.BARE
    assert found.snr_db is not None
    assert 0.5 < found.captured.at < 2.0
    [note] = notes
    assert "atest is not installed" in note


def test_a_recording_that_freedv_cannot_take_is_told_with_the_remedy(
    tmp_path: Path, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings, "ATEST", "no-such-atest")
    path = written(tmp_path / "cut.wav", b"RIFF")
    assert list(read_recording(path, notes.append)) == []
    assert any("FreeDV is not looked for" in note for note in notes)


def test_frames_of_atest_have_their_times_and_all_their_octets() -> None:
    reader = AtestReader()
    found = [heard for line in ATEST.splitlines() for heard in reader.feed(line)]
    found += reader.end()
    assert [(one.captured.at, one.captured.octets.hex()) for one in found] == [
        (0.771, "a88aa6a84040e0ae84649ea6b4ff03f02c5468"),
        (61.552, "a88a"),
    ]


@given(st.lists(st.one_of(st.text(max_size=80), st.sampled_from(ATEST.splitlines()))))
def test_no_line_of_atest_raises(lines: list[str]) -> None:
    reader = AtestReader()
    for line in lines:
        list(reader.feed(line))
    list(reader.end())


@pytest.mark.parametrize("octets", [b"", b"hello", b"ID3\x04"])
def test_what_is_no_recording_is_told(tmp_path: Path, notes: list[str], octets: bytes) -> None:
    with pytest.raises(FileUnreadable, match="pcapng, pcap, the octets of a KISS TNC and WAV"):
        read_recording(written(tmp_path / "x", octets), notes.append)


def test_what_cannot_be_read_is_told(tmp_path: Path, notes: list[str]) -> None:
    with pytest.raises(FileUnreadable, match="cannot read"):
        read_recording(tmp_path / "none", notes.append)


def test_a_capture_that_was_cut_off_gives_what_it_has_and_then_says_so(
    tmp_path: Path, notes: list[str]
) -> None:
    octets = (capture.encode_head() + capture.encode(ONE) + capture.encode(OTHER))[:-3]
    found = read_recording(written(tmp_path / "cut.pcapng", octets), notes.append)
    assert next(found) == OnAir(ONE)
    with pytest.raises(CaptureInvalid):
        next(found)
