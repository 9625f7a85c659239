"""Modems whose Dire Wolf is their child, on the simulated air, and ways to look at it."""

import os
import shutil
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
import pytest
from tests.support.air_mixer import BLOCK, EAR
from tests.support.dire_wolf import DireWolf, air
from tests.support.modems import RememberingPtt

from meshdl.ids import Callsign
from meshdl.transports.modems.dire_wolf import DireWolfModem
from meshdl.transports.modems.dire_wolf_settings import DireWolfSettings
from meshdl.transports.modems.ptt import PushToTalk
from meshdl.transports.modems.tnc import AFSK_1200, G3RUH_9600, TncSettings

LOUD = 100.0
"""Root mean square of one block; noise has 3, a signal 160 and more."""

WITHIN_S = 30.0


@dataclass
class Place:
    """Where one modem sits on the air.

    Attributes:
        program: a name for Dire Wolf that only this modem has.
    """

    wolf: DireWolf
    ptt: RememberingPtt = field(default_factory=RememberingPtt)

    @property
    def program(self) -> Path:
        return self.wolf.directory / f"direwolf-{self.wolf.name}"

    def settings(
        self, *, payload_octets_max: int = 256, txdelay_ms: float = 100
    ) -> DireWolfSettings:
        """Of a modem here."""
        waveform = {1200: AFSK_1200, 9600: G3RUH_9600}[self.wolf.baud]
        return DireWolfSettings(
            tnc=TncSettings(
                waveform=waveform, payload_octets_max=payload_octets_max, txdelay_ms=txdelay_ms
            ),
            audio_input=f"UDP:{self.wolf.audio_port}",
            audio_output=self.wolf.name,
            program=str(self.program),
        )

    def modem(
        self, *, ptt: PushToTalk | None = None, txdelay_ms: float = 100, call: str = "KA1ABC-7"
    ) -> DireWolfModem:
        """One that runs here."""
        settings = self.settings(txdelay_ms=txdelay_ms)
        return DireWolfModem(settings, Callsign(call), ptt or self.ptt)

    def install(self) -> None:
        """Its Dire Wolf is there."""
        found = shutil.which("direwolf")
        assert found is not None
        self.program.symlink_to(found)

    def children(self) -> list[int]:
        """Processes of its Dire Wolf."""
        return [pid for pid, words in _processes() if words[0] == os.fsencode(self.program)]

    def signal(self, number: signal.Signals) -> None:
        """Send one to its Dire Wolf."""
        [child] = self.children()
        os.kill(child, number)


@contextmanager
def places(
    directory: Path,
    patch: pytest.MonkeyPatch,
    names: Sequence[str],
    *,
    baud: int = 9600,
) -> Iterator[tuple[list[Place], "AirEar"]]:
    """Places that hear each other, and an ear that hears all."""
    # ALSA finds there what the sound of each goes into.
    patch.setenv("HOME", str(directory))
    with air(directory, [*names, EAR], baud=baud) as wolves:
        found = [Place(wolf) for wolf in wolves[:-1]]
        for place in found:
            place.install()
        with AirEar(wolves[-1].audio_port) as ear:
            yield found, ear


class AirEar:
    """Hears the air block by block, 20 ms each."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", port))
        self._socket.settimeout(WITHIN_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._socket.close()

    def forget(self) -> None:
        """What was on the air until now."""
        self._socket.setblocking(False)
        try:
            while self._socket.recv(4 * BLOCK):
                pass
        except BlockingIOError:
            self._socket.settimeout(WITHIN_S)

    def loud_blocks(self, of: int) -> int:
        """How many of the next so many blocks have a signal."""
        return sum(self._loud() for _ in range(of))

    def until_loud(self) -> None:
        """Return when a signal begins."""
        while not self._loud():
            pass

    def _loud(self) -> bool:
        samples = np.frombuffer(self._socket.recv(4 * BLOCK), "<i2").astype(float)
        return float(np.sqrt(np.mean(samples**2))) > LOUD


def dire_wolves_at_home(directory: Path) -> list[int]:
    """Processes of any Dire Wolf whose home that is."""
    home = b"HOME=" + os.fsencode(directory)
    found = []
    for pid, words in _processes():
        if Path(os.fsdecode(words[0])).name.startswith("direwolf"):
            try:
                environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if home in environment:
                found.append(pid)
    return found


def _processes() -> Iterator[tuple[int, list[bytes]]]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue  # it has just ended
        yield int(entry.name), words
