"""The transmitter on a real event loop, with the real log on a real disk."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

from tests.unit.radio.stations import AFSK, VHF, traffic

from meshdl.air import BurstEnded, ModemUp
from meshdl.driver import Driver
from meshdl.radio import transmitter_events as events
from meshdl.radio.keying import Abort, Key
from meshdl.radio.transmitter import Transmitter
from meshdl.station.log import StationLog
from meshdl.station.radio import switch as radio_switch
from meshdl.station.radio.log import RadioLog
from meshdl.station.worker import Worker

FAST = AFSK.__class__(
    name="fast", payload_octets_max=256, payload_bps=1e6, audio_low_hz=900.0,
    audio_high_hz=2500.0, baud=1200.0,
)  # fmt: skip


class Shell:
    """What a station does around the transmitter, with a modem that only remembers."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.keyed: list[tuple[Key, list[int]]] = []
        self.finished = asyncio.Event()
        self.aborted = False
        self.log = StationLog(home / "log.sqlite3")
        self.pens = Worker("log")
        off = radio_switch.off_because(home / "radio.off")
        core = Transmitter(VHF, off_because=off)
        self.driver: Driver[events.TransmitterInput, events.TransmitterEffect] = Driver(
            core, self.perform
        )
        self.radio_log = RadioLog(self.log, self.pens, self.driver.post)
        self.driver.post(ModemUp(FAST))

    def perform(self, effect: events.TransmitterEffect) -> None:
        loop = asyncio.get_running_loop()
        match effect:
            case events.WriteLog():
                self.radio_log.write(effect)
            case events.ChannelWanted(precedence) if precedence is not None:
                loop.call_soon(self.driver.post, events.ChannelGranted())
            case Key(serial):
                self.keyed.append((effect, self.durable()))
                loop.call_later(effect.burst_s, self.driver.post, BurstEnded(serial))
            case Abort():
                self.aborted = True
            case events.Switched(because):
                radio_switch.remember(self.home / "radio.off", because)
            case events.Finished():
                self.finished.set()
            case _:
                pass

    def durable(self) -> list[int]:
        """Bursts in the file, as another program sees them."""
        with sqlite3.connect(self.home / "log.sqlite3") as other:
            rows = other.execute("SELECT radio ->> 'burst' FROM log").fetchall()
        other.close()
        return [burst for (burst,) in rows]

    async def close(self) -> None:
        self.driver.stop()
        await self.pens.close()
        self.log.close()


def run(home: Path, *inputs: events.TransmitterInput) -> Shell:
    async def whole() -> Shell:
        shell = Shell(home)
        for one in inputs:
            shell.driver.post(one)
        await settle(shell, lambda: bool(shell.keyed) or shell.aborted or shell.finished.is_set())
        shell.driver.post(events.ShutDown())
        async with asyncio.timeout(30.0):
            await shell.finished.wait()
        await shell.close()
        return shell

    return asyncio.run(whole())


async def settle(shell: Shell, done: Callable[[], bool]) -> None:
    async with asyncio.timeout(30.0):
        while not done():
            await asyncio.sleep(0)


def test_when_a_burst_is_keyed_another_program_finds_its_record_in_the_file(tmp_path: Path) -> None:
    shell = run(tmp_path, events.Submit(traffic(b"hello")))
    assert [key.frames for key, _ in shell.keyed] == [(b"hello",), (b"DE KA1ABC",)]
    assert all(key.serial in durable for key, durable in shell.keyed)
    log = StationLog(tmp_path / "log.sqlite3")
    assert log.verify().wrong_at is None
    log.close()


def test_a_station_that_was_switched_off_is_off_after_a_restart(tmp_path: Path) -> None:
    first = run(tmp_path, events.SwitchOff("KA1ABC", "interference"))
    assert first.aborted
    again = run(tmp_path, events.Submit(traffic(b"hello")), events.ShutDown())
    assert again.keyed == []
    on = run(tmp_path, events.SwitchOn("KA1ABC"), events.Submit(traffic(b"hello")))
    assert [key.frames for key, _ in on.keyed] == [(b"hello",), (b"DE KA1ABC",)]
