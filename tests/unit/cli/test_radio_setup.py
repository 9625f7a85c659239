"""``meshdl radio setup``: what it asks, what it writes, and what it never guesses."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from meshdl.cli import radio_questions, radio_setup
from meshdl.cli.main import meshdl
from meshdl.cli.receive_test import ReceiveTest, what_to_check
from meshdl.station.radio.equipment import (
    Equipment,
    FoundPort,
    FoundRig,
    FoundSound,
    FoundTnc,
)
from meshdl.station.radio_config import RadioConfig
from meshdl.transports.modems.levels import Verdict

TNC = FoundTnc("kiss-tcp:127.0.0.1:8001")
RIG = FoundRig("127.0.0.1:4532", 14_103_000, "PKTUSB")
EVERYTHING = Equipment(
    tncs=(TNC, FoundTnc("kiss-tcp:192.0.2.7:8001", "Dire Wolf on hill\x1b[2J")),
    rigs=(RIG,),
    serial_ports=(FoundPort("/dev/ttyUSB0", "ACME TNC"),),
    sound_devices=(FoundSound("USB Audio", True, True), FoundSound("HDMI", False, True)),
)
LAWFUL = (
    "--rules", "us-part97", "--class", "general", "--control", "local",
    "--dial", "145.05", "--sideband", "fm",
)  # fmt: skip

Setup = Callable[..., Result]


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Equipment]:
    """What there is to be found: the last one."""
    there = [Equipment()]

    async def look() -> Equipment:
        return there[-1]

    monkeypatch.setattr(radio_setup, "look", look)
    return there


@pytest.fixture
def setup(tmp_path: Path, found: list[Equipment], monkeypatch: pytest.MonkeyPatch) -> Setup:
    """Run it, with what is typed at the questions; without that nobody is asked."""

    def run(*options: str, typed: tuple[str, ...] | None = None) -> Result:
        monkeypatch.setattr(radio_setup, "interactive", lambda: typed is not None)
        words = ["--home", str(tmp_path), "radio", "setup", "--listen", "0", *options]
        return CliRunner().invoke(meshdl, words, input="".join(f"{line}\n" for line in typed or ()))

    return run


def written(tmp_path: Path) -> dict[str, Any]:
    document = tomllib.loads((tmp_path / "config.toml").read_text())
    radio: dict[str, Any] = document["radio"]
    return radio


def test_options_alone_make_a_home_and_write_the_table(setup: Setup, tmp_path: Path) -> None:
    result = setup("--callsign", "ka1abc-7", "--modem", "kiss-tcp:127.0.0.1:8001",
                   "--mode", "afsk-1200", *LAWFUL)  # fmt: skip
    assert result.exit_code == 0, result.output
    assert written(tmp_path) == {
        "modem": "kiss-tcp:127.0.0.1:8001", "mode": "afsk-1200", "rules": "us-part97",
        "licence_class": "general", "control": "local", "dial_hz": 145_050_000, "sideband": "fm",
    }  # fmt: skip
    assert "Verdict  LEGAL: call at 145.0421-145.0579 MHz" in result.stdout
    assert (tmp_path / "station.key").exists()


def test_json_tells_what_was_written_and_the_verdict(setup: Setup, tmp_path: Path) -> None:
    result = setup("--callsign", "N0CALL", "--modem", "freedv", *LAWFUL, "--json")
    [line] = result.stdout.splitlines()
    told = json.loads(line)
    assert told["radio"]["dial_hz"] == 145_050_000
    assert (told["status"]["verdict"]["level"], told["test"]) == ("LEGAL", None)
    assert told["config"] == str(tmp_path / "config.toml")


@pytest.mark.parametrize("left_out", ["--rules", "--class", "--control", "--dial"])
def test_nothing_that_the_law_asks_for_is_guessed(
    setup: Setup, tmp_path: Path, left_out: str
) -> None:
    at = LAWFUL.index(left_out)
    stated = LAWFUL[:at] + LAWFUL[at + 2 :]
    result = setup("--callsign", "N0CALL", "--modem", "freedv", *stated)
    assert result.exit_code == 0
    assert "Verdict  BLOCKED: receiving only: " in result.stdout
    assert len(written(tmp_path)) == len(stated) // 2 + 1


def test_a_dial_without_its_sideband_is_not_taken(setup: Setup, tmp_path: Path) -> None:
    result = setup("--callsign", "N0CALL", "--modem", "freedv", "--dial", "14.103")
    assert (result.exit_code, "--sideband" in result.stderr) == (64, True)
    assert not (tmp_path / "config.toml").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--modem", "soundmodem"), "radio.modem"),
        (("--modem", "kiss-tcp:h:1"), "does not tell"),
        (("--rules", "atlantis"), "no rules named"),
        (("--rules", "us-part97", "--class", "captain"), "knows no 'captain'"),
        (("--control", "nobody"), "radio.control"),
        (("--callsign", "no call"), "station.callsign"),
    ],
)
def test_a_wrong_answer_writes_nothing(
    setup: Setup, tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    assert setup("--callsign", "N0CALL", "--power-w", "5").exit_code == 0
    before = (tmp_path / "config.toml").read_bytes()
    result = setup(*options)
    assert (result.exit_code, words in result.stderr) == (78, True), result.output
    assert (tmp_path / "config.toml").read_bytes() == before


@pytest.mark.parametrize("text", ["", "x", "nan", "inf", "-1", "0", "14.1030001", "1e30"])
def test_what_is_no_dial_is_refused(setup: Setup, text: str) -> None:
    result = setup("--callsign", "N0CALL", "--dial", text, "--sideband", "usb")
    assert result.exit_code == 64


def test_a_dial_is_exact_to_the_hertz() -> None:
    assert [radio_questions.hertz(text) for text in ("14.1", "7.0351", "144.390001")] == [
        14_100_000, 7_035_100, 144_390_001,
    ]  # fmt: skip


def test_with_no_answer_and_nobody_to_ask_it_shows_what_there_is(
    setup: Setup, tmp_path: Path, found: list[Equipment]
) -> None:
    found.append(EVERYTHING)
    result = setup()
    assert result.exit_code == 0
    assert "kiss-tcp:127.0.0.1:8001  (something answers at the usual port" in result.stdout
    assert "127.0.0.1:4532  (14.103000 MHz, PKTUSB)" in result.stdout
    assert "\x1b" not in result.stdout
    assert list(tmp_path.iterdir()) == []
    assert json.loads(setup("--json").stdout)["serial_ports"] == [
        {"device": "/dev/ttyUSB0", "name": "ACME TNC"}
    ]


def test_the_wizard_asks_for_a_tnc_and_what_the_law_asks(
    setup: Setup, tmp_path: Path, found: list[Equipment]
) -> None:
    found.append(Equipment(tncs=(TNC,)))
    result = setup(
        typed=("n0call", "", "psk31", "afsk-1200", "us-part97", "captain", "technician", "local",
               "", "145.05", "fm")
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "'psk31' is none of afsk-1200, g3ruh-9600" in result.stderr
    assert "'captain' is none of novice, technician" in result.stderr
    assert written(tmp_path) == {
        "modem": "kiss-tcp:127.0.0.1:8001", "mode": "afsk-1200", "rules": "us-part97",
        "licence_class": "technician", "control": "local", "dial_hz": 145_050_000,
        "sideband": "fm",
    }  # fmt: skip


def test_the_wizard_understands_what_tired_people_type(
    setup: Setup, tmp_path: Path, found: list[Equipment]
) -> None:
    found.append(Equipment(tncs=(TNC,)))
    result = setup(
        typed=("n0call", "9", "1", "1200", "us-part97", "Technician", "LOCAL", "ka1abc", "145.05",
               "FM")
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "there is no number 9 in the list" in result.stderr
    assert written(tmp_path) == {
        "modem": "kiss-tcp:127.0.0.1:8001", "mode": "afsk-1200", "rules": "us-part97",
        "licence_class": "technician", "control": "local", "control_operator": "KA1ABC",
        "dial_hz": 145_050_000, "sideband": "fm",
    }  # fmt: skip
    document = tomllib.loads((tmp_path / "config.toml").read_text())
    assert document["station"]["callsign"] == "N0CALL"


def test_options_are_understood_as_answers_are(setup: Setup, tmp_path: Path) -> None:
    result = setup("--callsign", "n0call", "--modem", "kiss-tcp:h:1", "--mode", "9600",
                   "--rules", "us-part97", "--class", "General", "--control", "Local",
                   "--dial", "433.0", "--sideband", "FM")  # fmt: skip
    assert result.exit_code == 0, result.output
    radio = written(tmp_path)
    stated = [radio[name] for name in ("mode", "licence_class", "control", "sideband")]
    assert stated == ["g3ruh-9600", "general", "local", "fm"]


def test_what_cannot_be_chosen_any_more_is_not_listed(setup: Setup, found: list[Equipment]) -> None:
    found.append(Equipment(tncs=(TNC,)))
    options = ("--callsign", "N0CALL", "--modem", "kiss-tcp:h:1", "--mode", "1200", *LAWFUL)
    assert "  1  kiss-tcp" not in setup(*options, typed=("",)).stderr


def test_the_wizard_takes_sound_ptt_and_what_the_rig_shows(
    setup: Setup, tmp_path: Path, found: list[Equipment]
) -> None:
    found.append(EVERYTHING)
    result = setup(
        typed=("n0call", "freedv", "", "USB", "USB", "", "", "us-part97", "general", "local",
               "KA1ABC", "", "")
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert written(tmp_path) == {
        "modem": "freedv", "mode": "auto", "audio_input": "USB", "audio_output": "USB",
        "rigctld": "127.0.0.1:4532", "ptt": "rigctld", "rules": "us-part97",
        "licence_class": "general", "control": "local", "control_operator": "KA1ABC",
        "dial_hz": 14_103_000, "sideband": "usb",
    }  # fmt: skip


def test_the_wizard_takes_a_dire_wolf_of_our_own(
    setup: Setup, tmp_path: Path, found: list[Equipment]
) -> None:
    found.append(Equipment())
    result = setup(
        typed=("n0call", "direwolf", "", "USB Audio", "plughw:1,0", "", "dtr:/dev/ttyUSB0", "", "")
    )
    assert result.exit_code == 0, result.output
    assert "'USB Audio' is no sound device of Dire Wolf" in result.stderr
    assert written(tmp_path) == {
        "modem": "direwolf", "mode": "afsk-1200", "audio_input": "plughw:1,0",
        "ptt": "dtr:/dev/ttyUSB0",
    }  # fmt: skip


def test_empty_answers_leave_the_law_open_and_the_station_silent(
    setup: Setup, tmp_path: Path, found: list[Equipment]
) -> None:
    found.append(Equipment(tncs=(TNC,)))
    result = setup(typed=("n0call", "1", "afsk-1200", "", ""))
    assert result.exit_code == 0, result.output
    assert written(tmp_path) == {"modem": "kiss-tcp:127.0.0.1:8001", "mode": "afsk-1200"}
    assert "BLOCKED: receiving only: radio.rules, radio.licence_class" in result.stdout
    assert "Next     state it as your licence says: meshdl radio setup" in result.stdout
    assert "No rules: the station only receives" in result.stderr


def test_what_the_law_asks_for_has_no_default_even_under_known_rules(
    setup: Setup, tmp_path: Path, found: list[Equipment]
) -> None:
    found.append(Equipment(tncs=(TNC,)))
    result = setup(typed=("n0call", "1", "afsk-1200", "us-part97", "", "", "", ""))
    assert result.exit_code == 0, result.output
    assert set(written(tmp_path)) == {"modem", "mode", "rules"}
    assert "radio.licence_class, radio.control, radio.dial_hz not set" in result.stdout


def test_questions_that_are_given_up_change_nothing(setup: Setup, tmp_path: Path) -> None:
    result = setup(typed=("n0call", "kiss-tcp:h:1"))
    assert result.exit_code == 130
    assert list(tmp_path.iterdir()) == []


def test_what_an_option_answers_is_not_asked_and_what_is_stated_is_offered(
    setup: Setup, tmp_path: Path
) -> None:
    first = setup("--callsign", "N0CALL", "--modem", "kiss-tcp:h:1", "--mode", "afsk-1200", *LAWFUL)
    assert first.exit_code == 0
    before = written(tmp_path)
    again = setup("--control", "remote", typed=("",) * 8)
    assert again.exit_code == 0, again.output
    assert "Control:" not in again.stderr
    assert written(tmp_path) == {**before, "control": "remote"}


def test_the_callsign_of_a_home_can_be_changed(setup: Setup, tmp_path: Path) -> None:
    assert setup("--callsign", "N0CALL", "--power-w", "5").exit_code == 0
    assert setup("--callsign", "KA1ABC").exit_code == 0
    document = tomllib.loads((tmp_path / "config.toml").read_text())
    assert document["station"]["callsign"] == "KA1ABC"


def checks(test: ReceiveTest) -> str:
    return "\n".join(what_to_check(test, RadioConfig(modem="freedv", mode="datac1")))


def test_silence_is_told_apart_from_a_quiet_channel() -> None:
    quiet = ReceiveTest(up=True, problem="", heard=(), level=Verdict.GOOD.value, peak_dbfs=-20.0)
    silent = ReceiveTest(up=True, problem="", heard=(), level=Verdict.SILENT.value, peak_dbfs=-96.0)
    assert "squelch" in checks(quiet)
    assert "cable" not in checks(quiet)
    assert "radio.audio_input" in checks(silent)
    heard = ReceiveTest(up=True, problem="", heard=("one",))
    assert "1 frame heard: reception works" in checks(heard)
    assert checks(ReceiveTest(up=False, problem="gone", heard=())) == ""
