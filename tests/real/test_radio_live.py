"""Whole stations whose operator changes settings, tunes the rig, or edits a file meanwhile."""

import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.support.kiss_hub import KissHub, kiss_hub
from tests.support.radio_stations import fast_tncs, radio_station
from tests.support.rigs import dummy_rig, needs_rigctld
from tests.support.stations import hash_of, make_file, run, until, until_state

from meshdl.cli import kill_switch
from meshdl.control.client import ControlClient
from meshdl.control.content_status import ContentState
from meshdl.control.radio_view import RadioStatus
from meshdl.errors import ConfigError
from meshdl.ids import Callsign
from meshdl.radio.transfer import calling
from meshdl.signal_server.server import SignalServer
from meshdl.signal_server.settings import ServerSettings
from meshdl.station import config_file
from meshdl.station.config import InternetConfig, StationConfig
from meshdl.station.home import Home
from meshdl.station.radio import room
from meshdl.station.settings_edit import change_file
from meshdl.station.station import Station
from meshdl.transports.modems.rigctld import Rigctld, RigMode
from meshdl.wire import ax25

pytestmark = pytest.mark.real

LAWFUL_HZ, FORBIDDEN_HZ = 1_294_000_000, 1_350_000_000


@pytest.fixture(autouse=True)
def tncs_are_fast() -> Iterator[None]:
    with fast_tncs():
        yield


def home_of(directory: Path, call: str) -> Path:
    return directory / call / "home"


def write_settings(directory: Path, call: str, **radio: Any) -> None:
    """What stands in the station's file; those of :func:`radio_station` unless told otherwise."""
    path = home_of(directory, call) / "config.toml"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(config_file.template(call=Callsign(call), grid="FN42"))
        (directory / call / "downloads").mkdir(exist_ok=True)
        change_file(
            path,
            {
                "station": {"download_directory": str(directory / call / "downloads")},
                "lan": {"enabled": False},
                "internet": {"peer_exchange": False},
            },
        )
    change_file(path, {"radio": radio})


def settings_of(directory: Path, call: str, port: int, **radio: Any) -> None:
    """The same settings in the file as the station was started with, and these."""
    config = radio_station(directory, call, port)._config.radio
    assert config is not None
    names = (
        "rules", "licence_class", "control", "dial_hz", "sideband", "modem", "mode", "txdelay_ms",
        "txtail_ms", "slot_time_ms", "persistence", "duty_cycle_max", "airtime_s_per_hour",
    )  # fmt: skip
    write_settings(directory, call, **({name: getattr(config, name) for name in names} | radio))


async def status(station: Station) -> RadioStatus:
    return await station.view.radio.status()


def from_call(hub: KissHub, call: str) -> list[bytes]:
    return [frame.info for frame in map(ax25.decode, hub.heard) if str(frame.source) == call]


async def until_heard(hub: KissHub, frames: int) -> None:
    async def enough() -> bool:
        return len(hub.heard) >= frames

    await until(enough)


def test_another_modem_takes_over_in_a_download_and_what_was_heard_counts(tmp_path: Path) -> None:
    source = make_file(tmp_path / "map.bin", 60_000)

    async def scenario() -> None:
        async with (
            kiss_hub() as first,
            kiss_hub() as second,
            radio_station(tmp_path, "N0AAA", first.port) as alfa,
            radio_station(tmp_path, "N0CCC", second.port) as charlie,
            radio_station(tmp_path, "N0BBB", first.port) as bravo,
            ControlClient(home_of(tmp_path, "N0BBB")) as client,
        ):
            content = hash_of(await alfa.share(source))
            await charlie.share(source)
            first.loses = lambda _: len(first.heard) > 150
            await bravo.view.download(content.hex(), via="rf")
            await until_heard(first, 151)
            asked = len(from_call(first, "N0BBB"))
            # Once it asks again, it has taken in whatever reached it.
            await until(lambda: _true(len(from_call(first, "N0BBB")) > asked))
            settings_of(tmp_path, "N0BBB", second.port, dial_hz=1_293_000_000)
            told = await client.radio.reload()
            assert told.changed == ("radio.dial_hz", "radio.modem")
            assert told.status.dial_hz == 1_293_000_000

            # Our callsign is the last thing that the first channel hears of us.
            await until(lambda: _true(b"N0BBB" in from_call(first, "N0BBB")[-1]))
            ours = from_call(first, "N0BBB")
            got = await until_state(bravo, content, ContentState.COMPLETE)
            assert Path(got.location).read_bytes() == source.read_bytes()
            assert from_call(first, "N0BBB") == ours
            assert len(from_call(second, "N0CCC")) < 150, "most of it was here already"

    run(scenario())


