"""Reads what was recorded off the air: capture files, KISS streams, sound.

Told apart by their first octets, not by their names:

    pcapng, pcap    what ``meshdl radio monitor --write`` and other programs write
    KISS            octets as they came from a TNC, from the first FEND on; no times
    WAV             FreeDV, by the FreeDV receiver; packet radio at 1200 and 9600 bit/s, by
                    ``atest``, which comes with Dire Wolf and decodes a recording

In WAV files time is counted from the beginning of the recording; in KISS it stands still.
"""

import heapq
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from meshdl.errors import FileUnreadable, ModemUnavailable
from meshdl.station.radio.listening import OnAir
from meshdl.wire import capture, kiss
from meshdl.wire.capture import Captured, Framing

PIECE_OCTETS = 65_536
ATEST = "atest"
ATEST_RATES = (1200, 9600)
"""In bit/s; with them it chooses AFSK and G3RUH."""

LINE_OCTETS_MAX = 100_000
"""Of ``atest``; a frame with every octet escaped has 15,000."""

_PCAP_MAGIC = (b"\x0a\x0d\x0d\x0a", b"\xa1\xb2\xc3\xd4", b"\xd4\xc3\xb2\xa1",
               b"\xa1\xb2\x3c\x4d", b"\x4d\x3c\xb2\xa1")  # fmt: skip
_KISS_MAGIC = b"\xc0"
_WAV_MAGIC = b"RIFF"

_DECODED = re.compile(r"DECODED\[\d+\] (?P<minutes>\d+):(?P<seconds>\d\d\.\d{3}) ")
_HEX = re.compile(r"  (?P<offset>[0-9a-f]{3}):  (?P<octets>(?:[0-9a-f]{2} ){1,16})")
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")

Note = Callable[[str], None]


def read_recording(path: Path, note: Note) -> Iterator[OnAir]:
    """The frames of a recording, as they came.

    Args:
        path: of the file.
        note: told what was not looked for in it, and why.

    Raises:
        FileUnreadable: it cannot be read, or is no recording that is understood.
        CaptureInvalid: a capture file is damaged.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise FileUnreadable(f"cannot read {path} ({error.strerror})") from error
    if magic in _PCAP_MAGIC:
        return _read_capture(path, note)
    if magic[:1] == _KISS_MAGIC:
        return _read_kiss(path)
    if magic == _WAV_MAGIC:
        return _read_sound(path, note)
    raise FileUnreadable(
        f"{path} is no recording: pcapng, pcap, the octets of a KISS TNC and WAV are understood"
    )


def _read_capture(path: Path, note: Note) -> Iterator[OnAir]:
    decoder = capture.Decoder()
    for octets in _pieces(path):
        for captured in decoder.feed(octets):
            yield OnAir(captured)
    decoder.end()
    if decoder.left_out:
        note(f"{decoder.left_out} packets of {path} are no frames of a radio")


def _read_kiss(path: Path) -> Iterator[OnAir]:
    decoder = kiss.Decoder()
    for octets in _pieces(path):
        for frame in decoder.frames(octets):
            if frame.command == kiss.Command.DATA and frame.octets:
                yield OnAir(
                    Captured(at=0.0, framing=Framing.AX25, octets=frame.octets, port=frame.port)
                )


def _read_sound(path: Path, note: Note) -> Iterator[OnAir]:
    sources = [_read_freedv(path, note)]
    if shutil.which(ATEST) is None:
        note(
            "packet radio (1200, 9600 bit/s) is not looked for: atest is not installed, which "
            "comes with Dire Wolf"
        )
    else:
        sources += [_read_packets(path, rate) for rate in ATEST_RATES]
    return heapq.merge(*sources, key=lambda heard: heard.captured.at)


def _read_freedv(path: Path, note: Note) -> Iterator[OnAir]:
    from meshdl.transports.modems.wav_modem import decode_wav

    try:
        for found in decode_wav(path):
            captured = Captured(at=found.at_s, framing=Framing.BARE, octets=found.heard.octets)
            yield OnAir(captured, found.heard.snr_db)
    except (FileUnreadable, ModemUnavailable) as error:
        note(f"FreeDV is not looked for: {error}")


def _read_packets(path: Path, rate_bps: int) -> Iterator[OnAir]:
    # The whole path: a name that begins with "-" would be an option.
    command = [ATEST, "-B", str(rate_bps), "-h", str(path.absolute())]
    with subprocess.Popen(  # noqa: S603 - a fixed program, and a path that is no option
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="latin-1"
    ) as decoding:
        try:
            assert decoding.stdout is not None
            reader = AtestReader()
            while line := decoding.stdout.readline(LINE_OCTETS_MAX):
                yield from reader.feed(line)
            yield from reader.end()
        finally:
            decoding.kill()


class AtestReader:
    """Frames in the lines that ``atest -h`` prints.

    A frame is a line ``DECODED[1] 0:00.771 ...`` and, after others, its octets as a hexadecimal
    dump. What a frame says stands in one line, in which control characters are escaped, so
    nobody on the air can write lines of the dump.
    """

    def __init__(self) -> None:
        self._at = 0.0
        self._octets = bytearray()

    def feed(self, line: str) -> Iterator[OnAir]:
        """The frame before, when this line begins another one."""
        line = _COLOUR.sub("", line)
        if (decoded := _DECODED.match(line)) is not None:
            yield from self.end()
            self._at = 60 * int(decoded["minutes"]) + float(decoded["seconds"])
        elif (row := _HEX.match(line)) is not None and int(row["offset"], 16) == len(self._octets):
            self._octets += bytes.fromhex(row["octets"])

    def end(self) -> Iterator[OnAir]:
        """The last frame."""
        if self._octets:
            octets = bytes(self._octets)
            yield OnAir(Captured(at=self._at, framing=Framing.AX25, octets=octets))
        self._octets.clear()


def _pieces(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while octets := file.read(PIECE_OCTETS):
                yield octets
    except OSError as error:
        raise FileUnreadable(f"cannot read {path} ({error.strerror})") from error
