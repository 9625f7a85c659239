"""``meshdl radio`` against a served station, and on a home where none runs."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.support.fake_radio import heard_frame, radio_of
from tests.support.fake_station import FakeStation

from meshdl.cli import kill_switch
from meshdl.cli.main import meshdl
from meshdl.control.radio_view import RadioVerdict
from meshdl.control.server import ControlServer
from meshdl.errors import ConfigError, StationNotRunning
from meshdl.ids import Callsign
from meshdl.station import config_file
from meshdl.station.home import Home
from meshdl.station.radio import switch as radio_switch
from meshdl.station.settings_edit import Value, change_file
from meshdl.wire import ax25, capture
from meshdl.wire.ax25 import Address
from meshdl.wire.capture import Captured, Framing

Run = Callable[..., Result]

LAWFUL: dict[str, Value] = {
    "rules": "us-part97",
    "licence_class": "general",
    "control": "local",
    "dial_hz": 145_050_000,
    "sideband": "fm",
    "modem": "kiss-tcp:127.0.0.1:9",
    "mode": "afsk-1200",
}
HELLO = Captured(
    at=1_790_000_000.0,
    framing=Framing.AX25,
    octets=ax25.encode_ui(Address("N0BBB", 7), b">on the hill"),
)
ID = Captured(at=1_790_000_060.0, framing=Framing.BARE, octets=b"DE N0BBB")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    made.create()
    made.config_file.write_text(config_file.template(call=Callsign("KA1ABC"), grid=None))
    return made


@pytest.fixture
def station() -> FakeStation:
    return FakeStation()


@pytest.fixture
def run(home: Home, station: FakeStation) -> Run:
    """Type a command line; the station is served meanwhile."""

    def invoke(*words: str) -> Result:
        async def whole() -> Result:
            async with ControlServer(station, home=home.directory):
                return await asyncio.to_thread(alone, home, *words)

        return asyncio.run(whole())

    return invoke


def alone(home: Home, *words: str) -> Result:
    """Type a command line with no station running."""
    return CliRunner().invoke(meshdl, ["--home", str(home.directory), "radio", *words])


def shown(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


# Status.


def test_status_tells_the_state_the_budget_and_the_verdict(run: Run, station: FakeStation) -> None:
    result = run("status")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "Radio     listening, may transmit",
        "Callsign  KA1ABC, local control, rules us-part97",
        "Modem     AFSK 1200",
        "Dial      145.050000 MHz fm",
        "Airtime   12 s of 900 s in the last hour",
        "ID        not due: nothing sent since the last one",
        "Verdict   LEGAL: call at 145.05 MHz (97.111(b)(2))",
    ]
    told = shown(run("status", "--json"))
    assert (told["running"], told["airtime_s"], told["verdict"]["level"]) == (True, 12.5, "LEGAL")


def test_a_modem_that_cannot_be_cut_short_is_told(run: Run, station: FakeStation) -> None:
    for at_once, line in (
        (False, "Modem     AFSK 1200 (when switched off, ends its burst first)"),
        (True, "Modem     AFSK 1200"),
    ):
        station.radio.shown = radio_of(aborts_at_once=at_once)
        assert line in run("status").stdout.splitlines()


def test_a_block_is_told_with_its_section_and_what_to_do(run: Run, station: FakeStation) -> None:
    blocked = RadioVerdict(
        level="BLOCKED", section="97.301(d)", reason="outside the privileges", remedy="tune away"
    )
    station.radio.shown = radio_of(verdict=blocked, on_air=True, modem=None, modem_problem="no TNC")
    lines = run("status").stdout.splitlines()
    assert "Radio     ON AIR" in lines
    assert "Modem     no TNC" in lines
    assert lines[-2:] == [
        "Verdict   BLOCKED: outside the privileges (97.301(d))",
        "Next      tune away",
    ]


def test_what_is_due_and_declared_is_told(run: Run, station: FakeStation) -> None:
    station.radio.shown = radio_of(
        identification_owed=True,
        identification_due_at=0.0,
        emergency_until=1_790_003_600.0,
        hold_off_until=1_790_000_060.0,
        waiting=3,
        fetching=("ab" * 32,),
        silent_because="off: interference\x1b[2J",
    )
    told = run("status").stdout
    for line in (
        "ID        due in 0:00",
        "Emergency declared until 2026-09-21 15:13:20Z",
        "Hold-off  routine traffic waits until 2026-09-21 14:14:20Z",
        "Waiting   3 to be sent",
        "Fetching  abababababab",
        "Radio     silent: off: interference",
    ):
        assert line in told
    assert "\x1b" not in told


def test_without_a_station_the_settings_are_judged(home: Home) -> None:
    change_file(home.config_file, {"radio": LAWFUL})
    told = shown(alone(home, "status", "--json"))
    assert told["running"] is False
    assert told["silent_because"] == "no station runs; start it with: meshdl up"
    assert (told["modem"], told["verdict"]["level"]) == ("AFSK 1200", "LEGAL")
    change_file(home.config_file, {"radio": {"dial_hz": 14_310_000, "sideband": "usb"}})
    lines = alone(home, "status").stdout.splitlines()
    assert any(line.startswith("Verdict   BLOCKED: ") and "97.305" in line for line in lines)
    assert lines[-1].startswith("Next      ")


def test_a_switch_that_is_off_blocks_the_verdict_without_a_station_too(home: Home) -> None:
    change_file(home.config_file, {"radio": LAWFUL})
    alone(home, "off", "--reason", "lightning")
    told = shown(alone(home, "status", "--json"))
    assert told["silent_because"] == "off: operator: lightning"
    assert (told["verdict"]["level"], told["verdict"]["remedy"]) == (
        "BLOCKED", "switch it on with: meshdl radio on",
    )  # fmt: skip


def test_what_is_not_stated_is_named_and_receives_only(home: Home) -> None:
    stated = {name: value for name, value in LAWFUL.items() if name != "control"}
    change_file(home.config_file, {"radio": stated})
    told = alone(home, "status").stdout
    assert "BLOCKED: receiving only: radio.control not set" in told


def test_a_home_without_a_radio_says_how_to_get_one(home: Home) -> None:
    assert (
        "none: there is no [radio] table; see: meshdl radio setup" in alone(home, "status").stdout
    )


def test_the_dial_of_a_rig_is_told_as_such(run: Run, station: FakeStation) -> None:
    station.radio.shown = radio_of(dial_of="rig")
    assert "Dial      145.050000 MHz fm, of the rig" in run("status").stdout.splitlines()


# Settings that are read again.


def test_a_reload_tells_what_changed_and_what_waits_for_a_restart(
    run: Run, station: FakeStation
) -> None:
    station.radio.reloads = ("radio.dial_hz", "radio.mode"), ("station.callsign",)
    result = run("reload")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "The station has changed radio.dial_hz, radio.mode",
        "Restart it for station.callsign",
        "Modem    AFSK 1200",
        "Dial     145.050000 MHz fm",
        "Verdict  LEGAL: call at 145.05 MHz (97.111(b)(2))",
    ]
    told = shown(run("reload", "--json"))
    assert (told["changed"], told["restart"]) == (
        ["radio.dial_hz", "radio.mode"], ["station.callsign"],
    )  # fmt: skip
    station.radio.reloads = (), ()
    assert "has these settings of the radio already" in run("reload").stdout


def test_a_reload_of_wrong_settings_or_without_a_station_is_an_error(
    run: Run, station: FakeStation, home: Home
) -> None:
    assert alone(home, "reload").exit_code == 69
    station.radio.failure = ConfigError("radio.dial_hz", "0 is not in 1..300000000000")
    result = run("reload")
    assert result.exit_code == 78
    assert "radio.dial_hz" in result.stderr


# The switch.


def test_off_and_on_reach_the_station(run: Run, station: FakeStation, home: Home) -> None:
    result = run("off", "--reason", "interference")
    assert (result.exit_code, result.stdout) == (0, "The radio is off: nothing is transmitted\n")
    assert shown(run("on", "--json")) == {"off": False, "running": True}
    assert station.radio.told == [("off", "interference"), ("on",)]
    # The station itself keeps the switch.
    assert not home.radio_off_file.exists()


def test_off_without_a_station_holds_for_the_next_start(home: Home) -> None:
    result = alone(home, "off", "--reason", "lightning")
    assert result.exit_code == 0
    assert "the next one starts so" in result.stdout
    assert radio_switch.off_because(home.radio_off_file) == "operator: lightning"
    assert shown(alone(home, "off", "--json")) == {
        "off": True, "running": False, "ended": None,
    }  # fmt: skip
    assert shown(alone(home, "on", "--json")) == {"off": False, "running": False}
    assert radio_switch.off_because(home.radio_off_file) is None


def test_off_is_remembered_and_alarming_when_the_station_does_not_answer(home: Home) -> None:
    with home.lock():
        result = alone(home, "off")
        assert result.exit_code == 69
        assert "THE TRANSMITTER MAY BE ON" in result.stderr
        assert radio_switch.off_because(home.radio_off_file) is not None
        again = alone(home, "on")
    assert again.exit_code == 69
    assert radio_switch.off_because(home.radio_off_file) is not None


def test_an_order_that_the_station_refuses_is_an_error(run: Run, station: FakeStation) -> None:
    station.radio.failure = ConfigError("radio", "there is none")
    for words in (("off",), ("on",), ("emergency", "declare", "flood"), ("emergency", "end")):
        result = run(*words)
        assert (result.exit_code, result.stdout) == (78, "")


def test_off_holds_for_the_next_start_even_if_this_station_has_no_radio(
    run: Run, station: FakeStation, home: Home
) -> None:
    station.radio.failure = ConfigError("radio", "there is none")
    assert run("off").exit_code == 78
    assert radio_switch.off_because(home.radio_off_file) == kill_switch.SWITCHED_OFF


def test_a_station_that_starts_meanwhile_is_silenced_too(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []

    async def switch_off(_home: Home, reason: str) -> bool:
        tries.append(reason)
        if len(tries) == 1:
            raise StationNotRunning("no station runs")
        return True

    monkeypatch.setattr(kill_switch, "ask", switch_off)
    with home.lock():
        assert shown(alone(home, "off", "--reason", "noise", "--json"))["running"] is True
    assert tries == ["noise", "noise"]


# Emergencies.


def test_an_emergency_is_declared_for_a_time_and_ended(run: Run, station: FakeStation) -> None:
    result = run("emergency", "declare", "flood on Main Street", "--hours", "0.5")
    assert result.stdout == "Emergency declared until 2026-09-21 15:13:20Z\n"
    assert run("emergency", "end").stdout == "No emergency is declared\n"
    assert station.radio.told == [("emergency", "flood on Main Street", 1800.0), ("end",)]
    assert shown(run("emergency", "end", "--json")) == {"emergency_until": None}


def test_an_emergency_needs_a_reason_and_an_end(run: Run, station: FakeStation) -> None:
    assert run("emergency", "declare", " ").exit_code == 64
    assert run("emergency", "declare", "flood", "--hours", "25").exit_code == 64
    assert run("emergency", "declare", "flood", "--hours", "0").exit_code == 64
    assert station.radio.told == []


def test_an_emergency_cannot_be_declared_to_nobody(home: Home) -> None:
    assert alone(home, "emergency", "declare", "flood").exit_code == 69


# The monitor.


def written(path: Path, *frames: Captured) -> Path:
    path.write_bytes(capture.encode_head() + b"".join(map(capture.encode, frames)))
    return path


def test_a_recording_is_explained_frame_by_frame(home: Home, tmp_path: Path) -> None:
    recording = str(written(tmp_path / "air.pcapng", HELLO, ID))
    result = alone(home, "monitor", "--read", recording)
    first, second = result.stdout.splitlines()
    assert first.startswith("14:13:20Z  N0BBB-7 > ")
    assert "on the hill" in first
    assert second == "14:14:20Z  N0BBB  identifies as N0BBB"
    told = [
        json.loads(line)
        for line in alone(home, "monitor", "--read", recording, "--json").stdout.splitlines()
    ]
    assert [(one["type"], one["kind"], one["source"]) for one in told] == [
        ("heard", "aprs", "N0BBB-7"), ("heard", "identification", "N0BBB"),
    ]  # fmt: skip


def test_a_recording_is_written_again_as_it_was_and_gone_on_with(
    home: Home, tmp_path: Path
) -> None:
    recording = str(written(tmp_path / "air.pcapng", HELLO, ID))
    copy = tmp_path / "copy.pcapng"
    for _ in range(2):
        assert alone(home, "monitor", "--read", recording, "--write", str(copy)).exit_code == 0
    decoder = capture.Decoder()
    assert decoder.feed(copy.read_bytes()) == [HELLO, ID, HELLO, ID]
    decoder.end()


def test_what_is_no_recording_or_cannot_be_written_is_an_error(home: Home, tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("hello")
    assert alone(home, "monitor", "--read", str(tmp_path / "x.txt")).exit_code == 66
    damaged = written(tmp_path / "cut.pcapng", HELLO)
    damaged.write_bytes(damaged.read_bytes()[:-2])
    assert alone(home, "monitor", "--read", str(damaged)).exit_code == 65
    notes = tmp_path / "x.txt"
    assert alone(home, "monitor", "--read", str(damaged), "--write", str(notes)).exit_code == 73
    assert notes.read_text() == "hello"
    nowhere = str(tmp_path / "none" / "x.pcapng")
    assert alone(home, "monitor", "--read", str(damaged), "--write", nowhere).exit_code == 74


def test_what_the_station_hears_is_shown_and_kept(
    home: Home, station: FakeStation, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.pcapng"
    theirs = heard_frame(line="12:00:00Z  N0BBB > QST  hi\x1b[2J", octets=HELLO.octets)
    ours = heard_frame(line="12:00:01Z  KA1ABC  CQ", octets=b"DE KA1ABC", ours=True)

    async def whole() -> Result:
        async with ControlServer(station, home=home.directory):
            typed = asyncio.create_task(
                asyncio.to_thread(alone, home, "monitor", "--seconds", "3600", "--write", str(copy))
            )
            async with asyncio.timeout(20):
                while not station.radio.feed.watched:
                    await asyncio.sleep(0.01)
            station.radio.feed.publish(theirs)
            station.radio.feed.publish(ours)
            async with asyncio.timeout(20):
                while b"DE KA1ABC" not in copy.read_bytes():
                    await asyncio.sleep(0.01)
            station.radio.feed.close()
            return await typed

    result = asyncio.run(whole())
    assert result.stdout.splitlines() == [
        "12:00:00Z  N0BBB > QST  hi\N{REPLACEMENT CHARACTER}[2J",
        "12:00:01Z  KA1ABC  CQ  (ours)",
    ]
    kept = capture.Decoder().feed(copy.read_bytes())
    assert [(one.framing, one.octets) for one in kept] == [
        (Framing.AX25, HELLO.octets), (Framing.BARE, b"DE KA1ABC"),
    ]  # fmt: skip
    assert result.exit_code == 69  # the station went away


def test_the_monitor_ends_after_the_seconds_it_was_given(run: Run) -> None:
    result = run("monitor", "--seconds", "0.05")
    assert (result.exit_code, result.stdout) == (0, "")


def test_a_home_without_a_radio_cannot_listen(home: Home, run: Run, station: FakeStation) -> None:
    assert alone(home, "monitor").exit_code == 78
    station.radio.shown = radio_of(enabled=False)
    assert run("monitor").exit_code == 78


def test_the_switch_waits_for_no_library_of_sound_or_arithmetic(home: Home) -> None:
    script = (
        "import sys; from click.testing import CliRunner; from meshdl.cli.main import meshdl;"
        f"CliRunner().invoke(meshdl, ['--home', {str(home.directory)!r}, 'radio', 'off']);"
        "print(sorted({'numpy', 'zeroconf', 'zstandard', 'webrtc'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
    assert home.radio_off_file.exists()