def test_a_radio_that_only_received_transmits_once_the_operator_states_what_the_law_asks(
    tmp_path: Path,
) -> None:
    source = make_file(tmp_path / "map.bin", 1_000)
    unstated: dict[str, Any] = {"rules": "", "licence_class": "", "control": "", "dial_hz": None}

    async def scenario() -> None:
        async with (
            kiss_hub() as hub,
            radio_station(tmp_path, "N0AAA", hub.port) as alfa,
            radio_station(tmp_path, "N0BBB", hub.port, **unstated) as bravo,
            ControlClient(home_of(tmp_path, "N0BBB")) as client,
        ):
            content = hash_of(await alfa.share(source))
            await bravo.view.download(content.hex(), via="rf")
            assert (await status(bravo)).silent_because.startswith("receiving only")
            settings_of(tmp_path, "N0BBB", hub.port)
            told = await client.radio.reload()
            assert set(told.changed) == {
                "radio.rules", "radio.licence_class", "radio.control", "radio.dial_hz",
            }  # fmt: skip
            # The same modem; what was refused a moment ago is asked for by itself.
            await until_state(bravo, content, ContentState.COMPLETE)

    run(scenario())


def test_settings_that_are_wrong_change_nothing_and_say_what_is_wrong(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            kiss_hub() as hub,
            radio_station(tmp_path, "N0BBB", hub.port) as bravo,
            ControlClient(home_of(tmp_path, "N0BBB")) as client,
        ):

            async def up() -> bool:
                return (await status(bravo)).modem is not None

            await until(up)
            before = await status(bravo)
            settings_of(tmp_path, "N0BBB", hub.port, licence_class="captain")
            with pytest.raises(ConfigError, match="captain"):
                await client.radio.reload()
            settings_of(tmp_path, "N0BBB", hub.port, rules="mine.toml")
            with pytest.raises(ConfigError, match=r"mine\.toml"):
                await client.radio.reload()
            broken = home_of(tmp_path, "N0BBB") / "mine.toml"
            broken.write_text("[licensing]\n")
            with pytest.raises(ConfigError):
                await client.radio.reload()
            (home_of(tmp_path, "N0BBB") / "config.toml").write_text("[radio\n")
            with pytest.raises(ConfigError, match="no TOML"):
                await client.radio.reload()
            after = await status(bravo)
            assert (after.dial_hz, after.rules) == (before.dial_hz, before.rules)
            assert after.verdict == before.verdict

    run(scenario())


def test_what_waits_for_a_restart_is_named(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            kiss_hub() as hub,
            radio_station(tmp_path, "N0BBB", hub.port),
            ControlClient(home_of(tmp_path, "N0BBB")) as client,
        ):
            settings_of(tmp_path, "N0BBB", hub.port)
            path = home_of(tmp_path, "N0BBB") / "config.toml"
            change_file(path, {"station": {"callsign": "N0BBB-7"}, "limits": {"upload_slots": 3}})
            told = await client.radio.reload()
            assert told.changed == ()
            assert told.restart == ("station.callsign", "limits.upload_slots")
            assert told.status.callsign == "N0BBB"

    run(scenario())


