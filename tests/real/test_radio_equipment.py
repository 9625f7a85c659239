"""The senses for radio equipment at real things: Dire Wolf, rigctld, DNS-SD, ALSA, ports."""

import asyncio
import ctypes.util
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from bench.ports import free_port
from tests.real.test_tncs import announced
from tests.support import loops
from tests.support.dire_wolf import DireWolf, dire_wolves
from tests.support.rigs import dummy_rig, needs_rigctld

from meshdl.discovery.tncs import find_tncs
from meshdl.errors import RigUnavailable
from meshdl.ids import Callsign
from meshdl.station.radio.equipment import (
    Equipment,
    FoundRig,
    FoundTnc,
    Senses,
    list_serial_ports,
    look,
    port_answers,
    read_rig,
    real_senses,
)
from meshdl.station.radio.listening import Listener, OnAir
from meshdl.station.radio.recordings import read_recording
from meshdl.station.radio_config import RadioConfig
from meshdl.wire.ax25 import decode

pytestmark = pytest.mark.real

LIST_SOUND = """
import json
from meshdl.station.radio.equipment import list_sound_devices
print(json.dumps([(one.name, one.hears, one.plays) for one in list_sound_devices()]))
"""


def only(**chosen: Callable[..., object]) -> Senses:
    """The real senses, blind but for the chosen ones."""

    async def nobody() -> tuple[()]:
        return ()

    async def no_rig(port: int) -> tuple[int, str]:
        raise RigUnavailable(f"not asked at {port}")

    async def silent(_port: int) -> bool:
        return False

    blind = {"announced": nobody, "answers": silent, "rig": no_rig,
             "serial_ports": list, "sound_devices": list}  # fmt: skip
    return Senses(**(blind | chosen))  # type: ignore[arg-type]


def test_a_dire_wolf_of_this_machine_is_found_and_heard_without_keying_it(tmp_path: Path) -> None:
    async def scene(heard_by: DireWolf, sender: DireWolf) -> None:
        found = await look(only(answers=port_answers), kiss_port=heard_by.kiss_port)
        assert found.tncs == (FoundTnc(f"kiss-tcp:127.0.0.1:{heard_by.kiss_port}"),)
        radio = RadioConfig(modem=found.tncs[0].modem, mode="g3ruh-9600")
        receptions = Listener(radio, Callsign("KA1ABC")).receptions()
        await anext(receptions)  # up
        _, writer = await asyncio.open_connection("127.0.0.1", sender.kiss_port)
        aprs = bytes.fromhex("a8 8a a6 a8 40 40 e0 ae 84 64 9e a6 b4 ff 03 f0") + b">here I am"
        writer.write(b"\xc0\x00" + aprs + b"\xc0")
        async with asyncio.timeout(30):
            while not isinstance(heard := await anext(receptions), OnAir):
                pass
        assert decode(heard.captured.octets).info == b">here I am"
        await receptions.aclose()
        writer.close()
        assert heard_by.keyed() == []

    with dire_wolves(tmp_path, ["near", "far"]) as (near, far):
        loops.run(scene(near, far))


def test_a_port_at_which_nobody_is_does_not_answer() -> None:
    assert not loops.run(port_answers(free_port()))


@needs_rigctld
def test_a_rig_is_found_with_its_dial_and_never_keyed() -> None:
    with dummy_rig() as port:
        found = loops.run(look(only(rig=read_rig), rigctld_port=port))
        assert found.rigs == (FoundRig(f"127.0.0.1:{port}", 145_000_000, "FM"),)
    assert loops.run(look(only(rig=read_rig), rigctld_port=free_port())) == Equipment()


def test_a_tnc_that_announces_itself_is_found() -> None:
    async def scene() -> Equipment:
        async with announced("meshdl-test TNC"):
            return await look(only(announced=lambda: find_tncs(interfaces=["127.0.0.1"])))

    tncs = [one for one in loops.run(scene()).tncs if "meshdl-test" in one.name]
    assert tncs == [FoundTnc("kiss-tcp:192.0.2.7:8001", "meshdl-test TNC")]


@pytest.mark.skipif(os.name != "posix", reason="devices are files on POSIX")
def test_serial_ports_are_those_of_this_machine() -> None:
    for port in list_serial_ports():
        assert stat.S_ISCHR(Path(port.device).stat().st_mode)
    usb = {str(one) for one in Path("/dev").glob("ttyUSB*")}
    assert usb <= {os.path.realpath(port.device) for port in list_serial_ports()}


@pytest.mark.skipif(
    sys.platform != "linux" or ctypes.util.find_library("portaudio") is None,
    reason="ALSA is Linux's; PortAudio: apt-get install libportaudio2",
)
def test_sound_devices_are_those_that_the_system_has(tmp_path: Path) -> None:
    config = tmp_path / "asound.conf"
    config.write_text(
        "</usr/share/alsa/alsa.conf>\n"
        'pcm.meshdl_radio { type null hint { show on description "x" } }\n'
    )
    listed = subprocess.run(
        [sys.executable, "-c", LIST_SOUND], env=os.environ | {"ALSA_CONFIG_PATH": str(config)},
        capture_output=True, check=True, text=True,
    )  # fmt: skip
    assert ["meshdl_radio", True, True] in json.loads(listed.stdout.splitlines()[-1])


def test_all_real_senses_together_end_and_find_a_tnc_that_announces_itself() -> None:
    async def scene() -> Equipment:
        async with asyncio.timeout(60), announced("meshdl-test together"):
            while True:  # a busy machine may answer too late
                found = await look(real_senses(), kiss_port=free_port(), rigctld_port=free_port())
                if any(one.name == "meshdl-test together" for one in found.tncs):
                    return found

    found = loops.run(scene())
    assert found.rigs == ()
    assert all(": " in problem for problem in found.unseen)


@pytest.mark.skipif(
    shutil.which("gen_packets") is None, reason="Dire Wolf's: apt-get install direwolf"
)
@pytest.mark.parametrize("rate", [1200, 9600])
def test_packet_radio_of_a_recording_is_decoded_by_atest(tmp_path: Path, rate: int) -> None:
    recording = tmp_path / "packets.wav"
    subprocess.run(
        ["gen_packets", "-B", str(rate), "-n", "2", "-o", str(recording)],
        check=True, capture_output=True,
    )  # fmt: skip
    notes: list[str] = []
    found = list(read_recording(recording, notes.append))
    assert found
    frame = decode(found[0].captured.octets)
    assert (str(frame.source), str(frame.destination)) == ("WB2OSZ-15", "TEST")
    assert frame.info.startswith(b",The quick brown fox jumps over the lazy dog!  0001 of 0002")
    assert [one.captured.at for one in found] == sorted(one.captured.at for one in found)
    # At 44.1 kHz, which is told: FreeDV takes 8 and 48.
    assert ["44100 Hz" in note for note in notes] == [True]
