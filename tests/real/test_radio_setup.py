"""The wizard and the doctor at real things: a terminal, Dire Wolf, rigctld, a running station."""

import asyncio
import ctypes.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bench.ports import free_port
from click.testing import CliRunner
from tests.real.test_kiss_modem import fake_tnc
from tests.real.test_sound_card import DEVICES
from tests.real.test_sound_card import Station as SoundStation
from tests.support import loops
from tests.support.dire_wolf import DireWolf, dire_wolves
from tests.support.kiss_hub import kiss_hub
from tests.support.processes import until
from tests.support.rigs import dummy_rig, needs_rigctld

from meshdl.air import ModemUp
from meshdl.cli.main import meshdl
from meshdl.ids import Callsign
from meshdl.sim.audio_channel import AudioChannel
from meshdl.station import config_file
from meshdl.station.config import StationConfig
from meshdl.station.finding import Finding, Verdict
from meshdl.station.radio import doctor as radio_doctor
from meshdl.station.radio.listening import Listener, OnAir
from meshdl.station.radio_config import RadioConfig
from meshdl.transports.modems.freedv import FreedvSender
from meshdl.transports.modems.freedv_modes import FreedvMode
from meshdl.transports.modems.resampling import Interpolator
from meshdl.wire import ax25, kiss
from meshdl.wire.ax25 import Address

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.name != "posix", reason="terminals and signals are POSIX"),
]

needs_portaudio = pytest.mark.skipif(
    sys.platform != "linux" or ctypes.util.find_library("portaudio") is None,
    reason="ALSA is Linux's; PortAudio: apt-get install libportaudio2",
)

CHECK_SOUND = """
import asyncio
from meshdl.ids import Callsign
from meshdl.station.radio import doctor as radio_doctor
from meshdl.station.config import StationConfig
from meshdl.station.radio_config import RadioConfig

radio = RadioConfig(modem="freedv", audio_input="meshdl_in", audio_output="meshdl_out")

async def check():
    settings = StationConfig(callsign=Callsign("N0CALL"), radio=radio)
    async for one in radio_doctor.check_modem(settings, radio):
        print(one.verdict.value, one.subject, one.text)

asyncio.run(check())
"""

WITHIN_S = 60.0
HELLO = ax25.encode_ui(Address("N0BBB", 7), b">on the hill")
LAWFUL = (
    "--rules", "us-part97", "--class", "technician", "--control", "local",
    "--dial", "145.05", "--sideband", "fm",
)  # fmt: skip


def words(home: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "meshdl", "--home", str(home), *arguments]


async def typed(home: Path, *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command; nobody can be asked."""
    async with asyncio.timeout(WITHIN_S):
        line = ["--home", str(home), *arguments]
        result = await asyncio.to_thread(CliRunner().invoke, meshdl, line)
    return result.exit_code, result.stdout, result.stderr


async def until_shown(home: Path, text: str) -> None:
    """Return when the radio's status has it."""
    async with asyncio.timeout(WITHIN_S):
        while text not in (await typed(home, "radio", "status"))[1]:
            pass


class Terminal:
    """What somebody at a terminal sees and types."""

    def __init__(self, ours: int) -> None:
        self._ours = ours
        self.seen = ""

    async def until(self, text: str) -> None:
        """It appears, behind what was waited for before."""
        async with asyncio.timeout(WITHIN_S):
            while text not in self.seen:
                self.seen += (await asyncio.to_thread(os.read, self._ours, 65_536)).decode()
        self.seen = self.seen.split(text, 1)[1]

    async def answer(self, question: str, line: str) -> None:
        """Wait for a question, and type the answer."""
        await self.until(question)
        os.write(self._ours, f"{line}\n".encode())


@asynccontextmanager
async def terminal(
    home: Path, *arguments: str
) -> AsyncIterator[tuple[Terminal, asyncio.subprocess.Process]]:
    import pty  # not on Windows

    ours, theirs = pty.openpty()
    command = await asyncio.create_subprocess_exec(
        *words(home, *arguments), stdin=theirs, stdout=theirs, stderr=theirs,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "300"},
    )  # fmt: skip
    os.close(theirs)
    try:
        yield Terminal(ours), command
    finally:
        if command.returncode is None:
            command.kill()
            await command.wait()
        os.close(ours)