def test_a_station_without_a_radio_gets_one_while_it_runs_and_shares_what_it_has(
    tmp_path: Path,
) -> None:
    source = make_file(tmp_path / "map.bin", 20_000)

    async def scenario() -> None:
        async with kiss_hub() as hub, radio_station(tmp_path, "N0BBB", hub.port) as bravo:
            settings_of(tmp_path, "N0AAA", hub.port)
            config = config_file.load(home_of(tmp_path, "N0AAA") / "config.toml")
            deaf = StationConfig(
                callsign=config.callsign,
                grid=config.grid,
                download_directory=config.download_directory,
                lan=config.lan,
                internet=config.internet,
            )
            async with (
                Station(deaf, home=radio_station(tmp_path, "N0AAA", 1)._home) as alfa,
                ControlClient(home_of(tmp_path, "N0AAA")) as client,
            ):
                content = hash_of(await alfa.share(source))
                assert not (await client.radio.status()).enabled
                told = await client.radio.reload()
                assert told.status.enabled
                assert "radio.modem" in told.changed
                got = await bravo.download(content, via="rf")
                assert got.state is ContentState.COMPLETE
                # The name comes by the record, which was there before the radio.
                assert got.title == "map.bin"
            # It signs off when the station ends, as any other.
            await until(lambda: _true(b"N0AAA" in from_call(hub, "N0AAA")[-1]))

    run(scenario())


def test_less_is_offered_from_the_moment_on_that_the_settings_say_so(tmp_path: Path) -> None:
    async def scenario() -> list[int]:
        async with (
            kiss_hub() as hub,
            radio_station(tmp_path, "N0AAA", hub.port) as alfa,
            ControlClient(home_of(tmp_path, "N0AAA")) as client,
        ):
            for octets in (100, 5_000):
                await alfa.share(make_file(tmp_path / f"{octets}.bin", octets))
            offered = []
            for limit in (1_000, 0, 10_000):
                settings_of(tmp_path, "N0AAA", hub.port, share_max_octets=limit)
                await client.radio.reload()
                assert alfa.radio is not None
                served = [one for one in alfa.radio.shell.core.transfer.contents if one.served]
                offered.append(len(served))
            return offered

    assert run(scenario()) == [1, 0, 2]


def test_a_cq_says_whether_the_station_reaches_others_by_the_internet_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "LOOK_EVERY_S", 0.02)
    monkeypatch.setattr(calling, "FIRST_WITHIN_S", 0.1)

    async def scenario() -> None:
        async with (
            kiss_hub() as hub,
            radio_station(tmp_path, "N0BBB", hub.port) as bravo,
            AsyncExitStack() as stack,
        ):

            async def heard(gateway: bool) -> bool:
                await alfa.view.radio.switch_on()  # it calls anew
                stations = (await status(bravo)).stations
                return [one.gateway for one in stations] == [gateway]

            async with SignalServer(ServerSettings(port=0)) as server:
                internet = InternetConfig(servers=(f"ws://127.0.0.1:{server.port}",))
                alfa = await stack.enter_async_context(
                    radio_station(tmp_path, "N0AAA", hub.port, internet=internet)
                )
                await until(lambda: heard(True))
            await until(lambda: heard(False))

    run(scenario())


