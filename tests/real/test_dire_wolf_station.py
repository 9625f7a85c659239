"""Whole stations whose settings name a Dire Wolf of their own."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.support.child_wolves import AirEar, Place, dire_wolves_at_home, places
from tests.support.processes import until
from tests.support.stations import hash_of, make_file, run

from meshdl.control.content_status import ContentState
from meshdl.ids import Callsign
from meshdl.station import config_file
from meshdl.station.config import InternetConfig, LanConfig, StationConfig
from meshdl.station.home import Home
from meshdl.station.radio import modem as radio_modem
from meshdl.station.radio_config import RadioConfig
from meshdl.station.settings_edit import change_file
from meshdl.station.station import Station
from meshdl.transports.modems.tnc import G3RUH_9600

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(sys.platform != "linux", reason="the simulated air is made by ALSA"),
]

RADIO: dict[str, Any] = {
    "modem": "direwolf",
    "mode": "g3ruh-9600",
    "txdelay_ms": 100,
    "rules": "us-part97",
    "licence_class": "technician",
    "control": "local",
    "dial_hz": 1_294_000_000,
    "sideband": "fm",
    "duty_cycle_max": 1.0,
    "airtime_s_per_hour": 3600.0,
}
BLOCKS_OF_A_SECOND = 50


def station(place: Place, call: str, **radio: Any) -> Station:
    directory = place.wolf.directory
    config = StationConfig(
        callsign=Callsign(call),
        grid="FN42",
        download_directory=directory / call / "downloads",
        lan=LanConfig(enabled=False),
        internet=InternetConfig(peer_exchange=False),
        radio=RadioConfig(**settings_of(place, **radio)),
    )
    (directory / call).mkdir()
    return Station(config, home=Home(directory / call / "home"))


def settings_of(place: Place, **radio: Any) -> dict[str, Any]:
    sound = {"audio_input": f"UDP:{place.wolf.audio_port}", "audio_output": place.wolf.name}
    return RADIO | sound | radio


async def until_on_air(one: Station) -> None:
    async with asyncio.timeout(60):
        while not (await one.view.radio.status()).on_air:
            await asyncio.sleep(0.05)


def test_a_file_comes_by_radio_and_the_switch_ends_a_burst_in_the_middle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(radio_modem.WAVEFORMS, "g3ruh-9600", G3RUH_9600)
    small = make_file(tmp_path / "small.bin", 2_000)
    large = make_file(tmp_path / "large.bin", 30_000)

    async def scene(a: Place, b: Place, ear: AirEar) -> None:
        async with station(a, "N0AAA") as alfa, station(b, "N0BBB") as bravo:
            got = await bravo.download(hash_of(await alfa.share(small)), via="rf")
            assert got.state is ContentState.COMPLETE
            assert Path(got.location).read_bytes() == small.read_bytes()
            status = await alfa.view.radio.status()
            assert (status.modem, status.aborts_at_once) == ("G3RUH 9600", True)
            content = hash_of(await alfa.share(large))
            await bravo.view.download(content.hex(), via="rf")
            # Ten seconds and more of it, once it is more than calls.
            while True:
                await until_on_air(alfa)
                await asyncio.to_thread(ear.forget)
                if await asyncio.to_thread(ear.loud_blocks, BLOCKS_OF_A_SECOND) == (
                    BLOCKS_OF_A_SECOND
                ):
                    break
            await alfa.view.radio.switch_off(reason="storm")
            await asyncio.to_thread(ear.forget)
            # Identification follows, as the law has it, and nothing else.
            loud = await asyncio.to_thread(ear.loud_blocks, 4 * BLOCKS_OF_A_SECOND)
            assert loud < 2 * BLOCKS_OF_A_SECOND
        assert dire_wolves_at_home(tmp_path) == []

    with places(tmp_path, monkeypatch, ["a", "b"]) as ([a, b], ear):
        run(scene(a, b, ear))


def test_two_that_change_their_mode_in_a_download_go_on_with_the_symbols_that_they_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(radio_modem.WAVEFORMS, "g3ruh-9600", G3RUH_9600)
    source = make_file(tmp_path / "map.bin", 2_500)

    async def another_mode(one: Station, place: Place) -> None:
        path = one._home.config_file
        path.write_text(config_file.template(call=one._config.callsign, grid="FN42"))
        change_file(path, {"radio": settings_of(place, mode="g3ruh-9600")})
        told = await one.view.radio.reload()
        assert "radio.mode" in told.changed

    async def scene(a: Place, b: Place, _: AirEar) -> None:
        slow: dict[str, Any] = {"mode": "afsk-1200", "burst_max_s": 4.0}
        async with station(a, "N0AAA", **slow) as alfa, station(b, "N0BBB", **slow) as bravo:
            content = hash_of(await alfa.share(source))
            await bravo.view.download(content.hex(), via="rf")
            radio = bravo.radio
            assert radio is not None
            lacking = radio.contents.symbols_lacking
            async with asyncio.timeout(60):
                while not 0 < (lacking(content) or 0) < 50:
                    await asyncio.sleep(0.05)
            before = lacking(content)
            assert before is not None
            await asyncio.gather(another_mode(alfa, a), another_mode(bravo, b))
            after = lacking(content)
            assert after is None or after <= before
            got = await bravo.download(content, via="rf")
            assert Path(got.location).read_bytes() == source.read_bytes()
            assert (await bravo.view.radio.status()).modem == "G3RUH 9600"
            assert len(dire_wolves_at_home(tmp_path)) == 2

    with places(tmp_path, monkeypatch, ["a", "b"]) as ([a, b], ear):
        run(scene(a, b, ear))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_when_a_station_ends_its_dire_wolf_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: signal.Signals
) -> None:
    with places(tmp_path, monkeypatch, ["a"]) as ([a], _):
        home = tmp_path / "home"
        home.mkdir()
        (home / "config.toml").write_text(
            '[station]\ncallsign = "KA1ABC"\n[lan]\nenabled = false\n[radio]\nmodem = "direwolf"\n'
            f'audio_input = "UDP:{a.wolf.audio_port}"\naudio_output = "{a.wolf.name}"\n',
            encoding="utf-8",
        )
        command = [sys.executable, "-m", "meshdl"]
        environment = os.environ | {"MESHDL_HOME": str(home)}
        with subprocess.Popen([*command, "up"], env=environment) as process:
            try:
                until((home / "control.json").exists, "the station starts")

                def modem() -> object:
                    asked = [*command, "radio", "status", "--json"]
                    done = subprocess.run(asked, env=environment, capture_output=True, check=True)
                    return json.loads(done.stdout)["modem"]

                until(lambda: modem() == "AFSK 1200", "its modem is there")
                assert len(dire_wolves_at_home(tmp_path)) == 1
            finally:
                process.send_signal(how)
        until(lambda: dire_wolves_at_home(tmp_path) == [], "Dire Wolf is gone")