def test_an_operator_sets_up_a_dire_wolf_at_a_terminal_and_hears_somebody(tmp_path: Path) -> None:
    home = tmp_path / "home"

    async def scene(ours: DireWolf, other: DireWolf) -> None:
        async with terminal(home, "radio", "setup", "--listen", "3600") as (screen, command):
            await screen.answer("Callsign, as on your licence", "N0CALL-5")
            await screen.answer("Modem: a number", f"kiss-tcp:127.0.0.1:{ours.kiss_port}")
            await screen.answer("How does the TNC modulate", "g3ruh-9600")
            await screen.answer("Rules that you transmit under", "us-part97")
            await screen.answer("Licence class", "technician")
            await screen.answer("Control:", "local")
            await screen.answer("Control operator", "")
            await screen.answer("Dial in MHz", "433.5")
            await screen.answer("Sideband", "fm")
            await screen.until("LEGAL: call at 433.")
            await screen.until("Receive test")
            _, writer = await asyncio.open_connection("127.0.0.1", other.kiss_port)
            hearing = asyncio.create_task(screen.until("on the hill"))
            while not hearing.done():
                # Again and again: nobody tells when the test listens.
                writer.write(kiss.encode(HELLO))
                await asyncio.wait([hearing], timeout=2.0)
            await hearing
            writer.close()
            command.send_signal(signal.SIGINT)
            assert await command.wait() == 130
        assert ours.keyed() == []

    with dire_wolves(tmp_path, ["ours", "other"]) as (ours, other):
        loops.run(scene(ours, other))
    settings = config_file.load(home / "config.toml")
    assert settings.callsign == "N0CALL-5"
    assert settings.radio is not None
    assert (settings.radio.mode, settings.radio.dial_hz) == ("g3ruh-9600", 433_500_000)


