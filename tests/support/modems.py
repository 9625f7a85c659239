"""Modems of one process: sound that goes from port to port, a PTT that remembers."""

import asyncio
import enum
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import islice

import numpy as np

from meshdl.air import BurstEnded, FrameHeard, ModemDown, ModemReport, ModemUp
from meshdl.errors import AudioUnavailable
from meshdl.radio.keying import Key
from meshdl.sim.audio_channel import AudioChannel
from meshdl.transports.modems.codec2 import SAMPLE_RATE_HZ, Samples
from meshdl.transports.modems.modem import Modem

WITHIN_S = 40.0

PAUSE = np.zeros(int(0.4 * SAMPLE_RATE_HZ), np.int16)
"""After a burst, so that a receiver can see that it is over."""


PIECE_SAMPLES = 800
"""As a device gives it."""


def TestBurst(  # noqa: N802 - stands for a Key
    serial: int, frames: tuple[bytes, ...], mode: str = ""
) -> Key:
    """What only the transmitter makes outside of tests."""
    return Key(serial, frames, 0.0, mode)


class Ear:
    """Takes a modem's reports, and waits for one."""

    def __init__(self) -> None:
        self.reports: list[ModemReport] = []
        self._changed = asyncio.Event()

    def __call__(self, report: ModemReport) -> None:
        self.reports.append(report)
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return when it holds after some report."""
        async with asyncio.timeout(WITHIN_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def up(self, times: int = 1) -> None:
        """The modem has come up so often."""
        await self.until(lambda: sum(isinstance(one, ModemUp) for one in self.reports) >= times)

    async def ended(self, serial: int) -> None:
        """The burst is over."""
        await self.until(lambda: self.ends(serial) != [])

    def ends(self, serial: int) -> list[BurstEnded]:
        """How often it was over, and how."""
        ends = (one for one in self.reports if isinstance(one, BurstEnded))
        return [one for one in ends if one.serial == serial]

    async def frames(self, count: int) -> list[bytes]:
        """So many frames, as they came."""
        await self.until(lambda: len(self.heard) >= count)
        return [one.octets for one in self.heard]

    @property
    def heard(self) -> list[FrameHeard]:
        """All frames."""
        return [one for one in self.reports if isinstance(one, FrameHeard)]

    @property
    def downs(self) -> int:
        """How often the modem was lost."""
        return sum(isinstance(one, ModemDown) for one in self.reports)


@asynccontextmanager
async def running(modem: Modem) -> AsyncIterator[Ear]:
    """A modem that is up, and what it reports; cancelled when the block ends."""
    ear = Ear()
    task = asyncio.create_task(modem.run(ear))
    try:
        await ear.up()
        yield ear
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()


class SimulatedAir:
    """Ports that hear each other, much faster than real time.

    Args:
        channel: between any two; ``None`` for a perfect one.
    """

    def __init__(self, channel: AudioChannel | None = None) -> None:
        self.channel = channel or AudioChannel()
        self.ports: list[SimulatedPort] = []

    def port(self) -> "SimulatedPort":
        """Plug one in."""
        self.ports.append(SimulatedPort(self))
        return self.ports[-1]


class SimulatedPort:
    """An :class:`~meshdl.transports.modems.audio.AudioPort` whose device may be unplugged."""

    def __init__(self, air: SimulatedAir) -> None:
        self._air = air
        self._heard: Callable[[Samples], None] | None = None
        self._gone: asyncio.Future[None] | None = None
        self.unplugged = False
        self.holding = False
        self.holding_after: int | None = None
        self.go_on = asyncio.Event()
        self.playing = asyncio.Event()

    def unplug(self) -> None:
        self.unplugged = True
        if self._gone is not None and not self._gone.done():
            self._gone.set_exception(AudioUnavailable("the plug was pulled"))

    def plug_in(self) -> None:
        self.unplugged = False

    def hear(self, sound: Samples) -> None:
        """From the air."""
        for begin in range(0, len(sound), PIECE_SAMPLES):
            if self._heard is not None:
                self._heard(sound[begin : begin + PIECE_SAMPLES])

    async def open(self) -> None:
        if self.unplugged:
            raise AudioUnavailable("there is no plug")

    async def listen(self, heard: Callable[[Samples], None]) -> None:
        if self.unplugged:
            raise AudioUnavailable("the plug was pulled")
        self._heard = heard
        self._gone = asyncio.get_running_loop().create_future()
        try:
            await self._gone
        finally:
            self._heard = None

    async def play(self, pieces: Iterator[Samples]) -> None:
        if self.holding_after is None:
            self.playing.set()
        if self.holding:
            await asyncio.get_running_loop().create_future()
        begun = list(islice(pieces, self.holding_after or 0))
        if self.holding_after is not None:
            self.playing.set()
            await self.go_on.wait()
        sound = await asyncio.to_thread(lambda: np.concatenate([*begun, *pieces, PAUSE]))
        if self.unplugged:
            raise AudioUnavailable("the plug was pulled")
        for port in self._air.ports:
            if port is not self:
                port.hear(self._air.channel.carry(np.concatenate((PAUSE, sound))))

    async def close(self) -> None:
        self._heard = None


class Ptt(enum.Enum):
    """What a PTT was told."""

    OPEN = enum.auto()
    KEY = enum.auto()
    UNKEY = enum.auto()
    CLOSE = enum.auto()


class RememberingPtt:
    """A PTT that is always obeyed."""

    def __init__(self) -> None:
        self.told: list[Ptt] = []
        self.on = False

    async def open(self) -> None:
        self.told.append(Ptt.OPEN)

    async def key(self, *, within_s: float) -> None:
        assert within_s > 0
        self.told.append(Ptt.KEY)
        self.on = True

    async def unkey(self) -> None:
        self.told.append(Ptt.UNKEY)
        self.on = False

    async def close(self) -> None:
        self.told.append(Ptt.CLOSE)
        self.on = False