@needs_rigctld
def test_a_station_follows_the_dial_of_its_rig_and_is_silent_where_it_may_not_be(
    tmp_path: Path,
) -> None:
    source = make_file(tmp_path / "map.bin", 1_000)

    async def scenario(port: int) -> None:
        rig = Rigctld(port=port)
        await rig.tune(FORBIDDEN_HZ)
        await rig.set_mode(RigMode("FM", 15_000))
        async with (
            kiss_hub() as hub,
            radio_station(tmp_path, "N0AAA", hub.port) as alfa,
            radio_station(tmp_path, "N0BBB", hub.port, rigctld=f"127.0.0.1:{port}") as bravo,
        ):
            content = hash_of(await alfa.share(source))

            async def where(dial_hz: int) -> bool:
                now = await status(bravo)
                return (now.dial_hz, now.dial_of, now.silent_because) == (dial_hz, "rig", "")

            await until(lambda: where(FORBIDDEN_HZ))
            verdict = (await status(bravo)).verdict
            assert verdict is not None
            assert (verdict.level, verdict.section[:6]) == ("BLOCKED", "97.301")
            await bravo.view.download(content.hex(), via="rf")
            bravos = bravo.radio
            assert bravos is not None
            await until(lambda: _true(bool(bravos.contents.failures)))
            assert from_call(hub, "N0BBB") == []
            # The operator turns the knob, and nobody tells the station.
            await rig.tune(LAWFUL_HZ)
            await until_state(bravo, content, ContentState.COMPLETE)
            await rig.set_mode(RigMode("CW", 500))

            async def in_cw() -> bool:
                return "the rig is in CW" in (await status(bravo)).silent_because

            await until(in_cw)
        await rig.close()

    with dummy_rig() as port:
        run(scenario(port))


@needs_rigctld
def test_a_rig_that_does_not_answer_is_silence_with_the_reason_until_it_does(
    tmp_path: Path,
) -> None:
    source = make_file(tmp_path / "map.bin", 1_000)

    async def scenario() -> None:
        with dummy_rig() as port:
            await _tune(port, LAWFUL_HZ)
            async with kiss_hub() as hub, radio_station(tmp_path, "N0AAA", hub.port) as alfa:
                content = hash_of(await alfa.share(source))
                async with radio_station(
                    tmp_path, "N0BBB", hub.port, rigctld=f"127.0.0.1:{port}"
                ) as bravo:

                    async def silent() -> bool:
                        return "rigctld at" in (await status(bravo)).silent_because

                    async def speaks() -> bool:
                        return (await status(bravo)).silent_because == ""

                    await until(speaks)
                    with dummy_rig() as other:
                        await _tune(other, LAWFUL_HZ)
                        settings_of(tmp_path, "N0BBB", hub.port, rigctld=f"127.0.0.1:{other}")
                        await bravo.view.radio.reload()
                        await until(speaks)
                    await until(silent)
                    heard = len(from_call(hub, "N0BBB"))
                    await bravo.view.download(content.hex(), via="rf")
                    await until(silent)
                    assert len(from_call(hub, "N0BBB")) == heard
                    settings_of(tmp_path, "N0BBB", hub.port, rigctld=f"127.0.0.1:{port}")
                    await bravo.view.radio.reload()
                    await until_state(bravo, content, ContentState.COMPLETE)

    run(scenario())


async def _tune(port: int, dial_hz: int) -> None:
    rig = Rigctld(port=port)
    await rig.tune(dial_hz)
    await rig.set_mode(RigMode("FM", 15_000))
    await rig.close()


async def _true(fact: bool) -> bool:
    return fact


def test_the_kill_switch_ends_a_station_that_hangs_and_the_next_start_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kill_switch, "OFF_WITHIN_S", 0.3)

    async def scenario() -> None:
        async with kiss_hub() as hub:
            station = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.support.radio_stations",
                str(tmp_path), "N0BBB", str(hub.port), stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            assert station.stdout is not None
            assert await station.stdout.readline() == b"up\n"
            station.send_signal(signal.SIGSTOP)
            home = Home(home_of(tmp_path, "N0BBB"))
            done = await asyncio.to_thread(kill_switch.silence, home, "it hangs")
            assert done == kill_switch.Silenced(running=False, ended=station.pid)
            assert await station.wait() == -signal.SIGKILL
            async with radio_station(tmp_path, "N0BBB", hub.port) as again:
                assert (await status(again)).silent_because == "off: operator: it hangs"

    run(scenario())