@needs_portaudio
def test_the_receive_test_hears_freedv_by_a_sound_card(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "in.fifo")
    devices = tmp_path / "asound.conf"
    devices.write_text(DEVICES.format(out=tmp_path / "out.raw", into=tmp_path / "in.fifo"))
    sender = FreedvSender(FreedvMode.DATAC0)
    pause = np.zeros(4_000, np.int16)
    sound = np.concatenate([pause, *sender.burst([b"DE N0BBB"]), pause, pause])
    sender.close()
    with subprocess.Popen(
        words(tmp_path / "home", "radio", "setup", "--callsign", "N0CALL", "--modem", "freedv",
              "--audio-input", "meshdl_in", "--audio-output", "meshdl_out", "--listen", "3600",
              # Nobody is there; nobody is asked, for nothing is keyed.
              "--ptt", "rigctld", "--rigctld", f"127.0.0.1:{free_port()}"),
        env=os.environ | {"ALSA_CONFIG_PATH": str(devices), "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as command:  # fmt: skip
        screen = SoundStation(command, tmp_path)
        try:
            screen.hears(Interpolator().feed(AudioChannel(snr_db=8.0, seed=1).carry(sound)))
            until(lambda: any("N0BBB  identifies as N0BBB" in line for line in screen.lines),
                  "the burst is explained")  # fmt: skip
            assert any("Receive test: listening by freedv" in line for line in screen.lines)
            command.send_signal(signal.SIGINT)
            assert command.wait() == 130
        finally:
            screen.end()
    # Receiving keyed nothing and played nothing.
    assert (tmp_path / "out.raw").stat().st_size == 0


@needs_portaudio
def test_the_doctor_tells_the_level_of_a_sound_card(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "in.fifo")
    devices = tmp_path / "asound.conf"
    devices.write_text(DEVICES.format(out=tmp_path / "out.raw", into=tmp_path / "in.fifo"))
    with subprocess.Popen(
        [sys.executable, "-c", CHECK_SOUND],
        env=os.environ | {"ALSA_CONFIG_PATH": str(devices), "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as command:  # fmt: skip
        screen = SoundStation(command, tmp_path)
        try:
            until(lambda: any("sound" in line for line in screen.lines), "the level is told")
        finally:
            screen.end()
    assert screen.lines[0] == "OK modem freedv is there"
    assert screen.lines[1].startswith("OK sound good, peak -")


def test_a_tnc_that_is_not_there_is_told_and_the_settings_are_written(tmp_path: Path) -> None:
    modem = f"kiss-tcp:127.0.0.1:{free_port()}"
    setup = ("radio", "setup", "--callsign", "N0CALL", "--modem", modem, "--mode", "afsk-1200")
    code, out, err = asyncio.run(typed(tmp_path, *setup, "--listen", "3", "--json"))
    assert code == 69
    assert json.loads(out)["test"]["up"] is False
    assert f"no TNC at {modem.removeprefix('kiss-tcp:')}" in err
    radio = config_file.load(tmp_path / "config.toml").radio
    assert radio is not None
    assert radio.modem == modem


def test_a_running_station_is_shown_monitored_and_silenced(tmp_path: Path) -> None:
    async def scene() -> None:
        async with kiss_hub() as hub:
            modem = ("--modem", f"kiss-tcp:127.0.0.1:{hub.port}", "--mode", "afsk-1200")
            setup = await typed(
                tmp_path, "radio", "setup", "--callsign", "N0CALL", *modem, *LAWFUL, "--listen", "0"
            )
            assert setup[0] == 0
            text = (tmp_path / "config.toml").read_text()
            (tmp_path / "config.toml").write_text(
                text.replace("# enabled = true", "enabled = false")
            )
            up = await asyncio.create_subprocess_exec(
                *words(tmp_path, "up"), stderr=asyncio.subprocess.PIPE
            )
            try:
                async with asyncio.timeout(WITHIN_S):
                    while (shown := await typed(tmp_path, "radio", "status", "--json"))[0] or not (
                        json.loads(shown[1])["running"] and json.loads(shown[1])["modem"]
                    ):
                        pass
                assert json.loads(shown[1])["verdict"]["level"] == "LEGAL"
                again = await typed(tmp_path, "radio", "setup", "--power-w", "5")
                assert "The station has changed radio.power_w" in again[1]
                assert "Receive test" not in again[1]
                path = tmp_path / "config.toml"
                path.write_text(
                    path.read_text().replace("dial_hz = 145050000", "dial_hz = 146550000")
                )
                edited = await typed(tmp_path, "radio", "reload")
                assert "The station has changed radio.dial_hz" in edited[1]
                assert "Dial     146.550000 MHz fm" in edited[1]
                assert (
                    "Dial      146.550000 MHz fm" in (await typed(tmp_path, "radio", "status"))[1]
                )
                monitor = await asyncio.create_subprocess_exec(
                    *words(tmp_path, "radio", "monitor"),
                    stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
                )  # fmt: skip
                assert monitor.stdout is not None
                heard = asyncio.create_task(monitor.stdout.readline())
                async with asyncio.timeout(WITHIN_S):
                    while not heard.done():
                        hub.say(HELLO)
                        await asyncio.wait([heard], timeout=0.2)
                assert b"N0BBB-7 > " in heard.result()
                monitor.send_signal(signal.SIGINT)
                assert await monitor.wait() == 130
                assert (await typed(tmp_path, "radio", "off", "--reason", "test"))[0] == 0
                # A TNC has what it was given: a burst that was going out then still is.
                await until_shown(tmp_path, "Radio     silent: off")
                assert (await typed(tmp_path, "radio", "on"))[0] == 0
                await until_shown(tmp_path, "may transmit")
                declared = await typed(tmp_path, "radio", "emergency", "declare", "a test")
                assert declared[1].startswith("Emergency declared until ")
                ended = await typed(tmp_path, "radio", "emergency", "end")
                assert ended[1] == "No emergency is declared\n"
            finally:
                up.terminate()
                await up.communicate()

    asyncio.run(scene())


def test_what_a_tnc_hears_is_told_once_and_asked_of_its_port() -> None:
    others = [ax25.encode_ui(Address("N0BBB", ssid), b">hi") for ssid in (1, 2)]

    async def scene() -> tuple[int, list[bytes]]:
        async with asyncio.timeout(WITHIN_S / 2), fake_tnc() as tnc:
            radio = RadioConfig(
                modem=f"kiss-tcp:127.0.0.1:{tnc.port}", mode="afsk-1200", kiss_port=3
            )
            receptions = Listener(radio, Callsign("N0CALL")).receptions()
            assert isinstance(await anext(receptions), ModemUp)
            port = (await tnc.said.get()).port
            (await tnc.callers.get()).write(b"".join(kiss.encode(one, port=3) for one in others))
            heard = [await anext(receptions) for _ in others]
            await receptions.aclose()
        return port, [one.captured.octets for one in heard if isinstance(one, OnAir)]

    assert loops.run(scene()) == (3, others)


# The doctor.


async def examined(radio: RadioConfig) -> list[Finding]:
    settings = StationConfig(callsign=Callsign("N0CALL"), radio=radio)
    return [finding async for finding in radio_doctor.check_modem(settings, radio)]


def test_the_doctor_tells_a_tnc_that_is_there_from_one_that_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene() -> tuple[list[Finding], list[Finding]]:
        async with fake_tnc() as tnc:
            there = await examined(
                RadioConfig(modem=f"kiss-tcp:127.0.0.1:{tnc.port}", mode="afsk-1200")
            )
        gone = RadioConfig(modem=f"kiss-tcp:127.0.0.1:{free_port()}", mode="afsk-1200")
        monkeypatch.setattr(radio_doctor, "MODEM_WITHIN_S", 1.0)
        return there, await examined(gone)

    [there], [gone] = loops.run(scene())
    assert there.verdict is Verdict.OK
    assert gone.verdict is Verdict.FAIL
    assert "no TNC at 127.0.0.1" in gone.text


def test_the_doctor_finds_directories_of_recordings_missing(tmp_path: Path) -> None:
    radio = RadioConfig(modem=f"wav:{tmp_path}")
    [missing] = loops.run(examined(radio))
    assert missing.verdict is Verdict.FAIL
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
    [there] = loops.run(examined(radio))
    assert there.verdict is Verdict.OK


def test_the_doctor_tells_that_no_sound_device_is_there() -> None:
    radio = RadioConfig(modem="freedv", audio_input="no such device")
    [finding] = loops.run(examined(radio))
    assert finding.verdict is Verdict.FAIL
    assert finding.text.startswith("freedv: ")


@needs_rigctld
def test_the_doctor_compares_the_dial_of_a_real_rigctld() -> None:
    async def scene(port: int) -> list[Finding | None]:
        rig = RadioConfig(rigctld=f"127.0.0.1:{port}", ptt="rigctld")
        right, wrong = replace(rig, dial_hz=145_000_000), replace(rig, dial_hz=146_000_000)
        return [await radio_doctor.check_rig(one) for one in (right, wrong, RadioConfig())]

    with dummy_rig() as port:
        right, wrong, none = loops.run(scene(port))
    assert none is None
    assert right is not None
    assert wrong is not None
    assert (right.verdict, wrong.verdict) == (Verdict.OK, Verdict.WARN)
    gone = loops.run(radio_doctor.check_rig(RadioConfig(rigctld=f"127.0.0.1:{free_port()}")))
    assert gone is not None
    assert gone.verdict is Verdict.FAIL


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell")
def test_linux_tells_whether_the_clock_is_kept() -> None:
    assert radio_doctor.clock_is_kept() in {True, False}
