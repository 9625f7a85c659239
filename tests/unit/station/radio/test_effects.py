"""The shell around the radio core, with a modem that does what the test says."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from meshdl.air import BurstEnded, ModemTraits, ModemUp
from meshdl.content.precedence import Precedence
from meshdl.control.radio_log import RadioFacts
from meshdl.ids import Callsign, ContentHash
from meshdl.radio import transmitter_events as door
from meshdl.radio.transfer import events
from meshdl.station.home import Home
from meshdl.station.log import StationLog
from meshdl.station.radio.shell import RadioShell
from meshdl.station.radio_config import RadioConfig
from meshdl.transports.modems.modem import Burst, Report

FAST = ModemTraits(
    name="fast", payload_octets_max=256, payload_bps=1e6, audio_low_hz=900.0,
    audio_high_hz=2500.0, baud=1200.0, access_within_s=0.0,
)  # fmt: skip
LAWFUL: dict[str, Any] = {
    "rules": "us-part97", "licence_class": "general", "control": "local",
    "dial_hz": 145_010_000, "sideband": "fm",
}  # fmt: skip


class HandModem:
    """A modem whose bursts end when the test says so."""

    def __init__(self) -> None:
        self.keyed: list[int] = []
        self.frames: list[tuple[bytes, ...]] = []
        self.aborts = self.curtailed = 0
        self.report: Report = lambda _: None
        self.closed = asyncio.Event()

    async def run(self, report: Report) -> None:
        self.report = report
        report(ModemUp(FAST))
        await self.closed.wait()

    def key(self, burst: Burst) -> None:
        self.keyed.append(burst.serial)
        self.frames.append(burst.frames)

    def curtail(self) -> None:
        self.curtailed += 1

    def abort(self) -> None:
        self.aborts += 1

    def close(self) -> None:
        self.closed.set()


class Bench:
    """One shell, its home and its modem."""

    def __init__(self, home: Home, **radio: Any) -> None:
        self.warnings: list[str] = []
        self.failures: list[str] = []
        self.wanted = 0
        self.log = StationLog(home.log_file)
        self.shell = RadioShell(
            RadioConfig(**(LAWFUL | radio)),
            call=Callsign("KA1ABC"),
            grid=None,
            home=home,
            log=self.log,
            warn=self.warnings.append,
        )
        self.modem = HandModem()
        self.shell.modems.put(self.modem)
        self.shell._contents = self  # type: ignore[assignment] # what is used of it

    def submit(self, precedence: Precedence = Precedence.ROUTINE) -> None:
        """Have something sent: a WANT for one content more."""
        self.wanted += 1
        content = ContentHash(bytes([self.wanted]) * 32)
        self.shell.driver.post(events.Fetch(content, precedence))

    def failed(self, effect: events.FetchFailed) -> None:
        self.failures.append(effect.reason)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20.0):
            while not condition():
                await asyncio.sleep(0.002)

    async def until_keyed(self, count: int) -> None:
        await self.until(lambda: len(self.modem.keyed) >= count)

    def end_burst(self) -> None:
        self.modem.report(BurstEnded(self.modem.keyed[-1]))


def with_bench(
    directory: Path, scenario: Callable[[Bench], Awaitable[None]], **radio: Any
) -> Bench:
    async def whole() -> Bench:
        home = Home(directory / "home")
        home.create()
        bench = Bench(home, **radio)
        running = asyncio.create_task(bench.shell.run())
        await bench.until(lambda: bench.shell.core.modem is not None)
        await scenario(bench)
        closing = asyncio.create_task(bench.shell.close())
        # Whatever is keyed at the end, our callsign, ends.
        while not closing.done():
            if bench.shell.core.transmitter.status().on_air:
                bench.end_burst()
            await asyncio.sleep(0.002)
        await closing
        await running
        bench.log.close()
        return bench

    return asyncio.run(whole())


def test_what_is_owed_is_said_before_the_end(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.submit()
        await bench.until_keyed(1)
        bench.end_burst()

    bench = with_bench(tmp_path, scenario)
    assert len(bench.modem.keyed) == 2


def test_what_a_killed_program_owed_is_said_by_the_next(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.create()
    log = StationLog(home.log_file)
    facts = RadioFacts(
        event="transmission", burst=1, own_call="KA1ABC", dial_hz=LAWFUL["dial_hz"],
        duration_s=1.0, frames=(b"cut off",),
    )  # fmt: skip
    log.append(at=time.time() - 100.0, kind="radio", direction="sent", radio=facts)
    log.close()

    async def scenario(bench: Bench) -> None:
        await bench.until_keyed(1)
        assert bench.modem.frames == [(b"DE KA1ABC",)]
        bench.end_burst()
        assert not bench.shell.core.transmitter.status().owed

    assert len(with_bench(tmp_path, scenario).modem.keyed) == 1


def test_a_switch_is_remembered_over_a_restart(tmp_path: Path) -> None:
    off = Home(tmp_path / "home").radio_off_file

    async def switch_off(bench: Bench) -> None:
        bench.shell.driver.post(door.SwitchOff("KA1ABC", "storm"))
        await bench.until(off.exists)

    async def look(bench: Bench) -> None:
        assert bench.shell.core.transmitter.silent_because() == "off: KA1ABC: storm"
        bench.submit()
        await bench.until(lambda: bool(bench.failures))
        assert bench.modem.keyed == []
        bench.shell.driver.post(door.SwitchOn("KA1ABC"))
        await bench.until(lambda: not off.exists())

    assert with_bench(tmp_path, switch_off).modem.aborts == 1
    again = with_bench(tmp_path, look)
    # What the status tells is no warning that stays.
    assert again.warnings == []


def test_a_burst_is_curtailed_for_what_is_more_urgent(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.submit()
        await bench.until_keyed(1)
        assert bench.modem.curtailed == 0
        bench.submit(Precedence.EMERGENCY)
        await bench.until(lambda: bench.modem.curtailed > 0)
        bench.end_burst()
        await bench.until_keyed(2)

    assert with_bench(tmp_path, scenario).modem.curtailed == 1


def test_what_the_law_forbids_is_told_to_the_operator(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.submit()
        await bench.until(lambda: bool(bench.warnings))

    bench = with_bench(tmp_path, scenario, dial_hz=150_000_000)
    assert "97.301" in bench.warnings[0]
    assert bench.modem.keyed == []


def test_a_log_that_cannot_be_written_silences_the_station(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.log.close()
        bench.submit()
        silent = bench.shell.core.transmitter.silent_because
        await bench.until(lambda: silent().startswith("the station log cannot be written"))

    assert with_bench(tmp_path, scenario).modem.keyed == []


def test_a_modem_that_still_sends_is_not_keyed_again(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.submit()
        await bench.until_keyed(1)
        # The burst is given up as stuck; the operator does not look and switches on again.
        bench.shell.core.expire(now=asyncio.get_running_loop().time() + 60.0)
        assert "did not unkey" in bench.shell.core.transmitter.silent_because()
        bench.shell.driver.post(door.SwitchOn("KA1ABC"))
        bench.submit()
        silent = bench.shell.core.transmitter.silent_because
        assert silent() == f"the modem still sends burst {bench.modem.keyed[0]}; look at the radio"
        assert len(bench.modem.keyed) == 1
        bench.end_burst()
        assert silent() == ""
        bench.submit()
        await bench.until_keyed(2)
        bench.end_burst()

    with_bench(tmp_path, scenario)
