"""``meshdl up`` as a process: how it ends, and what it leaves."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.stations import run, station, until

from meshdl.control.log_entry import LogQuery
from meshdl.control.station_status import LinkState
from meshdl.discovery.interfaces import own_addresses
from meshdl.station.home import Home
from meshdl.station.log import StationLog
from meshdl.station.station import Station

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.name != "posix", reason="signals are POSIX"),
]

END_WITHIN_S = 60.0


@contextmanager
def running(home: Home, *wrapper: str) -> Iterator["subprocess.Popen[bytes]"]:
    """``meshdl up`` on a home, killed if it is still there at the end of the block."""
    words: Sequence[str] = (*wrapper, sys.executable, "-m", "meshdl")
    with (home.directory / "stderr").open("wb") as said:
        process = subprocess.Popen(
            [*words, "--home", str(home.directory), "up"], stdout=subprocess.DEVNULL, stderr=said
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def home_of(directory: Path, call: str) -> Home:
    home = Home(directory / call)
    home.create()
    loopback = str(not own_addresses()).lower()
    home.config_file.write_text(
        f'[station]\ncallsign = "{call}"\n[lan]\nallow_loopback = {loopback}\n', encoding="utf-8"
    )
    return home


async def linked(one: Station, call: str) -> None:
    async def is_linked() -> bool:
        peers = await one.view.peers()
        return any(peer.callsign == call and peer.link_state is LinkState.UP for peer in peers)

    await until(is_linked)


async def ended(process: "subprocess.Popen[bytes]") -> None:
    async def has_ended() -> bool:
        return process.poll() is not None

    await until(has_ended, patience_s=END_WITHIN_S)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_station_that_is_ended_says_goodbye(number: signal.Signals, tmp_path: Path) -> None:
    home = home_of(tmp_path, "KA1BB")

    async def scenario() -> None:
        async with station(tmp_path, "KA1AA") as alfa:
            with running(home) as bravo:
                await linked(alfa, "KA1BB")
                bravo.send_signal(number)
                await ended(bravo)
                assert bravo.returncode == 0, (home.directory / "stderr").read_text()

            async def heard() -> bool:
                said = [one.text async for one in alfa.view.log(LogQuery(kind="identification"))]
                return "DE KA1BB (bye)" in said

            await until(heard)

    run(scenario())
    assert not (home.directory / "control.json").exists()
    assert not home.held()
    log = StationLog(home.log_file)
    assert "DE KA1BB (bye)" in [one.text for one in log.entries() if one.direction == "sent"]
    log.close()


def test_a_station_outlives_its_terminal_when_it_shall(tmp_path: Path) -> None:
    home = home_of(tmp_path, "KA1BB")

    async def scenario() -> None:
        async with station(tmp_path, "KA1AA") as alfa:
            with running(home, "nohup") as bravo:
                await linked(alfa, "KA1BB")
                bravo.send_signal(signal.SIGHUP)
                bravo.send_signal(signal.SIGTERM)
                await ended(bravo)
                # By the second of the two: nobody minds the first.
                assert bravo.returncode == 0

    run(scenario())
