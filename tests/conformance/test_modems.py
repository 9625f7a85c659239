"""What every modem promises, asked of each: see :mod:`meshdl.transports.modems.modem`."""

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
from tests.support.air_mixer import EAR
from tests.support.child_wolves import places
from tests.support.loops import run
from tests.support.modems import Ear, RememberingPtt, SimulatedAir, TestBurst, running
from tests.support.serial_tnc import SerialTnc
from tests.support.tnc_pair import TncPair

from meshdl.air import BurstEnded, ModemDown, ModemTraits, ModemUp
from meshdl.errors import LocalProtocolError
from meshdl.ids import Callsign
from meshdl.transports.modems.freedv_modes import FreedvMode
from meshdl.transports.modems.kiss_modem import KissModem
from meshdl.transports.modems.kiss_serial import serial_line
from meshdl.transports.modems.kiss_tcp import tcp_line
from meshdl.transports.modems.modem import Modem
from meshdl.transports.modems.sound_modem import SoundModem
from meshdl.transports.modems.tnc import TncSettings, Waveform
from meshdl.transports.modems.wav_files import write_wav
from meshdl.transports.modems.wav_modem import WavModem

pytestmark = pytest.mark.real
RETRY_AFTER_S = 0.02


class Air(Protocol):
    """Two modems that hear each other, the first of which can be made to suffer."""

    ours: Modem
    theirs: Modem

    @property
    def keyed(self) -> bool: ...

    async def hold(self, key: Callable[[], None]) -> None:
        """Key, and return in the middle of the burst, which does not end by itself."""

    def unplug(self) -> None: ...

    def plug_in(self) -> None: ...

    def make_noise(self) -> None:
        """Put something on the air that is no frame."""

    def close(self) -> None: ...


class SoundAir:
    """FreeDV over sound that goes from port to port."""

    def __init__(self, directory: Path) -> None:
        air = SimulatedAir()
        self._ours, self._theirs = air.port(), air.port()
        self._ptt = RememberingPtt()
        mode = FreedvMode.DATAC0
        self.ours: Modem = SoundModem(
            self._ours, self._ptt, modes=[mode], listens=[mode], key_up_s=0, tail_s=0,
            retry_after_s=RETRY_AFTER_S,
        )  # fmt: skip
        self.theirs: Modem = SoundModem(
            self._theirs, RememberingPtt(), modes=[mode], listens=[mode], key_up_s=0, tail_s=0
        )

    @property
    def keyed(self) -> bool:
        return self._ptt.on

    async def hold(self, key: Callable[[], None]) -> None:
        self._ours.holding = True
        key()
        await self._ours.playing.wait()

    def unplug(self) -> None:
        self._ours.unplug()

    def plug_in(self) -> None:
        self._ours.plug_in()

    def make_noise(self) -> None:
        noise = np.random.default_rng(1).normal(scale=3000, size=16_000).astype(np.int16)
        self._theirs.hear(noise)

    def close(self) -> None:
        pass


class WavAir:
    """FreeDV by recordings in two directories."""

    def __init__(self, directory: Path) -> None:
        self._away, self._home = directory / "away", directory / "home"
        self._away.mkdir()
        self._home.mkdir()
        mode = FreedvMode.DATAC0
        self.ours: Modem = WavModem(
            self._home, self._away, modes=[mode], listens=[mode], look_every_s=0.02,
            retry_after_s=RETRY_AFTER_S,
        )  # fmt: skip
        self.theirs: Modem = WavModem(
            self._away, self._home, modes=[mode], listens=[mode], look_every_s=0.02
        )

    @property
    def keyed(self) -> bool:
        return False

    async def hold(self, key: Callable[[], None]) -> None:
        key()

    def unplug(self) -> None:
        self._away.rename(self._away.with_name("gone"))

    def plug_in(self) -> None:
        self._away.with_name("gone").rename(self._away)

    def make_noise(self) -> None:
        noise = np.random.default_rng(1).normal(scale=3000, size=16_000).astype(np.int16)
        write_wav(self._away / "noise.wav", [noise])
        (self._away / "text.wav").write_bytes(b"no recording at all")

    def close(self) -> None:
        pass


FAST_TNC = TncSettings(
    waveform=Waveform(name="fast", baud=100_000, audio_low_hz=0, audio_high_hz=1),
    txdelay_ms=10, txtail_ms=0, slot_time_ms=10, persistence=1,
)  # fmt: skip


