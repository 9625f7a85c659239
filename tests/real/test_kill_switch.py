"""The kill switch at a whole station that hangs with its transmitter on."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.support.child_wolves import Place, dire_wolves_at_home, places
from tests.support.processes import until
from tests.support.rigs import dummy_rig, keyed, needs_rigctld

from meshdl.cli import kill_switch
from meshdl.cli.main import meshdl
from meshdl.station.home import Home
from meshdl.station.radio import switch

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(180),
    pytest.mark.skipif(sys.platform != "linux", reason="the simulated air is made by ALSA"),
]

KEYED_WITHIN_S = 90.0
"""Python, Dire Wolf and the guards are started first, on a machine that may be busy."""


@contextmanager
def keying_station(directory: Path, place: Place, rig: int) -> Iterator[subprocess.Popen[bytes]]:
    """One in a process of its own, whose bursts take two seconds and more."""
    radio = {
        "modem": "direwolf",
        "mode": "afsk-1200",
        "audio_input": f"UDP:{place.wolf.audio_port}",
        "audio_output": place.wolf.name,
        "rigctld": f"127.0.0.1:{rig}",
        "ptt": "rigctld",
        "txdelay_ms": 2000,
        "rules": "us-part97",
        "licence_class": "technician",
        "control": "local",
        "duty_cycle_max": 1.0,
    }
    words = [sys.executable, "-m", "tests.support.keyed_whole_station"]
    with subprocess.Popen([*words, directory, json.dumps(radio)]) as station:
        try:
            yield station
        finally:
            station.kill()


@needs_rigctld
def test_a_station_that_hangs_with_ptt_on_is_ended_and_ptt_drops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kill_switch, "OFF_WITHIN_S", 0.3)
    with (
        places(tmp_path, monkeypatch, ["a"], baud=1200) as ([place], _),
        dummy_rig() as rig,
        keying_station(tmp_path, place, rig) as station,
    ):

        def hangs_keyed() -> bool:
            """Stopped in the middle of a burst; one that has just ended goes on to the next."""
            if not keyed(rig):
                return False
            os.kill(station.pid, signal.SIGSTOP)
            if keyed(rig):
                return True
            os.kill(station.pid, signal.SIGCONT)
            return False

        until(hangs_keyed, "the rig transmits", within_s=KEYED_WITHIN_S)
        home = tmp_path / "home"
        command = ["radio", "off", "--home", str(home), "--reason", "it hangs"]
        off = CliRunner().invoke(meshdl, command)
        assert off.exit_code == 0, off.output
        assert station.wait() == -signal.SIGKILL
        until(lambda: not keyed(rig), "PTT is off")
        until(lambda: dire_wolves_at_home(tmp_path) == [], "its Dire Wolf has ended")
        assert switch.off_because(Home(home).radio_off_file) == "operator: it hangs"
