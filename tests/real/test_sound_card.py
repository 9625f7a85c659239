"""The real PortAudio, on ALSA devices that are a file and a pipe instead of hardware."""

import array
import ctypes.util
import fcntl
import os
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from tests.support.processes import until

from meshdl.sim.audio_channel import AudioChannel
from meshdl.transports.modems.codec2 import Samples
from meshdl.transports.modems.freedv import FreedvReceiver, FreedvSender
from meshdl.transports.modems.freedv_modes import FreedvMode
from meshdl.transports.modems.resampling import Decimator, Interpolator

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(sys.platform != "linux", reason="ALSA is Linux's"),
    pytest.mark.skipif(
        ctypes.util.find_library("portaudio") is None,
        reason="PortAudio is missing; on Debian: apt-get install libportaudio2",
    ),
]

# The null device takes and gives sound as fast as it is asked; what comes in is paced by who
# writes into the pipe.
DEVICES = """
</usr/share/alsa/alsa.conf>
pcm.nowhere {{ type null }}
pcm.meshdl_out {{
    type file
    slave.pcm nowhere
    file "{out}"
    format raw
    truncate true
}}
pcm.meshdl_in {{
    type file
    slave.pcm nowhere
    file "/dev/null"
    infile "{into}"
    format raw
}}
"""


ROUND_SAMPLES = 9_600
"""A multiple of what ALSA reads at a time: of a shorter read it makes a hole."""

ROUND_S = 0.02
"""So that sound comes in ten times as fast as from a real card, and no faster."""


class Station:
    """A process with a modem on those devices."""

    def __init__(self, process: subprocess.Popen[str], directory: Path) -> None:
        self._process, self._directory = process, directory
        self.lines: list[str] = []
        self._silenced = threading.Event()
        self._ended = threading.Event()
        self._sounds: list[Samples] = []
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()
        self._feeding = threading.Thread(target=self._feed, daemon=True)
        self._feeding.start()

    def tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def says(self, line: str) -> bool:
        return any(said.startswith(line) for said in self.lines)

    def hears(self, sound: Samples) -> None:
        """Put sound, at 48 kHz, on its input."""
        self._sounds.append(sound)

    def unplug(self) -> None:
        """No more sound comes in."""
        self._silenced.set()

    def played(self) -> Samples:
        """At 48 kHz."""
        return np.fromfile(self._directory / "out.raw", np.int16)

    def end(self) -> None:
        self._ended.set()
        self._process.kill()
        self._process.wait()
        self._feeding.join()
        self._reading.join()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line.strip())

    def _feed(self) -> None:
        # Opened for reading too: then neither end waits for the other, and none ends it.
        pipe = os.open(self._directory / "in.fifo", os.O_RDWR)
        rng = np.random.default_rng(1)
        waiting = np.zeros(0, np.int16)
        while not self._ended.wait(ROUND_S):
            if self._silenced.is_set() or _octets_in(pipe):
                continue
            if self._sounds:
                waiting = self._sounds.pop(0)
            noise = rng.normal(scale=200, size=ROUND_SAMPLES).astype(np.int16)
            sound = np.concatenate((waiting[:ROUND_SAMPLES], noise))[:ROUND_SAMPLES]
            waiting = waiting[ROUND_SAMPLES:]
            os.write(pipe, sound.tobytes())
        os.close(pipe)


def _octets_in(pipe: int) -> int:
    count = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]


@contextmanager
def station(directory: Path, *devices: str) -> Iterator[Station]:
    os.mkfifo(directory / "in.fifo")
    config = directory / "asound.conf"
    config.write_text(DEVICES.format(out=directory / "out.raw", into=directory / "in.fifo"))
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.sound_role", *devices],
        env=os.environ | {"ALSA_CONFIG_PATH": str(config)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        running = Station(process, directory)
        try:
            yield running
        finally:
            running.end()


def test_a_burst_leaves_by_the_sound_card_whole(tmp_path: Path) -> None:
    with station(tmp_path, "meshdl_in", "meshdl_out") as ours:
        until(lambda: ours.says("up"), "the modem is up")
        frames = [b"one", b"another"]
        ours.tell(f"key {frames[0].hex()} {frames[1].hex()}")
        until(lambda: ours.says("ended 1"), "the burst ends")
        sound = Decimator().feed(ours.played())
    receiver = FreedvReceiver([FreedvMode.DATAC0])
    heard = receiver.feed(np.concatenate((sound, np.zeros(8_000, np.int16))))
    receiver.close()
    assert [one.octets.rstrip(b"\0") for one in heard] == frames


def test_a_burst_comes_in_by_the_sound_card_whole(tmp_path: Path) -> None:
    sender = FreedvSender(FreedvMode.DATAC0)
    frames = [b"one", b"another"]
    pause = np.zeros(4_000, np.int16)
    sound = np.concatenate([pause, *sender.burst(frames), pause, pause])
    sender.close()
    noisy = AudioChannel(snr_db=6.0, seed=1).carry(sound)
    with station(tmp_path, "meshdl_in", "meshdl_out") as ours:
        until(lambda: ours.says("up"), "the modem is up")
        ours.hears(Interpolator().feed(noisy))
        until(lambda: ours.says(f"heard {frames[1].hex()}"), "the last frame is heard")
        assert ours.says(f"heard {frames[0].hex()}")


def test_a_card_from_which_no_sound_comes_any_more_is_told(tmp_path: Path) -> None:
    with station(tmp_path, "meshdl_in", "meshdl_out") as ours:
        until(lambda: ours.says("up"), "the modem is up")
        ours.unplug()
        until(lambda: ours.says("down no sound has come from meshdl_in"), "the modem is down")


def test_a_card_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    with station(tmp_path, "no such card", "meshdl_out") as ours:
        until(lambda: ours.says("down there is no input device like 'no such card'"), "it is told")
        assert "meshdl_in" in ours.lines[0]


def test_part_of_a_name_is_enough_if_it_is_of_one_card_only(tmp_path: Path) -> None:
    with station(tmp_path, "MESHDL_I", "meshdl") as ours:
        until(lambda: ours.says("down there is more than one output device like"), "it is told")