class KissAir:
    """KISS over TCP to two TNCs that hear each other."""

    def __init__(self, directory: Path) -> None:
        self._tncs = TncPair()
        self.ours: Modem = KissModem(
            tcp_line("127.0.0.1", self._tncs.ports[0]), FAST_TNC, Callsign("KA1ABC")
        )
        self.theirs: Modem = KissModem(
            tcp_line("127.0.0.1", self._tncs.ports[1]), FAST_TNC, Callsign("N0AAA")
        )

    @property
    def keyed(self) -> bool:
        return False

    async def hold(self, key: Callable[[], None]) -> None:
        key()

    def unplug(self) -> None:
        self._tncs.unplug(0)

    def plug_in(self) -> None:
        self._tncs.plug_in(0)

    def make_noise(self) -> None:
        self._tncs.say(1, bytes(range(256)) * 20)

    def close(self) -> None:
        self._tncs.close()


class SerialAir(KissAir):
    """The same, the first by a serial line: a pseudo terminal, which has no rate of its own."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._serial = SerialTnc(directory / "tty", self._tncs.ports[0])
        line = serial_line(str(self._serial.device))
        self.ours = KissModem(line, FAST_TNC, Callsign("KA1ABC"))

    def unplug(self) -> None:
        self._serial.unplug()

    def plug_in(self) -> None:
        self._serial.plug_in()

    def close(self) -> None:
        self._serial.close()
        super().close()


class DireWolfAir:
    """Real Dire Wolf processes of our own, on the simulated air."""

    def __init__(self, directory: Path) -> None:
        self._scene = ExitStack()
        patch = self._scene.enter_context(pytest.MonkeyPatch.context())
        places_and_ear = places(directory, patch, ["a", "b"])
        (self._ours, self._theirs), _ = self._scene.enter_context(places_and_ear)
        self.ours: Modem = self._ours.modem()
        self.theirs: Modem = self._theirs.modem()

    @property
    def keyed(self) -> bool:
        return self._ours.ptt.on

    async def hold(self, key: Callable[[], None]) -> None:
        key()
        async with asyncio.timeout(20):
            while not self.keyed:
                await asyncio.sleep(0.01)
        self._ours.signal(signal.SIGSTOP)

    def unplug(self) -> None:
        self._ours.program.unlink()
        self._ours.signal(signal.SIGKILL)

    def plug_in(self) -> None:
        self._ours.install()

    def make_noise(self) -> None:
        noise = np.random.default_rng(1).normal(scale=3000, size=16_000).astype("<i2")
        # What somebody sends who is no Dire Wolf.
        with (self._theirs.wolf.directory / f"{EAR}.fifo").open("wb") as air:
            air.write(noise.tobytes())

    def close(self) -> None:
        self._scene.close()


KINDS: dict[str, Callable[[Path], Air]] = {"sound": SoundAir, "wav": WavAir, "kiss": KissAir}
if sys.platform != "win32":
    KINDS["serial"] = SerialAir
if sys.platform == "linux":
    KINDS["dire wolf"] = DireWolfAir


@pytest.fixture(params=list(KINDS))
def make_air(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Air]]:
    made: list[Air] = []

    def make() -> Air:
        made.append(KINDS[request.param](tmp_path))
        return made[-1]

    yield make
    for air in made:
        air.close()


def traits_of(ear: Ear) -> ModemTraits:
    return next(one.traits for one in ear.reports if isinstance(one, ModemUp))


def as_heard(frames: tuple[bytes, ...], traits: ModemTraits) -> list[bytes]:
    if not traits.fixed_frames:
        return list(frames)
    return [frame.ljust(traits.payload_octets_max, b"\0") for frame in frames]


def test_the_first_report_is_that_it_is_up(make_air: Callable[[], Air]) -> None:
    async def body() -> None:
        async with running(make_air().ours) as ear:
            assert isinstance(ear.reports[0], ModemUp)
            assert traits_of(ear).payload_octets_max > 0

    run(body())


def test_frames_arrive_whole_and_in_order(make_air: Callable[[], Air]) -> None:
    async def body() -> None:
        air = make_air()
        async with running(air.ours) as ours, running(air.theirs) as theirs:
            longest = bytes(i % 251 + 1 for i in range(traits_of(ours).payload_octets_max))
            frames = (longest, b"\0", b"short", longest[::-1])
            air.ours.key(TestBurst(7, frames))
            assert await theirs.frames(4) == as_heard(frames, traits_of(ours))
            await ours.ended(7)
            assert ours.heard == []

    run(body())


def test_noise_is_no_frame(make_air: Callable[[], Air]) -> None:
    async def body() -> None:
        air = make_air()
        async with running(air.ours) as ours, running(air.theirs) as theirs:
            air.make_noise()
            air.ours.key(TestBurst(1, (b"after it",)))
            assert await theirs.frames(1) == as_heard((b"after it",), traits_of(ours))

    run(body())


def test_a_burst_ends_exactly_once_and_unkeyed(make_air: Callable[[], Air]) -> None:
    async def body() -> None:
        air = make_air()
        async with running(air.ours) as ours, running(air.theirs) as theirs:
            for serial in (1, 2):
                air.ours.key(TestBurst(serial, (b"%d" % serial,)))
                await ours.ended(serial)
                assert not air.keyed
            await theirs.frames(2)
            ends = [one for one in ours.reports if isinstance(one, BurstEnded)]
            assert ends == [BurstEnded(1), BurstEnded(2)]

    run(body())


def test_an_aborted_burst_ends_once_and_unkeyed(make_air: Callable[[], Air]) -> None:
    async def body() -> None:
        air = make_air()
        async with running(air.ours) as ours:
            air.ours.abort()  # there is none: harmless
            await air.hold(lambda: air.ours.key(TestBurst(3, (b"not to the end",) * 4)))
            air.ours.abort()
            air.ours.abort()
            await ours.ended(3)
            assert not air.keyed
            assert ours.reports.count(BurstEnded(3)) == 1

    run(body())


def test_a_curtailed_burst_ends_once_and_tells_what_was_sent(make_air: Callable[[], Air]) -> None:
    async def body() -> None:
        air = make_air()
        async with running(air.ours) as ours, running(air.theirs) as theirs:
            air.ours.curtail()  # there is none: harmless
            frames = tuple(bytes([number]) * 14 for number in range(1, 9))
            air.ours.key(TestBurst(3, frames))
            air.ours.curtail()
            air.ours.curtail()
            await ours.ended(3)
            assert not air.keyed
            air.ours.key(TestBurst(4, (b"more urgent",)))
            await ours.ended(4)
            [ended] = ours.ends(3)
            sent = len(frames) if ended.frames is None else ended.frames
            heard = await theirs.frames(sent + 1)
            traits = traits_of(ours)
            assert heard[:sent] == as_heard(frames[:sent], traits)
            assert heard[-1:] == as_heard((b"more urgent",), traits)

    run(body())


@pytest.mark.parametrize("octets", [0, 100_000])
def test_a_frame_that_does_not_fit_is_refused(make_air: Callable[[], Air], octets: int) -> None:
    async def body() -> None:
        air = make_air()
        async with running(air.ours) as ours:
            with pytest.raises(ValueError, match="takes frames of"):
                air.ours.key(TestBurst(1, (b"good", bytes(octets))))
            with pytest.raises(ValueError):
                air.ours.key(TestBurst(1, ()))
            assert not air.keyed
            air.ours.key(TestBurst(2, (b"good",)))
            await ours.ended(2)

    run(body())


def test_one_burst_at_a_time(make_air: Callable[[], Air]) -> None:
    async def body() -> None:
        air = make_air()
        with pytest.raises(LocalProtocolError):
            air.ours.key(TestBurst(1, (b"too early",)))
        async with running(air.ours) as ours:
            await air.hold(lambda: air.ours.key(TestBurst(2, (b"a",) * 4)))
            with pytest.raises(LocalProtocolError, match="on its way"):
                air.ours.key(TestBurst(3, (b"b",)))
            air.ours.abort()
            await ours.ended(2)

    run(body())


def test_a_vanished_device_is_told_once_and_found_again(make_air: Callable[[], Air]) -> None:
    async def body() -> None:
        air = make_air()
        async with running(air.ours) as ours:
            air.unplug()
            await ours.until(lambda: ours.downs > 0)
            await asyncio.sleep(4 * RETRY_AFTER_S)  # it looks again, in vain
            assert not air.keyed
            assert all(one.reason for one in ours.reports if isinstance(one, ModemDown))
            air.plug_in()
            await ours.up(2)
            assert ours.downs == 1
            air.ours.key(TestBurst(5, (b"again",)))
            await ours.ended(5)

    run(body())


def test_closing_unkeys_and_ends_it_and_twice_is_harmless(make_air: Callable[[], Air]) -> None:
    async def body() -> None:
        air, ear = make_air(), Ear()
        task = asyncio.create_task(air.ours.run(ear))
        await ear.up()
        await air.hold(lambda: air.ours.key(TestBurst(1, (b"a",) * 4)))
        told = len(ear.reports)
        air.ours.close()
        air.ours.close()
        await asyncio.wait_for(task, 20)
        assert not air.keyed
        assert len(ear.reports) == told

    run(body())


def test_a_cancelled_run_unkeys(make_air: Callable[[], Air]) -> None:
    async def body() -> None:
        air = make_air()
        async with running(air.ours) as ours:
            await air.hold(lambda: air.ours.key(TestBurst(1, (b"a",) * 4)))
        assert not air.keyed
        assert BurstEnded(1) not in ours.reports

    run(body())
