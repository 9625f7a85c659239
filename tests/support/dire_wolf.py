"""Real Dire Wolf processes on a simulated air: no sound hardware, no daemon.

A Dire Wolf hears from UDP and sends through ALSA's ``file`` plugin into a FIFO;
:mod:`tests.support.air_mixer` is the air between. All of it may run faster than
real time: then libfaketime tells each Dire Wolf the air's clock instead of the machine's.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from bench.ports import free_port
from tests.support import air_mixer

START_WITHIN_S = 30.0
POLL_EVERY_S = 0.05
QUIET = 3.0
"""Amplitude of noise that no modem minds."""


@dataclass
class DireWolf:
    """One TNC.

    Attributes:
        speed: seconds on its clock in one of ours.
        kiss_port: where it speaks KISS over TCP.
    """

    name: str
    directory: Path
    baud: int
    audio_port: int
    speed: float = 1.0
    kiss_port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None
    _printed_before: int = 0

    @property
    def log(self) -> str:
        """All that it has printed."""
        return (self.directory / f"{self.name}.log").read_text("latin-1")

    def keyed(self) -> list[bool]:
        """Every change of its PTT: on, off, on, ..."""
        return [line.endswith("1") for line in self.log.splitlines() if line.startswith("PTT 0 = ")]

    def start(self) -> None:
        """Return when it takes connections."""
        config = self.directory / f"{self.name}.conf"
        config.write_text(
            f"ADEVICE UDP:{self.audio_port} {self.name}\nARATE {air_mixer.RATE_HZ}\nACHANNELS 1\n"
            f"CHANNEL 0\nMYCALL N0CALL\nMODEM {self.baud}\nTXDELAY 10\nTXTAIL 3\nSLOTTIME 5\n"
            f"PERSIST 128\nDWAIT 0\nKISSPORT {self.kiss_port}\nAGWPORT 0\n"
        )
        with (self.directory / f"{self.name}.log").open("ab") as log:
            self._printed_before = log.tell()
            self._process = subprocess.Popen(
                [*self._clock(), "direwolf", "-t", "0", "-q", "d", "-q", "h", "-a", "0", "-d", "o",
                 "-c", config],
                stdout=log, stderr=subprocess.STDOUT, cwd=self.directory,
                env=os.environ | {"HOME": str(self.directory)},
            )  # fmt: skip
        until(self._listens, f"{self.name} takes connections", self)

    def kill(self) -> None:
        """At once, as a power cut would."""
        if self._process is not None:
            # libfaketime's wrapper must live until the end: it clears up the shared memory.
            for pid in _children(self._process.pid) if self.speed != 1 else [self._process.pid]:
                os.kill(pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _clock(self) -> list[str]:
        return [] if self.speed == 1 else ["faketime", "-m", "-f", f"+0 x{self.speed:g}"]

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log
        printed = self.log[self._printed_before :]
        assert "Bind failed" not in printed, printed
        return "Ready to accept KISS" in printed


@contextmanager
def dire_wolves(
    directory: Path,
    names: Sequence[str],
    *,
    baud: int = 9600,
    noise: float = QUIET,
    deaf: Collection[tuple[str, str]] = (),
    speed: float = 1.0,
) -> Iterator[list[DireWolf]]:
    """Started TNCs that hear each other, but for ``deaf`` pairs (who, whom).

    Args:
        directory: for their files.
        names: one TNC each.
        baud: of all of them.
        noise: its amplitude, at all of them.
        deaf: who does not hear whom.
        speed: of their clocks and of the air; see :mod:`tests.support.quick_loop` for ours.
    """
    with air(directory, names, baud=baud, noise=noise, deaf=deaf, speed=speed) as wolves:
        try:
            for wolf in wolves:
                wolf.start()
            yield wolves
        finally:
            for wolf in wolves:
                wolf.kill()


@contextmanager
def air(
    directory: Path,
    names: Sequence[str],
    *,
    baud: int = 9600,
    noise: float = QUIET,
    deaf: Collection[tuple[str, str]] = (),
    speed: float = 1.0,
) -> Iterator[list[DireWolf]]:
    """As :func:`dire_wolves`, none of them started: whoever wants may have their sound."""
    for program in ("direwolf", "faketime") if speed != 1 else ("direwolf",):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}; on Debian: apt-get install {program}")
    wolves = [
        DireWolf(name, directory, baud, free_port(socket.SOCK_DGRAM), speed) for name in names
    ]
    (directory / ".asoundrc").write_text(
        "".join(
            f'pcm.{wolf.name} {{ type file slave.pcm "null" file "{directory}/{wolf.name}.fifo" '
            f'format "raw" truncate true }}\n'
            for wolf in wolves
        )
    )
    for wolf in wolves:
        os.mkfifo(directory / f"{wolf.name}.fifo")
    ears = [f"{wolf.name}:{wolf.audio_port}" for wolf in wolves]
    mixer = subprocess.Popen(
        [sys.executable, air_mixer.__file__, str(directory), str(noise), str(speed),
         *ears, "--",
         *(f"{who}:{whom}" for who, whom in deaf)],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        # It opens the FIFOs; without a reader Dire Wolf would block.
        assert mixer.stdout is not None
        assert mixer.stdout.readline() == b"mixing\n"
        yield wolves
    finally:
        mixer.kill()
        mixer.communicate()


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def until(condition: object, what: str, wolf: DireWolf) -> None:
    """Return when ``condition()`` holds."""
    assert callable(condition)
    deadline = time.monotonic() + START_WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, f"not within {START_WITHIN_S} s: {what}\n{wolf.log}"
        time.sleep(POLL_EVERY_S)
